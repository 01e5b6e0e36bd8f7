"""Places that several users share, so that none of them takes the places of the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

COMMON_SHARE = 0.75
"""The share of the places that users may have who have one already; the rest is for users who have none."""


def user_places(size: int, common_share: float = COMMON_SHARE) -> int:
    """Return how many of some places one user may have; the server's own user may have all."""
    return max(1, int(size * common_share))


@dataclass(eq=False, slots=True)
class _Waiting:
    user: Hashable
    turn: asyncio.Future[None]


class FairShares:
    """A number of places. If all are taken, the next goes to the user who waits and has the fewest.

    The last ones go only to users who have none, so that a few users who hold several for long cannot take all.

    Args:
        size: The number of places.
        common_share: The share of them that is not kept for users who have none.
    """

    def __init__(self, size: int, common_share: float = COMMON_SHARE) -> None:
        self.most = user_places(size, common_share)
        self._size = size
        self._taken: Counter[Hashable] = Counter()
        self._waiting: list[_Waiting] = []

    def should_give_way(self, user: Hashable) -> bool:
        """Return whether others wait for a place, and nobody has more of them than a user."""
        return bool(self._ready()) and self._taken[user] == max(self._taken.values(), default=0)

    def full(self, user: Hashable) -> bool:
        """Return whether a user has to wait for a place."""
        return self._taken.total() >= self._size or not self._may_take(user)

    def _may_take(self, user: Hashable) -> bool:
        return user is None or not self._taken[user] or self._taken.total() < self.most

    async def take(self, user: Hashable) -> None:
        """Take a place for a user, who may have to wait for it; None for the server's own user."""
        if not self.full(user):
            self._taken[user] += 1
            return
        waiting = _Waiting(user, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            else:
                self.give(user)  # the place came too late
            raise

    def give(self, user: Hashable) -> None:
        """Return a place of a user to the others."""
        self._taken[user] -= 1
        if not self._taken[user]:
            del self._taken[user]
        self._pass_on()

    def _pass_on(self) -> None:
        while self._taken.total() < self._size:
            if not (ready := self._ready()):
                return
            chosen = min(ready, key=lambda waiting: self._taken[waiting.user])
            self._waiting.remove(chosen)
            self._taken[chosen.user] += 1
            chosen.turn.set_result(None)

    def _ready(self) -> list[_Waiting]:
        """Return the waiting users who may have a place now, without the cancelled ones, which are about to leave."""
        return [waiting for waiting in self._waiting if not waiting.turn.done() and self._may_take(waiting.user)]
