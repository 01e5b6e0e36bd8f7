"""`python -m benchmarks.misbehaviour`: users who behave badly beside many who do not; do these notice it?

Most clients make small calls: they fetch, count, insert, and now and then use a transaction. In a second round others
leave transactions idle, read no results, send giant requests, connect again and again, or try wrong tokens. In a third
round as many others make small calls without a pause, as one user: nobody misbehaves, and the server has much to do.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import grpc.aio
import psutil
import pyarrow as pa

import levada as lv
from benchmarks.client import message
from benchmarks.drills import databases
from levada_api.v1 import access_pb2, query_service_pb2, relation_pb2, row_service_pb2, schema_pb2
from levada_api.v1 import access_service_pb2 as access
from levada_api.v1 import query_service_pb2_grpc as queries_grpc
from levada_api.v1 import row_service_pb2_grpc as rows_grpc
from levada_api.v1 import session_service_pb2 as session
from levada_api.v1 import session_service_pb2_grpc as session_grpc
from tests.support.processes import Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME = schema_pb2.TableName(schema="crowd", table="Crowd")
PAUSE_S = 0.5
"""How long a client rests between two calls."""
TRANSACTION_EVERY = 10
"""Every which call of a client is a transaction."""
WARM_SHARE = 0.2
"""The share of a round whose calls do not count: the first ones open connections, also those of the server."""
TIMEOUT_S = 30.0
ROWS = 20_000
GIANT_BYTES = 40 * 2**20
Metadata = tuple[tuple[str, str], ...]
SmallCalls: TypeAlias = "grpc.aio.StreamStreamCall[session.OpenCallsRequest, session.OpenCallsResponse]"


@dataclass(slots=True)
class Round:
    """The seconds of the calls of one round, the statuses of the calls that failed, and how busy the server was."""

    seconds: list[float] = field(default_factory=list)
    transactions: list[float] = field(default_factory=list)
    """The seconds of the transactions alone; each is a new stream."""
    errors: list[str] = field(default_factory=list)
    cpu_share: float = 0.0

    def shown(self) -> str:
        """Return the figures in a line."""
        median, late = statistics.median(self.seconds), quantile(self.seconds)
        calls, errors = len(self.seconds), len(self.errors)
        times = f"median {median * 1000:.1f} ms, 99 % within {late * 1000:.0f} ms"
        alone = f"{statistics.median(self.transactions) * 1000:.0f} ms"
        return f"{calls} calls, {times}, transactions {alone}, {errors} errors, server {self.cpu_share:.0%} busy"


def quantile(seconds: Sequence[float]) -> float:
    """Return the time within which 99 of 100 calls end."""
    return statistics.quantiles(seconds, n=100)[98]


def rows_of(first: int, count: int, text: str = "x") -> bytes:
    """Write rows of the table as an Arrow IPC stream."""
    content = io.BytesIO()
    batch = pa.record_batch({"id": pa.array(range(first, first + count)), "note": pa.array([text] * count)})
    with pa.ipc.new_stream(content, batch.schema) as writer:
        writer.write_batch(batch)
    return content.getvalue()


# ------------------------------------------------------------------------------------------ clients that behave well


async def behave(
    channel: grpc.aio.Channel,
    metadata: Metadata,
    relation: relation_pb2.Relation,
    first: int,
    begin_s: float,
    ends: float,
    told: Round,
) -> None:
    """Make small calls on a stream, as Levada's clients do, from some seconds on until a moment of `monotonic`."""
    sessions = session_grpc.SessionServiceStub(channel)
    fetching = query_service_pb2.FetchRelationRequest(relation=relation)
    fetch = session.OpenCallsRequest(fetch_few_rows=query_service_pb2.FetchFewRowsRequest(fetch=fetching))
    count = session.OpenCallsRequest(count_relation=query_service_pb2.CountRelationRequest(relation=relation))
    calls: SmallCalls | None = None

    def insertion(number: int) -> session.OpenCallsRequest:
        header = row_service_pb2.InsertHeader(name=NAME, request_id=f"insert-{number}")
        request = row_service_pb2.InsertFewRowsRequest(header=header, arrow_ipc=rows_of(number, 1))
        return session.OpenCallsRequest(insert_few_rows=request)

    async def transact() -> None:
        counting = query_service_pb2.CountRelationRequest(relation=relation)
        call = sessions.OpenSession(metadata=metadata, timeout=TIMEOUT_S)
        for request in (
            session.OpenSessionRequest(begin=session.Begin()),
            session.OpenSessionRequest(count_relation=counting),
            session.OpenSessionRequest(commit=session.Commit()),
        ):
            await call.write(request)
            answered(await call.read())
        await call.done_writing()
        await call.read()

    number = first
    now = time.monotonic()
    counts = now + WARM_SHARE * (ends - now)
    await asyncio.sleep(begin_s)
    while time.monotonic() < ends:
        number += 1
        began = time.perf_counter()
        try:
            if number % TRANSACTION_EVERY == 0:
                await transact()
            else:
                calls = calls or sessions.OpenCalls(metadata=metadata)
                async with asyncio.timeout(TIMEOUT_S):
                    await calls.write((fetch, count, insertion(number))[number % 3])
                    answered(await calls.read())
        except grpc.aio.AioRpcError as error:
            told.errors.append(f"{error.code().name}: {error.details()}")
            calls = None
        except (RuntimeError, TimeoutError) as error:
            told.errors.append(repr(error))
            calls = None
        if time.monotonic() >= counts:
            told.seconds.append(time.perf_counter() - began)
            if number % TRANSACTION_EVERY == 0:
                told.transactions.append(told.seconds[-1])
        await asyncio.sleep(PAUSE_S)


