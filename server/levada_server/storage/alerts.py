"""Find troubles that no message has reported yet, and keep messages until they are sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.storage.jobs.tables import job_statement
from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from levada_server.model.table import Table, TableName
    from levada_server.storage.postgres.database import Connection

_SQL = statements("alerts")


@dataclass(frozen=True, slots=True)
class Window:
    """The time, after the first moment and up to the second, whose troubles no message has reported yet."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Troubles:
    """The troubles of a window.

    Args:
        jobs: The tables whose jobs failed, each with their number and the classes of up to three of the errors.
        lost_workers: How many workers fell silent, and the hosts of up to three.
        backups: Why backups failed.
    """

    jobs: list[tuple[TableName, int, list[str]]]
    lost_workers: tuple[int, list[str]]
    backups: list[str]


@dataclass(frozen=True, slots=True)
class Message:
    """A message to send.

    Args:
        channel: The name of the channel.
        attempt: The number of this attempt, from 1 on.
    """

    id: int
    channel: str
    text: str
    attempt: int


async def begin_look(connection: Connection, quiet: timedelta, lag: timedelta) -> Window | None:
    """Lock the right to look until the transaction ends; None if another server looks, or the last message is recent.

    Args:
        connection: In a transaction.
        quiet: The least time between two messages.
        lag: The last moments, which are left for the next look.
    """
    row = await connection.fetchrow(_SQL["look"], quiet, lag)
    return None if row is None or row["until"] <= row["seen_time"] else Window(row["seen_time"], row["until"])


async def read_troubles(
    connection: Connection, tables: Iterable[Table], window: Window, silence: timedelta
) -> Troubles:
    """Return the troubles of a window; a worker is lost once it was silent for a time past its lease."""
    jobs = []
    for table in tables:
        row = await connection.fetchrow(job_statement("alerts", "failed_jobs", table), window.since, window.until)
        if row is not None and row["count"]:
            jobs.append((table.name, row["count"], row["errors"]))
    lost = await connection.fetchrow(_SQL["lost_workers"], window.since, window.until, silence)
    backups = await connection.fetch(_SQL["failed_backups"], window.since, window.until)
    return Troubles(
        jobs, (lost["count"], lost["hosts"] or []) if lost else (0, []), [row["trouble"] for row in backups]
    )


async def end_look(connection: Connection, window: Window, channels: Sequence[str], text: str) -> None:
    """Note that the troubles of a window are known, and keep the message about them, if there is one, to be sent."""
    await connection.execute(_SQL["seen"], window.until, bool(text))
    if text:
        await connection.execute(_SQL["insert"], list(channels), text)


async def claim_message(connection: Connection, channels: Sequence[str], right: timedelta) -> Message | None:
    """Take a message that is due; no other server sends it within a time. None if none is due."""
    row = await connection.fetchrow(_SQL["claim"], list(channels), right)
    return None if row is None else Message(row["id"], row["channel"], row["message"], row["attempt"])


async def postpone_message(connection: Connection, id_: int, pause: timedelta) -> None:
    """Let a message wait until it is tried again."""
    await connection.execute(_SQL["postpone"], id_, pause)


async def delete_message(connection: Connection, id_: int) -> None:
    """Forget a message."""
    await connection.execute(_SQL["delete"], id_)
