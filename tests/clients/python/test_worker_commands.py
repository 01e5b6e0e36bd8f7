"""`levada run`, workers on SLURM, and the metrics and live view of a worker."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import psutil
import pytest

import levada as lv
from levada._cli.commands.worker import _stays_here
from levada._worker.job_token import make_job_token
from levada._worker.slurm import ArrayJob, submit
from levada_api.v1 import access_pb2
from levada_api.v1 import access_service_pb2 as pb
from tests.support.processes import TIMEOUT, Worker, write_pipeline

if TYPE_CHECKING:
    from pathlib import Path

TESTS = ("levada._cli.commands.worker", "levada._worker.job_token", "levada._worker.slurm")

PIPELINE = '''
import os
import subprocess
import levada as lv

here = os.path.dirname(__file__)
schema = lv.Schema("commands")


@schema
class Number(lv.Lookup):
    definition = """
    n : int32
    """
    contents = [(n,) for n in range(8)]


@schema
class Square(lv.Computed):
    definition = """
    -> Number
    ---
    square : int64
    """

    def make(self, key):
        if key["n"] == 5 and os.path.exists(os.path.join(here, "bad")):
            raise ValueError("5 is bad\\nfor now")
        if key["n"] == 4 and os.path.exists(os.path.join(here, "program")):
            os.rmdir(os.path.join(here, "program"))
            subprocess.run(["sh", "-c", "echo $$ > begun; read word < go_on"], cwd=here, check=True)
        if key["n"] == 6 and os.path.exists(os.path.join(here, "slow")):
            os.rmdir(os.path.join(here, "slow"))
            with open(os.path.join(here, "begun"), "w") as begun:
                begun.write("begun")
            with open(os.path.join(here, "go_on")) as go_on:
                go_on.read()
        self.insert1({**key, "square": key["n"] ** 2})


@schema
class Root(lv.Computed):
    definition = """
    -> Square
    ---
    root : float64
    """

    def make(self, key):
        self.insert1({**key, "root": (Square & key).fetch1("square") ** 0.5})
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_pipeline(tmp_path, "commands", PIPELINE)
    return tmp_path


def run(folder: Path, address: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `levada` in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "levada", *words],
        cwd=folder,
        env=os.environ | {"LEVADA_URL": address} | environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_run_brings_a_pipeline_to_its_end_and_lists_what_failed(folder: Path, server_address: str) -> None:
    (folder / "bad").mkdir()
    failed = run(folder, server_address, "run", "commands", "--processes", "2")
    assert failed.returncode == 1
    listed, place = failed.stdout.splitlines()
    assert listed == 'commands.Square {"n": 5}: ValueError: 5 is bad'
    assert re.fullmatch(r"    \S*commands\.py:\d+ in make", place)
    assert re.search(r"levada run: \d+ computed, 1 failed in [\d.]+ s; \d+ of \d+ keys done", failed.stderr)
    (folder / "bad").rmdir()

    again = run(folder, server_address, "run", "commands")
    assert again.returncode == 1
    assert "there was nothing to compute for 2 tables" in again.stderr
    assert "1 failed earlier (see `levada jobs errors`" in again.stderr
    done = run(folder, server_address, "run", "commands", "--retry")
    assert (done.returncode, done.stdout) == (0, "")
    with lv.Connection(server_address) as connection:
        assert len(lv.FreeTable(connection, "commands.Root")) == 8
    told = run(folder, server_address, "run", "commands", "--json")
    assert json.loads(told.stdout) | {"seconds": 0} == {
        "success_count": 0,
        "error_count": 0,
        "seconds": 0,
        "tables": ["commands.Square", "commands.Root"],
        "errors": [],
    }
    assert run(folder, server_address, "run", "no_such_module").returncode == 1


@pytest.mark.parametrize("words", [["run", "commands"], ["populate", "commands", "Square", "--suppress-errors"]])
def test_progress_is_drawn_on_a_terminal(folder: Path, server_address: str, words: list[str]) -> None:
    import pty  # Windows has none
    import termios

    reader, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 100))
    with subprocess.Popen(
        [sys.executable, "-m", "levada", *words],
        cwd=folder,
        env=os.environ | {"LEVADA_URL": server_address, "TERM": "xterm"},
        stdout=subprocess.DEVNULL,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        shown = b""
        with suppress(OSError):  # Linux reports the end of a terminal so
            while piece := os.read(reader, 4096):
                shown += piece
        os.close(reader)
        assert process.wait(TIMEOUT) == 0
    assert "\N{REPLACEMENT CHARACTER}".encode() not in shown
    mark = b"\x1b[" if words[0] == "run" else b"\rSquare: "
    assert mark in shown, shown


# ---------------------------------------------------------------------------------------------------- SLURM


SBATCH = """#!{python}
# Runs the script it is handed as the tasks of an array, one after the other.
import os, re, subprocess, sys
script = sys.stdin.read()
if "--partition=gone" in script:
    sys.exit("sbatch: error: invalid partition specified")
