"""Places within rows: lines as straight as the order of the rows allows.

Source: Gansner, Koutsofios, North and Vo, "A technique for drawing directed graphs", 1993, section 4, with its weights;
least squares row by row in place of their linear programme, by pooling adjacent violators (Barlow et al., "Statistical
inference under order restrictions", 1972).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levada_server.layout.rows import Link, Node, Rows

SWEEPS = 32
_ONE_SIDED = 8
"""The first sweeps look at one side only, so that the picture gets its shape."""
_WEIGHTS = {2: 1.0, 1: 3.0, 0: 8.0}
"""How much a piece of line is to be straight, by how many of its ends are boxes."""
_STAY = 0.05


def place_nodes(rows: Rows) -> None:
    """Find the middle `x` of each node; neighbours keep their gaps."""
    for row in rows:
        _place(row, {id(node): (0.0, 1.0) for node in row})
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            if row:
                above, below = (True, True) if sweep >= _ONE_SIDED else (down, not down)
                _place(row, {id(node): _wanted(node, above=above, below=below) for node in row})


def _wanted(node: Node, *, above: bool, below: bool) -> tuple[float, float]:
    total = weight = 0.0
    for link in node.above if above else ():
        strength = _strength(link)
        total += strength * (link.upper.x + link.upper_offset - link.lower_offset)
        weight += strength
    for link in node.below if below else ():
        strength = _strength(link)
        total += strength * (link.lower.x + link.lower_offset - link.upper_offset)
        weight += strength
    return (total / weight, weight) if weight else (node.x, _STAY)


def _strength(link: Link) -> float:
    return _WEIGHTS[link.upper.solid + link.lower.solid]


def distance(left: Node, right: Node) -> float:
    """Return how far apart the middles of two neighbours stand at least."""
    return (left.width + right.width + left.gap + right.gap) / 2


def _place(row: Sequence[Node], wanted: Mapping[int, tuple[float, float]]) -> None:
    """Place a row by least squares under the least distances."""
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + distance(left, right))
    pools: list[tuple[float, float, int]] = []  # sum of weighted places, weight, and number of nodes
    for node, offset in zip(row, offsets, strict=True):
        place, weight = wanted[id(node)]
        pool = ((place - offset) * weight, weight, 1)
        while pools and pools[-1][0] / pools[-1][1] > pool[0] / pool[1]:
            last = pools.pop()
            pool = (last[0] + pool[0], last[1] + pool[1], last[2] + pool[2])
        pools.append(pool)
    index = 0
    for total, weight, count in pools:
        for _ in range(count):
            row[index].x = total / weight + offsets[index]
            index += 1
