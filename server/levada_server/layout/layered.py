"""Boxes in rows, and lines from row to row that pass beside the boxes between."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from levada_server.errors import LimitReached
from levada_server.layout.coordinates import place_nodes
from levada_server.layout.order import count_crossings, order_rows
from levada_server.layout.rows import Node, Rows, connect
from levada_server.layout.shapes import Rectangle, Stop

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from levada_server.layout.rows import Link

MAX_POINTS = 8_000
"""The most points at which lines pass rows."""
BOX_GAP, LINE_GAP = 24.0, 10.0
"""The room between two boxes, and between two lines."""
MIN_ROW_GAP, MAX_ROW_GAP = 34.0, 76.0
_SLOPE = 0.07
"""How much higher the gap between rows is for each pixel that a line moves sideways in it."""
_END_GAP, _END_MARGIN = 12.0, 10.0
"""Between the ends of lines at a box, and between the outermost and the corner."""


class Size(NamedTuple):
    """The size of a box; a width of 0 makes it a mere point at which lines end."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line between two boxes.

    Args:
        parent: The upper box.
        child: The lower box.
        trunk: Lines with the same parent and trunk run together until they part.
        start: The distance of its beginning from the middle of the parent.
        end: The distance of its end from the middle of the child; None: wherever there is room.
    """

    parent: str
    child: str
    trunk: Hashable
    start: float = 0.0
    end: float | None = None


@dataclass(slots=True)
class Layered:
    """Placed boxes and lines.

    Args:
        width: The width of everything; the leftmost point is at 0.
        height: The height of all rows.
        boxes: The place of each box.
        stops: The stops of each line.
        crossing_count: How often lines cross.
    """

    width: float = 0.0
    height: float = 0.0
    boxes: dict[str, Rectangle] = field(default_factory=dict)
    stops: list[tuple[Stop, ...]] = field(default_factory=list)
    crossing_count: int = 0


def lay_out(
    sizes: Mapping[str, Size],
    lines: Sequence[Line],
    ranks: Mapping[str, int],
    *,
    first: Sequence[str] = (),
    last: Sequence[str] = (),
) -> Layered:
    """Place boxes in the rows of their ranks.

    Args:
        sizes: The boxes.
        lines: The lines; a parent ranks above its child.
        ranks: The row of each box, from 0.
        first: All boxes of the first row in their order, if it is settled.
        last: All boxes of the last row in their order, if it is settled.

    Raises:
        LimitReached: The lines are too long.
    """
    nodes = {name: Node(ranks[name], *size, BOX_GAP if size.width else LINE_GAP) for name, size in sizes.items()}
    rows = Rows([] for _ in range(max(ranks.values(), default=-1) + 1))
    chains = _chains(nodes, lines)
    points = {id(node): node for chain in chains for node in chain[1:-1]}
    for node in (*nodes.values(), *points.values()):
        rows[node.row].append(node)
    links = _links(chains, lines)
    fixed = set()
    for index, names in ((0, first), (len(rows) - 1, last)):
        if names:
            rows[index][:] = [nodes[name] for name in names]
            fixed.add(index)
    order_rows(rows, frozenset(fixed))
    _spread(lines, links)
    place_nodes(rows)
    _pull_together(rows)
    result = _measured(rows, nodes, chains, links)
    result.crossing_count = count_crossings(rows)
    return result


def _chains(nodes: Mapping[str, Node], lines: Sequence[Line]) -> list[list[Node]]:
    """Return the nodes of each line: its ends, and a point in each row between; lines of one trunk share points.

    Raises:
        LimitReached: There are too many points.
    """
    points: dict[tuple[str, Hashable, int], Node] = {}
    chains = []
    for line in lines:
        parent, child = nodes[line.parent], nodes[line.child]
        chain = [parent]
        for row in range(parent.row + 1, child.row):
            key = (line.parent, line.trunk, row)
            if key not in points:
                points[key] = Node(row, 0.0, 0.0, LINE_GAP)
                if len(points) > MAX_POINTS:
                    raise LimitReached(
                        f"The lines of this diagram pass boxes in more than {MAX_POINTS} places; collapse its schemas, "
                        "or show fewer tables."
                    )
            chain.append(points[key])
        chains.append([*chain, child])
    return chains


def _links(chains: Sequence[Sequence[Node]], lines: Sequence[Line]) -> list[list[Link]]:
    """Return the pieces of each line; shared pieces are the same."""
    known: dict[tuple[int, int, Hashable, float | None], Link] = {}
    result = []
    for chain, line in zip(chains, lines, strict=True):
        pieces = []
        for upper, lower in pairwise(chain):
            end = line.end if lower is chain[-1] else None
            key = (id(upper), id(lower), line.trunk, end)
            if key not in known:
                start = line.start if upper is chain[0] else 0.0
                known[key] = connect(upper, lower, start, end or 0.0)
            pieces.append(known[key])
        result.append(pieces)
    return result


def _spread(lines: Sequence[Line], links: Sequence[Sequence[Link]]) -> None:
    """Place the lines that arrive at a box along its side, so that no two cross there."""
    arriving: dict[int, list[Link]] = {}
    for line, pieces in zip(lines, links, strict=True):
        if line.end is None and pieces[-1].lower.solid:
            arriving.setdefault(id(pieces[-1].lower), []).append(pieces[-1])
    for ends in arriving.values():
        ends.sort(key=lambda link: link.upper.place + link.upper_share)
        room = ends[0].lower.width - 2 * _END_MARGIN
        step = min(_END_GAP, room / (len(ends) - 1)) if len(ends) > 1 else 0.0
        for index, link in enumerate(ends):
            link.lower_offset = (index - (len(ends) - 1) / 2) * step


def _pull_together(rows: Rows) -> None:
    """Close the stripes, from top to bottom, in which nothing stands."""
    nodes = sorted((node for row in rows for node in row), key=lambda node: node.x - (node.width + node.gap) / 2)
    right, moved = -inf, 0.0
    for node in nodes:
        half = (node.width + node.gap) / 2
        if node.x - half - right > moved and right > -inf:
            moved = node.x - half - right
        node.x -= moved
        right = max(right, node.x + half)


def _measured(
    rows: Rows, nodes: Mapping[str, Node], chains: Sequence[Sequence[Node]], links: Sequence[Sequence[Link]]
) -> Layered:
    tops, bottoms = _heights(rows)
    left = min((n.x - n.width / 2 for row in rows for n in row), default=0.0)
    right = max((n.x + n.width / 2 for row in rows for n in row), default=0.0)
    boxes = {
        name: Rectangle(node.x - node.width / 2 - left, tops[node.row], node.width, node.height)
        for name, node in nodes.items()
    }
    stops = []
    for chain, pieces in zip(chains, links, strict=True):
        start, end = chain[0], chain[-1]
        stops.append(
            (
                Stop(start.x + pieces[0].upper_offset - left, tops[start.row] + start.height, bottoms[start.row]),
                *(Stop(node.x - left, tops[node.row], bottoms[node.row]) for node in chain[1:-1]),
                Stop(end.x + pieces[-1].lower_offset - left, tops[end.row], tops[end.row]),
            )
        )
    return Layered(right - left, bottoms[-1] if bottoms else 0.0, boxes, stops)


def _heights(rows: Rows) -> tuple[list[float], list[float]]:
    """Return the top and the bottom of each row."""
    tops, bottoms, y = [], [], 0.0
    for row in rows:
        tops.append(y)
        bottoms.append(y + max((node.height for node in row), default=0.0))
        sideways = [
            abs(link.upper.x + link.upper_offset - link.lower.x - link.lower_offset) for n in row for link in n.below
        ]
        y = bottoms[-1] + min(MAX_ROW_GAP, MIN_ROW_GAP + _SLOPE * max(sideways, default=0.0))
    return tops, bottoms
