"""Connections: the source of the address, a missing server, forks, and the local server."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

import levada as lv
from tests.support.odd_peer import ended, peer, reset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PYTHON_TIMEOUT_S = 120


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder without settings around it."""
    for name in ("LEVADA_URL", "LEVADA_TOKEN", "DJ_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_connection_knows_its_server(connection: lv.Connection, server_address: str) -> None:
    assert connection.address == server_address
    assert connection.is_connected
    assert connection.server_version
    assert connection.limits.relation_nodes > 0
    connection.close()
    assert not connection.is_connected
    connection.close()


def test_without_a_server_the_error_names_the_address(unused_tcp_port: int) -> None:
    address = f"127.0.0.1:{unused_tcp_port}"
    with pytest.raises(lv.errors.LostConnectionError, match=address):
        lv.Connection(address)


@pytest.mark.parametrize("address", ["nonsense", "ftp://host:1", ":50051", "host:port"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(lv.errors.InvalidRequest, match="is not a server address"):
        lv.Connection(address)


def test_a_closed_connection_says_so(connection: lv.Connection) -> None:
    connection.close()
    with pytest.raises(lv.errors.LostConnectionError, match="is closed"):
        lv.list_schemas(connection)


CALLS: dict[str, Callable[[lv.VirtualModule], Any]] = {
    "one answer": lambda lab: lv.list_schemas(lab.Subject.connection),
    "many answers": lambda lab: lab.Subject.to_dicts(),
    "many requests": lambda lab: lab.Subject.insert([{"subject_id": 9}]),
    "a stream": lambda lab: lab.Subject.connection.transaction.__enter__(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_connection_that_another_thread_closes_as_a_call_begins_says_so(
    server_address: str, lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch, call: Callable[[lv.VirtualModule], Any]
) -> None:
    closing = ClosingChannel()
    monkeypatch.setattr(grpc, "insecure_channel", partial(closing.opened, grpc.insecure_channel))
    with lv.Connection(server_address) as connection:
        there = lv.VirtualModule("lab", "lab", connection=connection)
        closing.then = connection.close
        with pytest.raises(lv.errors.LostConnectionError, match="is closed"):
            call(there)


class ClosingChannel:
    """A channel that is closed after a call has been prepared and before it begins, as by another thread."""

    def __init__(self) -> None:
        self.then: Callable[[], None] = lambda: None
        self._channel: Any = None  # grpc's classes tell a type checker little

    def opened(self, open_: Callable[..., Any], *args: object) -> ClosingChannel:
        self._channel = open_(*args)
        return self

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # as above
        if name == "close":
            return self._channel.close

        def prepared(*args: object, **options: object) -> Any:  # noqa: ANN401  # as above
            bound = getattr(self._channel, name)(*args, **options)
            self.then()
            return bound

        return prepared


ODD_ENDS = {
    **{f"reset {code}": reset(code) for code in (0, 1, 2, 7, 8, 13)},
    **{f"HTTP {status}": ended(status=status) for status in ("302", "400", "500", "502")},
    **{f"status {status}": ended(grpc_status=status) for status in ("2", "13", "15", "99", "x")},
    "no status": ended(),
}


@pytest.mark.parametrize("answer", ODD_ENDS.values(), ids=ODD_ENDS.keys())
def test_a_call_that_ends_on_its_way_is_a_lost_connection(answer: Callable[[int], bytes]) -> None:
    with peer(answer) as address, pytest.raises(lv.errors.LostConnectionError, match=f"{address} is out of reach"):
        lv.Connection(address)


def test_a_call_without_an_answer_in_time_says_what_to_do() -> None:
    with (
        peer(ended(grpc_status="4", grpc_message="Deadline Exceeded")) as address,
        pytest.raises(lv.errors.DeadlineExceeded, match=f"no answer in time.*Try again later.*{address}"),
    ):
        lv.Connection(address)


def test_the_details_of_another_protocol_are_not_read() -> None:
    answer = ended(grpc_status="5", grpc_status_details_bin="AAAA")
    with peer(answer) as address, pytest.raises(lv.errors.NotFound, match=address):
        lv.Connection(address)


def test_the_address_comes_from_the_environment(
    folder: Path, server_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEVADA_URL", server_address)
    with lv.connect() as connection:
        assert connection.address == server_address
        assert lv.conn() is connection


def test_the_address_comes_from_a_file_above(
    folder: Path, server_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "levada.toml").write_text(f'url = "{server_address}"\n', encoding="utf-8")
    below = folder / "project" / "notebooks"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    with lv.conn() as connection:
        assert connection.address == server_address


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no such modes")
def test_a_file_that_others_could_write_is_told_and_not_used(folder: Path) -> None:
    (folder / "levada.toml").write_text('url = "elsewhere:1"\n', encoding="utf-8")
    (folder / "dj_local_conf.json").write_text('{"database.host": "db.lab.org"}', encoding="utf-8")
    folder.chmod(0o775)
    with (
        pytest.warns(lv.errors.LevadaWarning, match="others can write in its folder; run `chmod go-w"),
        pytest.raises(lv.errors.InvalidRequest, match=r"db\.lab\.org"),
    ):
        lv.connect()


def test_a_file_without_an_address_is_an_error(folder: Path) -> None:
    (folder / "levada.toml").write_text("token = 'x'\n", encoding="utf-8")
    with pytest.raises(lv.errors.InvalidRequest, match="names no server"):
        lv.connect()


def test_settings_of_datajoint_do_not_end_in_a_local_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "dj_local_conf.json").write_text('{"database.host": "db.lab.org"}', encoding="utf-8")
    removal = r"db\.lab\.org.*in the folder \.levada, delete its line in the file, or move the file away\. .*LEVADA_URL"
    with pytest.raises(lv.errors.InvalidRequest, match=removal):
        lv.connect()
    (folder / "dj_local_conf.json").unlink()
    monkeypatch.setenv("DJ_HOST", "other.lab.org")
    with pytest.raises(lv.errors.InvalidRequest, match=r"other\.lab\.org"):
        lv.connect()
    assert not (folder / ".levada").exists()


def test_a_declaration_elsewhere_is_seen(connection: lv.Connection, server_address: str, lab: lv.VirtualModule) -> None:
    with lv.Connection(server_address) as other:
        theirs = lv.FreeTable(other, "lab.Session")
        assert len(theirs.heading) == 3
        lab.Session.drop(prompt=False)
        schema = lv.Schema("lab", connection=connection)

        @schema
        class Session(lv.Manual):
            definition = "session : int32"

        theirs.keys()  # the answer tells that the catalog has changed
        assert theirs.heading.names == ["session"]


@pytest.fixture
def scripts(folder: Path) -> Iterator[Path]:
    """A folder for scripts that use the embedded server; it is stopped at the end."""
    yield folder
    served = folder / ".levada" / "server.json"
    if served.exists():
        os.kill(json.loads(served.read_text(encoding="utf-8"))["pid"], signal.SIGTERM)


def run(source: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no server runs on Windows")
def test_the_embedded_server_is_started_once_and_joined(scripts: Path) -> None:
    source = """
        import levada as lv
        schema = lv.Schema("lab")

        @schema
        class Subject(lv.Manual):
            definition = "subject_id : int32"

        Subject.insert([(1,)], skip_duplicates=True)
        print(len(Subject()), lv.conn().address)
    """
    processes = [run(source) for _ in range(3)]
    results = [process.communicate(timeout=PYTHON_TIMEOUT_S) for process in processes]
    for process, (_, errors) in zip(processes, results, strict=True):
        assert process.returncode == 0, errors  # alone, so that nothing of it is cut
    assert len({out for out, _ in results}) == 1
    assert results[0][0].startswith("1 unix:")
    told = [line for _, errors in results for line in errors.splitlines()]
    waiting = "levada: making a database for this folder, which takes some seconds."
    started = [line for line in told if line != waiting]
    assert 1 <= len(started) <= len(results)  # one that joins a running server says nothing
    assert 1 <= told.count(waiting) <= len(started)  # whoever comes first
    assert all(errors.startswith(waiting) for _, errors in results if waiting in errors)
    for line in started:
        assert line.startswith(f"levada: started a local server; its data are in {scripts / '.levada'}.")
        assert "levada.connect(" in line
    # Nobody else on this machine lists the folder, or reads objects and errors.
    modes = {name: stat.S_IMODE((scripts / ".levada" / name).stat().st_mode) for name in ("", "objects", "server.log")}
    assert modes == {"": 0o711 if os.geteuid() == 0 else 0o700, "objects": 0o700, "server.log": 0o600}


@pytest.mark.skipif(sys.platform == "win32", reason="no server runs on Windows")
def test_a_local_server_is_shown_and_stopped_from_a_folder_below(
    scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*words: str) -> str:
        process = subprocess.run(
            [sys.executable, *words], check=True, capture_output=True, text=True, timeout=PYTHON_TIMEOUT_S
        )
        return process.stdout

    said("-c", "import levada as lv; lv.conn()")
    assert (scripts / ".levada" / ".gitignore").read_text(encoding="utf-8") == "*\n"
    (scripts / "below").mkdir()
    monkeypatch.chdir(scripts / "below")
    shown = json.loads(said("-m", "levada", "status", "--json"))
    assert shown["data"] == str(scripts / ".levada")
    assert shown["state"].startswith("running")
    assert shown["schemas"] == 0
    assert said("-m", "levada", "stop") == f"stopped the local server; the data are in {scripts / '.levada'}\n"
    assert json.loads(said("-m", "levada", "status", "--json"))["state"] == "not running"
    assert not any((scripts / "below").iterdir())


def test_a_forked_child_works_with_its_parents_connection(
    server_address: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    source = f"""
        import multiprocessing
        import threading
        import levada as lv
        from tests.support.client import open_streams

        connection = lv.connect({server_address!r})
        schema = lv.Schema("lab")

        @schema
        class Subject(lv.Manual):
            definition = "subject_id : int32"

        Subject.insert((i,) for i in range(10))

        def count(number):
            return len(Subject & {{"subject_id": number}})

        def ask():
            assert [len(Subject()) for _ in range(2)] == [10] * 2  # the second one opens a stream
            asked.set()
            forked.wait()  # gRPC lets nobody fork while another thread is within a call
            assert len(Subject()) == 10

        asked, forked = threading.Event(), threading.Event()
        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        asked.wait()
        assert [len(Subject()) for _ in range(3)] == [10] * 3
        kept = open_streams(connection)
        assert len(kept) == 2
        with multiprocessing.get_context("fork").Pool(4) as pool:
            print(sum(pool.map_async(count, range(20)).get(timeout=60)), len(Subject()))
        assert len(Subject()) == 10
        assert open_streams(connection) == kept, "the children ended streams of their parent"
        forked.set()
        thread.join()
    """
    process = run(source)
    out, errors = process.communicate(timeout=PYTHON_TIMEOUT_S)
    assert (process.returncode, out) == (0, "10 10\n"), errors
