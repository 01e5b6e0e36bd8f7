"""A computation that harms its process fails alone, and never costs another worker's lease."""

from __future__ import annotations

import json
import os
import select
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from levada_api.v1 import job_pb2, schema_pb2
from levada_api.v1 import job_service_pb2 as pb
from tests.support.processes import TIMEOUT, Worker, write_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIPELINE = '''
import ctypes
import os
import threading
import levada as lv

here = os.path.dirname(__file__)
schema = lv.Schema("limits")


@schema
class Task(lv.Manual):
    definition = """
    n : int32
    ---
    role = '' : varchar(20)
    """


@schema
class Result(lv.Computed):
    definition = """
    -> Task
    """
    make_time_limit = 30
    make_memory_limit = "400 MB"

    def make(self, key):
        match (Task & key).fetch1("role"):
            case "loops":
                self.insert1(key)
                while True:
                    pass
            case "hoards":
                hoard = b"x" * 600_000_000
                threading.Event().wait()
            case "holds the lock":
                with open(os.path.join(here, "begun"), "w") as begun:
                    begun.write("begun")
                # Opening a FIFO waits for its other end; PyDLL keeps the interpreter's lock meanwhile.
                ctypes.PyDLL(None).open(os.path.join(here, "go_on").encode(), os.O_RDONLY)
        self.insert1(key)


@schema
class Quick(lv.Computed):
    definition = """
    -> Task
    """
    make_time_limit = 3

    def make(self, key):
        if key["n"] == 1:
            threading.Event().wait()
        self.insert1(key)
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_pipeline(tmp_path, "limits", PIPELINE)
    return tmp_path


@pytest.fixture
def tasks(connection: lv.Connection) -> lv.Table:
    """The table at the head of the pipeline."""
    schema = lv.Schema("limits", connection=connection)

    @schema
    class Task(lv.Manual):
        definition = """
        n : int32
        ---
        role = '' : varchar(20)
        """

    return Task()


def records(said: str) -> Iterator[dict[str, Any]]:
    """Read a log of JSON lines."""
    for line in said.splitlines():
        yield json.loads(line)


def jobs_ended(said: str) -> dict[int, tuple[str, int]]:
    """Return the state and attempt of each job by its key."""
    return {r["key"]["n"]: (r["state"], r["attempt"]) for r in records(said) if r["event"] == "job_ended"}


def test_make_that_takes_too_long_fails_alone(folder: Path, server_address: str, tasks: lv.Table) -> None:
    tasks.insert([{"n": n} for n in range(4)])
    with Worker(folder, server_address, "--drain", "--tables", "Quick", "--log-format", "json", module="limits") as w:
        code, said = w.end()
    assert code == 0
    assert jobs_ended(said) == {n: ("error" if n == 1 else "success", 1) for n in range(4)}
    (job,) = [r for r in records(said) if r["event"] == "job_ended" and r["state"] == "error"]
    assert job["error"] == "TimeLimitExceeded: make of `limits.Quick` took longer than its limit of 3 s."
    (died,) = [r for r in records(said) if r["event"] == "process_died"]
    assert died["process"] == job["process"]


def test_make_that_hoards_memory_fails_alone(
    folder: Path, server_address: str, connection: lv.Connection, tasks: lv.Table
) -> None:
    tasks.insert([{"n": n, "role": "hoards" if n == 2 else ""} for n in range(4)])
    with Worker(folder, server_address, "--drain", "--tables", "Result", "--log-format", "json", module="limits") as w:
        code, said = w.end()
    assert code == 0
    assert jobs_ended(said) == {n: ("error" if n == 2 else "success", 1) for n in range(4)}
    assert "its limit is 400.0 MB" in said


@pytest.mark.parametrize("contract", ["off", "warn", "on"])
def test_limits_may_be_options(
    folder: Path, server_address: str, connection: lv.Connection, tasks: lv.Table, contract: str
) -> None:
    lv.Schema("limits", connection=connection).make_contract = contract
    source = (folder / "limits.py").read_text(encoding="utf-8")
    (folder / "limits.py").write_text(source.replace("    make_time_limit = 30\n", ""), encoding="utf-8")
    tasks.insert1({"n": 0, "role": "loops"})
    options = ("--drain", "--tables", "Result", "--time-limit", "0.3")
    with Worker(folder, server_address, *options, module="limits") as worker:
        code, said = worker.end()
    assert code == 0
    assert "TimeLimitExceeded: make of `limits.Result` took longer than its limit of 0.3 s." in said
    jobs = lv.Schema("limits", connection=connection).jobs & {"table_name": "Result"}
    assert jobs.fetch1("state", "error_type") == ("error", "TimeLimitExceeded")
    assert len(lv.FreeTable(connection, "limits.Result")) == 0


def jobs_for_another_worker(connection: lv.Connection, table: str, wait: timedelta) -> int:
    """Try to reserve a job of a table for as long as another worker would wait; return how many came."""
    worker = job_pb2.WorkerName(host="elsewhere", process=1, user="other")
    begin = pb.CreateWorkerSessionRequest(worker=worker, lease_duration=timedelta(seconds=60))
    session = connection.call("JobService/CreateWorkerSession", begin, pb.CreateWorkerSessionResponse).worker_session
    names = [schema_pb2.TableName(schema="limits", table=table)]
    request = pb.ReserveJobsRequest(worker_session=session, names=names, max_jobs=1, wait_duration=wait)
    return len(connection.call("JobService/ReserveJobs", request, pb.ReserveJobsResponse).leases)


def test_make_that_holds_the_interpreter_keeps_its_lease(
    folder: Path, server_address: str, connection: lv.Connection, tasks: lv.Table
) -> None:
    tasks.insert1({"n": 0, "role": "holds the lock"})
    begun = os.open(folder / "begun", os.O_RDONLY | os.O_NONBLOCK)
    options = ("--lease", "1", "--tables", "Result")
    with Worker(folder, server_address, *options, module="limits") as worker:
        assert select.select([begun], [], [], TIMEOUT)[0], "no make began"
        # This is longer than the lease: without a renewal, another worker would take the job over here.
        assert jobs_for_another_worker(connection, "Result", wait=timedelta(seconds=1.5)) == 0
        with (folder / "go_on").open("w", encoding="utf-8"):
            worker.said("success limits.Result")
        worker.process.send_signal(signal.SIGTERM)
        assert worker.end()[0] == 0
    os.close(begun)


def test_changed_source_is_used_when_asked(folder: Path, server_address: str, tasks: lv.Table) -> None:
    file = folder / "limits.py"
    source = file.read_text(encoding="utf-8")
    tasks.insert1({"n": 0})
    with Worker(folder, server_address, "--reload", "--tables", "Quick", module="limits") as worker:
        worker.said("success limits.Quick")
        file.write_text(source + "\nbroken(", encoding="utf-8")
        worker.said("SyntaxError")
        file.write_text(source.replace('key["n"] == 1', "False"), encoding="utf-8")
        worker.said("has changed")
        tasks.insert1({"n": 1})
        worker.said('success limits.Quick {"n": 1}')
        worker.process.send_signal(signal.SIGTERM)
        assert worker.end()[0] == 0
