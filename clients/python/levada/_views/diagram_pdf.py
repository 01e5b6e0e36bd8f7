"""A picture as a PDF of one page, in vectors.

The texts are in Helvetica, one of the fonts that every reader has, so that none is embedded and no package is needed.

Source: ISO 32000-1 (PDF 1.7), chapters 7.5 (structure), 8.5 (paths) and 9.6.2.2 (the standard fonts).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from levada._views.diagram_colours import DARK, LIGHT
from levada._views.diagram_letters import text_width
from levada._views.diagram_shapes import Curve, Rectangle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from levada._views.diagram_shapes import Picture, Shape, Text

_POINTS = 0.75
"""Points per pixel."""
_ROUND = 0.5523
"""The distance of the control points of a quarter of a circle from its ends, as a share of its radius."""
_MOST_POINTS = 14_400
"""The longest side of a page; a larger picture is made smaller."""


def pdf(picture: Picture, *, dark: bool = False) -> bytes:
    """Write a picture as a PDF."""
    colours = DARK if dark else LIGHT
    scale = min(_POINTS, _MOST_POINTS / max(picture.width, picture.height))
    lines = [f"{scale:.4f} 0 0 {-scale:.4f} 0 {picture.height * scale:.2f} cm"]
    lines += _shape(Rectangle(0, 0, picture.width, picture.height, "page"), colours)
    for group in picture.groups:
        for shape in group.shapes:
            lines += _shape(shape, colours)
    content = zlib.compress("\n".join(lines).encode("cp1252", "replace"))
    size = f"{picture.width * scale:.2f} {picture.height * scale:.2f}"
    return _file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size}] /Contents 4 0 R "
            "/Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>".encode(),
            f"<< /Length {len(content)} /Filter /FlateDecode >>\nstream\n".encode() + content + b"\nendstream",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        ]
    )


def _file(objects: list[bytes]) -> bytes:
    """Number the objects, and add the table of where they begin."""
    result = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(result))
        result += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    table = len(result)
    result += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for place in places:
        result += b"%010d 00000 n \n" % place
    result += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(result)


def _shape(shape: Shape, colours: Mapping[str, str]) -> Iterator[str]:
    if isinstance(shape, Rectangle):
        yield _colour(colours[shape.colour], "rg")
        if shape.edge:
            yield _colour(colours[shape.edge], "RG") + " 1 w [] 0 d"
        yield from _outline(shape)
        yield "B" if shape.edge else "f"
    elif isinstance(shape, Curve):
        dashes = "[5 4] 0 d" if shape.dashed else "[] 0 d"
        yield f"{_colour(colours[shape.colour], 'RG')} {shape.width:g} w {dashes}"
        start, *rest = [f"{x:.2f} {y:.2f}" for x, y in shape.points]
        yield f"{start} m"
        for index in range(0, len(rest), 3):
            yield f"{' '.join(rest[index : index + 3])} c"
        yield "S"
    else:
        yield from _text(shape, colours)


def _outline(shape: Rectangle) -> Iterator[str]:
    left, top, right, bottom = shape.x, shape.y, shape.x + shape.width, shape.y + shape.height
    r = min(shape.radius, shape.width / 2, shape.height / 2)
    if not r:
        yield f"{left:.2f} {top:.2f} {shape.width:.2f} {shape.height:.2f} re"
        return
    k = r * (1 - _ROUND)
    yield f"{left + r:.2f} {top:.2f} m {right - r:.2f} {top:.2f} l"
    yield f"{right - k:.2f} {top:.2f} {right:.2f} {top + k:.2f} {right:.2f} {top + r:.2f} c"
    yield f"{right:.2f} {bottom - r:.2f} l"
    yield f"{right:.2f} {bottom - k:.2f} {right - k:.2f} {bottom:.2f} {right - r:.2f} {bottom:.2f} c"
    yield f"{left + r:.2f} {bottom:.2f} l"
    yield f"{left + k:.2f} {bottom:.2f} {left:.2f} {bottom - k:.2f} {left:.2f} {bottom - r:.2f} c"
    yield f"{left:.2f} {top + r:.2f} l"
    yield f"{left:.2f} {top + k:.2f} {left + k:.2f} {top:.2f} {left + r:.2f} {top:.2f} c h"


def _text(shape: Text, colours: Mapping[str, str]) -> Iterator[str]:
    width = text_width(shape.text, shape.size, bold=shape.bold)
    x = shape.x - width / 2 if shape.centred else shape.x
    escaped = shape.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    yield _colour(colours[shape.colour], "rg")
    # The page is turned upside down, so that y grows downwards; letters are turned back.
    yield f"BT /{'F2' if shape.bold else 'F1'} {shape.size:g} Tf 1 0 0 -1 {x:.2f} {shape.y:.2f} Tm ({escaped}) Tj ET"
    if shape.underlined:
        yield f"{x:.2f} {shape.y + 1.6:.2f} {width:.2f} 0.8 re f"


def _colour(text: str, operator: str) -> str:
    red, green, blue = (int(text[index : index + 2], 16) / 255 for index in (1, 3, 5))
    return f"{red:.3f} {green:.3f} {blue:.3f} {operator}"
