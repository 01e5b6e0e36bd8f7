"""Bound what one user holds open, so that nobody takes it from the others."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada_server.errors import LimitReached

if TYPE_CHECKING:
    from collections.abc import Iterator

USER_STREAMS = 200
"""The most streams of each kind that one user may have open in one process."""


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
