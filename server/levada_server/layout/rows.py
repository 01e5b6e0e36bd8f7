"""Nodes in rows: boxes, and the points at which long lines pass the rows between their ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(eq=False, slots=True)
class Link:
    """A piece of line between neighbouring rows.

    Args:
        upper: Its upper end.
        lower: Its lower end.
        upper_offset: The distance of its beginning from the middle of the upper node.
        lower_offset: The distance of its end from the middle of the lower node.
    """

    upper: Node
    lower: Node
    upper_offset: float = 0.0
    lower_offset: float = 0.0

    @property
    def upper_share(self) -> float:
        """Its beginning, from -0.5 to 0.5 of the node's width."""
        return self.upper_offset / self.upper.width if self.upper.width else 0.0

    @property
    def lower_share(self) -> float:
        """Its end, likewise."""
        return self.lower_offset / self.lower.width if self.lower.width else 0.0


@dataclass(eq=False, slots=True)
class Node:
    """A box, or a point of a line.

    Args:
        row: The index of its row.
        width: Its width; 0 for a point.
        height: Its height.
        gap: The room that it needs on either side; two neighbours keep the mean of theirs.
    """

    row: int
    width: float
    height: float
    gap: float
    above: list[Link] = field(default_factory=list)
    below: list[Link] = field(default_factory=list)
    place: int = 0
    x: float = 0.0

    @property
    def solid(self) -> bool:
        """Whether it is a box."""
        return self.width > 0.0

    def places(self, *, above: bool) -> list[float]:
        """Return where its lines end in the row above or below, sorted."""
        if above:
            found = [link.upper.place + link.upper_share for link in self.above]
        else:
            found = [link.lower.place + link.lower_share for link in self.below]
        found.sort()
        return found

    def near(self, *, down_first: bool) -> list[Node]:
        """Return the nodes that it has lines with."""
        above, below = [link.upper for link in self.above], [link.lower for link in self.below]
        return [*below, *above] if down_first else [*above, *below]


class Rows(list[list[Node]]):
    """The rows from top to bottom, each from left to right."""

    @property
    def link_count(self) -> int:
        """How many pieces of line there are."""
        return sum(len(node.below) for row in self for node in row)


def connect(upper: Node, lower: Node, upper_offset: float = 0.0, lower_offset: float = 0.0) -> Link:
    """Draw a piece of line between nodes of neighbouring rows."""
    link = Link(upper, lower, upper_offset, lower_offset)
    upper.below.append(link)
    lower.above.append(link)
    return link


def centre_of(values: Sequence[float]) -> float:
    """Return the mean."""
    return sum(values) / len(values)
