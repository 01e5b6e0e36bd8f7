"""Convert diagrams to messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_api.v1 import diagram_pb2, schema_service_pb2
from levada_server.layout.shapes import Strength
from levada_server.rpc import encode

if TYPE_CHECKING:
    from levada_server.layout.shapes import Edge, Picture, Rectangle
    from levada_server.layout.tables import Graph, TableBox
    from levada_server.operations.diagrams import Count, Diagram

_STRENGTHS = {
    Strength.SECONDARY: diagram_pb2.DIAGRAM_STRENGTH_SECONDARY,
    Strength.PRIMARY: diagram_pb2.DIAGRAM_STRENGTH_PRIMARY,
    Strength.EXTENDS: diagram_pb2.DIAGRAM_STRENGTH_EXTENDS,
}


def response(diagram: Diagram) -> schema_service_pb2.LayOutGraphResponse:
    """Write a diagram."""
    graph, picture = diagram.graph, diagram.picture
    return schema_service_pb2.LayOutGraphResponse(
        boxes=[_box(graph, box, picture) for box in graph.boxes.values()],
        lines=[_line(edge, strength, picture) for edge, strength in graph.edges.items()],
        frames=(
            diagram_pb2.DiagramFrame(schema=schema, place=_place(place))
            for schema, place in (picture.frames.items() if picture is not None else ())
        ),
        size=None if picture is None else diagram_pb2.DiagramPlace(width=picture.width, height=picture.height),
        crossing_count=0 if picture is None else picture.crossing_count,
        collapsed_schemas=graph.collapsed,
        counts=map(_count, diagram.counts),
    )


def _box(graph: Graph, box: TableBox, picture: Picture | None) -> diagram_pb2.DiagramBox:
    framed = picture is not None and box.schema in picture.frames
    return diagram_pb2.DiagramBox(
        name=box.name,
        label=box.label if framed else graph.full_label(box),
        schema=box.schema,
        tier=None if box.table is None else encode.TIERS[box.table.tier],
        comment="" if box.table is None else box.table.comment,
        parts=box.parts,
        tables=map(encode.table_name, box.tables),
        own_key=box.own_key,
        place=None if picture is None else _place(picture.boxes[box.name]),
    )


def _line(edge: Edge, strength: Strength, picture: Picture | None) -> diagram_pb2.DiagramLine:
    stops = () if picture is None else picture.routes[edge]
    return diagram_pb2.DiagramLine(
        parent=edge[0],
        child=edge[1],
        strength=_STRENGTHS[strength],
        stops=(diagram_pb2.DiagramStop(across=stop.x, begin=stop.top, end=stop.bottom) for stop in stops),
    )


def _place(place: Rectangle) -> diagram_pb2.DiagramPlace:
    return diagram_pb2.DiagramPlace(left=place.x, top=place.y, width=place.width, height=place.height)


def _count(count: Count) -> diagram_pb2.DiagramCount:
    return diagram_pb2.DiagramCount(
        table=encode.table_name(count.table),
        entity_count=count.rows,
        progress=None if count.progress is None else encode.progress(count.progress),
    )
