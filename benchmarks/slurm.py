"""`python -m benchmarks.slurm`: end workers of a real SLURM in every way that it knows; every key is committed once.

It needs root, and SLURM with munge, as Debian's `slurm-wlm` and `munge`. The cluster is this machine alone, with a
configuration, a key and daemons of its own, on loopback.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

import levada as lv
from benchmarks.drills import MODULE, PATIENCE_SECONDS, ROOT, DrillFailed, Field, databases
from benchmarks.rolling import free_ports
from levada_api.v1 import access_pb2
from levada_api.v1 import access_service_pb2 as access
from tests.support.gate import VARIABLE
from tests.support.processes import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
CPUS = 4
KILL_WAIT_SECONDS = 3
"""How long SLURM waits between SIGTERM and SIGKILL."""
LONG_LEASE_SECONDS = 600
"""A lease that does not expire while a drill runs: only a worker that hands a job back lets others have it."""
SHORT_LEASE_SECONDS = 3
_LOOK_SECONDS = 0.2

_CONFIGURATION = """\
ClusterName=levada
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
MailProg=/bin/true
KillWait={kill_wait}
SlurmdTimeout=10
ReturnToService=2
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=device
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=4000 Gres=device:1 State=UNKNOWN
PartitionName=low Nodes={host} Default=YES MaxTime=60 PriorityTier=1
PartitionName=high Nodes={host} MaxTime=60 PriorityTier=2
"""


class Cluster:
    """SLURM on this machine: a controller and one node with one device; a context manager.

    Args:
        folder: Its empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._host = socket.gethostname().partition(".")[0]
        self._stack = ExitStack()
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}

    def __enter__(self) -> Cluster:
        folder = self._folder
        for name in ("state", "spool"):
            (folder / name).mkdir()
        text = _CONFIGURATION.format(
            host=self._host, ports=free_ports(2), folder=folder, kill_wait=KILL_WAIT_SECONDS, cpus=CPUS
        )
        (folder / "slurm.conf").write_text(text, encoding="utf-8")
        (folder / "gres.conf").write_text(f"NodeName={self._host} Name=device Count=1\n", encoding="utf-8")
        key = folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(secrets.token_bytes(1024))
        with ExitStack() as stack:
            stack.callback(self._end)
            self._start("munged", "--foreground", "--force", f"--key-file={key}", *self._munge_files())
            self.wait_for(lambda: (folder / "munge.socket").exists(), "munged does not begin")
            self._start("slurmctld", "-D", "-c")
            self.start_node()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _munge_files(self) -> list[str]:
        return [
            f"--{name}={self._folder / file}"
            for name, file in (
                ("socket", "munge.socket"),
                ("pid-file", "munged.pid"),
                ("log-file", "munged.log"),
                ("seed-file", "munge.seed"),
            )
        ]

    def _start(self, *command: str) -> None:
        with (self._folder / f"{command[0]}.log").open("a", encoding="utf-8") as log:
            subprocess.Popen(
                command,
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_node(self, *options: str) -> None:
        """Start the node's daemon, and wait until SLURM runs jobs there."""
        self._start("slurmd", "-D", "-N", self._host, *options)
        self.wait_for(
            lambda: self.run("sinfo", "--noheader", "--format=%T", check=False).split()[:1] in (["idle"], ["mixed"]),
            "the node does not begin",
        )

    def lose_node(self) -> None:
        """Kill every process of the node, as a loss of power does: none tells the controller about another's end."""
        found = self._processes("munged", "slurmctld")
        # The daemon of a task does not have the configuration in its environment.
        found += [above for each in found for above in each.parents() if above.name() == "slurmstepd"]
        for process in sorted(found, key=lambda each: "slurm" not in each.name()):
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def _processes(self, *names: str) -> list[psutil.Process]:
        """Return the processes of the cluster and of its jobs, which have its configuration, without some programs."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                ours = process.environ().get("SLURM_CONF") == self.environment["SLURM_CONF"]
                if ours and process.name() not in names and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def _end(self) -> None:
        while processes := self._processes():
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(processes, PATIENCE_SECONDS)

    def run(self, *command: str, check: bool = True) -> str:
        """Run one of SLURM's commands and return its output.

        Raises:
            DrillFailed: It fails.
        """
        done = subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, text=True, check=False, timeout=60
        )
        if check and done.returncode != 0:
            raise DrillFailed(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    def tasks(self, job: str) -> dict[str, str]:
        """Return the states of the tasks of a job that have not ended, by their ids."""
        listed = self.run("squeue", "--array", "--noheader", "--format=%i %T", f"--jobs={job}", check=False)
        words = listed.split()
        return dict(zip(words[::2], words[1::2], strict=True))

    def await_states(self, job: str, states: Sequence[str]) -> None:
        """Wait until the tasks of a job that have not ended are in some states."""
        wanted = sorted(states)
        self.wait_for(lambda: sorted(self.tasks(job).values()) == wanted, f"job {job} is not {wanted or 'over'}")

    def start_again(self, job: str) -> None:
        """Start the tasks of a requeued job at once; SLURM would wait for two minutes."""
        self.wait_for(lambda: set(self.tasks(job).values()) == {"PENDING"}, f"job {job} is not requeued")
        for task in self.tasks(job):
            self.run("scontrol", "update", f"JobId={task}", "StartTime=now")

    def wait_for(self, condition: Callable[[], bool], failure: str) -> None:
        """Wait for a state of SLURM, which tells of none.

        Raises:
            DrillFailed: It does not come.
        """
        deadline = time.monotonic() + 2 * PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                queue = self.run("squeue", check=False)
                log = (self._folder / "slurmctld.log").read_text(encoding="utf-8")[-2000:]
                raise DrillFailed(f"After {2 * PATIENCE_SECONDS:.0f} s {failure}:\n{queue}{log}")
            time.sleep(_LOOK_SECONDS)


class Lab:
    """A server that asks for tokens, a user who may compute, and a cluster; a context manager.

    Args:
        database_url: An empty database.
    """

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._stack = ExitStack()
        self._keys = 0

    def __enter__(self) -> Lab:
        with ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="levada-slurm-")))
            self.field = stack.enter_context(Field(self._database_url))
            self.field.prepare([])
            self.address = f"127.0.0.1:{free_ports(1)[0]}"
            stack.enter_context(Server(self._database_url, self.address))
            self._token = self._add_user()
            (self.folder / "cluster").mkdir()
            self.cluster = stack.enter_context(Cluster(self.folder / "cluster"))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _add_user(self) -> str:
        connection = self.field.connection
        connection.call("AccessService/CreateUser", access.CreateUserRequest(name="anna"), access.CreateUserResponse)
        grant = access_pb2.Grant(grantee="anna", role=access_pb2.ROLE_WORKER, schema="drill")
        connection.call("AccessService/GrantRole", access.GrantRoleRequest(grant=grant), access.GrantRoleResponse)
        request = access.CreateTokenRequest(user="anna", label="drill")
        return connection.call("AccessService/CreateToken", request, access.CreateTokenResponse).secret

    def add_keys(self, count: int, *, waiting: int = 0) -> list[int]:
        """Add keys to compute, some whose first computation waits at the gate; return these."""
        first, self._keys = self._keys, self._keys + waiting + count
        keys = range(first, self._keys)
        samples = [{"n": n, "role": "waits" if n < first + waiting else ""} for n in keys]
        lv.FreeTable(self.field.connection, "drill.Sample").insert(samples)
        return list(keys[:waiting])

    def submit(self, *options: str) -> str:
        """Submit workers as a user does, and return the last word of the answer: the id of their job."""
        done = subprocess.run(
            [sys.executable, "-m", "levada", "worker", MODULE, "--submit", "--drain", *options],
            cwd=self.folder,
            env=os.environ
            | self.cluster.environment
            | {
                "LEVADA_URL": self.address,
                "LEVADA_TOKEN": self._token,
                "XDG_CONFIG_HOME": str(self.folder / "config"),
                "PYTHONPATH": str(ROOT),
                VARIABLE: self.field.gate_path,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode != 0:
            raise DrillFailed(done.stderr)
        for file in self._credentials():
            if file.stat().st_mode & 0o777 != 0o600:
                raise DrillFailed(f"Others can read {file}.")
        return done.stdout.split()[-1]

    def _credentials(self) -> list[Path]:
        return list((self.folder / "config").rglob("*.json"))

    def await_end(self, job: str) -> None:
        """Wait until all tasks of a job have ended, and its token with them.

        Raises:
            DrillFailed: The token is still there, or its file.
        """
        self.cluster.await_states(job, [])
        # The job that revokes the token is the next.
        self.cluster.await_states(str(int(job) + 1), [])
        listed = self.field.connection.call(
            "AccessService/ListTokens", access.ListTokensRequest(), access.ListTokensResponse
        )
        if len(listed.tokens) != 1 or self._credentials():
            raise DrillFailed(f"The token of job {job} is left: {len(listed.tokens)} tokens, {self._credentials()}")

    def check(self) -> None:
        """Check that each key is computed and committed once.

        Raises:
            DrillFailed: One is not; with the logs of the workers.
        """
        try:
            self.field.check()
        except DrillFailed as error:
            logs = "".join(file.read_text(encoding="utf-8")[-3000:] for file in sorted(self.folder.glob("*.log")))
            raise DrillFailed(f"{error}\n{logs}") from None

    def check_attempts(self, keys: Sequence[int], attempts: int) -> None:
        """Check how many attempts of some keys counted.

        Raises:
            DrillFailed: It is another number.
        """
        listed = ", ".join(map(str, keys))
        rows = self.field.sql(f"SELECT n, _attempt FROM {self.field.jobs} WHERE n IN ({listed})")  # noqa: S608  # numbers
        if wrong := [row for row in rows if row[1] != attempts]:
            raise DrillFailed(f"Keys and their attempts, which should be {attempts}: {wrong}")

    def await_handed_back(self, key: int) -> None:
        """Wait until nobody holds the job of a key any more."""
        self.cluster.wait_for(
            lambda: self.field.sql(f"SELECT _state FROM {self.field.jobs} WHERE n = {key}") == [("pending",)],  # noqa: S608  # numbers
            f"the job of {key} is not handed back",
        )


# ------------------------------------------------------------------------------------------------- the drills


def array(lab: Lab) -> None:
    """Compute by several tasks side by side."""
    lab.add_keys(200)
    lab.await_end(lab.submit("--array", "3", "--processes", "1"))
    lab.check()


def requeue(lab: Lab) -> None:
    """Requeue a task in the middle of a computation, which is handed back and computed by the task's second run."""
    held = lab.add_keys(20, waiting=1)
    job = lab.submit("--array", "1", *_patient())
    lab.field.gate.arrived()
    lab.cluster.run("scontrol", "requeue", f"{job}_1")
    lab.cluster.start_again(f"{job}_1")
    lab.await_end(job)
    lab.check()
    lab.check_attempts(held, 1)


def preemption(lab: Lab) -> None:
    """Let a job of a partition that goes before end a task, which comes again after it."""
    held = lab.add_keys(20, waiting=1)
    job = lab.submit("--array", "1", "--sbatch=--partition=low", *_patient())
    lab.field.gate.arrived()
    _preempt(lab)
    lab.cluster.start_again(f"{job}_1")
    lab.await_end(job)
    lab.check()
    lab.check_attempts(held, 1)


def cancellation(lab: Lab) -> None:
    """Cancel the tasks in the middle of computations, which other workers finish."""
    held = lab.add_keys(20, waiting=2)
    job = lab.submit("--array", "2", *_patient())
    for _ in held:
        lab.field.gate.arrived()
    lab.cluster.run("scancel", job)
    for key in held:
        lab.await_handed_back(key)
    lab.await_end(job)
    lab.field.await_end(lab.field.hire("--drain"))
    lab.check()
    lab.check_attempts(held, 1)


def time_limit(lab: Lab) -> None:
    """Let the time of a task run out: before, it hands the job back that it computes."""
    (held,) = lab.add_keys(0, waiting=1)
    began = time.monotonic()
    job = lab.submit("--array", "1", "--sbatch=--time=1", *_patient())
    lab.field.gate.arrived()
    lab.await_handed_back(held)
    if time.monotonic() - began > 60:
        raise DrillFailed("The job was handed back only after the time limit.")
    lab.await_end(job)
    lab.field.await_end(lab.field.hire("--drain"))
    lab.check()
    lab.check_attempts([held], 1)


def device(lab: Lab) -> None:
    """Let the only device of the node keep the second of two tasks waiting; the first computes all keys."""
    lab.add_keys(20, waiting=1)
    job = lab.submit("--array", "2", "--sbatch=--gres=device:1", "--tables", "Result")
    lab.field.gate.arrived()
    lab.cluster.await_states(job, ["PENDING", "RUNNING"])
    lab.field.gate.open()
    lab.await_end(job)
    lab.check()


def loss_of_the_node(lab: Lab) -> None:
    """Lose the node in the middle of a computation: once it is back, the lease has run out and the task comes again."""
    held = lab.add_keys(20, waiting=1)
    job = lab.submit("--array", "1", "--lease", str(SHORT_LEASE_SECONDS))
    lab.field.gate.arrived()
    lab.cluster.lose_node()
    lab.cluster.start_node("-b")
    lab.cluster.start_again(f"{job}_1")
    lab.await_end(job)
    lab.check()
    lab.check_attempts(held, 2)


def by_queue(lab: Lab) -> None:
    """Submit as many tasks as there are jobs, and none while these wait or run, or when nothing is left to do."""
    held = lab.add_keys(0, waiting=3)
    words = ("--by-queue", "--array", "9")
    job = lab.submit(*words)
    for _ in held:
        lab.field.gate.arrived()
    if (count := len(lab.cluster.tasks(job))) != len(held) or lab.submit(*words) != "submitted":
        raise DrillFailed(f"{len(held)} jobs have {count} tasks, or more after a second time.")
    lab.field.gate.open()
    lab.await_end(job)
    lab.check()
    if lab.submit(*words) != "submitted":
        raise DrillFailed("Tasks are submitted for nothing.")


def storm(lab: Lab) -> None:
    """Requeue, preempt, lose and cancel tasks that were submitted by the queue, one after the other."""
    ways = ("requeue", "preempt", "lose", "cancel")
    held = lab.add_keys(40, waiting=12)
    words = ("--by-queue", "--array", "3", "--lease", str(SHORT_LEASE_SECONDS), "--grace", "1")
    job = lab.submit(*words)
    for way in ways:
        lab.field.gate.arrived()  # one task computes; the others compute too, or wait for a key
        match way:
            case "requeue":
                lab.cluster.run("scontrol", "requeue", job)
            case "preempt":
                _preempt(lab)
            case "lose":
                lab.cluster.lose_node()
                lab.cluster.start_node("-b")
            case _:
                lab.cluster.run("scancel", job)
                lab.await_end(job)
                job = lab.submit(*words)
                continue
        lab.cluster.start_again(job)
    for _ in held[len(ways) :]:  # each waits once, and some of them did before they were ended
        lab.field.gate.arrived()
        lab.field.gate.open()
    lab.await_end(job)
    lab.check()


def _preempt(lab: Lab) -> None:
    """Run a job of the partition that goes before, on all processors."""
    urgent = ("--partition=high", f"--ntasks={CPUS}", "--output=/dev/null", "--wrap=true")
    lab.cluster.await_states(lab.cluster.run("sbatch", "--parsable", *urgent).strip(), [])


def _patient() -> tuple[str, ...]:
    """Options of a worker whose jobs others get only if it hands them back, soon after the signal."""
    return ("--lease", str(LONG_LEASE_SECONDS), "--grace", str(KILL_WAIT_SECONDS - 2))


DRILLS: dict[str, Callable[[Lab], None]] = {
    "arrays": array,
    "requeue": requeue,
    "preemption": preemption,
    "scancel": cancellation,
    "time limit": time_limit,
    "gres": device,
    "a node lost": loss_of_the_node,
    "by the queue": by_queue,
    "all together": storm,
}


def main() -> int:
    """Run the drills and print what happened."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slurm", description=__doc__)
    parser.add_argument("--only", action="append", choices=DRILLS, help="run this one; may be repeated")
    arguments = parser.parse_args()
    if missing := [program for program in PROGRAMS if shutil.which(program) is None]:
        print(f"{' and '.join(missing)} not found; install SLURM and munge first", file=sys.stderr)
        return 1
    # When it is told to stop, it also stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with databases() as database, Lab(database()) as lab:
        for name in arguments.only or DRILLS:
            began = time.perf_counter()
            DRILLS[name](lab)
            print(f"{name}: each key committed once, none lost; {time.perf_counter() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
