"""Store the shapes of reads before the jobs that refer to them, each once."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from levada_server.storage.jobs.inputs import add_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from levada_server.storage.postgres.scope import Scope

MAX_KNOWN = 10_000
"""The most shapes that one process remembers; the least recently used go first."""
KNOWN_S = 60.0
"""How long, in seconds, a process relies on a shape that it stored: an erase by another process may have emptied it."""


class ReadShapes:
    """The shapes that are known to be stored, each until a moment.

    Args:
        clock: Returns the present moment, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[str, float] = OrderedDict()

    async def store(self, scope: Scope, shapes: Mapping[str, str], *, lasting: bool) -> None:
        """Store the shapes of the reads of jobs that are about to be completed, if they may be new.

        Args:
            scope: The pool, or the transaction that stores them.
            shapes: Their contents by key.
            lasting: Whether they are committed at once, not with a transaction that may be undone.
        """
        unknown = {key: content for key, content in shapes.items() if not self._knows(key)}
        if not unknown:
            return
        async with scope.connection() as connection:
            await add_shapes(connection, unknown)
        if not lasting:
            return
        self._known.update(dict.fromkeys(unknown, self._clock() + KNOWN_S))
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    def forget(self, keys: Iterable[str]) -> None:
        """Store some shapes again when they are needed."""
        for key in keys:
            self._known.pop(key, None)

    def _knows(self, key: str) -> bool:
        if self._known.get(key, 0.0) <= self._clock():
            self._known.pop(key, None)
            return False
        self._known.move_to_end(key)
        return True
