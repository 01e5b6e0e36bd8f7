"""A picture as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from levada._base.text import markup
from levada._views.diagram_colours import DARK, LIGHT
from levada._views.diagram_shapes import Curve, Rectangle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada._views.diagram_shapes import Group, Picture, Point, Shape, Text

Theme: TypeAlias = Literal["auto", "light", "dark"]

FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"


def svg(picture: Picture, theme: Theme) -> str:
    """Write a picture as SVG.

    Each shape has the colours of its theme as attributes, so that it keeps them where a page removes styles, as a
    notebook of somebody else does. With `"auto"` these are the light ones, and a style sets dark ones where the reader
    prefers them.
    """
    colours = DARK if theme == "dark" else LIGHT
    page = Rectangle(0, 0, picture.width, picture.height, "page")
    groups = "".join(_group(group, colours) for group in picture.groups)
    style = f"<style>{_style(picture)}</style>" if theme == "auto" else ""
    return (
        f'<svg class="levada-diagram" xmlns="http://www.w3.org/2000/svg" width="{picture.width:.0f}" '
        f'height="{picture.height:.0f}" viewBox="0 0 {picture.width:.0f} {picture.height:.0f}" '
        f'font-family="{FONT}" style="max-width:100%;height:auto">'
        f"{style}{_shape(page, colours)}{groups}</svg>"
    )


def _style(picture: Picture) -> str:
    """Write the rules for dark pages: where the browser or a notebook is dark, but not where a notebook is light."""
    used = {"page-fill"}
    for group in picture.groups:
        for shape in group.shapes:
            used.add(f"{shape.colour}-{'stroke' if isinstance(shape, Curve) else 'fill'}")
            if isinstance(shape, Rectangle) and shape.edge:
                used.add(f"{shape.edge}-stroke")
    dark, light = (_rules(used, colours) for colours in (DARK, LIGHT))
    dark_notebook = "".join(f"[data-jp-theme-light=false] {rule}" for rule in dark)
    light_notebook = "".join(f"[data-jp-theme-light=true] {rule}" for rule in light)
    return f"@media(prefers-color-scheme:dark){{{''.join(dark)}}}{dark_notebook}{light_notebook}"


def _rules(used: set[str], colours: dict[str, str]) -> list[str]:
    rules = []
    for name in sorted(used):
        role, _, attribute = name.rpartition("-")
        rules.append(f".levada-diagram .{name}{{{attribute}:{colours[role]}}}")
    return rules


def _group(group: Group, colours: dict[str, str]) -> str:
    shapes = "".join(_shape(shape, colours) for shape in group.shapes)
    title = f"<title>{markup(group.title)}</title>" if group.title else ""
    return f"<g>{title}{shapes}</g>" if len(group.shapes) > 1 or title else shapes


def _shape(shape: Shape, colours: dict[str, str]) -> str:
    if isinstance(shape, Rectangle):
        return _rectangle(shape, colours)
    if isinstance(shape, Curve):
        return _curve(shape, colours)
    return _text(shape, colours)


def _rectangle(shape: Rectangle, colours: dict[str, str]) -> str:
    classes, edge = f"{shape.colour}-fill", ""
    if shape.edge:
        classes += f" {shape.edge}-stroke"
        edge = f' stroke="{colours[shape.edge]}"'
    radius = f' rx="{shape.radius:g}"' if shape.radius else ""
    return (
        f'<rect class="{classes}" x="{shape.x:.1f}" y="{shape.y:.1f}" width="{shape.width:.1f}" '
        f'height="{shape.height:.1f}"{radius} fill="{colours[shape.colour]}"{edge}/>'
    )


def _curve(shape: Curve, colours: dict[str, str]) -> str:
    dashes = ' stroke-dasharray="5 4"' if shape.dashed else ""
    return (
        f'<path class="{shape.colour}-stroke" d="{_path(shape.points)}" fill="none" stroke="{colours[shape.colour]}" '
        f'stroke-width="{shape.width:g}"{dashes}/>'
    )


def _path(points: Sequence[Point]) -> str:
    start, *rest = [f"{x:.1f} {y:.1f}" for x, y in points]
    return f"M{start}" + "".join(f"C{' '.join(rest[index : index + 3])}" for index in range(0, len(rest), 3))


def _text(shape: Text, colours: dict[str, str]) -> str:
    attributes = ' text-anchor="middle"' if shape.centred else ""
    attributes += ' font-weight="bold"' if shape.bold else ""
    attributes += ' text-decoration="underline"' if shape.underlined else ""
    return (
        f'<text class="{shape.colour}-fill" x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size:g}" '
        f'fill="{colours[shape.colour]}"{attributes}>{markup(shape.text)}</text>'
    )
