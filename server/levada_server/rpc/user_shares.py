"""Bound what one user holds open, so that nobody takes it from the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada_server.errors import LimitReached

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

USER_STREAMS = 200
"""The most streams of each kind that one user may have open in one process."""
USER_RESULTS = 8
"""The most large results that one user may have open in one process: each may fill a file with unread rows."""
RESULT_WAIT_S = 60.0
"""The longest time, in seconds, that a further one waits."""


@dataclass(slots=True)
class UserShares:
    """The things of one kind that users hold open.

    Args:
        name: The kind, in words.
        most: The most of one user; the server's own user may hold more.
    """

    name: str
    most: int
    _open: Counter[int] = field(default_factory=Counter)

    @contextmanager
    def taken(self, user_id: int | None) -> Iterator[None]:
        """Count one more within the block.

        Raises:
            LimitReached: The user has too many.
        """
        if user_id is None:
            yield
            return
        if self._open[user_id] >= self.most:
            raise LimitReached(
                f"You have {self.most} {self.name} open here, the most for one user; close some.",
                limit=f"{self.name} of a user",
                value=self.most,
            )
        self._open[user_id] += 1
        try:
            yield
        finally:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]


@dataclass(slots=True)
class _Places:
    free: asyncio.Semaphore
    wanted: int = 0


class UserResults:
    """The large results that users read; further ones of the same user wait."""

    def __init__(self) -> None:
        self._places: dict[int, _Places] = {}

    @asynccontextmanager
    async def taken(self, user_id: int | None) -> AsyncIterator[None]:
        """Read one more within the block, once the user has a place for it; the server's own user needs none.

        Raises:
            LimitReached: The user reads as many for too long.
        """
        if user_id is None:
            yield
            return
        places = self._places.setdefault(user_id, _Places(asyncio.Semaphore(USER_RESULTS)))
        places.wanted += 1
        try:
            try:
                async with asyncio.timeout(RESULT_WAIT_S):
                    await places.free.acquire()
            except TimeoutError:
                raise LimitReached(
                    f"You have {USER_RESULTS} large results open here, the most for one user; read them to their end, "
                    "or leave them.",
                    limit="results of a user",
                    value=USER_RESULTS,
                ) from None
            try:
                yield
            finally:
                places.free.release()
        finally:
            places.wanted -= 1
            if not places.wanted:
                del self._places[user_id]
