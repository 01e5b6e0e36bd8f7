"""`python -m benchmarks.soak`: every kind of load beside all kinds of faults, and a comparison at the end.

Clients insert, delete, declare, alter, drop, leave transactions idle, stop reading and attack, while workers compute.
Their answers are compared with the rows in PostgreSQL. One server lives throughout, and its memory is measured;
another one is killed again and again, and so are clients. With `--harsh` PostgreSQL is killed too, the network of half
of the clients is cut, broken off and stalled, and the disk of the servers' spool is full now and then. A test runs a
shorter version.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import asyncpg
import grpc
import psutil

import levada as lv
from benchmarks.drills import PATIENCE_SECONDS, ROOT, DrillFailed, databases
from benchmarks.ledger import Difference, Ledger
from tests.support.attacks import declare_target
from tests.support.processes import Server
from tests.support.proxy import Proxy
from tests.support.small_disk import small_disk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.ledger import Record

PIPELINE = "benchmarks.soak_pipeline"
WORK = ("work",)
BESIDE = "soak_beside"
"""The schema of the tables that come and go."""
KEPT = 0
"""A session that is there from the beginning, and stays."""
CREWS = (
    ("insert",),
    ("insert",),
    ("delete",),
    ("declare",),
    (*("idle",) * 22, *("stop reading",) * 6),  # more than there are connections for transactions
    ("attack",),
)
"""The roles of each client, which plays them in threads."""
KINDS = (
    "insert one",
    "insert few",
    "insert many",
    "insert slowly",
    "insert in transaction",
    "insert existing",
    "insert samples",
    "insert and idle",
    "delete sessions",
    "declare",
    "alter",
    "drop",
    "stop reading",
    "attack",
)
"""The acts that a soak waits for before anything is killed and measured."""
SAMPLE_SECONDS = 1.0
BEGIN_SECONDS = 300.0
"""How long a client may take to begin on a machine that has much to do."""
STALL_SECONDS = (0.5, 5.0)
"""How long a network may stall."""
FULL_SECONDS = (1.0, 4.0)
"""How long a disk may be full."""
DISK_MB = 1024
END_SECONDS = 60.0
"""How long a client's last act may take."""
SHOWN = 30
"""How many of the wrongs are printed."""
FAULTS = ("INTERNAL",)
"""Answers that no fault excuses. UNKNOWN says that PostgreSQL was lost during a commit; the client asks again."""
GROWN_BYTES = 128 * 2**20
"""How much more memory the server that lives may have in the last third than in the first: two of the largest messages,
whose memory the allocator may keep."""

