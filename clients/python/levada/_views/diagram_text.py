"""A diagram as text: a tree, Mermaid, DOT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._base.names import stored_name
from levada._views.diagram_colours import LIGHT, TIER_NAMES
from levada_api.v1 import diagram_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from levada._views.diagram_shapes import Status
    from levada_api.v1.schema_service_pb2 import LayOutGraphResponse

_ARROWS = {
    pb.DIAGRAM_STRENGTH_EXTENDS: "==>",
    pb.DIAGRAM_STRENGTH_PRIMARY: "-->",
    pb.DIAGRAM_STRENGTH_SECONDARY: "-.->",
}
_STYLES = {
    pb.DIAGRAM_STRENGTH_EXTENDS: 'style="solid", penwidth="2.5"',
    pb.DIAGRAM_STRENGTH_PRIMARY: 'style="solid"',
    pb.DIAGRAM_STRENGTH_SECONDARY: 'style="dashed"',
}


def mermaid(answer: LayOutGraphResponse, *, sideways: bool) -> str:
    """Write a diagram in Mermaid, with a subgraph for each schema if there are several.

    Args:
        answer: The boxes and lines.
        sideways: Parents stand to the left of their children, rather than above.
    """
    lines = ["flowchart LR" if sideways else "flowchart TD"]
    for tier in TIER_NAMES.values():
        edge = LIGHT[f"{tier}-edge"]
        lines.append(f"    classDef {tier} fill:{edge}22,stroke:{edge}")
    for schema, boxes in _by_schema(answer.boxes):
        lines += [f'    subgraph schema_{schema}["{schema}"]'] if schema else []
        for box in boxes:
            text = "<br/>".join([_label(box, schema), *box.parts])
            lines.append(f'    {_node(box)}["{text}"]:::{TIER_NAMES[box.tier]}')
        lines += ["    end"] if schema else []
    nodes = {box.name: _node(box) for box in answer.boxes}
    lines += [f"    {nodes[line.parent]} {_ARROWS[line.strength]} {nodes[line.child]}" for line in answer.lines]
    return "\n".join(lines)


def dot(answer: LayOutGraphResponse, *, sideways: bool) -> str:
    """Write a diagram in DOT, with a cluster for each schema if there are several; arguments as for `mermaid`."""
    lines = ["digraph {", f'    rankdir="{"LR" if sideways else "TB"}"', '    node [shape="box"]']
    for schema, boxes in _by_schema(answer.boxes):
        lines += [f'    subgraph "cluster_{schema}" {{', f'    label="{schema}"'] if schema else []
        for box in boxes:
            text = r"\n".join([_label(box, schema), *box.parts])
            lines.append(f'    "{_node(box)}" [label="{text}", color="{LIGHT[f"{TIER_NAMES[box.tier]}-edge"]}"]')
        lines += ["    }"] if schema else []
    nodes = {box.name: _node(box) for box in answer.boxes}
    lines += [f'    "{nodes[ln.parent]}" -> "{nodes[ln.child]}" [{_STYLES[ln.strength]}]' for ln in answer.lines]
    return "\n".join([*lines, "}"])


def _by_schema(boxes: Iterable[pb.DiagramBox]) -> Iterator[tuple[str, list[pb.DiagramBox]]]:
    """Yield the boxes of each schema; with an empty name, collapsed schemas, or everything if there is one schema."""
    boxes = list(boxes)
    if len({box.schema for box in boxes}) < 2:
        yield "", boxes
        return
    found: dict[str, list[pb.DiagramBox]] = {}
    for box in boxes:
        found.setdefault(box.schema if box.tier else "", []).append(box)
    yield from found.items()


def _label(box: pb.DiagramBox, schema: str) -> str:
    return box.label.removeprefix(f"{schema}.") if schema else box.label


def _node(box: pb.DiagramBox) -> str:
    return f"{box.schema}__{stored_name(box.name.partition('.')[2])}" if box.tier else f"{box.schema}__"


def tree(answer: LayOutGraphResponse, statuses: Mapping[str, Status]) -> str:
    """Draw each box once, below the first parent in its primary key; its other parents are named beside it.

    Args:
        answer: The boxes and lines, parents first.
        statuses: The lines about the rows of boxes.
    """
    boxes = {box.name: box for box in answer.boxes}
    parents: dict[str, dict[str, bool]] = {name: {} for name in boxes}
    for line in answer.lines:
        parents[line.child][line.parent] = line.strength != pb.DIAGRAM_STRENGTH_SECONDARY
    holders = {name: next(iter(sorted(above, key=lambda p: not above[p])), None) for name, above in parents.items()}
    children: dict[str | None, list[str]] = {}
    for name, holder in holders.items():
        children.setdefault(holder, []).append(name)
    # Boxes with others below them come first, and lone ones last.
    roots = sorted(children.get(None, []), key=lambda name: name not in children)
    lines: list[tuple[str, str]] = []
    # A list of what is still to be drawn, because chains may be long.
    waiting: list[tuple[str, str, str, str]] = [(name, "", "", "") for name in reversed(roots)]
    while waiting:
        name, before, branch, below = waiting.pop()
        above = parents[name]
        notes = [TIER_NAMES[boxes[name].tier], *([statuses[name].text] if name in statuses else [])]
        for solid, words in ((True, "also from"), (False, "refers to")):
            others = [boxes[p].label for p in above if p != holders[name] and above[p] == solid]
            notes += [f"{words} {', '.join(others)}"] if others else []
        lines.append((before + branch + boxes[name].label, "; ".join(notes)))
        inner = children.get(name, [])
        parts = boxes[name].parts
        for index, part in enumerate(parts):
            last = index == len(parts) - 1 and not inner
            lines.append((f"{before}{below}{'└' if last else '├'}── .{part}", "part"))
        for index in reversed(range(len(inner))):
            last = index == len(inner) - 1
            dash = "──" if parents[inner[index]][name] else "╌╌"
            waiting.append((inner[index], before + below, f"{'└' if last else '├'}{dash} ", "    " if last else "│   "))
    width = max((len(text) for text, _ in lines), default=0)
    return "\n".join(f"{text:<{width}}  {notes}" for text, notes in lines)
