"""Pictures of graphs: worked out one at a time, in a thread, and kept for whoever asks for the same again."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.layout.arrange import arrange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levada_server.layout.shapes import Box, Edge, Picture, Strength
    from levada_server.layout.tables import Graph

MAX_KEPT = 64
"""The most pictures that are kept."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """All that a picture follows from but the direction of its lines, and a digest of it."""

    boxes: Mapping[str, Box]
    in_frames: Mapping[str, Box]
    edges: Mapping[Edge, Strength]
    titles: Mapping[str, float]
    digest: bytes

    def arranged(self, *, sideways: bool) -> Picture:
        return arrange(self.boxes, self.edges, in_frames=self.in_frames, titles=self.titles, sideways=sideways)


def _measured(graph: Graph, *, status: bool) -> _Measured:
    boxes, in_frames = graph.sizes(status=status, framed=False), graph.sizes(status=status, framed=True)
    edges, titles = graph.edges, graph.titles()
    content = repr([list(each.items()) for each in (boxes, in_frames, edges, titles)])
    return _Measured(boxes, in_frames, edges, titles, hashlib.sha256(content.encode()).digest())


class Pictures:
    """The pictures of this process.

    Working one out takes up to two seconds of Python. However many callers ask, one thread works, and other calls go on
    beside it.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._kept: OrderedDict[tuple[bytes, bool], Picture] = OrderedDict()

    async def picture(self, graph: Graph, *, status: bool, sideways: bool) -> Picture:
        """Return where the boxes and lines of a graph stand.

        Args:
            graph: The boxes and lines.
            status: Whether each box has a line about its rows.
            sideways: Whether parents stand to the left of their children, rather than above.

        Raises:
            LimitReached: There are too many boxes or lines.
        """
        measured = await asyncio.to_thread(_measured, graph, status=status)
        key = measured.digest, sideways
        async with self._turn:
            found = self._kept.get(key)
            if found is None:
                found = await asyncio.to_thread(measured.arranged, sideways=sideways)
                self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
            return found
