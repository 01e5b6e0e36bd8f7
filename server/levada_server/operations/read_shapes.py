"""Store the shapes of reads before the jobs that refer to them, each once."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from levada_server.storage.jobs.inputs import add_shapes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levada_server.storage.postgres.scope import Scope

MAX_KNOWN = 10_000
"""The most shapes that one process remembers; the least recently used go first."""


class ReadShapes:
    """The shapes that are known to be stored."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()

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
        self._known.update(dict.fromkeys(unknown))
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    def _knows(self, key: str) -> bool:
        if key not in self._known:
            return False
        self._known.move_to_end(key)
        return True