def answered(answer: object) -> None:
    """Check that an answer of a stream is one.

    Raises:
        RuntimeError: It is an error, or the stream has ended.
    """
    if not isinstance(answer, (session.OpenCallsResponse, session.OpenSessionResponse)):
        raise RuntimeError("the stream has ended")  # the server ended it
    if answer.HasField("error"):
        raise RuntimeError(answer.error.message)


# ------------------------------------------------------------------------------------------ clients that do not


async def leave_transactions_idle(address: str, metadata: Metadata) -> None:
    """Begin transactions and forget them."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = session_grpc.SessionServiceStub(channel)
        calls = [stub.OpenSession(metadata=metadata) for _ in range(10)]
        await asyncio.gather(*(call.write(session.OpenSessionRequest(begin=session.Begin())) for call in calls))
        await asyncio.gather(*(call.read() for call in calls), return_exceptions=True)
        await asyncio.sleep(2.0)


async def read_nothing(address: str, metadata: Metadata) -> None:
    """Ask for large results and do not read them."""
    everything = relation_pb2.Relation(nodes=[relation_pb2.RelationNode(table=relation_pb2.TableOperand(name=NAME))])
    async with grpc.aio.insecure_channel(address) as channel:
        stub = queries_grpc.QueryServiceStub(channel)
        request = query_service_pb2.FetchRelationRequest(relation=everything)
        calls = [stub.FetchRelation(request, metadata=metadata) for _ in range(20)]
        # A user may have fewer open: these are left before the others begin.
        await asyncio.wait([asyncio.ensure_future(call.read()) for call in calls], timeout=3.0)


async def send_giants(address: str, metadata: Metadata) -> None:
    """Send requests that are as large as may be, or larger."""
    content = rows_of(0, 8, "x" * (GIANT_BYTES // 8))
    header = row_service_pb2.InsertHeader(name=NAME)
    async with grpc.aio.insecure_channel(address, [("grpc.max_send_message_length", -1)]) as channel:
        stub = rows_grpc.RowServiceStub(channel)
        await stub.InsertFewRows(
            row_service_pb2.InsertFewRowsRequest(header=header, arrow_ipc=content), metadata=metadata, timeout=TIMEOUT_S
        )


async def connect_again(address: str, metadata: Metadata) -> None:
    """Open connections and streams, and leave at once."""
    for _ in range(20):
        channel = grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])
        call = session_grpc.SessionServiceStub(channel).OpenCalls(metadata=metadata)
        await call.write(session.OpenCallsRequest())
        await channel.close(None)


async def try_tokens(address: str, _: Metadata) -> None:
    """Try tokens that nobody has."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = queries_grpc.QueryServiceStub(channel)
        wrong = (("authorization", "Bearer lev_" + "x" * 43),)
        request = query_service_pb2.CountRelationRequest()
        await asyncio.gather(*(stub.CountRelation(request, metadata=wrong) for _ in range(50)), return_exceptions=True)


async def hurry(address: str, metadata: Metadata) -> None:
    """Make small calls without a pause, which is allowed."""
    nodes = [relation_pb2.RelationNode(table=relation_pb2.TableOperand(name=NAME))]
    nodes.append(relation_pb2.RelationNode(top=relation_pb2.Top(operand=0, limit=1)))
    counting = query_service_pb2.CountRelationRequest(relation=relation_pb2.Relation(nodes=nodes))
    async with grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        call = session_grpc.SessionServiceStub(channel).OpenCalls(metadata=metadata)
        while True:
            await call.write(session.OpenCallsRequest(count_relation=counting))
            answered(await call.read())


Kind = Callable[[str, Metadata], Awaitable[None]]
KINDS: dict[str, Kind] = {
    kind.__name__: kind for kind in (leave_transactions_idle, read_nothing, send_giants, connect_again, try_tokens)
}


async def load(address: str, kinds: Sequence[Kind], tokens: Sequence[str]) -> None:
    """Load a server in some ways, one for each token in turn, until this process is ended."""

    async def go_on(number: int, token: str) -> None:
        while True:
            try:
                await kinds[number % len(kinds)](address, metadata_of(token))
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError, grpc.aio.UsageError):
                await asyncio.sleep(0.1)

    await asyncio.gather(*(go_on(number, token) for number, token in enumerate(tokens)))


