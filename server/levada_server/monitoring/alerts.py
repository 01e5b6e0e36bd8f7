"""Report to people failed jobs, lost workers and failed backups: seldom, each trouble once, from one server only."""

from __future__ import annotations

import asyncio
import logging
import socket
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from levada_server.monitoring.channels import FAILURES, mail, post, shown
from levada_server.operations.caller import server_itself
from levada_server.storage import alerts as stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from levada_server.config import AlertSettings
    from levada_server.operations.context import Engine
    from levada_server.storage.alerts import Message, Troubles

EVERY_S = 30.0
QUIET = timedelta(minutes=10)
"""The least time between two messages; troubles meanwhile are in the next one together."""
LAG = timedelta(seconds=10)
"""The time after which a transaction that ends a job is committed."""
SILENCE = timedelta(seconds=60)
"""The time after which a worker that has lost its lease is lost itself: it may only have been cut off."""
RIGHT = timedelta(minutes=10)
"""How long a server that has taken a message alone may send it; longer than the steps of `channels` take."""
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
MAX_ATTEMPTS = 24
MAX_TABLES = 20
"""Tables that a message lists."""
MAX_LINE = 300
_LOG = logging.getLogger("levada.server")


class Alerts:
    """Looks for troubles and sends messages, by rounds of a background task.

    A message is kept in the database until it is sent, so that it outlives this process.

    Args:
        engine: The parts of the server.
        settings: The channels.
    """

    def __init__(self, engine: Engine, settings: AlertSettings) -> None:
        self._engine = engine
        self._channels = _channels(settings)

    async def round(self) -> None:
        """Look once, and send what is due."""
        await self._look()
        while (message := await self._claimed()) is not None:
            await self._send(message)

    async def _look(self) -> None:
        view = await self._engine.gate.open(server_itself())
        tables = [table for table in view.catalog.tables.values() if table.tier.auto_populated]
        async with self._engine.scope.transaction() as connection:
            window = await stored.begin_look(connection, QUIET, LAG)
            if window is None:
                return
            found = await stored.read_troubles(connection, tables, window, SILENCE)
            await stored.end_look(connection, window, list(self._channels), message_of(found))

    async def _claimed(self) -> Message | None:
        async with self._engine.scope.connection() as connection:
            return await stored.claim_message(connection, list(self._channels), RIGHT)

    async def _send(self, message: Message) -> None:
        try:
            await asyncio.to_thread(self._channels[message.channel], message.text)
        except FAILURES as error:
            await self._failed(message, error)
            return
        async with self._engine.scope.connection() as connection:
            await stored.delete_message(connection, message.id)

    async def _failed(self, message: Message, error: Exception) -> None:
        async with self._engine.scope.connection() as connection:
            if message.attempt < MAX_ATTEMPTS:
                pause = min(FIRST_PAUSE * 2 ** (message.attempt - 1), LONGEST_PAUSE)
                _LOG.warning("an alert cannot be sent (%s: %s); it waits %s", message.channel, shown(error), pause)
                await stored.postpone_message(connection, message.id, pause)
            else:
                _LOG.error("an alert could not be sent (%s: %s) and is given up", message.channel, shown(error))
                await stored.delete_message(connection, message.id)


def send_trial(settings: AlertSettings) -> Iterator[tuple[str, str]]:
    """Send a trial message over every channel, at once and without the database.

    Yields:
        The name of each channel, and why it did not take the message; an empty text if it did.
    """
    text = f"Levada on {socket.gethostname()}: this is a trial; alerts arrive here."
    for name, send in _channels(settings).items():
        try:
            send(text)
        except FAILURES as error:
            yield name, shown(error)
        else:
            yield name, ""


def _channels(settings: AlertSettings) -> dict[str, Callable[[str], None]]:
    """Return how to send a text over each channel that the settings name."""
    channels: dict[str, Callable[[str], None]] = {}
    if settings.webhook_url is not None:
        channels["webhook"] = partial(post, settings.webhook_url)
    if settings.mail is not None:
        channels["mail"] = partial(mail, settings.mail)
    return channels


def message_of(troubles: Troubles) -> str:
    """Write a message about some troubles; it is empty if there are none."""
    lines = list(_lines(troubles))
    if not lines:
        return ""
    return "\n".join((f"Levada on {socket.gethostname()}: {lines[0]}", *lines[1:]))


def _lines(troubles: Troubles) -> Iterator[str]:
    for name, count, errors in troubles.jobs[:MAX_TABLES]:
        yield _line(f"{_number(count, 'job')} of {name} failed", errors)
    if (more := len(troubles.jobs) - MAX_TABLES) > 0:
        yield f"jobs of {_number(more, 'more table')} failed"
    lost, hosts = troubles.lost_workers
    if lost:
        yield _line(f"{_number(lost, 'worker')} fell silent", hosts)
    for trouble in troubles.backups:
        yield _line("a backup failed", [trouble])


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _line(what: str, examples: list[str]) -> str:
    """Write a line whose examples others may have chosen, so that they stay on it."""
    line = f"{what} ({', '.join(examples)})"
    return "".join(letter if letter.isprintable() else " " for letter in line)[:MAX_LINE]