_STORED = """SELECT 'session', batch, count(*) FROM soak.session GROUP BY batch
UNION ALL SELECT 'event', batch, count(*) FROM soak.event GROUP BY batch
UNION ALL SELECT 'sample', batch, count(*) FROM soak.sample GROUP BY batch
"""
_CONNECTIONS = """SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'levada'
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'soak_beside'"
_CHECKS = {
    "rows that are wrong": """
        SELECT (SELECT count(*) FROM soak.session WHERE session <> batch)
             + (SELECT count(*) FROM soak.event WHERE value <> event % 1000 OR event / 1000000 <> batch)
             + (SELECT count(*) FROM soak.square WHERE square <> sample::float8 * sample)""",
    "samples without their square": """
        SELECT count(*) FROM soak.sample AS s
        WHERE NOT EXISTS (SELECT FROM soak.square AS q WHERE q.sample = s.sample)
           OR (SELECT count(*) FROM soak.square__copy AS c WHERE c.sample = s.sample) <> 3""",
    "jobs that did not succeed": "SELECT count(*) FROM {jobs} WHERE _state <> 'success'",
}
"""Each must be 0 at the end."""


@dataclass(frozen=True)
class Scale:
    """The size of a soak.

    Args:
        seconds: How long it takes, without its begin and end.
        client_kills: How many clients to kill; another takes the place of each.
        server_kills: How often to kill the server that does not live throughout.
        idle_seconds: How long a transaction may be idle.
        lease_seconds: How long each worker may be silent before others get its jobs. The server of the second one is
            killed, so it may have to be silent for a while.
        crews: The roles of each client.
        harsh: How often PostgreSQL is killed, how often the network fails, and how often the disk is full.
        seed: The seed of the random choices.
    """

    seconds: float
    client_kills: int
    server_kills: int
    idle_seconds: float = 3.0
    lease_seconds: tuple[int, ...] = (10, 120)
    crews: tuple[tuple[str, ...], ...] = CREWS
    harsh: int = 0
    seed: int = 5


SMALL = Scale(
    seconds=2,
    client_kills=1,
    server_kills=1,
    idle_seconds=1.0,
    lease_seconds=(60,),
    crews=(("insert", "idle", "idle", "declare"), ("insert", "delete", "stop reading", "attack")),
)


@dataclass
class Child:
    """A client or worker, whose lines are read by a thread.

    Args:
        number: Its number, from 1.
        roles: Its roles, one for each client.
        server: The number of its server.
    """

    number: int
    roles: tuple[str, ...]
    server: int
    process: subprocess.Popen[str]
    begun: threading.Event = field(default_factory=threading.Event)
    """Set when it has said something."""
    over: threading.Event = field(default_factory=threading.Event)
    """Set when it has ended and everything it said is noted."""

    def await_begin(self) -> None:
        """Wait until it has begun to work.

        Raises:
            DrillFailed: It does not.
        """
        if not self.begun.wait(BEGIN_SECONDS):
            raise DrillFailed(f"The child that should {' and '.join(self.roles)} does not begin.")


@dataclass
class Memory:
    """Memory over time, in bytes."""

    samples: list[int] = field(default_factory=list)

    def thirds(self) -> tuple[float, float]:
        """Return the medians of the first and the last third."""
        third = max(len(self.samples) // 3, 1)
        return statistics.median(self.samples[:third]), statistics.median(self.samples[-third:])

    def __str__(self) -> str:
        first, last, most = (f"{size / 2**20:.0f} MB" for size in (*self.thirds(), max(self.samples)))
        return f"{first} in the first third, {last} in the last, at most {most}"


@dataclass
class Outcome:
    """The outcome of a soak.

    Attributes:
        difference: Rows and tables that are lost or extra.
        wrong: Further faults, in words.
        told: How many answers of each kind clients got, by act.
        statuses: How many answers with each code the servers gave.
        jobs: How many jobs ended in each state.
        rows: The number of acknowledged rows.
        faults: How often each kind of fault was caused.
        memory: The memory of the server that lives, the other one, and all connections and the largest in PostgreSQL.
    """

    difference: Difference
    wrong: list[str]
    told: dict[str, dict[str, int]]
    statuses: dict[str, int]
    jobs: dict[str, int]
    rows: int
    faults: dict[str, int]
    memory: dict[str, Memory]

    @property
    def grown_bytes(self) -> float:
        """How much more memory the server that lives has in the last third than in the first."""
        first, last = self.memory["server"].thirds()
        return last - first


class Soak:
    """The stage of a soak; a context.

    Args:
        database_url: An empty Levada database.
        scale: Its size.
    """

    def __init__(self, database_url: str, scale: Scale) -> None:
        self._database_url = database_url
        self._scale = scale
        self._chance = random.Random(scale.seed)
        self._clients: list[Child] = []
        self._workers: list[Child] = []
        self._hired = 0
        self._lock = threading.Lock()
        self._ledger = Ledger()
        self._jobs: dict[str, int] = {}
        self._wrong: list[str] = []
        self._faults: dict[str, int] = {"client": 0, "server": 0}
        self._memory = {name: Memory() for name in ("server", "killed server", "connections", "largest connection")}
        self._stack = ExitStack()

    def __enter__(self) -> Soak:
        scale = self._scale
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="levada-soak-")))
            self._spool = folder / "spool"
            self._spool.mkdir()
            self._disk_fills = bool(scale.harsh) and stack.enter_context(small_disk(self._spool, DISK_MB))
            self._logs = [folder / "log-0", folder / "log-1"]
            self._addresses = [f"unix:{folder / name}" for name in ("0", "1")]
            options = ["--log-level", "DEBUG", "--log-format", "json", "--spool-dir", str(self._spool)]
            options += ["--transaction-idle", str(self._scale.idle_seconds)]
            self._servers = [
                stack.enter_context(
                    Server(self._database_url, address, *options, log=stack.enter_context(log.open("a")))
                )
                for address, log in zip(self._addresses, self._logs, strict=True)
            ]
            self._proxy = stack.enter_context(Proxy(self._addresses[1:])) if scale.harsh else None
            self._reached = self._addresses if self._proxy is None else [self._addresses[0], self._proxy.address]
            stack.callback(self._kill_children)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self) -> Outcome:
        """Prepare, let everybody work and be killed, end, and compare."""
        for server, lease in enumerate(self._scale.lease_seconds):
            self._hire_worker(server, lease)
        self._prepare()
        for number, roles in enumerate(self._scale.crews):
            self._hire(roles, number % 2)
        self._await_kinds()
        with self._measuring():
            self._disturb()
        for child in self._clients:
            child.await_begin()
            child.process.terminate()
        for child in self._clients:
            self._await(child)
        self._await_squares()
        for child in self._workers:
            child.process.terminate()
        for child in self._workers:
            self._await(child)
        return self._compare()

    # ------------------------------------------------------------------------------------------- children

    def _prepare(self) -> None:
        """Wait for a worker, which declares the tables, and insert the session that stays."""
        for child in self._workers:
            child.await_begin()
        with grpc.insecure_channel(self._addresses[0]) as channel:
            declare_target(channel)
        with lv.Connection(self._addresses[0]) as connection:
            lv.Schema(BESIDE, connection=connection)
            session = {"session": KEPT, "kept": True, "batch": KEPT}
            lv.FreeTable(connection, "soak.Session").insert1(session)
        self._ledger.note(0, {"act": 0, "does": "insert", "session": KEPT, "batch": KEPT, "rows": {"session": 1}})
        self._ledger.note(0, {"act": 0, "told": "done", "reason": "", "message": "", "expected": True})

    def _hire(self, roles: tuple[str, ...], server: int) -> None:
        """Start a client."""
        options = ["--life", str(self._hired + 1), "--idle", str(self._scale.idle_seconds)]
        options += ["--harsh"] if self._scale.harsh else [] if server else ["--steady"]
        self._clients.append(self._start(roles, server, "benchmarks.soak_clients", *roles, *options))

    def _hire_worker(self, server: int, lease_seconds: int) -> None:
        """Start a worker."""
        options = ["--log-format", "json", "--lease", str(lease_seconds)]
        self._workers.append(self._start(WORK, server, "levada", "worker", PIPELINE, *options))

    def _start(self, roles: tuple[str, ...], server: int, module: str, *arguments: str) -> Child:
        works = roles == WORK
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=os.environ | {"LEVADA_URL": self._reached[server]},
            stdin=subprocess.DEVNULL,
            stdout=None if works else subprocess.PIPE,
            stderr=subprocess.PIPE if works else None,
            text=True,
        )
        self._hired += 1
        child = Child(self._hired, roles, server, process)
        lines = process.stderr if works else process.stdout
        assert lines is not None
        threading.Thread(target=self._listen, args=(child, lines), daemon=True).start()
        return child

    def _listen(self, child: Child, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                try:
                    record = json.loads(line)
                except ValueError:  # a library's warning
                    sys.stderr.write(line)
                    continue
                with self._lock:
                    self._note(child, record)
                if child.roles != WORK or record["event"] == "process_ready":
                    child.begun.set()
        child.process.wait()
        child.begun.set()
        child.over.set()

    def _note(self, child: Child, record: Record) -> None:
        if child.roles != WORK:
            self._ledger.note(child.number, record)
        elif record["event"] == "job_ended":
            self._jobs[record["state"]] = self._jobs.get(record["state"], 0) + 1
            if record["state"] == "error" or (record["state"] == "lost" and not self._scale.harsh):
                self._wrong.append(f"a job ended as {record['state']}: {record.get('error')}")
        elif record["event"] in ("process_died", "cannot_begin"):
            self._wrong.append(f"a worker: {record}")

    def _await(self, child: Child) -> None:
        """Wait until a child has ended in order."""
        if not child.over.wait(END_SECONDS):
            raise DrillFailed(f"The child that should {' and '.join(child.roles)} does not end.")
        if child.process.returncode != 0:
            raise DrillFailed(
                f"The child that should {' and '.join(child.roles)} ended with {child.process.returncode}."
            )

    def _kill_children(self) -> None:
        for child in (*self._clients, *self._workers):
            with suppress(psutil.NoSuchProcess):
                for process in psutil.Process(child.process.pid).children():
                    process.kill()
            child.process.kill()
            child.process.wait()

    # ---------------------------------------------------------------------------------------- while it runs

    def _await_kinds(self) -> None:
        """Wait until each kind of act was done."""
        for kind in KINDS:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not self._told(kind):
                if time.monotonic() > deadline:
                    raise DrillFailed(f"Nobody could {kind}.")
                self._rest(time.monotonic() + 0.1)

    def _disturb(self) -> None:
        """Kill clients and a server until the time is over."""
        harsh = ("postgresql", "network", "disk") if self._disk_fills else ("postgresql", "network")
        faults = ["client"] * self._scale.client_kills + ["server"] * self._scale.server_kills
        faults += self._scale.harsh * harsh
        self._chance.shuffle(faults)
        began = time.monotonic()
        for number, kind in enumerate(faults, 1):
            self._rest(began + number * self._scale.seconds / (len(faults) + 1))
            for child in self._clients:
                child.await_begin()  # until it has, it does not wait for a server
            self._faults[kind] = self._faults.get(kind, 0) + 1
            match kind:
                case "server":
                    self._servers[1].restart()
                case "client":
                    self._replace(self._chance.choice(self._clients))
                case "postgresql":
                    self._kill_postgresql()
                case "network":
                    self._disturb_network()
                case _:
                    self._fill_disk()
        self._rest(began + self._scale.seconds)

    def _kill_postgresql(self) -> None:
        """Kill a process of PostgreSQL, which then ends all others and recovers from its log."""
        with suppress(OSError, asyncpg.PostgresError):  # it still recovers from the last time
            found = self._sql(_CONNECTIONS)
            if found:
                os.kill(self._chance.choice(found)[0], signal.SIGKILL)

    def _disturb_network(self) -> None:
        """Cut the connections of half of the clients, break them off, or stall them for a while."""
        assert self._proxy is not None
        match self._chance.choice(("cut", "reset", "stall")):
            case "cut":
                self._proxy.cut()
            case "reset":
                self._proxy.reset()
            case _:
                self._proxy.stall()
                self._rest(time.monotonic() + self._chance.uniform(*STALL_SECONDS))
                self._proxy.flow()

    def _fill_disk(self) -> None:
        """Let the disk of the spool be full for a while."""
        filler = self._spool / "filler"
        with suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(bytes(2**20))
        self._rest(time.monotonic() + self._chance.uniform(*FULL_SECONDS))
        filler.unlink()

    def _told(self, kind: str) -> int:
        with self._lock:
            return self._ledger.told(kind)

    def _rest(self, until: float) -> None:
        """Wait; fail if a client ends by itself."""
        while (left := until - time.monotonic()) > 0:
            for child in self._clients:
                if child.process.poll() is not None:
                    raise DrillFailed(
                        f"The client that should {' and '.join(child.roles)} ended with {child.process.returncode}."
                    )
            time.sleep(min(left, 0.1))

    def _replace(self, child: Child) -> None:
        """Kill a client, and hire another for its role at the other server."""
        child.process.kill()
        child.over.wait(END_SECONDS)
        self._clients.remove(child)
        self._hire(child.roles, 1 - child.server)

    @contextmanager
    def _measuring(self) -> Iterator[None]:
        """Measure memory for the length of the block."""
        over = threading.Event()

        async def measure() -> None:
            while not over.is_set():
                with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # it was killed, and recovers
                    self._measure([pid for (pid,) in await _sql(self._database_url, _CONNECTIONS)])
                await asyncio.sleep(SAMPLE_SECONDS)

        thread = threading.Thread(target=lambda: asyncio.run(measure()))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _measure(self, connections: list[int]) -> None:
        own = [_bytes(pid, shared=False) for pid in connections]
        steady, killed = (_bytes(server.pid) for server in self._servers)
        sizes = (steady, killed, sum(own), max(own, default=0))
        for memory, size in zip(self._memory.values(), sizes, strict=True):
            memory.samples.append(size)

    # --------------------------------------------------------------------------------------------- the end

    def _await_squares(self) -> None:
        """Wait until all samples are squared; jobs that a killed server did not make are made."""
        with lv.Connection(self._addresses[0]) as connection:
            (jobs,) = lv.Schema("soak", connection=connection).jobs
            jobs.refresh()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._sql(_CHECKS["samples without their square"]) != [(0,)] and time.monotonic() < deadline:
            time.sleep(0.1)

    def _compare(self) -> Outcome:
        for server in self._servers:
            server.stop()
        self._await_silence()
        if left := [file.name for file in self._spool.rglob("*") if file.is_file()]:
            self._wrong.append(f"files that were left in the spool: {left}")
        ((jobs,),) = self._sql("SELECT id FROM levada.table WHERE stored_name = 'square'")
        for what, statement in _CHECKS.items():
            ((count,),) = self._sql(statement.format(jobs=f"levada_jobs.t{jobs}"))
            if count:
                self._wrong.append(f"{what}: {count}")
        stored = {(table, batch): count for table, batch, count in self._sql(_STORED)}
        tables = {name for (name,) in self._sql(_TABLES)}
        statuses = self._statuses()
        return Outcome(
            self._ledger.compare(stored, tables),
            [*self._ledger.surprises, *self._wrong],
            self._ledger.counts,
            statuses,
            self._jobs,
            self._ledger.rows_done(),
            self._faults,
            self._memory,
        )

    def _await_silence(self) -> None:
        """Wait until PostgreSQL has ended the connections of servers that were killed."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._sql(_CONNECTIONS):
            if time.monotonic() > deadline:
                raise DrillFailed("Connections of ended servers stay.")
            time.sleep(0.1)

    def _statuses(self) -> dict[str, int]:
        """Count the outcomes of calls in the logs; a fault of a server goes to the wrongs."""
        found: dict[str, int] = {}
        for log in self._logs:
            with log.open(encoding="utf-8") as lines:
                for line in lines:
                    try:
                        record = json.loads(line)
                    except ValueError:  # half a line of a killed server, or a library's words
                        continue
                    if "outcome" in record:
                        found[record["outcome"]] = found.get(record["outcome"], 0) + 1
                    if record["level"] in ("ERROR", "CRITICAL") or record.get("outcome") in FAULTS:
                        self._wrong.append(f"a server: {line.strip()}")
        return found

    def _sql(self, statement: str) -> list[tuple[Any, ...]]:  # Any: values from SQL
        return asyncio.run(_sql(self._database_url, statement))


