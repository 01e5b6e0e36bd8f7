"""The stream of each thread for its small calls: kept, lost, interrupted, left by a thread and by a forked child."""

from __future__ import annotations

import asyncio
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

import levada as lv
from levada._net import turns
from levada_server.rpc.streams import call_streams
from tests.support.client import open_streams
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = ("levada._net.turns",)
WAIT_S = 30.0


@pytest.fixture
def connected(lab: lv.VirtualModule) -> lv.Connection:
    """The connection that `lab` uses; this thread has a stream for its small calls."""
    name(lab, 1)
    name(lab, 1)
    assert len(open_streams(lab.schema.connection)) == 1
    opened: lv.Connection = lab.schema.connection
    return opened


def name(lab: lv.VirtualModule, subject: int) -> Any:  # noqa: ANN401  # a value of the table
    return (lab.Subject & {"subject_id": subject}).fetch1("name")


def test_a_stream_is_kept_and_every_thread_has_its_own(lab: lv.VirtualModule, connected: lv.Connection) -> None:
    (kept,) = open_streams(connected)
    together = threading.Barrier(4)

    def ask(subject: int) -> list[Any]:
        names = [name(lab, subject) for _ in range(20)]
        together.wait()
        assert len(open_streams(connected)) == 4
        together.wait()
        return names

    with ThreadPoolExecutor(3) as threads:
        answers = [threads.submit(ask, subject) for subject in (1, 2, 3)]
        together.wait()
        together.wait()
        assert [set(answer.result()) for answer in answers] == [{"Ann"}, {"Bob"}, {"nameless"}]
    assert open_streams(connected) == {kept}, "the streams of threads that have ended are ended"


def test_with_a_release_of_grpc_that_nobody_tried_calls_go_separately(
    lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TRIED", (1, 75))
    with lv.Connection(lab.schema.connection.address) as connection:
        there = lv.FreeTable(connection, lab.Subject.full_table_name)
        for _ in range(3):
            assert (there & {"subject_id": 1}).fetch1("name") == "Ann"
        assert not open_streams(connection)


def test_errors_and_warnings_come_as_from_a_call_on_its_own(lab: lv.VirtualModule, connected: lv.Connection) -> None:
    with pytest.raises(lv.errors.DuplicateError, match="subject_id"):
        lab.Subject.insert1({"subject_id": 1})
    for _ in range(2):
        with pytest.warns(lv.errors.LevadaWarning, match="restricts nothing"):
            assert len(lab.Subject & {"nobody": 1}) == 3
    assert name(lab, 2) == "Bob"
    assert len(open_streams(connected)) == 1


def test_a_stream_that_the_server_ends_is_replaced(
    lab: lv.VirtualModule, connected: lv.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kept,) = open_streams(connected)
    monkeypatch.setattr(call_streams, "IDLE_S", 0.1)  # for streams that open from now on
    with ThreadPoolExecutor(1) as threads:
        assert set(threads.map(lambda _: name(lab, 1), range(3))) == {"Ann"}
        (silent,) = open_streams(connected) - {kept}
        with pytest.raises(lv.errors.Unavailable):
            silent.calls.receive()  # until the server has ended it
        monkeypatch.undo()
        assert list(threads.map(lambda subject: name(lab, subject), (1, 2, 1))) == ["Ann", "Bob", "Ann"]
        (replaced,) = open_streams(connected) - {kept}
        assert replaced is not silent


def test_calls_go_on_their_own_where_streams_are_refused(
    lab: lv.VirtualModule, connected: lv.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_streams, "MAX_STREAMS", 1)
    with ThreadPoolExecutor(1) as threads:
        assert list(threads.map(lambda _: name(lab, 2), range(5))) == ["Bob"] * 5
    assert name(lab, 1) == "Ann"


@pytest.fixture
def far(server_address: str, lab: lv.VirtualModule) -> Iterator[tuple[Proxy, lv.VirtualModule]]:
    """A proxy before the server, and the pipeline through it, with a stream."""
    with Proxy([server_address]) as behind, lv.Connection(behind.address) as connection:
        module = lv.VirtualModule("far", "lab", connection=connection)
        assert {name(module, 1) for _ in range(3)} == {"Ann"}
        assert module.Subject.heading
        yield behind, module


def test_what_a_lost_stream_carried_is_done_once(lab: lv.VirtualModule, far: tuple[Proxy, lv.VirtualModule]) -> None:
    behind, module = far
    behind.withhold()

    def cut_once_it_is_done() -> None:
        while len(lab.Subject()) < 4:
            pass
        behind.cut()

    with ThreadPoolExecutor(1) as threads:
        cutting = threads.submit(cut_once_it_is_done)
        module.Subject.insert1({"subject_id": 10})
        cutting.result(WAIT_S)
    assert len(lab.Subject()) == 4
    assert name(module, 2) == "Bob"


def test_an_interrupted_call_does_not_leave_its_answer_to_the_next(
    lab: lv.VirtualModule, connected: lv.Connection, database_url: str
) -> None:
    main, locked = threading.get_ident(), threading.Event()

    async def interrupt() -> None:
        blocker, observer = [await asyncpg.connect(database_url) for _ in range(2)]
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE lab.subject")
            locked.set()
            while not await observer.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                pass
            signal.pthread_kill(main, signal.SIGINT)
        await asyncio.gather(blocker.close(), observer.close())

    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(asyncio.run, interrupt())
        assert locked.wait(WAIT_S)
        with pytest.raises(KeyboardInterrupt):
            name(lab, 1)
        done.result(WAIT_S)
    assert not open_streams(connected)
    assert [name(lab, subject) for subject in (2, 1, 2)] == ["Bob", "Ann", "Bob"]


def test_a_table_that_is_altered_is_not_read_as_it_was(lab: lv.VirtualModule, connected: lv.Connection) -> None:
    with lv.Connection(lab.Subject.connection.address) as other:
        theirs = lv.VirtualModule("theirs", "lab", connection=other)
        for _ in range(3):
            assert (theirs.Subject & {"subject_id": 1}).fetch1()["name"] == "Ann"
        lab.Subject.definition = lab.Subject.definition.replace("weight", "mass")
        lab.Subject.alter(prompt=False, rename={"mass": "weight"})
        for subjects in (lab.Subject, theirs.Subject):
            assert (subjects & {"subject_id": 1}).fetch1()["mass"] == 20.5
            with pytest.raises(lv.errors.UnknownAttributeError):
                (subjects & "weight > 1").fetch1()
