"""New rows that come by themselves: `discover` in workers and by hand, and files that are whole."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import pytest

import levada as lv
from levada._cli import main
from levada._crew import discoveries
from levada._crew.discoveries import Discoveries
from levada._crew.reports import FinishedDiscovery
from levada._jobs.discovery import list_discoveries
from levada._jobs.worker_session import open_session
from levada.errors import InvalidDefinition, InvalidRequest, LevadaError, MissingParent, PreconditionFailed
from levada_api.v1 import job_pb2
from tests.support.processes import Worker, write_pipeline
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from pathlib import Path

    from levada._crew.reports import Report

TESTS = ("levada._cli.main", "levada._crew.discoveries", "levada._crew.reports", "levada._jobs.worker_session")
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
class Recording(lv.Manual):
    definition = """
    n : int32
    """
    discover_every = 1 / 60
    discover_time_limit = 60.0 if not os.path.exists(os.path.join(here, "hangs")) else 1.5

    @classmethod
    def discover(cls):
        with open(os.path.join(here, "looks"), "a") as looks:
            looks.write("look\\\\n")
        for n in range(5):
            yield {"n": n}
            if n == 2 and os.path.exists(os.path.join(here, "deadly")) and first_time("dead"):
                os.kill(os.getpid(), signal.SIGKILL)
            if n == 2 and os.path.exists(os.path.join(here, "waits")) and first_time("waited"):
                with open(os.path.join(here, "begun"), "w") as begun:
                    begun.write(f"{os.getpid()}\\\\n")
                with open(os.path.join(here, "go_on")) as go_on:
                    go_on.read()
            if n == 2 and os.path.exists(os.path.join(here, "hangs")) and first_time("hung"):
                threading.Event().wait()
            if n == 3 and os.path.exists(os.path.join(here, "fails")):
                raise OSError("the share is away")


@schema
class Length(lv.Computed):
    definition = """
    -> Recording
    ---
    length : int64
    """

    def make(self, key):
        self.insert1({**key, "length": 1})
'''

DROPPING = """
import os
import threading
import levada as lv

here = os.path.dirname(__file__)
schema = lv.Schema("pipeline")


@schema
class Recording(lv.Manual):
    definition = "n : int32"
    discover_time_limit = LIMIT

    @classmethod
    def discover(cls):
        try:
            os.mkdir(os.path.join(here, "dropped"))
        except FileExistsError:
            return
        cls.drop(prompt=False)
        if "THEN" == "hang":
            threading.Event().wait()
        yield {"n": 1}


@schema
class Sample(lv.Manual):
    definition = "n : int32"