async def _sql(database_url: str, statement: str) -> list[tuple[Any, ...]]:  # Any: values from SQL
    """Run statements and return the rows of the last one."""
    connection = await asyncpg.connect(database_url)
    try:
        if not statement.lstrip().startswith("SELECT"):
            await connection.execute(statement)
            return []
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


def _bytes(pid: int, *, shared: bool = True) -> int:
    """Return the memory of a process, with or without what it shares with others; 0 if it has ended."""
    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.NoSuchProcess:
        return 0
    return int(memory.rss if shared else memory.rss - getattr(memory, "shared", 0))


# ------------------------------------------------------------------------------------------- at full size


def main() -> int:
    """Run the soak and print what happened."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=330.0, help="how long, without begin and end (default: %(default)g)"
    )
    parser.add_argument("--seed", type=int, default=SMALL.seed, help="of the random choices (default: %(default)s)")
    parser.add_argument(
        "--harsh", action="store_true", help="kill PostgreSQL too, disturb the network, and fill the disk of the spool"
    )
    arguments = parser.parse_args()
    seconds = arguments.seconds
    scale = Scale(
        seconds,
        client_kills=round(seconds / 17),
        server_kills=round(seconds / 33),
        harsh=round(seconds / 50) if arguments.harsh else 0,
        lease_seconds=(120, 120) if arguments.harsh else Scale.lease_seconds,
        seed=arguments.seed,
    )
    # When it is told to stop, it also stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with databases() as database, Soak(database(), scale) as soak:
        outcome = soak.run()
    return _report(scale, outcome)


def _report(scale: Scale, outcome: Outcome) -> int:
    print(f"{scale.seconds:.0f} s, faults: {_counts(outcome.faults)}; {outcome.rows} rows acknowledged")
    for act, answers in sorted(outcome.told.items()):
        print(f"  {act}: {_counts(answers)}")
    print(f"statuses of the servers: {_counts(outcome.statuses)}")
    print(f"jobs: {_counts(outcome.jobs)}")
    for name, memory in outcome.memory.items():
        print(f"memory, {name}: {memory}")
    print(f"lost: {_counts(outcome.difference.lost)}; extra: {_counts(outcome.difference.extra)}")
    wrong = outcome.wrong
    if outcome.grown_bytes > GROWN_BYTES:
        wrong = [*wrong, f"the server that lives grew by {outcome.grown_bytes / 2**20:.0f} MB"]
    print(f"wrong: {len(wrong)}")
    for words in wrong[:SHOWN]:
        print(f"  {words}")
    return 1 if wrong or outcome.difference.lost or outcome.difference.extra else 0


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "0"


if __name__ == "__main__":
    sys.exit(main())
