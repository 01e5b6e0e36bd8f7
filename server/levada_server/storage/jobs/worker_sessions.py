"""Begin, renew and end worker sessions, and record their cancelled leases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.errors import UnknownWorkerSession
from levada_server.jobs.lease import Worker
from levada_server.jobs.signing import Signer
from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from levada_server.jobs.lease import Environment, WorkerSession
    from levada_server.storage.postgres.database import Connection, Database

_SQL = statements("jobs")


async def read_signer(database: Database) -> Signer:
    """Return the signer of leases, which is the same for all servers of a database."""
    async with database.connection() as connection:
        return Signer(await connection.fetchval(_SQL["read_signing_key"]))


async def create_session(
    connection: Connection,
    worker: Worker,
    lease_duration: timedelta,
    code_version: str,
    user_id: int | None,
    token_id: UUID | None,
    environment: Environment | None,
) -> UUID:
    """Begin a worker session of a user, by a token, and delete sessions that are long dead."""
    await connection.execute(_SQL["prune_sessions"])
    environment_id = None
    if environment is not None:
        await connection.execute(_SQL["add_environment"], environment.digest, environment.content)
        environment_id = await connection.fetchval(_SQL["find_environment"], environment.digest)
    session: UUID = await connection.fetchval(
        _SQL["create_session"],
        worker.host,
        worker.process,
        worker.user,
        code_version,
        lease_duration,
        user_id,
        token_id,
        environment_id,
    )
    return session


async def renew_sessions(
    connection: Connection, sessions: Mapping[UUID, int | None], user_id: int | None, token_id: UUID | None
) -> datetime:
    """Renew sessions of a token, each with the memory of its process in bytes, None if that is not known.

    Returns:
        The time, by the database's clock, at which the first of them expires.

    Raises:
        UnknownWorkerSession: A session has ended.
    """
    rows = await connection.fetch(_SQL["renew_sessions"], list(sessions), user_id, token_id, list(sessions.values()))
    missing = set(sessions) - {row["id"] for row in rows}
    if missing:
        raise _unknown_session(min(missing))
    earliest: datetime = min(row["expire_time"] for row in rows)
    return earliest


async def check_session(connection: Connection, session: WorkerSession) -> None:
    """Refuse a session that has ended.

    Raises:
        UnknownWorkerSession: The session has ended.
    """
    if await connection.fetchval(_SQL["session_exists"], session.id, session.user_id, session.token_id) is None:
        raise _unknown_session(session.id)


def _unknown_session(session: UUID) -> UnknownWorkerSession:
    return UnknownWorkerSession(
        f"There is no worker session {session}, or it has ended; begin a new one.", worker_session=session
    )


async def delete_session(connection: Connection, session: WorkerSession) -> None:
    """End a session, so that others can take over its jobs at once.

    Raises:
        UnknownWorkerSession: The session has already ended.
    """
    if await connection.fetchval(_SQL["delete_session"], session.id, session.user_id, session.token_id) is None:
        raise _unknown_session(session.id)


@dataclass(frozen=True, slots=True)
class LivingSession:
    """A worker session that is alive.

    Args:
        id: The id.
        worker: The machine and process.
        code_version: The version of its code; empty if it did not say.
        create_time: When it began.
        expire_time: Until when it is alive without another renewal.
        memory_bytes: The private memory of its process; None if that is not known.
        user_id: The user who began it; None for an administrator at the private socket.
        token_id: The token that began it; None as well.
        user: The name of that user; None as well.
    """

    id: UUID
    worker: Worker
    code_version: str
    create_time: datetime
    expire_time: datetime
    memory_bytes: int | None
    user_id: int | None
    token_id: UUID | None
    user: str | None


async def living_sessions(connection: Connection) -> list[LivingSession]:
    """Return the sessions that are alive, by host, process and id."""
    return [
        LivingSession(
            row["id"],
            Worker(row["host"], row["pid"], row["username"]),
            row["code_version"],
            row["create_time"],
            row["expire_time"],
            row["memory_bytes"],
            row["user_id"],
            row["token_id"],
            row["owner"],
        )
        for row in await connection.fetch(_SQL["living_sessions"])
    ]


async def count_sessions(connection: Connection) -> tuple[int, int]:
    """Return how many sessions are alive, and how many fell silent within a day without being ended."""
    row = await connection.fetchrow(_SQL["count_sessions"])
    assert row is not None
    return row["alive"], row["lost"]


async def cancelled_leases(connection: Connection, sessions: Sequence[UUID]) -> list[str]:
    """Return the tokens of cancelled leases of some sessions."""
    return [row["lease_token"] for row in await connection.fetch(_SQL["cancelled_leases"], list(sessions))]


async def add_cancelled_leases(connection: Connection, leases: Iterable[tuple[UUID, str]]) -> None:
    """Record that leases were cancelled, by session and token."""
    sessions, tokens = zip(*leases, strict=True)
    await connection.execute(_SQL["add_cancelled_leases"], list(sessions), list(tokens))


async def all_cancelled_leases(connection: Connection) -> list[str]:
    """Return the tokens of the cancelled leases of all sessions."""
    return [row["lease_token"] for row in await connection.fetch(_SQL["all_cancelled_leases"])]


async def forget_cancelled_leases(connection: Connection, tokens: Sequence[str]) -> None:
    """Forget that some leases were cancelled."""
    await connection.execute(_SQL["forget_cancelled_leases"], tokens)
