"""Share the memory of decoded rows among the calls of this process: some bytes of a client may stand for many."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from levada_server.errors import LimitReached

if TYPE_CHECKING:
    from collections.abc import Iterator

ROW_BYTES = 2**30
"""The memory, in bytes, that the decoded rows of all calls take together."""
WAIT_S = 60.0
"""The time, in seconds, that a call waits for memory while others use it."""


class RowMemory:
    """The memory for decoded rows; if calls wait, that of the user with the least is served first.

    A user who has got none for half of `WAIT_S` comes before: otherwise, whoever holds little would never get more
    while others, who hold none, come again and again.

    Args:
        limit_bytes: How much there is.
    """

    def __init__(self, limit_bytes: int = ROW_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self._free_bytes = limit_bytes
        self._held: Counter[int | None] = Counter()
        self._waiting: list[_Waiting] = []

    @property
    def used_bytes(self) -> int:
        """Return how much of it is taken."""
        return self.limit_bytes - self._free_bytes

    @contextmanager
    def share(self, user_id: int | None) -> Iterator[MemoryShare]:
        """Lend memory to a call of a user for the length of the block."""
        share = MemoryShare(self, user_id)
        try:
            yield share
        finally:
            share.give_back()

    def take(self, user_id: int | None, size: int) -> bool:
        """Take memory if it is free and nobody waits; return whether it was taken."""
        if size > self._free_bytes or self._waiting:
            return False
        self._lend(user_id, size)
        return True

    async def wait_for(self, user_id: int | None, size: int) -> None:
        """Take memory, at the latest once all others have given theirs back.

        Raises:
            LimitReached: They do not within `WAIT_S`.
        """
        if self.take(user_id, size):
            return
        waiting = _Waiting(user_id, size, asyncio.get_running_loop().create_future(), monotonic())
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(WAIT_S):
                await waiting.turn
        except BaseException as error:
            if waiting.turn.done() and not waiting.turn.cancelled():
                self.give_back(user_id, size)
            elif waiting in self._waiting:
                self._waiting.remove(waiting)
                self._serve()
            if isinstance(error, TimeoutError):
                raise LimitReached(
                    f"The rows of other calls take all of the {self.limit_bytes >> 20} MB of the server's memory for "
                    "rows; try again when they are done, or send smaller batches.",
                    limit="memory",
                    value=self.limit_bytes,
                ) from None
            raise

    def give_back(self, user_id: int | None, size: int) -> None:
        """Return memory, and hand it to the calls that wait."""
        self._lend(user_id, -size)
        self._serve()

    def _lend(self, user_id: int | None, size: int) -> None:
        self._free_bytes -= size
        self._held[user_id] += size
        if not self._held[user_id]:
            del self._held[user_id]

    def _serve(self) -> None:
        """Serve the calls that wait; a large one is not passed over."""
        while self._waiting:
            first = self._first()
            if first.size > self._free_bytes:
                break
            self._waiting.remove(first)
            if not first.turn.done():
                self._lend(first.user_id, first.size)
                first.turn.set_result(None)
                for other in self._waiting:
                    if other.user_id == first.user_id:
                        other.since = monotonic()

    def _first(self) -> _Waiting:
        """Return the first call of the user who has waited for too long, or else of the one with the least."""
        longest = min(self._waiting, key=lambda waiting: waiting.since)
        if monotonic() - longest.since >= WAIT_S / 2:
            return longest
        return min(self._waiting, key=lambda waiting: self._held[waiting.user_id])


@dataclass(slots=True, eq=False)
class _Waiting:
    user_id: int | None
    size: int
    turn: asyncio.Future[None]
    since: float
    """When it came, or a call of the same user was served later."""


class MemoryShare:
    """The memory that a call has; it keeps the most that it needed."""

    def __init__(self, memory: RowMemory, user_id: int | None) -> None:
        self._memory = memory
        self._user_id = user_id
        self._held_bytes = 0

    def extend(self, size: int) -> bool:
        """Have at least a number of bytes, if nobody has to wait for that; return whether it has."""
        more = min(size, self._memory.limit_bytes) - self._held_bytes
        if more > 0:
            if not self._memory.take(self._user_id, more):
                return False
            self._held_bytes += more
        return True

    async def wait_for(self, size: int) -> None:
        """Have at least a number of bytes; the call uses none meanwhile, so that others need not wait for it.

        Raises:
            LimitReached: Others use the memory for too long.
        """
        if not self.extend(size):
            self.give_back()
            size = min(size, self._memory.limit_bytes)
            await self._memory.wait_for(self._user_id, size)
            self._held_bytes = size

    def give_back(self) -> None:
        """Return all."""
        self._memory.give_back(self._user_id, self._held_bytes)
        self._held_bytes = 0
