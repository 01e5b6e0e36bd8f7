"""Transactions over one stream: savepoints, isolation, a lost client, and errors that leave the rest usable."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2

from levada_api.v1 import query_service_pb2, relation_pb2, row_service_pb2, schema_pb2, value_pb2
from levada_api.v1 import session_service_pb2 as pb
from levada_api.v1 import session_service_pb2_grpc as pb_grpc
from levada_server.operations.transactions import TransactionLimits
from levada_server.rpc.streams import inbox, session_service, transaction_guard
from levada_server.storage.postgres import transactions
from levada_server.storage.postgres.database import POOL_SIZE
from tests.conftest import served
from tests.support import make

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import asyncpg

    from levada_server.operations.context import Engine

NAME = schema_pb2.TableName(schema="lab", table="Subject")
TABLE = relation_pb2.Relation(nodes=[relation_pb2.RelationNode(table=relation_pb2.TableOperand(name=NAME))])
COUNT = pb.OpenSessionRequest(count_relation=query_service_pb2.CountRelationRequest(relation=TABLE))
BEGIN = pb.OpenSessionRequest(begin=pb.Begin())
COMMIT = pb.OpenSessionRequest(commit=pb.Commit())
ROLL_BACK = pb.OpenSessionRequest(roll_back=pb.RollBack())


@pytest_asyncio.fixture
async def subjects(engine: Engine) -> None:
    """A table `Subject` with one entity."""
    await make.make_table(engine, "Subject", "subject : int32\n---\nname : varchar(8)\n")
    await make.insert(engine, "Subject", [{"subject": 0, "name": "a"}])


class Client:
    """One session of a client."""

    def __init__(self, stub: pb_grpc.SessionServiceStub) -> None:
        self.call: Any = stub.OpenSession()  # Any: grpc's call

    async def ask(self, *requests: pb.OpenSessionRequest) -> list[pb.OpenSessionResponse]:
        """Send the messages of one request; return its answers."""
        for request in requests:
            await self.call.write(request)
        answers = [await self.call.read()]
        while answers[-1].more:
            answers.append(await self.call.read())
        return answers

    async def count(self) -> int:
        """Count the subjects as this session sees them."""
        (answer,) = await self.ask(COUNT)
        return answer.count_relation.entity_count

    async def done(self, request: pb.OpenSessionRequest) -> None:
        """Send a request whose answer only confirms it."""
        (answer,) = await self.ask(request)
        assert answer.WhichOneof("response") is None, answer

    async def refused(self, *requests: pb.OpenSessionRequest) -> str:
        """Send a request that fails; return the reason."""
        answer = (await self.ask(*requests))[-1]
        info = error_details_pb2.ErrorInfo()
        assert answer.error.details[0].Unpack(info)
        return str(info.reason)


def inserting(*subjects: int) -> list[pb.OpenSessionRequest]:
    content = make.arrow([{"subject": subject, "name": "x"} for subject in subjects]).getvalue()
    header = row_service_pb2.InsertRowsRequest(header=row_service_pb2.InsertHeader(name=NAME))
    half = len(content) // 2
    pieces = [row_service_pb2.InsertRowsRequest(arrow_ipc=piece) for piece in (content[:half], content[half:])]
    return [
        pb.OpenSessionRequest(insert_rows=header, more=True),
        pb.OpenSessionRequest(insert_rows=pieces[0], more=True),
        pb.OpenSessionRequest(insert_rows=pieces[1]),
    ]


@pytest_asyncio.fixture
async def open_client(subjects: None, server_address: str) -> AsyncIterator[Callable[[], Client]]:
    """Opens sessions on a real channel."""
    async with grpc.aio.insecure_channel(server_address) as channel:
        stub = pb_grpc.SessionServiceStub(channel)
        yield lambda: Client(stub)


@asynccontextmanager
async def transaction(client: Client) -> AsyncIterator[Client]:
    await client.done(BEGIN)
    yield client
    await client.done(COMMIT)


async def test_what_is_committed_stays_and_what_is_rolled_back_does_not(open_client: Callable[[], Client]) -> None:
    client, other = open_client(), open_client()
    async with transaction(client):
        (answer,) = await client.ask(*inserting(1, 2))
        assert answer.insert_rows.row_count == 2
        assert (await client.count(), await other.count()) == (3, 1)
    assert await other.count() == 3
    await client.done(BEGIN)
    await client.ask(*inserting(3))
    await client.done(ROLL_BACK)
    assert await other.count() == 3


async def test_a_caught_error_leaves_the_transaction_usable(open_client: Callable[[], Client]) -> None:
    client = open_client()
    async with transaction(client):
        await client.ask(*inserting(1))
        assert await client.refused(*inserting(2, 0)) == "DUPLICATE_ENTITY"
        assert await client.refused(pb.OpenSessionRequest()) == "INVALID_REQUEST"
        await client.ask(*inserting(2))
    assert await open_client().count() == 3


def unanswered(*subjects: int) -> list[pb.OpenSessionRequest]:
    requests = inserting(*subjects)
    requests[0].unanswered = True
    return requests


async def test_changes_without_answer_are_told_with_the_next_answer(open_client: Callable[[], Client]) -> None:
    client = open_client()
    async with transaction(client):
        for subject in range(1, 40):
            for request in unanswered(subject):
                await client.call.write(request)
        assert await client.count() == 40
        await client.done(pb.OpenSessionRequest(savepoint=pb.Savepoint(name="s")))
        for subject in (40, 0, 41):
            for request in unanswered(subject):
                await client.call.write(request)
        for request in (COUNT, COMMIT, pb.OpenSessionRequest(savepoint=pb.Savepoint(name="t"))):
            (answer,) = await client.ask(request)
            assert (answer.unanswered_position, "subject" in answer.error.message) == (2, True)
        assert await client.refused(*inserting(42)) == "DUPLICATE_ENTITY"
        assert await client.refused(pb.OpenSessionRequest(roll_back=pb.RollBack(savepoint="t"))) == "NOT_FOUND"
        assert await client.refused(COUNT) == "DUPLICATE_ENTITY"
        await client.done(pb.OpenSessionRequest(roll_back=pb.RollBack(savepoint="s")))
        assert await client.count() == 40
    assert await open_client().count() == 40


async def test_only_changes_of_a_transaction_go_without_answer(open_client: Callable[[], Client]) -> None:
    for outside, request in (
        (True, unanswered(1)[0]),
        (False, pb.OpenSessionRequest(unanswered=True, commit=pb.Commit())),
    ):
        client = open_client()
        if not outside:
            await client.done(BEGIN)
        await client.call.write(request)
        with pytest.raises(grpc.aio.AioRpcError, match="without answer") as refused:
            await client.call.read()
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_savepoints_undo_what_came_after_them(open_client: Callable[[], Client]) -> None:
    client = open_client()
    async with transaction(client):
        await client.ask(*inserting(1))
        await client.done(pb.OpenSessionRequest(savepoint=pb.Savepoint(name='odd "name"')))
        for _ in range(2):
            await client.ask(*inserting(2))
            await client.done(pb.OpenSessionRequest(roll_back=pb.RollBack(savepoint='odd "name"')))
        await client.done(pb.OpenSessionRequest(commit=pb.Commit(savepoint='odd "name"')))
        assert await client.refused(pb.OpenSessionRequest(roll_back=pb.RollBack(savepoint="s"))) == "NOT_FOUND"
        await client.ask(*inserting(3))
    assert await open_client().count() == 3


async def test_repeatable_read_is_the_default(open_client: Callable[[], Client]) -> None:
    client, other = open_client(), open_client()
    await client.done(BEGIN)
    assert await client.count() == 1
    await other.ask(*inserting(1))
    assert (await client.count(), await other.count()) == (1, 2)
    await client.done(COMMIT)
    assert await client.count() == 2
    await client.done(pb.OpenSessionRequest(begin=pb.Begin(isolation=pb.ISOLATION_READ_COMMITTED, read_only=True)))
    assert await client.count() == 2
    await other.ask(*inserting(2))
    assert await client.count() == 3


async def test_a_change_of_rows_that_others_changed_is_a_conflict(open_client: Callable[[], Client]) -> None:
    def renaming(name: str) -> pb.OpenSessionRequest:
        row = [
            value_pb2.AttributeValue(name="subject", value=value_pb2.Value(integer=0)),
            value_pb2.AttributeValue(name="name", value=value_pb2.Value(text=name)),
        ]
        return pb.OpenSessionRequest(update_row=row_service_pb2.UpdateRowRequest(name=NAME, row=row))

    client, other = open_client(), open_client()
    await client.done(BEGIN)
    await client.count()
    await other.ask(renaming("b"))
    assert await client.refused(renaming("c")) == "CONFLICT"


async def test_a_lost_client_rolls_back_at_once(
    open_client: Callable[[], Client], connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    client = open_client()
    await client.done(BEGIN)
    await client.ask(*inserting(1))
    client.call.cancel()
    # Waits for the lost client's lock on the key, so it ends when the roll-back has happened.
    await asyncio.wait_for(connection.execute("INSERT INTO lab.subject VALUES (1, 'mine')"), 5)


async def test_a_running_request_can_be_cancelled_and_the_session_goes_on(
    open_client: Callable[[], Client], connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    client = open_client()
    await client.done(BEGIN)
    async with connection.transaction():
        await connection.execute("INSERT INTO lab.subject VALUES (1, 'held')")  # whoever inserts 1 now waits
        for message in inserting(1):
            await client.call.write(message)
        await client.call.write(pb.OpenSessionRequest(cancel=pb.Cancel()))
        answer = await client.call.read()
        assert "cancelled" in answer.error.message
        late = inserting(1)
        late[0].timeout.FromMilliseconds(100)
        assert await client.refused(*late) == "DEADLINE_EXCEEDED"
        await client.ask(*inserting(5))
        await client.done(COMMIT)
    assert await client.count() == 3


async def test_requests_out_of_order_are_refused(open_client: Callable[[], Client]) -> None:
    client = open_client()
    assert await client.refused(COMMIT) == "PRECONDITION_FAILED"
    assert await client.refused(pb.OpenSessionRequest(savepoint=pb.Savepoint(name="s"))) == "PRECONDITION_FAILED"
    await client.done(BEGIN)
    assert await client.refused(BEGIN) == "PRECONDITION_FAILED"
    assert await client.refused(inserting(1)[0], COMMIT) == "INVALID_REQUEST"


async def test_a_transaction_that_is_open_for_too_long_is_rolled_back(
    open_client: Callable[[], Client], database_url: str
) -> None:
    with served(database_url, TransactionLimits(open_s=0.2)) as address:
        async with grpc.aio.insecure_channel(address) as channel:
            slow = Client(pb_grpc.SessionServiceStub(channel))
            await slow.done(BEGIN)
            await slow.done(ROLL_BACK)
            await slow.done(BEGIN)
            await slow.ask(*inserting(1))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await slow.call.read()
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await open_client().count() == 1


@pytest.mark.parametrize(
    "names", [("x" * 63 + "a", "x" * 63 + "b"), ("a\0", "a\0b"), ("s", "S"), ("ä" * 500, "ä" * 499)]
)
async def test_savepoints_have_whatever_names_clients_choose(
    open_client: Callable[[], Client], names: tuple[str, str]
) -> None:
    """PostgreSQL cuts names at 63 bytes, which made one savepoint of two, and it takes no NUL."""
    client = open_client()
    async with transaction(client):
        for number, name in enumerate(names, 1):
            await client.done(pb.OpenSessionRequest(savepoint=pb.Savepoint(name=name)))
            await client.ask(*inserting(number))
        await client.done(pb.OpenSessionRequest(roll_back=pb.RollBack(savepoint=names[1])))
        assert await client.count() == 2
        await client.done(pb.OpenSessionRequest(commit=pb.Commit(savepoint=names[1])))
        await client.done(pb.OpenSessionRequest(roll_back=pb.RollBack(savepoint=names[0])))
        assert await client.count() == 1
        assert await client.refused(pb.OpenSessionRequest(roll_back=pb.RollBack(savepoint=names[1]))) == "NOT_FOUND"


async def test_of_savepoints_with_one_name_the_last_is_meant(open_client: Callable[[], Client]) -> None:
    client = open_client()
    mark = pb.OpenSessionRequest(savepoint=pb.Savepoint(name="s"))
    async with transaction(client):
        for number in (1, 2):
            await client.done(mark)
            await client.ask(*inserting(number))
        await client.done(pb.OpenSessionRequest(roll_back=pb.RollBack(savepoint="s")))
        assert await client.count() == 2
        await client.done(pb.OpenSessionRequest(commit=pb.Commit(savepoint="s")))
        await client.done(pb.OpenSessionRequest(roll_back=pb.RollBack(savepoint="s")))
        assert await client.count() == 1


async def test_a_refused_savepoint_leaves_the_transaction_as_it_was(
    open_client: Callable[[], Client],
) -> None:
    client = open_client()
    async with transaction(client):
        await client.ask(*inserting(1))
        for name in ("", "x" * 1_001):
            assert await client.refused(pb.OpenSessionRequest(savepoint=pb.Savepoint(name=name))) == "INVALID_REQUEST"
    assert await client.count() == 2


async def test_a_transaction_has_only_so_many_savepoints(
    open_client: Callable[[], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "MAX_SAVEPOINTS", 2)
    client = open_client()
    async with transaction(client):
        mark = pb.OpenSessionRequest(savepoint=pb.Savepoint(name="s"))
        await client.done(mark)
        await client.done(mark)
        assert await client.refused(mark) == "LIMIT_REACHED"
        await client.done(pb.OpenSessionRequest(commit=pb.Commit(savepoint="s")))
        await client.done(mark)


async def test_a_session_goes_on_after_postgresql_ended_its_connection(
    open_client: Callable[[], Client], connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    client = open_client()
    for following in (
        COUNT,
        pb.OpenSessionRequest(savepoint=pb.Savepoint(name="s")),
        inserting(3)[0],
        ROLL_BACK,
        COMMIT,
    ):
        await client.done(BEGIN)
        await client.ask(*inserting(1))
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND state = 'idle in transaction'"
        )
        if following is ROLL_BACK:
            await client.done(following)
            continue
        requests = inserting(3) if following.more else [following]
        expected = {"UNAVAILABLE", "OUTCOME_UNKNOWN"} if following is COMMIT else {"UNAVAILABLE"}
        assert await client.refused(*requests) in expected
        if following is not COMMIT:
            await client.done(ROLL_BACK)
    assert await client.count() == 1


async def test_a_lost_client_whose_connection_has_ended_holds_none(
    open_client: Callable[[], Client], connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    for _ in range(POOL_SIZE + 1):
        client = open_client()
        await client.done(BEGIN)
        await client.ask(*inserting(1))
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND state = 'idle in transaction'"
        )
        client.call.cancel()
    assert await open_client().count() == 1


@asynccontextmanager
async def impatient(database_url: str, **limits: float) -> AsyncIterator[Client]:
    """A session of a server with other limits."""
    with served(database_url, TransactionLimits(**limits)) as address:
        async with grpc.aio.insecure_channel(address) as channel:
            yield Client(pb_grpc.SessionServiceStub(channel))


async def ending(client: Client) -> grpc.StatusCode:
    """Read until the server ends the session; give the code."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        while await client.call.read():
            pass
    return caught.value.code()


