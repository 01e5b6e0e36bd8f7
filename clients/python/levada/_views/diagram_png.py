"""A drawing as a PNG, by Matplotlib."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from levada._base.errors import Unsupported
from levada._views.diagram_svg import COLOURS

if TYPE_CHECKING:
    from levada._views.diagram_svg import Drawing

_PIXELS_PER_INCH = 72.0
"""Then a pixel of the drawing is a point, in which Matplotlib measures letters."""
_SHARPNESS = 2
"""Pixels of the image for each of the drawing."""
_LABEL_PIXELS, _PART_PIXELS = 13.0, 11.0


def draw(drawing: Drawing) -> bytes:
    """Draw boxes and lines as a PNG.

    Raises:
        Unsupported: Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.patches import PathPatch, Rectangle
        from matplotlib.path import Path
    except ImportError:
        raise Unsupported(
            "Matplotlib draws a PNG: `pip install matplotlib`. Without it, a diagram has `make_svg()`."
        ) from None
    size = (max(drawing.width, 1.0), max(drawing.height, 1.0))
    figure = Figure(figsize=(size[0] / _PIXELS_PER_INCH, size[1] / _PIXELS_PER_INCH))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, size[0]), ylim=(size[1], 0))
    axes.axis("off")
    for corners, solid in drawing.lines:
        codes = [Path.MOVETO, *[Path.CURVE4] * (len(corners) - 1)]
        style = "solid" if solid else "dashed"
        axes.add_patch(PathPatch(Path(corners, codes), fill=False, edgecolor="0.45", linestyle=style))
    for box, x, y in drawing.boxes:
        corner, colour = (x - box.width / 2, y), COLOURS[box.tier]
        axes.add_patch(Rectangle(corner, box.width, box.height, facecolor=colour + "2e", edgecolor=colour))
        for index, (text, baseline) in enumerate(box.texts(y)):
            axes.text(
                x, baseline, text, ha="center", fontsize=_PART_PIXELS if index else _LABEL_PIXELS, parse_math=False
            )
    image = BytesIO()
    figure.savefig(image, format="png", dpi=_PIXELS_PER_INCH * _SHARPNESS)
    return image.getvalue()
