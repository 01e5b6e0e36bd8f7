"""A laid out diagram as rectangles, curves and texts, which each format of pictures writes in its own way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from levada._views.diagram_colours import TIER_NAMES
from levada._views.diagram_letters import text_width
from levada_api.v1 import diagram_pb2 as pb
from levada_api.v1 import schema_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from levada_api.v1.schema_service_pb2 import LayOutGraphResponse

Point: TypeAlias = tuple[float, float]

MARGIN = 16.0
"""Around the whole picture, in pixels, as all lengths here."""
_LABEL, _PART, _TITLE, _LEGEND = 13.0, 11.0, 12.0, 11.0
_BASELINE, _LINE_HEIGHT = 18.0, 15.0
_WIDER = 1.15
"""How much wider than in Helvetica a text may be in the font of a page."""
_WIDTHS = {
    pb.DIAGRAM_STRENGTH_EXTENDS: 2.6,
    pb.DIAGRAM_STRENGTH_PRIMARY: 1.3,
    pb.DIAGRAM_STRENGTH_SECONDARY: 1.3,
}
_LEAST_LEGEND = 360.0


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A filled rectangle, with an edge if `edge` names a colour."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    edge: str = ""
    radius: float = 0.0


@dataclass(frozen=True, slots=True)
class Curve:
    """A chain of cubic curves: a start, then two control points and an end for each."""

    points: Sequence[Point]
    colour: str
    width: float
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text, whose middle or beginning is at `x`, and its baseline at `y`."""

    x: float
    y: float
    text: str
    size: float
    colour: str = "text"
    centred: bool = True
    bold: bool = False
    underlined: bool = False


Shape: TypeAlias = Rectangle | Curve | Text


