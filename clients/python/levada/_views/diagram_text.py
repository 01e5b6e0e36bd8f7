"""Diagrams as text: a tree for terminals, Mermaid, and Graphviz's DOT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._views.diagram_svg import COLOURS
from levada._views.diagram_tables import TIER_NAMES, Name, labels_of, master_of, parents_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levada_api.v1 import schema_pb2 as pb


def mermaid(tables: Mapping[Name, pb.Table], *, sideways: bool) -> str:
    """Write a diagram in Mermaid.

    Args:
        tables: Parents first.
        sideways: Parents stand to the left of their children, rather than above.
    """
    lines = ["flowchart LR" if sideways else "flowchart TD"]
    for tier, colour in COLOURS.items():
        lines.append(f"    classDef {tier} fill:{colour}22,stroke:{colour}")
    for name, label in labels_of(tables).items():
        lines.append(f'    {_node(name)}["{label}"]:::{TIER_NAMES[tables[name].tier]}')
    for name, table in tables.items():
        for parent, solid in parents_of(table, tables).items():
            lines.append(f"    {_node(parent)} {'-->' if solid else '-.->'} {_node(name)}")
    return "\n".join(lines)


def dot(tables: Mapping[Name, pb.Table], *, sideways: bool) -> str:
    """Write a diagram in DOT; arguments as for `mermaid`."""
    lines = ["digraph {", f'    rankdir="{"LR" if sideways else "TB"}"', '    node [shape="box"]']
    for name, label in labels_of(tables).items():
        colour = COLOURS[TIER_NAMES[tables[name].tier]]
        lines.append(f'    "{_node(name)}" [label="{label}", color="{colour}"]')
    for name, table in tables.items():
        for parent, solid in parents_of(table, tables).items():
            style = "solid" if solid else "dashed"
            lines.append(f'    "{_node(parent)}" -> "{_node(name)}" [style="{style}"]')
    return "\n".join([*lines, "}"])


def _node(name: Name) -> str:
    return "__".join(name)


def tree(tables: Mapping[Name, pb.Table]) -> str:
    """Draw each table once, below the first parent in its primary key; its other parents are named beside it.

    Args:
        tables: Parents first.
    """
    labels = labels_of(tables)
    holders: dict[Name, Name | None] = {}
    children: dict[Name | None, list[Name]] = {None: []}
    for name, table in tables.items():
        parents = parents_of(table, tables)
        master = master_of(table, tables)
        holder = master or next(iter(sorted(parents, key=lambda p: not parents[p])), None)
        holders[name] = holder
        children.setdefault(holder, []).append(name)
    for siblings in children.values():
        siblings.sort(key=lambda name: master_of(tables[name], tables) is None)  # parts first
    lines: list[tuple[str, str]] = []

    def draw(name: Name, before: str, branch: str, below: str) -> None:
        parents = parents_of(tables[name], tables)
        notes = [TIER_NAMES[tables[name].tier]]
        for solid, words in ((True, "also from"), (False, "refers to")):
            others = [labels[p] for p in parents if p != holders[name] and parents[p] == solid]
            notes += [f"{words} {', '.join(others)}"] if others else []
        label = labels[name]
        if (master := master_of(tables[name], tables)) is not None:
            label = label.removeprefix(labels[master])
        lines.append((before + branch + label, "; ".join(notes)))
        inner = children.get(name, [])
        for index, child in enumerate(inner):
            last = index == len(inner) - 1
            line = "──" if parents_of(tables[child], tables).get(name, True) else "╌╌"
            draw(child, before + below, ("└" if last else "├") + line + " ", "    " if last else "│   ")

    for root in children[None]:
        draw(root, "", "", "")
    width = max((len(text) for text, _ in lines), default=0)
    return "\n".join(f"{text:<{width}}  {notes}" for text, notes in lines)