@pytest.mark.parametrize("table", ["Subject", "Missing"])
async def test_an_insert_whose_rest_does_not_come_ends_its_transaction(
    open_client: Callable[[], Client], database_url: str, table: str
) -> None:
    async with impatient(database_url, idle_s=0.3, open_s=600) as client:
        await client.done(BEGIN)
        name = schema_pb2.TableName(schema="lab", table=table)
        header = row_service_pb2.InsertRowsRequest(header=row_service_pb2.InsertHeader(name=name))
        await client.call.write(pb.OpenSessionRequest(insert_rows=header, more=True))
        assert await asyncio.wait_for(ending(client), 30) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await open_client().count() == 1


async def test_a_session_without_a_transaction_does_not_wait_for_ever(
    subjects: None, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction_guard, "SILENCE_S", 0.3)
    async with impatient(database_url) as client:
        await client.count()
        assert await asyncio.wait_for(ending(client), 30) is grpc.StatusCode.UNAVAILABLE
    async with impatient(database_url) as client:
        await client.call.write(inserting(1)[0])
        assert await asyncio.wait_for(ending(client), 30) is grpc.StatusCode.UNAVAILABLE


async def test_sessions_have_a_limit_and_make_room_when_they_end(
    subjects: None, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_service, "MAX_SESSIONS", 2)
    with served(database_url, TransactionLimits()) as address:
        async with grpc.aio.insecure_channel(address) as channel:
            stub = pb_grpc.SessionServiceStub(channel)
            first, second = Client(stub), Client(stub)
            assert (await first.count(), await second.count()) == (1, 1)
            assert await ending(Client(stub)) is grpc.StatusCode.RESOURCE_EXHAUSTED
            await second.call.done_writing()
            assert await second.call.read() is grpc.aio.EOF
            assert await Client(stub).count() == 1


async def test_large_messages_are_not_read_far_ahead() -> None:
    read: list[int] = []

    async def messages() -> AsyncIterator[pb.OpenSessionRequest]:
        for number in range(6):
            read.append(number)
            rows = row_service_pb2.InsertRowsRequest(arrow_ipc=bytes(inbox.READ_AHEAD_BYTES // 2 - 1_000))
            yield pb.OpenSessionRequest(insert_rows=rows, more=number < 5)

    guard: Any = SimpleNamespace(look_s=lambda _: 5.0)  # Any: a guard that knows how long a client may be silent
    async with inbox.Inbox(messages(), guard) as reader:
        first = await reader.next()
        assert first is not None
        for taken in range(1, 6):
            for _ in range(100):
                await asyncio.sleep(0)
            assert len(read) == min(taken + 3, 6)  # two wait, and the reader holds the next one
            assert await reader.next() is not None
        assert await reader.next() is None
