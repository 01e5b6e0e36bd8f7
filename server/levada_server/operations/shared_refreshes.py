"""Refreshes of one kind, one at a time, shared by all who ask meanwhile."""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PERIOD_S = 1.0
"""Of periodic refreshes of a table one is done so often at most,"""


SHARE = 10
"""and after so many times what the last one took."""


MAX_KINDS = 10_000
"""Kinds of refreshes that are remembered."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """How many jobs a refresh added, removed, and made pending again."""

    added: int
    removed: int
    reset: int


NOTHING = Refreshed(0, 0, 0)


@dataclass(slots=True)
class _Turn:
    """The refreshes of one kind: one at a time, numbered as they begin."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    begun: int = 0
    done: int = 0
    result: Refreshed = NOTHING
    began: float = -math.inf
    took: float = 0.0


class Refreshes:
    """The refreshes of this process: workers ask by the hundred, and each would wait for the others on a connection."""

    def __init__(self) -> None:
        self._turns: defaultdict[object, _Turn] = defaultdict(_Turn)

    async def share(self, kind: object, work: Callable[[], Awaitable[Refreshed]], *, periodic: bool) -> Refreshed:
        """Do a refresh, or give what came of one of the same kind that began after this was asked for.

        Args:
            kind: What it is of.
            work: Does it.
            periodic: Do nothing where one is under way or was done a moment ago.
        """
        if len(self._turns) > MAX_KINDS:
            self._turns = defaultdict(_Turn, {other: turn for other, turn in self._turns.items() if turn.lock.locked()})
        turn = self._turns[kind]
        if periodic and (turn.lock.locked() or time.monotonic() < turn.began + max(PERIOD_S, SHARE * turn.took)):
            return NOTHING
        asked = turn.begun
        async with turn.lock:
            if turn.done > asked:
                return turn.result
            turn.begun += 1
            number, began = turn.begun, time.monotonic()
            result = await work()
            turn.done, turn.result, turn.began, turn.took = number, result, began, time.monotonic() - began
            return result