@schema
class Double(lv.Computed):
    definition = "-> Sample"

    def make(self, key):
        self.insert1(key)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a module whose table discovers five rows."""
    write_pipeline(tmp_path, "pipeline", PIPELINE.replace("\\\\n", "\\n"))
    return tmp_path


def numbers(connection: lv.Connection) -> list[int]:
    return sorted(lv.FreeTable(connection, "pipeline.Recording").to_arrays("n"))


def test_draining_worker_discovers_rows_and_computes_what_they_make_possible(
    folder: Path, server_address: str, connection: lv.Connection
) -> None:
    with Worker(folder, server_address, "--drain") as worker:
        code, said = worker.end()
    assert (code, numbers(connection)) == (0, list(range(5)))
    assert len(lv.FreeTable(connection, "pipeline.Length")) == 5
    assert "success pipeline.Recording discover: 5 new rows" in said


def test_two_workers_insert_each_row_once(folder: Path, server_address: str, connection: lv.Connection) -> None:
    with (
        Worker(folder, server_address, "--drain", "--processes", "2") as one,
        Worker(folder, server_address, "--drain") as other,
    ):
        (code, said), (other_code, other_said) = one.end(), other.end()
    assert (code, other_code) == (0, 0)
    assert numbers(connection) == list(range(5))
    assert (said + other_said).count("5 new rows") == 1


def test_killed_process_is_replaced_and_its_rows_come_once(
    folder: Path, server_address: str, connection: lv.Connection
) -> None:
    (folder / "deadly").touch()
    with Worker(folder, server_address, "--drain", "--lease", "3600") as worker:
        code, _ = worker.end()
    assert (code, numbers(connection)) == (0, list(range(5)))
    assert Counter((folder / "looks").read_text(encoding="utf-8").split())["look"] >= 2


def test_other_worker_takes_over_from_a_killed_one(
    folder: Path, server_address: str, connection: lv.Connection
) -> None:
    (folder / "waits").touch()
    with Worker(folder, server_address, "--lease", "1") as killed:
        with (folder / "begun").open(encoding="utf-8") as waiting:
            waiting.read()
        killed.process.kill()
        with Worker(folder, server_address, "--drain") as other:
            assert other.end()[0] == 0
    assert numbers(connection) == list(range(5))


def test_discover_that_takes_too_long_is_ended_and_its_worker_goes_on(
    folder: Path, server_address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "hangs").touch()
    with Worker(folder, server_address) as worker:
        said = worker.said("error")
        assert "pipeline.Recording discover: 0 new rows" in said
        assert "TimeLimitExceeded: discover of `pipeline.Recording` took longer than its limit of 1.5 s." in said
        assert "was stopped because of its work" in worker.said("process")
        assert main.main(["jobs", "errors", "pipeline.Recording", "--url", server_address, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["error_type"] == "TimeLimitExceeded"


@pytest.mark.parametrize("then", ["hang", "yield"])
def test_worker_whose_discover_lost_its_table_goes_on_with_the_others(
    tmp_path: Path, server_address: str, connection: lv.Connection, then: str
) -> None:
    source = DROPPING.replace("LIMIT", "1.5" if then == "hang" else "None").replace("THEN", then)
    write_pipeline(tmp_path, "pipeline", source)
    with Worker(tmp_path, server_address) as worker:
        assert "pipeline.Recording discover: 0 new rows" in worker.said("lost")
        lv.FreeTable(connection, "pipeline.Sample").insert([(7,)])
        assert "pipeline.Double" in worker.said("success")


def test_time_limit_that_is_no_time_is_refused(folder: Path, server_address: str) -> None:
    text = (folder / "pipeline.py").read_text(encoding="utf-8")
    (folder / "pipeline.py").write_text(text.replace("60.0 if", '"soon" if'), encoding="utf-8")
    with Worker(folder, server_address, "--drain") as worker:
        code, said = worker.end()
    assert code != 0
    assert "The discover_time_limit of `Recording` is wrong: 'soon' is not a time above 0" in said


def test_error_keeps_what_was_found_and_is_shown_until_it_is_over(
    folder: Path, server_address: str, connection: lv.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "fails").touch()
    with Worker(folder, server_address, "--drain") as worker:
        assert "error   pipeline.Recording discover: 4 new rows" in worker.end()[1]
    assert numbers(connection) == list(range(4))
    told = {}
    for action in ("errors", "discoveries"):
        assert main.main(["jobs", action, "pipeline.Recording", "--url", server_address, "--json"]) == 0
        told[action] = json.loads(capsys.readouterr().out)
    assert told["errors"]["error_message"] == "the share is away"
    assert (told["errors"]["table"], told["errors"]["key"]) == ("pipeline.Recording", None)
    assert "pipeline.py:" in told["errors"]["location"]
    assert (told["discoveries"]["state"], told["discoveries"]["total_rows"]) == ("error", 4)
    assert main.main(["jobs", "errors", "pipeline", "--url", server_address]) == 0
    assert "pipeline.Recording discover: OSError: the share is away" in capsys.readouterr().out


@pytest.fixture
def recording(connection: lv.Connection) -> type[lv.Manual]:
    """A table of recordings of sessions, which discovers what its attribute `rows` has."""
    schema = lv.Schema("lab", connection=connection)

    @schema
    class Session(lv.Manual):
        definition = """
        session : int32
        """

    @schema
    class Recording(lv.Manual):
        definition = """
        -> Session
        name : varchar(20)
        ---
        size = 0 : int64
        """
        rows: ClassVar[list[object]] = []

        @classmethod
        def discover(cls) -> list[object]:
            return cls.rows

    Session.insert([(1,), (2,)])
    return Recording


def test_discover_by_hand_returns_the_number_of_new_rows(recording: type[lv.Manual]) -> None:
    recording.rows = [(1, "a", 5), {"session": 2, "name": "b"}, (1, "a", 7)]  # type: ignore[attr-defined]  # as below
    assert recording.discover_now() == 2
    assert recording.discover_now() == 0
    assert sorted(recording().to_dicts(), key=str) == [
        {"session": 1, "name": "a", "size": 5},
        {"session": 2, "name": "b", "size": 0},
    ]


def test_refused_row_does_not_hold_the_others_back(recording: type[lv.Manual]) -> None:
    recording.rows = [(1, "a", 5), (9, "no session", 5), (8, "nor here", 5), (2, "b", 5)]  # type: ignore[attr-defined]
    with pytest.raises(MissingParent, match="This and 1 other row were refused"):
        recording.discover_now()
    assert len(recording()) == 2


def test_table_without_discover_says_how_to_have_one(connection: lv.Connection) -> None:
    schema = lv.Schema("lab", connection=connection)

    @schema
    class Session(lv.Manual):
        definition = """
        session : int32
        """

        def discover(self) -> list[object]:
            """A method of an instance is the user's own."""
            raise AssertionError

    with pytest.raises(InvalidRequest, match="give it a class method discover"):
        Session.discover_now()


@pytest.mark.parametrize("every", [float("inf"), float("nan"), 10**30, "5", True])
def test_interval_that_is_no_time_is_refused(
    recording: type[lv.Manual], monkeypatch: pytest.MonkeyPatch, every: object
) -> None:
    monkeypatch.setattr(recording, "discover_every", every)
    with pytest.raises(InvalidDefinition, match="discover_every of `Recording`"):
        recording.discover_now()


