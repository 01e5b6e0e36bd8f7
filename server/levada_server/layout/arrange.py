"""Arrange boxes and lines: with a frame around each group, unless the picture is clearly better without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx

from levada_server.errors import LimitReached
from levada_server.layout.framed import Paddings, framed
from levada_server.layout.layered import Line, Size, lay_out
from levada_server.layout.packing import pack
from levada_server.layout.ranks import find_ranks
from levada_server.layout.shapes import Box, Picture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levada_server.layout.shapes import Edge, Strength

MAX_BOXES, MAX_LINES = 600, 1_500
"""The most of one picture: a second or two of work, and more than anybody can read."""
MAX_FRAMED_LINES = 450
"""With more lines there are no frames: they take several times the work, and would not help to read the picture."""
_MORE_CROSSINGS, _MORE_AREA = 1.5, 3.0
"""How much worse a picture with frames may be."""


def arrange(
    boxes: Mapping[str, Box],
    edges: Mapping[Edge, Strength],
    *,
    in_frames: Mapping[str, Box] | None = None,
    titles: Mapping[str, float] | None = None,
    sideways: bool = False,
) -> Picture:
    """Find the places of boxes, of the lines between them, and of frames around groups.

    Args:
        boxes: By name, parents first.
        edges: The lines from parents to children.
        in_frames: The same boxes, with their group and size if they stand in frames; None for no frames.
        titles: The width of the title of each group.
        sideways: Parents stand to the left of their children, rather than above: lines then run to the right, and the
            axes of their stops are exchanged.

    Raises:
        LimitReached: There are too many boxes or lines, or the lines are too long.
    """
    for kind, count, most in (("boxes", len(boxes), MAX_BOXES), ("lines", len(edges), MAX_LINES)):
        if count > most:
            raise LimitReached(
                f"A diagram holds at most {most} {kind}, and this one would have {count}; collapse its schemas, or "
                "show fewer tables."
            )
    picture = _flat(_sizes(boxes, sideways), edges)
    if in_frames is not None and titles and len(edges) <= MAX_FRAMED_LINES:
        groups = {name: box.group for name, box in in_frames.items() if box.group}
        paddings = Paddings.sideways() if sideways else Paddings.upright()
        try:
            with_frames = framed(_sizes(in_frames, sideways), edges, groups, titles, paddings)
        except LimitReached:  # lines pass more rows where each group has its own
            with_frames = None
        if with_frames is not None and _good_enough(with_frames, picture):
            picture = with_frames
    return picture.turned() if sideways else picture


def _sizes(boxes: Mapping[str, Box], sideways: bool) -> dict[str, Size]:
    return {
        name: Size(box.height, box.width) if sideways else Size(box.width, box.height) for name, box in boxes.items()
    }


def _good_enough(picture: Picture, flat: Picture) -> bool:
    return (
        picture.crossing_count <= _MORE_CROSSINGS * flat.crossing_count + 3
        and picture.width * picture.height <= _MORE_AREA * flat.width * flat.height + 200_000
    )


def _flat(sizes: Mapping[str, Size], edges: Mapping[Edge, Strength]) -> Picture:
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(sizes)
    graph.add_edges_from(edges)
    places = {name: index for index, name in enumerate(sizes)}
    parts = sorted(sorted(part, key=places.__getitem__) for part in nx.connected_components(graph))
    return pack([_connected({name: sizes[name] for name in part}, edges) for part in parts])


def _connected(sizes: Mapping[str, Size], edges: Mapping[Edge, Strength]) -> Picture:
    own: Sequence[Edge] = [edge for edge in edges if edge[0] in sizes]
    found = lay_out(sizes, [Line(*edge, edges[edge]) for edge in own], find_ranks(sizes, own))
    return Picture(
        found.width,
        found.height,
        found.boxes,
        dict(zip(own, found.stops, strict=True)),
        crossing_count=found.crossing_count,
    )
