"""SQLSTATEs that take two sessions, or that end the session, each provoked on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import socket
import struct
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import pytest

from levada_server import errors
from levada_server.embedded import embedded
from levada_server.storage.postgres.failures import translate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from levada_server.storage.postgres.database import Connection

TIMEOUT_S = 20.0
TWO_ROWS = "CREATE SCHEMA lab; CREATE TABLE lab.t (a integer PRIMARY KEY, b integer); INSERT INTO lab.t VALUES (1), (2)"
Sessions: TypeAlias = "tuple[Connection, Connection]"


def check_translation(raised: asyncpg.PostgresError, kind: type[errors.LevadaError], words: str) -> None:
    """Check what becomes of an error of PostgreSQL."""
    error = translate(raised)
    assert type(error) is kind
    assert words in error.message
    assert raised.message is not None
    assert raised.message not in error.message


@asynccontextmanager
async def sessions(url: str) -> AsyncIterator[Sessions]:
    """Open two sessions of a database with a table of two rows."""
    async with AsyncExitStack() as stack:
        opened = [await asyncpg.connect(url) for _ in range(2)]
        for one in opened:
            stack.callback(one.terminate)
        await opened[0].execute(TWO_ROWS)
        yield opened[0], opened[1]


async def raised_by(work: Awaitable[object]) -> asyncpg.PostgresError:
    """Return the error that work ends with."""
    with pytest.raises(asyncpg.PostgresError) as caught:
        await asyncio.wait_for(work, TIMEOUT_S)
    return caught.value


async def failed_transaction(url: str) -> asyncpg.PostgresError:
    """Go on in a transaction that has failed."""
    async with sessions(url) as (one, _):
        await raised_by(one.execute("BEGIN; SELECT 1 / 0"))
        return await raised_by(one.execute("SELECT 1"))


async def changed_meanwhile(url: str) -> asyncpg.PostgresError:
    """Change a row that another session has changed since the snapshot."""
    async with sessions(url) as (one, other):
        await one.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM lab.t")
        await other.execute("UPDATE lab.t SET b = 1")
        return await raised_by(one.execute("UPDATE lab.t SET b = 2"))


async def deadlock(url: str) -> asyncpg.PostgresError:
    """Let two sessions wait for each other."""
    async with sessions(url) as pair:
        for number, one in enumerate(pair, 1):
            await one.execute("SET deadlock_timeout = '10ms'; BEGIN")
            await one.execute("UPDATE lab.t SET b = 1 WHERE a = $1", number)
        crossed = [one.execute("UPDATE lab.t SET b = 1 WHERE a = $1", 3 - n) for n, one in enumerate(pair, 1)]
        tasks = [asyncio.ensure_future(work) for work in crossed]
        await asyncio.wait(tasks, timeout=TIMEOUT_S, return_when=asyncio.FIRST_EXCEPTION)
        (failed,) = [task.exception() for task in tasks if task.done() and task.exception() is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(failed, asyncpg.PostgresError)
        return failed


async def locked(url: str) -> asyncpg.PostgresError:
    """Wait no longer for a lock."""
    async with sessions(url) as (one, other):
        await other.execute("BEGIN; LOCK TABLE lab.t")
        return await raised_by(one.execute("SET lock_timeout = '10ms'; LOCK TABLE lab.t"))


async def terminated(url: str) -> asyncpg.PostgresError:
    """End a session while its statement runs."""
    return await ended(url, "SELECT pg_terminate_backend(pg_backend_pid())")


async def open_too_long(url: str) -> asyncpg.PostgresError:
    """Exceed the time of a transaction."""
    return await ended(url, "BEGIN; SET LOCAL transaction_timeout = '20ms'; SELECT pg_sleep(9)")


async def role_with(url: str, options: str) -> str:
    """Make a role, which other tests do not have; return its name."""
    async with sessions(url) as (one, _):
        name = str(await one.fetchval("SELECT 'role_' || md5(current_database())"))
        await one.execute(f"CREATE ROLE {name} LOGIN {options}")
        return name


async def drop_role(url: str, name: str) -> None:
    """Drop a role of `role_with`."""
    connection = await asyncpg.connect(url)
    await connection.execute(f"DROP ROLE {name}")
    await connection.close()


async def too_many(url: str) -> asyncpg.PostgresError:
    """Exceed the connections of a role."""
    name = await role_with(url, "CONNECTION LIMIT 0")
    try:
        return await raised_by(asyncpg.connect(url, user=name))
    finally:
        await drop_role(url, name)


async def unknown_role(url: str) -> asyncpg.PostgresError:
    """Log in as a role that does not exist."""
    return await raised_by(asyncpg.connect(url, user="nobody_of_this_name"))


async def ended(url: str, statement: str, *, message: bytes = b"") -> asyncpg.PostgresError:
    """Return the error by which PostgreSQL ends a session, which the driver may not have read when it sees the end.

    Args:
        url: The database.
        statement: A statement that ends it, or after which it waits.
        message: Bytes to send then.
    """
    connection = await asyncpg.connect(url)
    address, parameters = connection._addr, connection._params  # noqa: SLF001  # where the driver found it
    await connection.close()
    return await asyncio.to_thread(_ended, address, f"{parameters.database}", f"{parameters.user}", statement, message)


def _ended(
    address: str | tuple[str, int], database: str, user: str, statement: str, message: bytes
) -> asyncpg.PostgresError:
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as peer:
        peer.settimeout(TIMEOUT_S)
        peer.connect(address)
        start = struct.pack("!i", 196_608) + f"user\0{user}\0database\0{database}\0\0".encode()
        peer.sendall(struct.pack("!i", len(start) + 4) + start)
        _read_until(peer, b"Z")
        peer.sendall(b"Q" + struct.pack("!i", len(statement) + 5) + f"{statement}\0".encode())
        kind, content = _read_until(peer, b"ZE")
        if kind == b"Z":
            peer.sendall(message)
            _, content = _read_until(peer, b"E")
        told = {chr(field[0]): field[1:].decode() for field in content.split(b"\0") if field}
        return asyncpg.PostgresError.new(told)


def _read_until(peer: socket.socket, kinds: bytes) -> tuple[bytes, bytes]:
    """Read messages until one of some kinds, and return its kind and content."""
    while True:
        head = _exactly(peer, 5)
        content = _exactly(peer, struct.unpack("!i", head[1:])[0] - 4)
        if head[:1] in kinds:
            return head[:1], content


def _exactly(peer: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        piece = peer.recv(count - len(content))
        assert piece, "PostgreSQL has closed the connection"
        content += piece
    return content


async def idle_transaction(url: str) -> asyncpg.PostgresError:
    """Leave a transaction idle."""
    return await ended(url, "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '20ms'")


async def idle_session(url: str) -> asyncpg.PostgresError:
    """Leave a session idle."""
    return await ended(url, "SET idle_session_timeout = '20ms'")


async def broken_protocol(url: str) -> asyncpg.PostgresError:
    """Send bytes that are not a message of the protocol."""
    return await ended(url, "SELECT 1", message=b"\x01" + struct.pack("!i", 4))


async def out_of_memory(_: str) -> asyncpg.PostgresError:
    """Take every lock that a PostgreSQL has memory for, one of its own: others would have none meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        await asyncio.to_thread(Path(name).chmod, 0o711)  # for root, PostgreSQL runs as another user
        postgres = await asyncio.to_thread(embedded.start, Path(name))
        try:
            one = await asyncpg.connect(postgres.dsn)
            raised = await raised_by(one.execute("SELECT pg_advisory_xact_lock(n) FROM generate_series(1, 9999999) n"))
            await one.close()
            return raised
        finally:
            await asyncio.to_thread(postgres.stop)


