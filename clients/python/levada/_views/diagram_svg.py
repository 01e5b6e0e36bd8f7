"""A layered drawing of boxes and lines, as SVG: parents above their children, with few crossings."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

_Name = TypeVar("_Name", bound="Hashable")

COLOURS = {
    "lookup": "#7f8c8d",
    "manual": "#27ae60",
    "imported": "#2980b9",
    "computed": "#c0392b",
    "part": "#8e6b3d",
    "schema": "#7d5fb2",
}
"""One per tier, and one for collapsed schemas; readable on white and on black."""

_LETTER, _LINE, _PADDING = 7.5, 18.0, 12.0
"""Width of a letter, height of a line, margin left and right of a text, in pixels."""
_COLUMN_GAP, _ROW_GAP, _MARGIN = 28.0, 46.0, 8.0
_SWEEPS = 8
"""How often the boxes of each row are sorted by their neighbours in the next."""

# As an image, a drawing does not see the colours of the page around it, so it has its own background.
_STYLE = (
    ".levada-diagram{color:#1b1b1b;background:#fff}"
    "@media(prefers-color-scheme:dark){.levada-diagram{color:#e6e6e6;background:#1e1e1e}}"
    "text{font:13px ui-sans-serif,system-ui,sans-serif;fill:currentColor}"
    ".part{font-size:11px;opacity:.8}.edge{fill:none;stroke:currentColor;opacity:.55}"
)


@dataclass(frozen=True)
class Box:
    """A table: its label, tier, hover text, and the names of its parts."""

    label: str
    tier: str
    title: str
    parts: list[str]

    @property
    def width(self) -> float:
        """Width in pixels."""
        return _LETTER * max(map(len, [self.label, *self.parts])) + 2 * _PADDING

    @property
    def height(self) -> float:
        """Height in pixels."""
        return _LINE * (len(self.parts) + 1) + _PADDING

    def texts(self, top: float) -> list[tuple[str, float]]:
        """Return its label and its parts, each with the height of its baseline if the box begins at `top`."""
        parts = [(part, top + _LINE * (index + 2) - 1) for index, part in enumerate(self.parts)]
        return [(self.label, top + _LINE), *parts]


@dataclass
class _Point:
    """A point in the drawing: a box, or a point where a long line passes a row."""

    row: int
    width: float
    height: float
    above: list[_Point]
    below: list[_Point]
    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True)
class Drawing:
    """Boxes and lines with their places, in pixels from the upper left.

    Args:
        width: Its width.
        height: Its height.
        boxes: Each with the middle of its width, and its top.
        lines: The corners of a chain of cubic curves (a start; then two control points and an end for each), and
            whether the line is solid.
    """

    width: float
    height: float
    boxes: Sequence[tuple[Box, float, float]]
    lines: Sequence[tuple[Sequence[tuple[float, float]], bool]]


def arrange(
    boxes: Mapping[_Name, Box], edges: Mapping[tuple[_Name, _Name], bool], *, sideways: bool = False
) -> Drawing:
    """Find the places of boxes and of the lines between them.

    Args:
        boxes: By name, parents first.
        edges: From parent to child: whether the line is solid.
        sideways: Parents stand to the left of their children, rather than above.
    """
    rows = _rows(boxes, edges)
    sizes = {name: (box.height, box.width) if sideways else (box.width, box.height) for name, box in boxes.items()}
    points = {name: _Point(rows[name], *size, [], []) for name, size in sizes.items()}
    paths = {edge: _path(points[edge[0]], points[edge[1]]) for edge in edges}
    size = _place([*points.values(), *(point for path in paths.values() for point in path[1:-1])])
    placed = []
    for name, box in boxes.items():
        point = points[name]
        middle, top = (point.y + box.width / 2, point.x - box.height / 2) if sideways else (point.x, point.y)
        placed.append((box, middle, top))
    lines = [([_turned(at, sideways) for at in _curve(paths[edge])], solid) for edge, solid in edges.items()]
    return Drawing(*_turned(size, sideways), placed, lines)


def _turned(place: tuple[float, float], sideways: bool) -> tuple[float, float]:
    return (place[1], place[0]) if sideways else place


def draw(drawing: Drawing) -> str:
    """Write a drawing as SVG."""
    width, height = drawing.width, drawing.height
    lines = [_line(corners, solid) for corners, solid in drawing.lines]
    shapes = [_box(*placed) for placed in drawing.boxes]
    return (
        f'<svg class="levada-diagram" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}"><style>{_STYLE}</style>{"".join(lines)}{"".join(shapes)}</svg>'
    )


def _rows(boxes: Iterable[_Name], edges: Iterable[tuple[_Name, _Name]]) -> dict[_Name, int]:
    """Assign each box the first row below all its parents."""
    parents: dict[_Name, list[_Name]] = {name: [] for name in boxes}
    for parent, child in edges:
        parents[child].append(parent)
    rows: dict[_Name, int] = {}
    for name, above in parents.items():
        rows[name] = max((rows[parent] + 1 for parent in above if parent in rows), default=0)
    return rows


def _path(start: _Point, end: _Point) -> list[_Point]:
    """Connect two points, with one point in each row between."""
    between = [_Point(row, 0.0, 0.0, [], []) for row in range(start.row + 1, end.row)]
    path = [start, *between, end]
    for upper, lower in pairwise(path):
        upper.below.append(lower)
        lower.above.append(upper)
    return path


def _place(points: Sequence[_Point]) -> tuple[float, float]:
    """Place all points, and return the width and height of the whole.

    Source: Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures", 1981; the
    order within rows by the barycentre of the neighbours.
    """
    rows: list[list[_Point]] = [[] for _ in range(max((point.row for point in points), default=-1) + 1)]
    for point in points:
        rows[point.row].append(point)
    for row in rows:
        _pack(row)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            wanted = {id(point): _centre(point.above if down else point.below, point.x) for point in row}
            row.sort(key=lambda point: wanted[id(point)])
            _pack(row, wanted)
    left = min((point.x - point.width / 2 for point in points), default=0.0)
    y = _MARGIN
    for row in rows:
        for point in row:
            point.x += _MARGIN - left
            point.y = y
        y += max(point.height for point in row) + _ROW_GAP
    right = max((point.x + point.width / 2 for point in points), default=0.0)
    return right + _MARGIN, max(y - _ROW_GAP, 0.0) + _MARGIN


def _centre(neighbours: Sequence[_Point], otherwise: float) -> float:
    return sum(point.x for point in neighbours) / len(neighbours) if neighbours else otherwise


def _pack(row: Sequence[_Point], wanted: Mapping[int, float] | None = None) -> None:
    """Place the points of a row side by side, as near to their preferred positions as the order allows."""
    right = float("-inf")
    for point in row:
        target = wanted[id(point)] if wanted else 0.0
        point.x = max(target, right + point.width / 2)
        right = point.x + point.width / 2 + _COLUMN_GAP
    # Points pushed to the right by their neighbours are moved back together.
    if row and wanted:
        shift = sum(point.x - wanted[id(point)] for point in row) / len(row)
        for point in row:
            point.x -= shift


def _curve(path: Sequence[_Point]) -> list[tuple[float, float]]:
    """Return a line from the bottom of its first point to the top of its last, vertical where it passes a row."""
    start, *rest = path
    x, y = start.x, start.y + start.height
    corners = [(x, y)]
    for point in rest:
        middle = (y + point.y) / 2
        corners += [(x, middle), (point.x, middle), (point.x, point.y)]
        x, y = point.x, point.y
    return corners


def _line(corners: Sequence[tuple[float, float]], solid: bool) -> str:
    (x, y), *rest = corners
    curves = [" ".join(f"{x:.1f} {y:.1f}" for x, y in rest[index : index + 3]) for index in range(0, len(rest), 3)]
    dashes = "" if solid else ' stroke-dasharray="5 4"'
    return f'<path class="edge" d="M{x:.1f} {y:.1f}{"".join("C" + curve for curve in curves)}"{dashes}/>'


def _box(box: Box, x: float, y: float) -> str:
    colour = COLOURS[box.tier]
    parts = "".join(
        f'<text class="part" x="{x:.1f}" y="{baseline:.1f}" text-anchor="middle">{escape(text)}</text>'
        for text, baseline in box.texts(y)[1:]
    )
    return (
        f"<g><title>{escape(box.title)}</title>"
        f'<rect x="{x - box.width / 2:.1f}" y="{y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" '
        f'rx="5" fill="{colour}" fill-opacity=".18" stroke="{colour}"/>'
        f'<text x="{x:.1f}" y="{y + _LINE:.1f}" text-anchor="middle">{escape(box.label)}</text>{parts}</g>'
    )
