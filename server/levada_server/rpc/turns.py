"""Let large requests and answers go on one after another, so that small calls need not wait for all of them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

LARGE_BYTES = 64 * 2**10
"""An answer of this size or larger takes as long to make as many small calls."""
ROUNDS = 10
"""A small call takes about this many rounds of the event loop, from its arrival to its answer."""
LOOP_S_PER_BYTE = 4e-9
"""How long, in seconds, each byte of a large request keeps small calls waiting: it is copied four times."""
ANSWER_S_PER_BYTE = 8e-9
"""The same for each byte of a large result: it is read from PostgreSQL, converted and sent."""
UNREAD_BYTES = 8 * 2**20
"""About how many bytes of an answer are sent to a client that does not read."""
ONES_SHARE = 0.25
"""The share of the time that the large requests and the unread answers of a user may take, if no other user has any."""
ALL_SHARE = 0.1
"""The share that those of several users may take together."""
MOST_PAUSE_S = 30.0
"""The longest pause of a user, in seconds."""
STEP_S = 0.02
"""The seconds between two requests of a user that waited for the end of the same pause: each may be large."""

_Result = TypeVar("_Result")


class Turns:
    """Turns of large answers, one in some rounds of the event loop; everything else that is ready runs between two."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def take(self, sent_bytes: int) -> None:
        """Wait for the turn to make another message.

        Args:
            sent_bytes: The size of the last one.
        """
        if sent_bytes >= LARGE_BYTES:
            async with self._turn:
                for _ in range(ROUNDS):
                    await asyncio.sleep(0)


@dataclass(slots=True)
class _Pause:
    end: float  # by the loop's clock
    waiting: int = 0


class Pauses:
    """Pauses of the users who send large requests, or leave results unread. The server's own user has none.

    Copying a message and sending its values to PostgreSQL keeps all other calls waiting. gRPC copies it as soon as
    somebody waits for it, and nobody knows its size before, so a pause is for the user's next request of any size.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._order = asyncio.Lock()
        self._free_at = 0.0
        self._senders: list[Hashable] = []
        self._pauses: dict[Hashable, _Pause] = {}

    async def await_pause(self, sender: Hashable | None) -> None:
        """Wait for the end of a user's pause, before the user's next request is read."""
        if sender is None or (pause := self._pauses.get(sender)) is None:
            return
        loop = asyncio.get_running_loop()
        pause.waiting += 1
        try:
            while (left_s := pause.end - loop.time()) > 0:  # noqa: ASYNC110  # the end moves; an event would need a timer
                await asyncio.sleep(left_s)
        finally:
            pause.waiting -= 1
        if pause.waiting:
            pause.end = loop.time() + STEP_S

    async def read(self, read: Callable[[], _Result], sender: Hashable | None, size: int) -> _Result:
        """Read a large request in a thread, one at a time; then the user has a pause.

        The requests of many users may have come together, before any of them had a pause. They are read as far apart as
        one user's are: reading is the least, because what they ask for begins after it.

        Args:
            read: Reads it.
            sender: The user who sent it.
            size: Its size in bytes.
        """
        if sender is None:
            return await self._read(read)
        loop, seconds = asyncio.get_running_loop(), size * LOOP_S_PER_BYTE

        def timed() -> _Result:
            nonlocal seconds
            began = time.thread_time()
            try:
                return read()
            finally:
                seconds += time.thread_time() - began

        if sender in self._senders:  # the others' requests must not wait for all of one user's, nor these fill memory
            try:
                return await self._read(timed)
            finally:
                self._pause(sender, seconds)
        self._senders.append(sender)
        try:
            async with self._order:
                await asyncio.sleep(self._free_at - loop.time())
                try:
                    return await self._read(timed)
                finally:
                    self._free_at = loop.time() + self._pause(sender, seconds)
        finally:
            self._senders.remove(sender)

    async def _read(self, read: Callable[[], _Result]) -> _Result:
        async with self._turn:
            return await asyncio.to_thread(read)

    def leave_unread(self, sender: Hashable | None, sent_bytes: int) -> None:
        """Let a user who left before the end of an answer have a pause.

        Args:
            sender: The user.
            sent_bytes: How much of the answer was sent; perhaps the client read the beginning.
        """
        if sent_bytes >= LARGE_BYTES:
            self._pause(sender, min(sent_bytes, UNREAD_BYTES) * ANSWER_S_PER_BYTE)

    def _pause(self, sender: Hashable | None, seconds: float) -> float:
        """Begin or extend the pause of a user after work of some seconds; return for how long no other may begin."""
        if sender is None:
            return 0.0
        now = asyncio.get_running_loop().time()
        self._pauses = {user: pause for user, pause in self._pauses.items() if pause.end > now or pause.waiting}
        pause = self._pauses.setdefault(sender, _Pause(now))
        users = len({*self._pauses, *self._senders})
        share = ONES_SHARE if users == 1 else ALL_SHARE
        pause.end = max(now, pause.end) + seconds / share * users
        pause.end = min(pause.end, now + MOST_PAUSE_S)
        return min(seconds / share, MOST_PAUSE_S)