def metadata_of(token: str) -> Metadata:
    """Return what goes with the calls of a user."""
    return (("authorization", f"Bearer {token}"),)


# ------------------------------------------------------------------------------------------ the drill


def free_address() -> str:
    """Return a TCP address of this machine at which nobody listens."""
    with socket.socket() as peer:
        peer.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{peer.getsockname()[1]}"


def add_users(connection: lv.Connection, kind: str, count: int) -> list[str]:
    """Add users who may edit the table; return a token of each."""
    tokens = []
    for number in range(count):
        name = f"{kind}{number}"
        connection.call("AccessService/CreateUser", access.CreateUserRequest(name=name), access.CreateUserResponse)
        grant = access_pb2.Grant(grantee=name, role=access_pb2.ROLE_EDITOR, schema=NAME.schema)
        connection.call("AccessService/GrantRole", access.GrantRoleRequest(grant=grant), access.GrantRoleResponse)
        made = access.CreateTokenRequest(user=name, label="drill")
        made.lifetime.FromSeconds(86_400)
        tokens.append(connection.call("AccessService/CreateToken", made, access.CreateTokenResponse).secret)
    return tokens


async def behave_all(
    address: str, tokens: Sequence[str], relations: Sequence[relation_pb2.Relation], first: int, seconds: float
) -> Round:
    """Let all clients behave well for some seconds."""
    told, ends = Round(), time.monotonic() + seconds
    channels = [grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) for _ in tokens]
    clients = zip(channels, tokens, strict=True)
    await asyncio.gather(
        *(
            behave(
                channel,
                metadata_of(token),
                relations[number],
                first + number * 100_000 + number % TRANSACTION_EVERY,
                number / len(tokens) * PAUSE_S,  # they do not all call at the same time
                ends,
                told,
            )
            for number, (channel, token) in enumerate(clients)
        )
    )
    for channel in channels:
        await channel.close()
    return told


@contextmanager
def loaded(address: str, kinds: Sequence[str], tokens: Sequence[str]) -> Iterator[None]:
    """Load a server by another process for the length of the block."""
    command = [sys.executable, "-m", "benchmarks.misbehaviour", "--load", address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as others:
        assert others.stdin is not None
        others.stdin.write(f"{json.dumps([kinds, tokens])}\n")
        others.stdin.flush()
        try:
            yield
            assert others.poll() is None, "the other clients have ended"
        finally:
            others.kill()


def drill(dsn: str, good: int, bad: int, seconds: float, kinds: Sequence[str] = tuple(KINDS)) -> dict[str, Round]:
    """Run the rounds on an empty database; return what the clients who behave well met in each."""
    address = free_address()
    rounds = {}
    with Server(dsn, address) as server, lv.Connection(address) as connection:
        schema = lv.Schema(NAME.schema, connection=connection)

        @schema
        class Crowd(lv.Manual):
            definition = "id : int64\n---\nnote : text\n"

        table = Crowd()
        table.insert([{"id": -1 - number, "note": "x" * 500} for number in range(ROWS)])
        tokens, others = add_users(connection, "good", good), add_users(connection, "bad", bad)
        relations = [message(table & {"id": -1 - number}) for number in range(good)]
        process = psutil.Process(server.pid)

        def measure(name: str, number: int) -> None:
            began, used_s = time.monotonic(), sum(process.cpu_times()[:2])
            rounds[name] = asyncio.run(behave_all(address, tokens, relations, number * 10**9, seconds))
            rounds[name].cpu_share = (sum(process.cpu_times()[:2]) - used_s) / (time.monotonic() - began)

        measure("alone", 0)
        with loaded(address, kinds, others):
            measure("beside", 1)
        with loaded(address, (hurry.__name__,), others[:1] * bad):
            measure("busy", 2)
    return rounds


def main() -> int:
    """Run the drill, and print what it found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.misbehaviour", description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--bad", type=int, default=20, help="how many of them misbehave")
    parser.add_argument("--seconds", type=float, default=60.0, help="the length of each round")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="how they misbehave")
    parser.add_argument("--load", metavar="ADDRESS", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.load:
        os.nice(19)  # in reality they compute on machines of their own
        kinds, tokens = json.loads(sys.stdin.readline())
        known = {**KINDS, hurry.__name__: hurry}
        asyncio.run(load(arguments.load, [known[kind] for kind in kinds], tokens))
        return 0
    with databases() as new_database:
        good = arguments.clients - arguments.bad
        rounds = drill(new_database(), good, arguments.bad, arguments.seconds, arguments.kinds)
    for name, told in rounds.items():
        times = [
            f"{figure(told.seconds) / figure(rounds['alone'].seconds):.1f}" for figure in (statistics.median, quantile)
        ]
        print(f"{name:7} {told.shown()}; the median {times[0]} times that alone, the 99th of 100 {times[1]} times")
    errors = sorted({error for told in rounds.values() for error in told.errors})
    for error in errors[:20]:
        print(f"  {error}")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