CASES: dict[str, tuple[Callable[[str], Awaitable[asyncpg.PostgresError]], type[errors.LevadaError], str]] = {
    "25P02": (failed_transaction, errors.PreconditionFailed, "roll it back"),
    "25P03": (idle_transaction, errors.LimitReached, "idle"),
    "25P04": (open_too_long, errors.LimitReached, "open for too long"),
    "28000": (unknown_role, errors.PermissionDenied, "credentials"),
    "40001": (changed_meanwhile, errors.Conflict, "repeat the whole transaction"),
    "40P01": (deadlock, errors.Conflict, "repeat the whole transaction"),
    "53200": (out_of_memory, errors.LimitReached, "max_locks_per_transaction"),
    "53300": (too_many, errors.LimitReached, "connections"),
    "55P03": (locked, errors.Conflict, "holds a lock"),
    "57P01": (terminated, errors.Unavailable, "stopping or starting"),
    "57P05": (idle_session, errors.Unavailable, "stopping or starting"),
    "08P01": (broken_protocol, errors.Unavailable, "broke"),
}


@pytest.mark.parametrize("state", CASES)
async def test_a_state_that_statements_alone_do_not_reach_is_translated(database_url: str, state: str) -> None:
    provoke, kind, words = CASES[state]
    raised = await provoke(database_url)
    assert raised.sqlstate == state
    check_translation(raised, kind, words)