@dataclass(frozen=True, slots=True)
class Group:
    """Shapes that belong together; `title` is shown when the pointer rests on them."""

    shapes: Sequence[Shape]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything to draw, from the back to the front."""

    width: float
    height: float
    groups: Sequence[Group]


@dataclass(frozen=True, slots=True)
class Status:
    """The line about the rows of a box, and its bar.

    Args:
        text: The line.
        done: The part of the bar that is done, from 0 to 1.
        error: The part that failed, beside it; None for both without a bar.
    """

    text: str
    done: float | None = None
    error: float = 0.0


@dataclass(slots=True)
class _Drawing:
    groups: list[Group] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0


def picture_of(
    answer: LayOutGraphResponse,
    *,
    sideways: bool,
    titles: Mapping[str, str],
    statuses: Mapping[str, Status],
    legend: bool,
) -> Picture:
    """Draw a diagram as the server laid it out.

    Args:
        answer: The server's answer.
        sideways: Parents stand to the left of their children, rather than above.
        titles: The text on hover of each box.
        statuses: The lines about the rows of boxes.
        legend: Whether the colours and lines are explained below.
    """
    groups = [Group([_frame(frame)]) for frame in answer.frames]
    groups += [Group([_line(line, sideways)]) for line in _weakest_first(answer.lines)]
    groups += [Group(list(_title(frame))) for frame in answer.frames]
    groups += [Group(list(_box(box, statuses.get(box.name))), titles.get(box.name, "")) for box in answer.boxes]
    width, height = answer.size.width, answer.size.height
    if legend and answer.boxes:
        width = max(width, _LEAST_LEGEND)
        shapes, height = _legend(answer, width, height + 30)
        groups.append(Group(shapes))
    moved = [Group([_moved(shape) for shape in group.shapes], group.title) for group in groups]
    return Picture(width + 2 * MARGIN, height + 2 * MARGIN, moved)


def _moved(shape: Shape) -> Shape:
    if isinstance(shape, Curve):
        return replace(shape, points=[(x + MARGIN, y + MARGIN) for x, y in shape.points])
    return replace(shape, x=shape.x + MARGIN, y=shape.y + MARGIN)


def _weakest_first(lines: Sequence[pb.DiagramLine]) -> list[pb.DiagramLine]:
    return sorted(lines, key=lambda line: line.strength)


def _frame(frame: pb.DiagramFrame) -> Rectangle:
    place = frame.place
    return Rectangle(place.left, place.top, place.width, place.height, "frame", "frame-edge", radius=10)


def _title(frame: pb.DiagramFrame) -> Iterator[Shape]:
    """Draw the title of a frame; lines end at its edges, so that it stays legible."""
    x, y = frame.place.left + 12, frame.place.top + 18
    width = text_width(frame.schema, _TITLE, bold=True) * _WIDER
    yield Rectangle(x - 3, y - 12, width + 6, 16, "frame", radius=3)
    yield Text(x, y, frame.schema, _TITLE, "muted", centred=False, bold=True)


def _line(line: pb.DiagramLine, sideways: bool) -> Curve:
    first = line.stops[0]
    points = [(first.across, first.begin), *_straight(first.across, first.begin, first.end)]
    for stop, following in pairwise(line.stops):
        middle = (stop.end + following.begin) / 2
        points += [(stop.across, middle), (following.across, middle), (following.across, following.begin)]
        points += _straight(following.across, following.begin, following.end)
    if sideways:
        points = [(y, x) for x, y in points]
    dashed = line.strength == pb.DIAGRAM_STRENGTH_SECONDARY
    return Curve(points, "line", _WIDTHS[line.strength], dashed)


def _straight(x: float, begin: float, end: float) -> list[Point]:
    """Return the points of a straight piece; none if it has no length."""
    return [(x, begin), (x, end), (x, end)] if end > begin else []


def _box(box: pb.DiagramBox, status: Status | None) -> Iterator[Shape]:
    place, tier = box.place, TIER_NAMES[box.tier]
    middle = place.left + place.width / 2
    yield Rectangle(place.left, place.top, place.width, place.height, tier, f"{tier}-edge", radius=6)
    # Without a bar, its room is shared out above and below.
    baseline = place.top + _BASELINE + (3 if status is not None and status.done is None else 0)
    yield Text(middle, baseline, box.label, _LABEL, underlined=box.own_key)
    for part in box.parts:
        baseline += _LINE_HEIGHT
        yield Text(middle, baseline, part, _PART, "muted")
    if status is not None:
        baseline += _LINE_HEIGHT
        room = (place.width - 12) / (text_width(status.text, _PART) * _WIDER)
        yield Text(middle, baseline, status.text, _PART * min(room, 1.0))
        if status.done is not None:
            yield from _bar(place, status.done, status.error)


def _bar(place: pb.DiagramPlace, done: float, error: float) -> Iterator[Rectangle]:
    x, y, width = place.left + 10, place.top + place.height - 6, place.width - 20
    yield Rectangle(x, y, width, 3, "left", radius=1.5)
    for colour, start, share in (("done", 0.0, done), ("error", done, error)):
        if share > 0:
            yield Rectangle(x + width * start, y, width * share, 3, colour, radius=1.5)


def _legend(answer: LayOutGraphResponse, width: float, top: float) -> tuple[list[Shape], float]:
    """Explain the tiers and lines of a diagram below it; return the shapes, and where they end."""
    shapes: list[Shape] = []
    x, y = 0.0, top
    for sample, words in _entries(answer):
        room = 26 + text_width(words, _LEGEND) * _WIDER
        if x and x + room > width:
            x, y = 0.0, y + 18
        shapes += (
            [replace(sample, x=x, y=y - 9)]
            if isinstance(sample, Rectangle)
            else [replace(sample, points=[(x + dx, y - 4) for dx in (0, 6, 12, 18)])]
        )
        shapes.append(Text(x + 24, y, words, _LEGEND, "muted", centred=False))
        x += room + 14
    if answer.collapsed_schemas:
        y += 18
        shapes.append(Text(0.0, y, "Each large schema is one box; expand() shows its tables.", _LEGEND, "muted", False))
    return shapes, y + 4


def _entries(answer: LayOutGraphResponse) -> Iterator[tuple[Rectangle | Curve, str]]:
    """Yield what a legend explains: a sample, and its meaning."""
    tiers = {box.tier for box in answer.boxes}
    for tier in (
        schema_pb2.TABLE_TIER_LOOKUP,
        schema_pb2.TABLE_TIER_MANUAL,
        schema_pb2.TABLE_TIER_IMPORTED,
        schema_pb2.TABLE_TIER_COMPUTED,
        schema_pb2.TABLE_TIER_PART,
        schema_pb2.TABLE_TIER_UNSPECIFIED,
    ):
        if tier in tiers:
            name = TIER_NAMES[tier]
            yield Rectangle(0, 0, 18, 11, name, f"{name}-edge", radius=3), name
    strengths = {line.strength for line in answer.lines}
    for strength, words in (
        (pb.DIAGRAM_STRENGTH_EXTENDS, "whole primary key"),
        (pb.DIAGRAM_STRENGTH_PRIMARY, "in the primary key"),
        (pb.DIAGRAM_STRENGTH_SECONDARY, "not in the primary key"),
    ):
        if strength in strengths:
            dashed = strength == pb.DIAGRAM_STRENGTH_SECONDARY
            yield Curve([], "line", _WIDTHS[strength], dashed), words