def test_discover_within_a_transaction_is_refused(recording: type[lv.Manual], connection: lv.Connection) -> None:
    with connection.transaction, pytest.raises(PreconditionFailed, match="a transaction is open"):
        recording.discover_now()


def test_table_is_discovered_though_the_answer_with_its_lease_was_lost(
    recording: type[lv.Manual], server_address: str, connection: lv.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discoveries, "_LOOK_SECONDS", 0.0)
    recording.rows = [(1, "a", 5)]  # type: ignore[attr-defined]  # as above
    ended = threading.Event()

    def tell(report: Report) -> None:
        if isinstance(report, FinishedDiscovery):
            ended.set()

    def state() -> list[int]:
        return [found.state for found in list_discoveries(connection, schema="lab")]

    lease = timedelta(minutes=5)
    with Proxy([server_address]) as proxy, lv.Connection(proxy.address) as far, ThreadPoolExecutor(1) as threads:
        session = open_session(far, lease)
        looking = Discoveries(far, session, [recording()], tell, ended)
        proxy.withhold()
        looked = threads.submit(looking.run_due)
        while state() != [job_pb2.JOB_STATE_RESERVED]:
            pass
        proxy.cut()
        try:
            looked.result(30)
        finally:
            ended.set()
    assert state() == [job_pb2.JOB_STATE_SUCCESS]
    assert len(recording()) == 1


def test_table_that_is_gone_is_left_out_and_the_others_are_discovered(
    recording: type[lv.Manual], connection: lv.Connection
) -> None:
    recording.rows = [(1, "a", 5)]  # type: ignore[attr-defined]  # as above

    @lv.Schema("lab", connection=connection)
    class Gone(lv.Manual):
        definition = """
        gone : int32
        """

        @classmethod
        def discover(cls) -> list[object]:
            raise AssertionError

    ended, states = threading.Event(), {}

    def tell(report: Report) -> None:
        if isinstance(report, FinishedDiscovery):
            states[report.table] = report.state
            if report.state != "refused":
                ended.set()

    tables = [Gone(), recording()]
    Gone.drop(prompt=False)
    Discoveries(connection, open_session(connection, timedelta(minutes=5)), tables, tell, ended).run_due()
    assert states == {"lab.Gone": "refused", "lab.Recording": "success"}


def aged(path: Path, minutes: float) -> Path:
    """Make a file whose content last changed some minutes ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    then = time.time() - 60 * minutes
    os.utime(path, (then, then))
    return path


def test_only_files_that_nobody_changes_are_yielded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, deep = aged(tmp_path / "a.h5", 10), aged(tmp_path / "deep" / "er" / "b.h5", 10)
    aged(tmp_path / "notes.txt", 10)
    assert list(lv.unchanged_files(tmp_path)) == []  # their times were set a moment ago
    later = time.time() + 600
    monkeypatch.setattr(time, "time", lambda: later)
    assert sorted(lv.unchanged_files(tmp_path, pattern="*.h5")) == [old, deep]
    assert len(list(lv.unchanged_files(tmp_path, minutes=20))) == 0
    assert len(list(lv.unchanged_files(tmp_path, minutes=0))) == 3


def test_file_that_grows_while_it_is_looked_at_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        aged(tmp_path / f"{number}.h5", 10)
    found = lv.unchanged_files(tmp_path, minutes=0)
    first = next(found)
    for path in tmp_path.iterdir():
        with path.open("ab") as growing:
            growing.write(b"more")
    assert len([first, *found]) == 4  # each is looked at when it is its turn
    later = time.time() + 200
    monkeypatch.setattr(time, "time", lambda: later)
    assert list(lv.unchanged_files(tmp_path)) == []


def test_links_are_left_out_and_end_no_walk(tmp_path: Path) -> None:
    whole = aged(tmp_path / "real" / "a.h5", 10)
    (tmp_path / "real" / "loop").symlink_to(tmp_path)
    (tmp_path / "real" / "again.h5").symlink_to(whole)
    (tmp_path / "gone.h5").symlink_to(tmp_path / "nowhere")
    (tmp_path / "share").symlink_to(tmp_path / "real")
    assert list(lv.unchanged_files(tmp_path, minutes=0)) == [whole]
    assert list(lv.unchanged_files(tmp_path / "share", minutes=0)) == [tmp_path / "share" / "a.h5"]


def test_unreadable_folder_is_an_error_after_the_files_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = aged(tmp_path / "open" / "a.h5", 10)
    aged(tmp_path / "closed" / "b.h5", 10)
    scandir = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)  # root reads every folder
    found = lv.unchanged_files(tmp_path, minutes=0)
    assert next(found) == there
    with pytest.raises(OSError, match="Permission denied"):
        next(found)


def test_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(lv.unchanged_files(tmp_path / "share"))
    with pytest.raises(LevadaError, match="minutes is 0 or more"):
        list(lv.unchanged_files(tmp_path, minutes=-1))
