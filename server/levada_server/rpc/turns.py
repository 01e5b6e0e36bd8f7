"""Let large answers go on one after another, so that small calls need not wait for all of them."""

from __future__ import annotations

import asyncio

LARGE_BYTES = 64 * 2**10
"""A message of this size or larger takes as long to make as many small calls."""
ROUNDS = 10
"""A small call takes about this many rounds of the event loop, from its arrival to its answer."""


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
