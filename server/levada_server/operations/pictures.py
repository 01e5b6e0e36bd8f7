"""Pictures of graphs: worked out one at a time, in a thread, and kept for whoever asks for the same again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from levada_server.layout.arrange import arrange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levada_server.layout.shapes import Edge, Picture, Strength
    from levada_server.layout.tables import Graph

MAX_KEPT = 64
"""The most pictures that are kept."""


class Pictures:
    """The pictures of this process.

    Working one out takes up to two seconds of Python. However many callers ask, one thread works, and other calls go on
    beside it.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._kept: OrderedDict[object, Picture] = OrderedDict()

    async def picture(self, graph: Graph, *, status: bool, sideways: bool) -> Picture:
        """Return where the boxes and lines of a graph stand.

        Args:
            graph: The boxes and lines.
            status: Whether each box has a line about its rows.
            sideways: Whether parents stand to the left of their children, rather than above.

        Raises:
            LimitReached: There are too many boxes or lines.
        """
        boxes = graph.sizes(status=status, framed=False)
        in_frames, titles = graph.sizes(status=status, framed=True), graph.titles()
        edges: Mapping[Edge, Strength] = graph.edges
        key = (tuple(boxes.items()), tuple(in_frames.items()), tuple(edges.items()), tuple(titles.items()), sideways)
        async with self._turn:
            found = self._kept.get(key)
            if found is None:
                found = await asyncio.to_thread(
                    arrange, boxes, edges, in_frames=in_frames, titles=titles, sideways=sideways
                )
                self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
            return found
