"""Transactions of the Python client: the kept changes, the view of others, and the loss of either side."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import asyncpg
import pytest

import levada as lv
from levada._net import transaction
from levada_server.operations.transactions import TransactionLimits
from tests.conftest import served
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TESTS = ("levada._net.transaction",)

WAIT_S = 30


@pytest.fixture
def other(server_address: str, lab: lv.VirtualModule) -> Iterator[lv.FreeTable]:
    """The table of subjects as another client sees it."""
    with lv.Connection(server_address) as connection:
        yield lv.FreeTable(connection, "lab.Subject")


def subjects(table: lv.Relation) -> list[int]:
    found: list[int] = table.to_arrays("subject_id", order_by="KEY").tolist()
    return found


def test_a_block_is_kept_whole_and_others_see_it_at_its_end(lab: lv.VirtualModule, other: lv.FreeTable) -> None:
    with lab.schema.transaction() as connection:
        assert connection is lab.schema.connection
        assert connection.in_transaction
        assert not other.connection.in_transaction
        lab.Subject.insert([{"subject_id": i} for i in (4, 5)])
        bobs = (lab.Session & {"subject_id": 2}).proj("day", bob="subject_id")
        lab.Session.insert(bobs * (lab.Subject & {"subject_id": 5}).proj(), ignore_extra_fields=True)
        assert len(lab.Session & {"subject_id": 5}) == 1
        lab.Subject.update1({"subject_id": 4, "name": "Dan"})
        assert (lab.Subject & {"subject_id": 3}).delete(prompt=False) == 1
        assert subjects(lab.Subject()) == [1, 2, 4, 5]
        assert (len(lab.Subject()), bool(lab.Subject & "name = 'Dan'")) == (4, True)
        assert lab.Subject.proj(n="name").heading.names == ["subject_id", "n"]
        assert subjects(other) == [1, 2, 3]
    assert not connection.in_transaction
    assert subjects(other) == [1, 2, 4, 5]


def test_an_exception_undoes_the_block_and_goes_on(lab: lv.VirtualModule) -> None:
    with pytest.raises(ZeroDivisionError), lab.schema.connection.transaction:
        lab.Subject.insert1({"subject_id": 4})
        _ = 1 / 0
    assert subjects(lab.Subject()) == [1, 2, 3]


def test_rows_are_planned_and_deleted_more_than_once_in_a_block(lab: lv.VirtualModule) -> None:
    with lab.schema.transaction:
        plan = (lab.Subject & {"subject_id": 1}).delete(dry_run=True)
        (lab.Session & {"subject_id": 1, "session": 2}).delete(prompt=False)
        assert (lab.Subject & {"subject_id": 1}).delete(dry_run=True) != plan
        with pytest.raises(lv.errors.HasChildren):
            (lab.Subject & {"subject_id": 1}).delete_quick()
        assert (lab.Subject & {"subject_id": 1}).delete(prompt=False) == 1
        (lab.Subject & {"subject_id": 2}).delete(prompt=False)
    assert lab.Subject.to_arrays("subject_id").tolist() == [3]
    assert not lab.Session()


def test_a_block_that_only_reads_changes_nothing(lab: lv.VirtualModule) -> None:
    changes: list[Callable[[], object]] = [
        lambda: lab.Subject.insert1({"subject_id": 9}),
        lambda: lab.Subject.update1({"subject_id": 1, "weight": 1}),
        lambda: lab.Subject.delete(prompt=False),
        lambda: lab.Session.insert(lab.Session),
    ]
    for change in changes:
        with lab.schema.transaction(read_only=True):
            assert len(lab.Subject()) == 3
            with pytest.raises(lv.errors.PreconditionFailed, match="read-only"):
                change()
            assert len(lab.Subject()) == 3


def test_an_error_that_is_caught_leaves_the_block_usable(lab: lv.VirtualModule) -> None:
    with lab.schema.transaction():
        lab.Subject.insert1({"subject_id": 4})
        with pytest.raises(lv.errors.DuplicateError):
            lab.Subject.insert([{"subject_id": 5}, {"subject_id": 1}])
        lab.Subject.insert1({"subject_id": 6})
    assert subjects(lab.Subject()) == [1, 2, 3, 4, 6]


def test_an_inner_block_can_be_undone_alone(lab: lv.VirtualModule) -> None:
    with lab.schema.transaction():
        lab.Subject.insert1({"subject_id": 4})
        with pytest.raises(ZeroDivisionError), lab.schema.transaction():
            lab.Subject.insert1({"subject_id": 5})
            with lab.schema.transaction():
                lab.Subject.insert1({"subject_id": 6})
            _ = 1 / 0
        with lab.schema.transaction():
            lab.Subject.insert1({"subject_id": 7})
        with pytest.raises(lv.errors.InvalidRequest, match="isolation of the transaction"):
            lab.schema.transaction(isolation="serializable").__enter__()
    assert subjects(lab.Subject()) == [1, 2, 3, 4, 7]


def test_a_query_may_be_half_read_when_the_next_request_comes(lab: lv.VirtualModule) -> None:
    lab.Subject.insert({"subject_id": i} for i in range(10, 50_000))
    with lab.schema.transaction():
        seen = 0
        for row in lab.Subject:  # more than one message of the network
            if seen == 0:
                lab.Session.insert1((row["subject_id"], 9, "2026-02-01"))
                for _ in lab.Subject:
                    break
            seen += 1
        assert seen == len(lab.Subject()) == 49_993
        lab.Session.insert((row["subject_id"], 8, "2026-02-01") for row in lab.Subject & "subject_id < 3")
        left = iter(lab.Subject & "subject_id < 3")
        next(left)
    assert [row["subject_id"] for row in left] == [2]
    assert len(lab.Session & "session in (8, 9)") == 3


@pytest.mark.parametrize(("isolation", "seen"), [("repeatable_read", 3), ("read_committed", 4), ("serializable", 3)])
def test_isolation_decides_what_is_seen_of_others(
    lab: lv.VirtualModule, other: lv.FreeTable, isolation: str, seen: int
) -> None:
    with lab.schema.transaction(isolation=isolation):
        assert len(lab.Subject()) == 3
        other.insert1({"subject_id": 4})
        assert len(lab.Subject()) == seen
    assert len(lab.Subject()) == 4


def test_wrong_uses_are_told(lab: lv.VirtualModule) -> None:
    connection = lab.schema.connection
    with pytest.raises(lv.errors.InvalidRequest, match="'repeatable_read'"):
        connection.transaction(isolation="strict").__enter__()
    assert not connection.in_transaction
    with pytest.raises(lv.LevadaError), connection.transaction(read_only=True):
        lab.Subject.insert1({"subject_id": 4})
    with pytest.raises(lv.errors.PreconditionFailed, match="no transaction to commit"):
        connection.commit_transaction()
    with pytest.raises(lv.errors.InvalidRequest, match="attempts"):
        connection.run_transaction(list, attempts=0)
    with connection.transaction():
        for method in (connection.start_transaction, connection.commit_transaction, connection.cancel_transaction):
            with pytest.raises(lv.errors.PreconditionFailed):
                method()
    assert subjects(lab.Subject()) == [1, 2, 3]


def test_the_older_way_begins_and_ends_by_hand(lab: lv.VirtualModule) -> None:
    connection = lab.schema.connection
    connection.cancel_transaction()
    connection.start_transaction()
    lab.Subject.insert1({"subject_id": 4})
    connection.cancel_transaction()
    connection.start_transaction()
    lab.Subject.insert1({"subject_id": 5})
    connection.commit_transaction()
    assert not connection.in_transaction
    assert subjects(lab.Subject()) == [1, 2, 3, 5]


def test_declaring_and_jobs_are_no_part_of_it(lab: lv.VirtualModule) -> None:
    schema = lab.schema

    @schema
    class Score(lv.Computed):
        definition = """
        -> Subject
        ---
        score : int32
        """

        def make(self, key: dict[str, object]) -> None:
            self.insert1({**key, "score": 1})
            with pytest.raises(lv.errors.InvalidRequest, match="`make` is a transaction"):
                schema.connection.start_transaction()

    with schema.transaction():
        with pytest.raises(lv.errors.PreconditionFailed, match="end it before populate"):
            Score.populate()

        class Cage(lv.Manual):
            definition = "cage : int32"

        with pytest.raises(lv.errors.PreconditionFailed, match="before or after the transaction"):
            schema(Cage)
        assert schema.list_tables()
        lab.Subject.insert1({"subject_id": 4})
    Score.populate()
    assert subjects(Score()) == [1, 2, 3, 4]


def test_a_transaction_belongs_to_its_thread(lab: lv.VirtualModule) -> None:
    with ThreadPoolExecutor(1) as pool, lab.schema.transaction():
        lab.Subject.insert1({"subject_id": 4})
        assert pool.submit(lambda: lab.schema.connection.in_transaction).result(WAIT_S) is False
        assert pool.submit(lambda: subjects(lab.Subject())).result(WAIT_S) == [1, 2, 3]
        pool.submit(lambda: lab.Subject.insert1({"subject_id": 5})).result(WAIT_S)
        assert subjects(lab.Subject()) == [1, 2, 3, 4]
    assert subjects(lab.Subject()) == [1, 2, 3, 4, 5]


def test_a_conflict_is_raised_as_its_class(lab: lv.VirtualModule, other: lv.FreeTable) -> None:
    with pytest.raises(lv.errors.Conflict), lab.schema.transaction():
        len(lab.Subject())
        other.update1({"subject_id": 1, "name": "theirs"})
        lab.Subject.update1({"subject_id": 1, "name": "mine"})
    assert (lab.Subject & {"subject_id": 1}).fetch1("name") == "theirs"


def test_run_transaction_repeats_what_met_a_conflict(lab: lv.VirtualModule, other: lv.FreeTable) -> None:
    attempts = []

    def rename() -> str:
        subject = lab.Subject & {"subject_id": 1}
        name: str = subject.fetch1("name")
        attempts.append(name)
        if len(attempts) < 3:
            other.update1({"subject_id": 1, "name": f"theirs {len(attempts)}"})
        lab.Subject.update1({"subject_id": 1, "name": f"{name}, mine"})
        return name

    assert lab.schema.connection.run_transaction(rename) == "theirs 2"
    assert attempts == ["Ann", "theirs 1", "theirs 2"]
    assert (lab.Subject & {"subject_id": 1}).fetch1("name") == "theirs 2, mine"
    attempts.clear()
    with pytest.raises(lv.errors.Conflict):
        lab.schema.connection.run_transaction(rename, attempts=2)
    assert len(attempts) == 2


def test_only_the_whole_transaction_is_repeated(lab: lv.VirtualModule, other: lv.FreeTable) -> None:
    calls = []

    def rename() -> None:
        calls.append(len(lab.Subject()))
        other.update1({"subject_id": 1, "name": f"theirs {len(calls)}"})
        lab.Subject.update1({"subject_id": 1, "name": "mine"})

    connection = lab.schema.connection
    with pytest.raises(lv.errors.Conflict), connection.transaction():
        connection.run_transaction(rename)
    assert calls == [3]


@pytest.mark.parametrize("limits", [TransactionLimits(idle_s=1), TransactionLimits(open_s=1)])
def test_a_silent_user_is_told_of_the_limit(
    lab: lv.VirtualModule, database_url: str, limits: TransactionLimits
) -> None:
    with served(database_url, limits) as address, lv.Connection(address) as silent:
        subject = lv.FreeTable(silent, "lab.Subject")
        with pytest.raises(lv.errors.LimitReached, match=r" 1 s.*was rolled back"), silent.transaction():
            subject.insert1({"subject_id": 4, "name": "mine"})
            lab.Subject.insert1({"subject_id": 4, "name": "theirs"})  # waits for the lock on the key
            with pytest.raises(lv.errors.LimitReached):
                len(subject)
        assert (subject & {"subject_id": 4}).fetch1("name") == "theirs"
        with silent.transaction():
            subject.insert1({"subject_id": 5})
        assert subjects(subject) == [1, 2, 3, 4, 5]


def test_a_lost_server_ends_the_block_and_the_next_one_works(database_url: str) -> None:
    with served(database_url) as address:
        connection = lv.Connection(address)
        schema = lv.Schema("lab", connection=connection)

        @schema
        class Subject(lv.Manual):
            definition = "subject_id : int32"

        block = connection.transaction()
        block.__enter__()
        Subject.insert1((1,))
    with pytest.raises(lv.errors.LostConnectionError):
        len(Subject())
    with pytest.raises(lv.errors.LostConnectionError, match="The transaction is over"):
        Subject.insert1((2,))
    with pytest.raises(lv.errors.LostConnectionError):
        block.__exit__(None, None, None)
    connection.close()
    with served(database_url) as address, lv.Connection(address) as connection:
        table = lv.FreeTable(connection, "lab.Subject")
        with connection.transaction():
            assert subjects(table) == []
            table.insert1((3,))
        assert subjects(table) == [3]


def test_to_begin_waits_for_a_server_that_is_back_in_a_moment(
    server_address: str, lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers, pauses, sleep = [server_address], [], time.sleep

    def come_back(seconds: float) -> None:
        pauses.append(seconds)
        servers[:] = [server_address]
        sleep(seconds)

    with Proxy(servers) as proxy, lv.Connection(proxy.address) as connection:
        subject = lv.FreeTable(connection, "lab.Subject")
        assert subjects(subject) == [1, 2, 3]
        servers.clear()
        proxy.cut()
        monkeypatch.setattr(time, "sleep", come_back)
        with connection.transaction():
            subject.insert1({"subject_id": 4})
        assert subjects(subject) == [1, 2, 3, 4]
    assert pauses


def test_to_begin_at_a_closed_connection_fails_at_once(server_address: str) -> None:
    connection = lv.Connection(server_address)
    connection.close()
    with pytest.raises(lv.errors.LostConnectionError, match="is closed"):
        connection.transaction.__enter__()


WAIT_IN_COMMIT = """
SELECT pg_advisory_lock(1);
CREATE FUNCTION lab.wait() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON lab.subject DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION lab.wait();
"""
WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"


async def waiting_backend(holder: asyncpg.Connection) -> int:
    """Wait for a commit that waits for the lock of WAIT_IN_COMMIT."""
    while (pid := await holder.fetchval(WAITING)) is None:
        pass
    return int(pid)


async def test_a_function_whose_commit_may_have_been_done_is_not_run_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "CONFIRM_SECONDS", 0.3)
    holder = await asyncpg.connect(database_url)
    runs: list[int] = []
    with ExitStack() as serving, lv.Connection(serving.enter_context(served(database_url))) as client:
        schema = lv.Schema("lab", connection=client)
        declared = type("Subject", (lv.Manual,), {"definition": "subject_id : int32"})
        subject: type[lv.Manual] = schema(declared)

        def change() -> None:
            runs.append(1)
            subject.insert1((len(runs),))

        await holder.execute(WAIT_IN_COMMIT)
        committing = asyncio.create_task(asyncio.to_thread(client.run_transaction, change))
        await asyncio.wait_for(waiting_backend(holder), WAIT_S)
        serving.close()
        with pytest.raises(lv.errors.OutcomeUnknown, match="commit"):
            await asyncio.wait_for(committing, WAIT_S)
    assert runs == [1]
    await holder.close()


@pytest.mark.parametrize(
    ("lost", "error"),
    [("database", lv.errors.LostConnectionError), ("server", lv.errors.OutcomeUnknown)],
)
async def test_what_became_of_a_commit_is_asked_of_a_server_if_there_is_one(
    database_url: str, lost: str, error: type[lv.LevadaError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "CONFIRM_SECONDS", 0.3)
    holder = await asyncpg.connect(database_url)
    with ExitStack() as serving, lv.Connection(serving.enter_context(served(database_url))) as client:
        schema = lv.Schema("lab", connection=client)

        @schema
        class Subject(lv.Manual):
            definition = "subject_id : int32"

        def change() -> None:
            with client.transaction():
                Subject.insert1((1,))

        await holder.execute(WAIT_IN_COMMIT)
        committing = asyncio.create_task(asyncio.to_thread(change))
        pid = await asyncio.wait_for(waiting_backend(holder), WAIT_S)
        if lost == "database":
            await holder.execute("SELECT pg_terminate_backend($1)", pid)
        else:
            serving.close()
        with pytest.raises(error, match="commit"):
            await asyncio.wait_for(committing, WAIT_S)
    await holder.close()


def test_an_interrupt_between_requests_undoes_the_block(lab: lv.VirtualModule) -> None:
    with pytest.raises(KeyboardInterrupt), lab.schema.transaction():
        lab.Subject.insert1({"subject_id": 4})
        raise KeyboardInterrupt
    assert subjects(lab.Subject()) == [1, 2, 3]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_client_blocks_nobody(server_address: str, other: lv.FreeTable) -> None:
    source = f"""
        import sys
        import levada as lv

        subject = lv.FreeTable(lv.Connection({server_address!r}), "lab.Subject")
        with subject.connection.transaction():
            subject.insert1({{"subject_id": 4, "name": "killed"}})
            print("inserted", flush=True)
            sys.stdin.read()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "inserted\n"
        assert subjects(other) == [1, 2, 3]
        done = threading.Event()

        def insert() -> None:
            other.insert1({"subject_id": 4, "name": "alive"})
            done.set()

        with ThreadPoolExecutor(1) as pool:
            inserting = pool.submit(insert)
            os.kill(process.pid, signal.SIGKILL)
            inserting.result(WAIT_S)
    assert done.is_set()
    assert (other & {"subject_id": 4}).fetch1("name") == "alive"


def test_a_forked_child_does_not_share_the_transaction(server_address: str, lab: lv.VirtualModule) -> None:
    source = f"""
        import multiprocessing
        import levada as lv

        subject = lv.FreeTable(lv.Connection({server_address!r}), "lab.Subject")

        def count():
            try:
                return len(subject)
            except lv.errors.ThreadSafetyError as error:
                return str(error)

        with subject.connection.transaction():
            subject.insert1({{"subject_id": 4}})
            with multiprocessing.get_context("fork").Pool(1) as pool:
                print(pool.apply_async(count).get(timeout=60))
        print(len(subject))
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "start processes outside the transaction" in result.stdout
    assert result.stdout.endswith("\n4\n")