if "SCRIPTS" in os.environ:
    with open(os.environ["SCRIPTS"], "a") as scripts:
        scripts.write(script + str(dict(os.environ)))
array = re.search(r"^#SBATCH --array=1-([0-9]+)$", script, re.MULTILINE)
for task in range(int(array[1]) if array else 1):
    subprocess.run(["bash"], input=script, text=True, check=True, env=os.environ | {{"SLURM_ARRAY_TASK_ID": str(task)}})
print("7;cluster")
"""


@pytest.fixture
def sbatch(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH on which there is an sbatch."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "sbatch").write_text(SBATCH.format(python=sys.executable), encoding="utf-8")
    (folder / "sbatch").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_workers_are_handed_to_slurm(folder: Path, server_address: str, sbatch: str) -> None:
    words: tuple[str, ...] = ("worker", "commands", "--drain", "--processes", "2", "--slurm", "--array", "2")
    words = (*words, "--sbatch=--time=4:00:00", "--tables", "Square", "Root")
    printed = run(folder, server_address, *words)
    assert printed.returncode == 0
    assert f"{server_address} can only be reached from this machine" in printed.stderr
    checked = subprocess.run(["bash", "-n"], input=printed.stdout, text=True, check=False, capture_output=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    for line in (
        "--array=1-2",
        "--cpus-per-task=2",
        "--time=4:00:00",
        "--signal=B:TERM@30",
        "--requeue",
        "--job-name=levada-commands-Square-Root",
    ):
        assert f"#SBATCH {line}\n" in printed.stdout
    submitted = run(folder, server_address, *words, "--submit", PATH=sbatch)
    assert (submitted.returncode, submitted.stdout) == (0, "Submitted batch job 7\n")
    with lv.Connection(server_address) as connection:
        assert len(lv.FreeTable(connection, "commands.Root")) == 8


def test_no_more_workers_are_submitted_than_there_are_jobs(folder: Path, server_address: str, sbatch: str) -> None:
    squeue = folder / "squeue"
    squeue.write_text("#!/bin/sh\ncat $HERE/queued\n", encoding="ascii")
    squeue.chmod(0o755)
    scripts, queued = folder / "scripts", folder / "queued"
    told = {"PATH": f"{folder}:{sbatch}", "HERE": str(folder), "SCRIPTS": str(scripts)}
    words = ("worker", "commands", "--drain", "--tables", "Square", "--submit", "--by-queue")
    queued.write_text("5_1\n5_[2]\n", encoding="ascii")
    few = run(folder, server_address, *words, "--array", "2", **told)
    assert (few.returncode, few.stdout) == (
        0,
        "8 jobs to do and 2 workers submitted earlier; nothing is submitted\n",
    )
    assert not scripts.exists()
    assert run(folder, server_address, *words, "--array", "20", "--processes", "2", **told).returncode == 0
    assert "#SBATCH --array=1-2\n" in scripts.read_text()  # 8 jobs, 2 processes in each worker, 2 workers there
    done = run(folder, server_address, *words, "--array", "20", **told)
    assert done.stdout == "0 jobs to do and 2 workers submitted earlier; nothing is submitted\n"
    alone = run(folder, server_address, *words[:-2], "--by-queue")
    assert (alone.returncode, "--by-queue goes with --submit" in alone.stderr) == (1, True)


def user_anna(connection: lv.Connection) -> str:
    """Add a user who may compute the pipeline, and return the user's token."""
    connection.call("AccessService/CreateUser", pb.CreateUserRequest(name="anna"), pb.CreateUserResponse)
    grant = access_pb2.Grant(grantee="anna", role=access_pb2.ROLE_WORKER, schema="commands")
    connection.call("AccessService/GrantRole", pb.GrantRoleRequest(grant=grant), pb.GrantRoleResponse)
    made = connection.call("AccessService/CreateToken", pb.CreateTokenRequest(user="anna"), pb.CreateTokenResponse)
    return made.secret


