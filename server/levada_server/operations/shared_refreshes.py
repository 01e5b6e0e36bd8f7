"""Share refreshes of jobs and of verdicts: those of one kind run one at a time, for all callers that ask meanwhile."""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from levada_server.storage.jobs.refresh import Basis

Result = TypeVar("Result")

PERIOD_S = 1.0
"""The shortest pause, in seconds, between two periodic refreshes of a table."""


SHARE = 10
"""The shortest pause between them, as a multiple of the time that the last one took."""


MAX_KINDS = 10_000
"""The most kinds of refreshes that are remembered."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The numbers of jobs that a refresh added, removed, and set to pending again.

    Args:
        basis: The state that it has seen; None if more than the rows of tables decides which keys there are.
    """

    added: int
    removed: int
    reset: int
    basis: Basis | None = field(default=None, compare=False)


NOTHING = Refreshed(0, 0, 0)


@dataclass(slots=True)
class _Turn:
    """The refreshes of one kind: one at a time, numbered as they begin."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    begun: int = 0
    done: int = 0
    result: Any = None  # each kind has results of its own
    began: float = -math.inf
    took: float = 0.0


class Refreshes:
    """The refreshes of this process, shared because hundreds of callers ask, and each would wait on a connection."""

    def __init__(self) -> None:
        self._turns: defaultdict[object, _Turn] = defaultdict(_Turn)

    def due(self, kind: object) -> bool:
        """Return whether none of a kind is running, nor was done a moment ago."""
        turn = self._turn(kind)
        return not turn.lock.locked() and time.monotonic() >= turn.began + max(PERIOD_S, SHARE * turn.took)

    def last(self, kind: object) -> tuple[Any, float] | None:
        """Return the result of the last refresh of a kind, and for how many seconds it has been known; None if none."""
        turn = self._turn(kind)
        return (turn.result, time.monotonic() - turn.began) if turn.done else None

    async def share(self, kind: object, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do a refresh, or return the result of one of the same kind that began after this call.

        Args:
            kind: The kind of the refresh.
            work: Does the refresh.
        """
        turn = self._turn(kind)
        asked = turn.begun
        async with turn.lock:
            if turn.done > asked:
                shared: Result = turn.result
                return shared
            turn.begun += 1
            number, began = turn.begun, time.monotonic()
            result = await work()
            turn.done, turn.result, turn.began, turn.took = number, result, began, time.monotonic() - began
            return result

    async def recent(self, kind: object, work: Callable[[], Awaitable[Result]]) -> Result:
        """Return the result of a refresh that began a moment ago, or do one as `share` does.

        Args:
            kind: The kind of the refresh.
            work: Does the refresh.
        """
        turn = self._turn(kind)
        if turn.done and not self.due(kind) and not turn.lock.locked():
            recent: Result = turn.result
            return recent
        return await self.share(kind, work)

    def _turn(self, kind: object) -> _Turn:
        if len(self._turns) > MAX_KINDS:
            self._turns = defaultdict(_Turn, {other: turn for other, turn in self._turns.items() if turn.lock.locked()})
        return self._turns[kind]
