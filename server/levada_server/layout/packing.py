"""Pieces without lines between them, side by side and below each other."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from levada_server.layout.shapes import Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = 32.0
_ASPECT = 1.5
"""The width of a packed picture over its height, roughly."""


def pack(pictures: Sequence[Picture], *, gap: float = GAP, least_width: float = 0.0) -> Picture:
    """Place pictures on shelves, the highest first.

    Args:
        pictures: The pictures.
        gap: The room between two.
        least_width: A width that may be used up in any case.
    """
    if len(pictures) == 1:
        return pictures[0]
    area = sum((picture.width + gap) * (picture.height + gap) for picture in pictures)
    limit = max(sqrt(area * _ASPECT), least_width, *(picture.width for picture in pictures), 0.0)
    result = Picture()
    x = y = height = 0.0
    for picture in sorted(pictures, key=lambda picture: (-picture.height, -picture.width, min(picture.boxes))):
        if x and x + picture.width > limit:
            x, y, height = 0.0, y + height + gap, 0.0
        result.add(picture, x, y)
        result.width = max(result.width, x + picture.width)
        x += picture.width + gap
        height = max(height, picture.height)
        result.height = max(result.height, y + picture.height)
    return result
