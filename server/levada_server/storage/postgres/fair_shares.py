"""Places that several users share, so that none of them takes the places of the others."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

COMMON_SHARE = 0.75
"""The share of the places for users who have one already, or held them for long; the rest is for all others."""
RECENT_S = 30.0
"""The time, in seconds, over which the use of places is forgotten."""
LONG_S = 2.0
"""For how long, in seconds and of late, a user may have held places and still count as one who has not."""


def user_places(size: int, common_share: float = COMMON_SHARE) -> int:
    """Return how many of some places one user may have; the server's own user may have all."""
    return max(1, int(size * common_share))


@dataclass(eq=False, slots=True)
class _Waiting:
    user: Hashable
    turn: asyncio.Future[None]


class _RecentUse:
    """How long each user held places of late, in seconds: a time counts less the longer it is over.

    Args:
        clock: Returns the present time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: dict[Hashable, tuple[float, float]] = {}
        """The time held, and the moment of the last change; of each user that has ever had a place."""

    def held_s(self, user: Hashable, places: int) -> float:
        """Return the time of a user who has had a number of places since the last change."""
        if user not in self._seen:
            return 0.0
        held_s, moment_s = self._seen[user]
        left = math.exp((moment_s - self._clock()) / RECENT_S)
        return held_s * left + places * RECENT_S * (1 - left)

    def change(self, user: Hashable, places: int) -> None:
        """Record that a user, who has had a number of places so far, is about to have another."""
        self._seen[user] = self.held_s(user, places), self._clock()


class FairShares:
    """A number of places. If all are taken, the next goes to the user who waits and has the fewest.

    Among users with equally many, it goes to the one who held places for the shortest time of late. The last places go
    only to users who have none and held none for long, so that users who hold theirs for long cannot take all,
    however many such users there are.

    Args:
        size: The number of places.
        common_share: The share of them that is not kept for such users.
        clock: Returns the present time in seconds.
    """

    def __init__(
        self, size: int, common_share: float = COMMON_SHARE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.most = user_places(size, common_share)
        self._size = size
        self._taken: Counter[Hashable] = Counter()
        self._leaving: Counter[Hashable] = Counter()
        """How many places each user was told to give back, and has not yet."""
        self._waiting: list[_Waiting] = []
        self._recent = _RecentUse(clock)

    def gives_way(self, user: Hashable) -> bool:
        """Return whether a user is to give a place back now, because somebody else waits who has fewer.

        Only users give way who have most, and no more of them than there are others who wait.
        """
        taken = self._taken[user]
        fewer = sum(self._taken[each.user] < taken for each in self._waiting if not each.turn.done())
        if fewer <= self._leaving.total() or taken < max(self._taken.values(), default=0):
            return False
        self._leaving[user] += 1
        return True

    def full(self, user: Hashable) -> bool:
        """Return whether a user has to wait for a place."""
        return self._taken.total() >= self._size or not self._may_take(user)

    def _may_take(self, user: Hashable) -> bool:
        if user is None or self._taken.total() < self.most:
            return True
        return not self._taken[user] and self._recent.held_s(user, 0) < LONG_S

    async def take(self, user: Hashable) -> None:
        """Take a place for a user, who may have to wait for it; None for the server's own user."""
        if not self.full(user):
            self._lend(user)
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

    def _lend(self, user: Hashable) -> None:
        self._recent.change(user, self._taken[user])
        self._taken[user] += 1

    def give(self, user: Hashable) -> None:
        """Return a place of a user to the others."""
        self._recent.change(user, self._taken[user])
        self._taken[user] -= 1
        if not self._taken[user]:
            del self._taken[user]
        if self._leaving[user] > 1:
            self._leaving[user] -= 1
        else:
            del self._leaving[user]
        self._pass_on()

    def _pass_on(self) -> None:
        while self._taken.total() < self._size:
            if not (ready := self._ready()):
                return
            chosen = min(ready, key=self._order)
            self._waiting.remove(chosen)
            self._lend(chosen.user)
            chosen.turn.set_result(None)

    def _order(self, waiting: _Waiting) -> tuple[int, float]:
        taken = self._taken[waiting.user]
        return taken, self._recent.held_s(waiting.user, taken)

    def _ready(self) -> list[_Waiting]:
        """Return the waiting users who may have a place now, without the cancelled ones, which are about to leave."""
        return [waiting for waiting in self._waiting if not waiting.turn.done() and self._may_take(waiting.user)]
