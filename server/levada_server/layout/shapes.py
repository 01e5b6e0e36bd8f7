"""Boxes, lines and frames, before and after they are placed. Lengths are pixels, from the upper left."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class Strength(IntEnum):
    """How strongly a child is bound to its parent; the weakest first."""

    SECONDARY = 0
    """The parent is named below the primary key."""
    PRIMARY = 1
    """The parent is part of the primary key."""
    EXTENDS = 2
    """The parent is the whole primary key: at most one child for each."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box without a place yet.

    Args:
        width: Its width.
        height: Its height.
        group: The frame that it may stand in; empty for none.
    """

    width: float
    height: float
    group: str = ""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A place in the picture."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The lower side."""
        return self.y + self.height

    def moved(self, x: float, y: float) -> Rectangle:
        """Return it, moved to the right and downwards."""
        return Rectangle(self.x + x, self.y + y, self.width, self.height)

    def turned(self) -> Rectangle:
        """Return it with the axes exchanged."""
        return Rectangle(self.y, self.x, self.height, self.width)


Point = tuple[float, float]
Edge = tuple[str, str]
"""Parent and child, by the names of their boxes."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A stretch where a line runs straight down at `x`, from `top` to `bottom`; between stops it is curved."""

    x: float
    top: float
    bottom: float

    def moved(self, x: float, y: float) -> Stop:
        """Return it, moved to the right and downwards."""
        return Stop(self.x + x, self.top + y, self.bottom + y)


@dataclass(slots=True)
class Picture:
    """The places of everything.

    Args:
        width: Its width.
        height: Its height.
        boxes: The place of each box.
        routes: The stops of each line, from its parent to its child.
        frames: The place of each frame, by its group.
        crossing_count: How often two lines cross. Lines of one kind from the same parent run together until they part.
    """

    width: float = 0.0
    height: float = 0.0
    boxes: dict[str, Rectangle] = field(default_factory=dict)
    routes: dict[Edge, tuple[Stop, ...]] = field(default_factory=dict)
    frames: dict[str, Rectangle] = field(default_factory=dict)
    crossing_count: int = 0

    def add(self, other: Picture, x: float, y: float) -> None:
        """Take in all that stands in another picture, moved to the right and downwards."""
        self.boxes |= {name: place.moved(x, y) for name, place in other.boxes.items()}
        self.routes |= {edge: tuple(stop.moved(x, y) for stop in stops) for edge, stops in other.routes.items()}
        self.frames |= {group: place.moved(x, y) for group, place in other.frames.items()}
        self.crossing_count += other.crossing_count

    def turned(self) -> Picture:
        """Return the picture with the axes exchanged; those of the stops of its lines are not."""
        return Picture(
            self.height,
            self.width,
            {name: place.turned() for name, place in self.boxes.items()},
            self.routes,
            {group: place.turned() for group, place in self.frames.items()},
            self.crossing_count,
        )