def token_count(connection: lv.Connection) -> int:
    listed = connection.call("AccessService/ListTokens", pb.ListTokensRequest(), pb.ListTokensResponse)
    return len(listed.tokens)


def test_a_job_of_a_cluster_has_a_token_of_its_own_until_it_ends(
    folder: Path, server_address: str, sbatch: str, tmp_path: Path
) -> None:
    assert run(folder, server_address, "worker", "commands", "--drain", "--max-jobs", "1").returncode == 0
    scripts, kept = tmp_path / "scripts", tmp_path / "config"
    with lv.Connection(server_address) as connection:
        mine = user_anna(connection)
        environment = {"PATH": sbatch, "LEVADA_TOKEN": mine, "XDG_CONFIG_HOME": str(kept), "SCRIPTS": str(scripts)}
        words = ("worker", "commands", "--drain", "--submit", "--array", "2")
        refused = run(folder, server_address, *words, "--sbatch=--partition=gone", **environment)
        assert "invalid partition" in refused.stderr
        assert (token_count(connection), list(kept.rglob("*.json"))) == (1, [])
        submitted = run(folder, server_address, *words, **environment)
        assert (submitted.returncode, submitted.stdout) == (0, "Submitted batch job 7\n"), submitted.stderr
        assert len(lv.FreeTable(connection, "commands.Root")) == 8
        assert (token_count(connection), list(kept.rglob("*.json"))) == (1, [])
    told = scripts.read_text()
    assert told.count("LEVADA_CREDENTIALS=") == 2
    assert "--dependency=afterany:7\n" in told
    assert "lev_" not in told
    assert "LEVADA_TOKEN" not in told


