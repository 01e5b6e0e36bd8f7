"""An SVG as a PNG, by resvg."""

from __future__ import annotations

from levada._base.errors import Unsupported
from levada._base.installation import install_command
from levada._views.diagram_svg import FONT

_TEXT = (
    f'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20" font-family="{FONT}">'
    '<text y="15">{}</text></svg>'
)


def png(svg: str, *, sharpness: float) -> bytes:
    """Draw an SVG as a PNG.

    Args:
        svg: The SVG, whose colours are attributes.
        sharpness: Pixels of the image for each of the drawing.

    Raises:
        Unsupported: The package resvg-py is not installed.
    """
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise Unsupported(
            f"A PNG of a diagram needs another package: `{install_command('png')}`. SVG and PDF need none."
        ) from None
    if svg_to_bytes(svg_string=_TEXT.format("")) == svg_to_bytes(svg_string=_TEXT.format("x")):
        raise Unsupported(
            "This machine has no font for the texts of a PNG; install one, as `apt-get install fonts-dejavu-core` "
            "does, or save the diagram as SVG or PDF."
        )
    return bytes(svg_to_bytes(svg_string=svg, zoom=sharpness))
