"""Look at laid out pictures as a reader does: points along lines, crossings, boxes that lines run through."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from levada_server.layout.arrange import arrange
from levada_server.layout.tables import graph_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from levada_server.layout.shapes import Picture, Point, Rectangle, Stop
    from levada_server.model.table import Table

_STEPS = 12
"""How many pieces of a curve are taken for straight."""


def picture_of(
    tables: Sequence[Table], *, expanded: Collection[str] | None = (), sideways: bool = False, status: bool = False
) -> Picture:
    """Lay out tables as the server does."""
    graph = graph_of(tables, expanded=expanded)
    return arrange(
        graph.sizes(status=status, framed=False),
        graph.edges,
        in_frames=graph.sizes(status=status, framed=True),
        titles=graph.titles(),
        sideways=sideways,
    )


def points_of(stops: Sequence[Stop], *, sideways: bool = False) -> list[Point]:
    """Return points along a line, from its parent to its child."""
    points: list[Point] = []
    for stop, following in pairwise(stops):
        points += [(stop.x, stop.top), (stop.x, stop.bottom)]
        middle = (stop.bottom + following.top) / 2
        points += bezier((stop.x, stop.bottom), (stop.x, middle), (following.x, middle), (following.x, following.top))
    points += [(stops[-1].x, stops[-1].top), (stops[-1].x, stops[-1].bottom)]
    points = [point for index, point in enumerate(points) if not index or point != points[index - 1]]
    return [(y, x) for x, y in points] if sideways else points


def bezier(start: Point, first: Point, second: Point, end: Point) -> list[Point]:
    """Return points along a cubic curve, without its start."""
    found = []
    for step in range(1, _STEPS + 1):
        t, u = step / _STEPS, 1 - step / _STEPS
        weights = (u**3, 3 * u * u * t, 3 * u * t * t, t**3)
        corners = (start, first, second, end)
        x, y = (sum(w * corner[axis] for w, corner in zip(weights, corners, strict=True)) for axis in (0, 1))
        found.append((x, y))
    return found


def inside(point: Point, place: Rectangle, *, edge: float = 0.01) -> bool:
    """Return whether a point is within a rectangle, and not only on its edge."""
    x, y = point
    return place.x + edge < x < place.right - edge and place.y + edge < y < place.bottom - edge


def count_crossings(lines: Sequence[Sequence[Point]]) -> int:
    """Count the places where lines cross; pieces that several lines share count once, common ends not at all."""
    pieces = sorted({(min(piece), max(piece)) for line in lines for piece in pairwise(line)})
    crossings = 0
    for index, (a, b) in enumerate(pieces):
        for c, d in pieces[index + 1 :]:
            if c[0] > b[0]:
                break
            if _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0:
                crossings += 1
    return crossings


def _side(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
