"""The worker daemon: many compute side by side, some die, and each key is committed once."""

from __future__ import annotations

import os
import select
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

import levada as lv
from tests.support.processes import TIMEOUT, Server, Worker, write_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator

FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
"""The library by which a process reads another time than the machine's; Debian has it in the package `faketime`."""
PIPELINE = '''
import os
import signal
import threading
import levada as lv

here = os.path.dirname(__file__)
schema = lv.Schema("pipeline")


def first_time(what):
    try:
        os.mkdir(os.path.join(here, what))
    except FileExistsError:
        return False
    return True


@schema
class Number(lv.Manual):
    definition = """
    n : int32
    ---
    role = '' : varchar(20)
    """


@schema
class Square(lv.Computed):
    definition = """
    -> Number
    ---
    square : int64
    """

    def make(self, key):
        with open(os.path.join(here, "calls"), "a") as calls:
            calls.write(f"{key['n']}\\n")
        match (Number & key).fetch1("role"):
            case "dies" if first_time("dead"):
                os.kill(os.getpid(), signal.SIGKILL)
            case "waits" if first_time("waited"):
                with open(os.path.join(here, "begun"), "w") as begun:
                    begun.write(f"{os.getpid()}\\n")
                with open(os.path.join(here, "go_on")) as go_on:
                    go_on.read()
            case "fails":
                raise ValueError("it fails")
        self.insert1({**key, "square": key["n"] ** 2})


@schema
class Cube(lv.Computed):
    definition = """
    -> Square
    ---
    cube : int64
    """

    def make(self, key):
        self.insert1({**key, "cube": key["n"] * (Square & key).fetch1("square")})


@schema
class Idle(lv.Computed):
    definition = """
    -> Number
    """
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a pipeline, and two FIFOs by which a make reports that it has begun, and a test lets it go on."""
    write_pipeline(tmp_path, "pipeline", PIPELINE)
    return tmp_path


def calls(folder: Path) -> Counter[int]:
    """How often each key was made."""
    return Counter(map(int, (folder / "calls").read_text(encoding="utf-8").split()))


@pytest.fixture
def numbers(connection: lv.Connection) -> lv.Table:
    """The table at the head of the pipeline."""
    schema = lv.Schema("pipeline", connection=connection)

    @schema
    class Number(lv.Manual):
        definition = """
        n : int32
        ---
        role = '' : varchar(20)
        """

    return Number()


@pytest.fixture
def begun(folder: Path) -> Iterator[int]:
    """The end of the FIFO at which a make reports that it has begun."""
    descriptor = os.open(folder / "begun", os.O_RDONLY | os.O_NONBLOCK)
    yield descriptor
    os.close(descriptor)


def wait_until_begun(begun: int) -> int:
    """Wait until a make has begun; return the id of its process."""
    assert select.select([begun], [], [], TIMEOUT)[0], "no make began"
    return int(os.read(begun, 100))


def squares_of(connection: lv.Connection) -> list[int]:
    return sorted(lv.FreeTable(connection, "pipeline.Square").to_arrays("n"))


def test_workers_share_the_keys_and_drain_the_whole_pipeline(
    folder: Path, server_address: str, connection: lv.Connection, numbers: lv.Table
) -> None:
    numbers.insert([{"n": n} for n in range(100)])
    with (
        Worker(folder, server_address, "--processes", "2", "--drain") as one,
        Worker(folder, server_address, "--drain") as other,
    ):
        (code, said), (other_code, other_said) = one.end(), other.end()
    assert (code, other_code) == (0, 0)
    assert calls(folder) == Counter(range(100))
    assert len(lv.FreeTable(connection, "pipeline.Cube")) == 100
    assert (said + other_said).count("success pipeline.Cube") == 100
    assert said.index("starting 2 processes\n") < said.index("2 processes for pipeline.Square, pipeline.Cube")


def test_each_warning_of_the_module_is_shown_once_before_all_results(
    folder: Path, server_address: str, numbers: lv.Table
) -> None:
    warning = '\nimport warnings\nfor word in "ab":\n    warnings.warn(f"word {word}", lv.errors.LevadaWarning)\n'
    (folder / "pipeline.py").write_text(PIPELINE + warning, encoding="utf-8")
    numbers.insert([{"n": n} for n in range(3)])
    # Each process imports the module, as each has a job to do.
    with Worker(folder, server_address, "--processes", "3", "--max-jobs", "3", "--tables", "Square") as worker:
        code, said = worker.end()
    assert (code, said.count("success pipeline.Square")) == (0, 3)
    assert [said.count(f"LevadaWarning: word {word}\n") for word in "ab"] == [1, 1]
    assert said.index("word b") < said.index("success")


def test_crash_of_a_process_costs_only_its_try(
    folder: Path, server_address: str, connection: lv.Connection, numbers: lv.Table
) -> None:
    numbers.insert([{"n": n, "role": "dies" if n == 3 else ""} for n in range(10)])
    with Worker(folder, server_address, "--drain", "--tables", "Square", "--lease", "3600") as worker:
        code, said = worker.end()
    assert code == 0
    assert 'was killed by SIGKILL while it computed pipeline.Square {"n": 3}; another' in said
    assert squares_of(connection) == list(range(10))
    assert calls(folder)[3] == 2


def test_killed_worker_loses_nothing(
    folder: Path, server_address: str, connection: lv.Connection, numbers: lv.Table, begun: int
) -> None:
    numbers.insert([{"n": n, "role": "waits" if n == 5 else ""} for n in range(20)])
    with Worker(folder, server_address, "--lease", "1") as killed:
        process = wait_until_begun(begun)
        killed.process.kill()
        with Worker(folder, server_address, "--drain") as other:
            assert other.end()[0] == 0
    # Its own processes go with it.
    with suppress(psutil.NoSuchProcess):
        psutil.Process(process).wait(TIMEOUT)
    assert squares_of(connection) == list(range(20))
    assert calls(folder)[5] == 2


@pytest.mark.skipif(not FAKETIME, reason="libfaketime is not installed")
@pytest.mark.parametrize("shift", ["-3h", "+3h"])
def test_worker_whose_clock_is_wrong_by_hours_works_like_any_other(
    folder: Path,
    server_address: str,
    connection: lv.Connection,
    numbers: lv.Table,
    begun: int,
    monkeypatch: pytest.MonkeyPatch,
    shift: str,
) -> None:
    numbers.insert([{"n": n, "role": "waits" if n == 3 else ""} for n in range(6)])
    with monkeypatch.context() as wrong:
        wrong.setenv("LD_PRELOAD", str(FAKETIME[0]))
        wrong.setenv("FAKETIME", shift)
        wrong.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        worker = Worker(folder, server_address, "--drain", "--lease", "1")
    with worker:
        wait_until_begun(begun)
        # Its lease is over by its own clock, or never ends by it; others take no job of a worker that renews it.
        with Worker(folder, server_address, "--lease", "1", "--tables", "Cube") as other:
            other.said("success pipeline.Cube")
            (folder / "go_on").write_text("go")
            code, said = worker.end()
    assert code == 0, said
    assert squares_of(connection) == list(range(6))
    assert calls(folder) == Counter(range(6))


def test_process_of_a_job_that_is_cancelled_is_ended(
    folder: Path, server_address: str, connection: lv.Connection, numbers: lv.Table, begun: int
) -> None:
    numbers.insert1({"n": 0, "role": "waits"})
    with Worker(folder, server_address, "--lease", "1", "--tables", "Square") as worker:
        process = psutil.Process(wait_until_begun(begun))
        jobs = lv.VirtualModule("pipeline", "pipeline", connection=connection).Square.jobs
        assert jobs.cancel() == 1
        assert "lost    pipeline.Square" in worker.said("pipeline.Square {")
        assert str(process.pid) in worker.said("was stopped because of its work")
        assert not process.is_running()
        assert jobs.errors.fetch1("n", "error_type", "attempt") == (0, "JobCancelled", 1)
        numbers.insert1({"n": 1})
        worker.said("success pipeline.Square")
    assert squares_of(connection) == [1]


def test_worker_that_was_stopped_for_too_long_cannot_commit(
    folder: Path, server_address: str, connection: lv.Connection, numbers: lv.Table, begun: int
) -> None:
    numbers.insert1({"n": 0, "role": "waits"})
    with Worker(folder, server_address, "--lease", "1", "--tables", "Square") as stopped:
        wait_until_begun(begun)
        stopped.process.send_signal(signal.SIGSTOP)
        with Worker(folder, server_address, "--drain", "--tables", "Square") as other:
            assert "success pipeline.Square" in other.end()[1]
        stopped.process.send_signal(signal.SIGCONT)
        with (folder / "go_on").open("w", encoding="utf-8") as go_on:
            go_on.write("go on")
        stopped.said("lost    pipeline.Square")
    assert squares_of(connection) == [0]
    assert calls(folder)[0] == 2


def test_told_to_stop_it_finishes_what_is_in_hand(
    folder: Path, server_address: str, connection: lv.Connection, numbers: lv.Table, begun: int
) -> None:
    numbers.insert([{"n": n, "role": "waits"} for n in range(5)])
    with Worker(folder, server_address) as worker:
        wait_until_begun(begun)
        worker.process.send_signal(signal.SIGTERM)
        worker.said("stopping after the current jobs")
        with (folder / "go_on").open("w", encoding="utf-8") as go_on:
            go_on.write("go on")
        code, said = worker.end()
    assert code == 0
    assert "success pipeline.Square" in said
    assert len(squares_of(connection)) == 1
    assert sum(calls(folder).values()) == 1


def test_grace_has_an_end(
    folder: Path, server_address: str, connection: lv.Connection, numbers: lv.Table, begun: int
) -> None:
    numbers.insert1({"n": 0, "role": "waits"})
    with Worker(folder, server_address, "--grace", "0.1", "--lease", "3600") as worker:
        process = wait_until_begun(begun)
        worker.process.send_signal(signal.SIGTERM)
        code, said = worker.end()
    assert code == 0
    assert "gave up" in said
    assert not psutil.pid_exists(process)
    # The jobs that it gave up can be taken at once, whatever its lease.
    with Worker(folder, server_address, "--drain") as other:
        assert other.end()[0] == 0
    assert squares_of(connection) == [0]


def test_failed_jobs_are_told_and_left(folder: Path, server_address: str, numbers: lv.Table) -> None:
    numbers.insert([{"n": 0, "role": "fails"}, {"n": 1}])
    with Worker(folder, server_address, "--drain") as worker:
        code, said = worker.end()
    assert code == 0
    assert 'error   pipeline.Square {"n": 0}' in said
    assert "ValueError: it fails" in said
    assert calls(folder)[0] == 1


def test_number_of_jobs_can_be_limited(
    folder: Path, server_address: str, connection: lv.Connection, numbers: lv.Table
) -> None:
    numbers.insert([{"n": n} for n in range(20)])
    with Worker(folder, server_address, "--max-jobs", "7", "--processes", "2", "--tables", "pipeline.Square") as worker:
        assert worker.end()[0] == 0
    assert len(squares_of(connection)) == 7


def test_new_rows_are_found_while_it_waits(
    folder: Path, server_address: str, connection: lv.Connection, numbers: lv.Table
) -> None:
    with Worker(folder, server_address) as worker:
        worker.said("1 process for")
        numbers.insert1({"n": 4})
        worker.said("success pipeline.Cube")
        worker.process.send_signal(signal.SIGINT)
        assert worker.end()[0] == 0
    assert squares_of(connection) == [4]


def test_outage_of_the_server_is_told_once_and_survived(
    folder: Path, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    address = f"unix:{tmp_path_factory.mktemp('s')}/s"
    with (
        Server(database_url, address) as server,
        lv.Connection(address) as connection,
        Worker(folder, address, "--lease", "1") as worker,
    ):
        worker.said("1 process for")
        server.stop()
        worker.said("is out of reach")
        server.start()
        assert "is out of reach" not in worker.said("is back")
        lv.FreeTable(connection, "pipeline.Number").insert1({"n": 6})
        worker.said("success pipeline.Cube")
        worker.process.send_signal(signal.SIGTERM)
        assert worker.end()[0] == 0


def test_worker_may_start_before_its_server(
    folder: Path, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    address = f"unix:{tmp_path_factory.mktemp('s')}/s"
    with Worker(folder, address, "--drain") as worker, Server(database_url, address):
        code, said = worker.end()
    assert code == 0
    assert "1 process for" in said


@pytest.mark.parametrize(
    ("module", "options", "said"),
    [
        ("no_such_module", (), "There is no module `no_such_module`"),
        ("broken", (), "ZeroDivisionError"),
        ("pipeline", ("--tables", "Sqare"), "it has Square, Cube"),
        ("empty", (), "no Imported or Computed table with a make"),
    ],
)
def test_module_that_cannot_work_is_told(
    folder: Path, server_address: str, module: str, options: tuple[str, ...], said: str
) -> None:
    (folder / "broken.py").write_text("1 / 0", encoding="utf-8")
    (folder / "empty.py").write_text("import levada", encoding="utf-8")
    with Worker(folder, server_address, *options, module=module) as worker:
        code, errors = worker.end()
    assert code == 1
    assert said in errors