def test_the_token_of_a_job_allows_only_to_compute_its_tables(
    folder: Path, server_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(folder, server_address, "worker", "commands", "--drain", "--tables", "Square").returncode == 0
    monkeypatch.setenv("LEVADA_CREDENTIALS", str(tmp_path / "credentials.json"))
    with lv.Connection(server_address) as owner:
        secret = user_anna(owner)
        grant = access_pb2.Grant(grantee="anna", role=access_pb2.ROLE_OWNER, schema="commands")
        owner.call("AccessService/GrantRole", pb.GrantRoleRequest(grant=grant), pb.GrantRoleResponse)
        assert make_job_token(owner, "commands", []) is None  # the owner's workers need none
    with lv.Connection(server_address, secret) as anna:
        module = lv.VirtualModule("commands_of_anna", "commands", connection=anna)
        file = make_job_token(anna, "commands", [module.Root()])
    assert file is not None
    assert file.stat().st_mode & 0o777 == 0o600
    with lv.Connection(server_address, json.loads(file.read_text())[0]["token"]) as worker:
        job = lv.VirtualModule("commands_of_worker", "commands", connection=worker)
        assert len(job.Square()) == 8
        job.Root.jobs.refresh()
        for change in (job.Root.drop_quick, (job.Root & "n=1").delete_quick, job.Square.jobs.refresh):
            with pytest.raises(lv.errors.PermissionDenied):
                change()


@pytest.mark.parametrize(
    ("address", "stays"),
    [
        ("unix:/run/levada.sock", True),
        ("127.0.0.1:50051", True),
        ("http://localhost:50051", True),
        ("[::1]:50051", True),
        ("lab.example.org:50051", False),
        ("https://levada.example.org", False),
        ("localhost.example.org:50051", False),
    ],
)
def test_addresses_that_no_node_reaches_are_known(address: str, *, stays: bool) -> None:
    assert _stays_here(address) is stays


def test_preempted_task_loses_no_result(folder: Path, server_address: str) -> None:
    (folder / "slow").mkdir()
    script = run(folder, server_address, "worker", "commands", "--slurm", "--lease", "1").stdout
    begun = os.open(folder / "begun", os.O_RDONLY | os.O_NONBLOCK)
    with subprocess.Popen(["bash", "-c", script], stderr=subprocess.PIPE, text=True) as task:
        assert task.stderr is not None
        assert select.select([begun], [], [], TIMEOUT)[0], "no make began"
        children = psutil.Process(task.pid).children()
        # SLURM does the same: it first asks all processes to end, and then kills them.
        for process in (psutil.Process(task.pid), *children):
            process.send_signal(signal.SIGTERM)
        assert any("stopping after the current jobs" in line for line in task.stderr)
        for process in (psutil.Process(task.pid), *children):
            process.kill()
    os.close(begun)
    done = run(folder, server_address, "run", "commands")
    assert done.returncode == 0
    with lv.Connection(server_address) as connection:
        assert len(lv.FreeTable(connection, "commands.Root")) == 8


def test_make_whose_program_is_ended_with_its_worker_has_not_failed(folder: Path, server_address: str) -> None:
    (folder / "program").mkdir()
    options = ("--log-format", "json", "--lease", "600", "--tables", "Square")
    with Worker(folder, server_address, *options, module="commands") as worker:
        with open(folder / "begun", encoding="ascii") as begun:  # noqa: PTH123  # a FIFO
            program = psutil.Process(int(begun.read()))
        # SLURM asks all processes of a task to end, at once.
        for process in (program, *program.parents()):
            if process.pid == os.getpid():
                break
            process.terminate()
        ended = json.loads(worker.said('"released"'))
        assert worker.end()[0] == 0
    assert (ended["key"], ended["state"]) == ({"n": 4}, "released")
    with lv.Connection(server_address) as connection:
        jobs = lv.VirtualModule("commands_then", "commands", connection=connection).Square.jobs
        assert (jobs & "n = 4").fetch1("state", "attempt", "error_type") == ("pending", 0, None)
        assert len(jobs.pending) + len(jobs.completed) == 8
    assert run(folder, server_address, "run", "commands").returncode == 0


def test_slurm_says_what_is_wrong(folder: Path, server_address: str, sbatch: str) -> None:
    words = ("worker", "commands", "--submit")
    refused = run(folder, server_address, *words, "--sbatch=--partition=gone", PATH=sbatch)
    assert refused.returncode == 1
    assert "sbatch refuses the script: sbatch: error: invalid partition" in refused.stderr
    assert "There is no sbatch here" in run(folder, server_address, *words, PATH="/nowhere").stderr
    assert "not an option of sbatch" in run(folder, server_address, *words, "--sbatch", "time=5").stderr


# --------------------------------------------------------------------------------------- what one sees of it


def test_metrics_are_served(folder: Path, server_address: str) -> None:
    options = ("--metrics", "0", "--log-format", "json", "--tables", "Square")
    with Worker(folder, server_address, *options, module="commands") as worker:
        port = json.loads(worker.said('"serving_metrics"'))["port"]
        for _ in range(8):
            worker.said('"job_ended"')
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=TIMEOUT) as answer:
            text = answer.read().decode()
        worker.process.send_signal(signal.SIGTERM)
        assert worker.end()[0] == 0
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert int(float(lines['levada_make_duration_seconds_count{schema="commands",table="Square"}'])) in (7, 8)
    assert lines["levada_processes"] == "1.0"
    assert lines["levada_server_reachable"] == "1.0"


def test_address_of_metrics_must_be_free(folder: Path, server_address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run(folder, server_address, "worker", "commands", "--metrics", port)
    assert refused.returncode == 1
    assert f"cannot be served at 127.0.0.1:{port}" in refused.stderr


def test_sbatch_options_cannot_smuggle_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    job = ArrayJob("m", "host:1", (), 1, 1, timedelta(seconds=30), ["--time=1\nrm"])
    with pytest.raises(lv.errors.InvalidRequest):
        job.script()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(lv.LevadaError, match="no sbatch"):
        submit("")
