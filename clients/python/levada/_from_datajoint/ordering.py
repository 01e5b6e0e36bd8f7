"""The order in which tables can be declared and filled: parents first, across schemas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import networkx as nx

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levada._from_datajoint.facts import Place


@dataclass(frozen=True, slots=True)
class Order:
    """Tables in order.

    Args:
        places: Parents first, then by name; a circle's tables follow each other.
        circles: One for each group of tables that refer to each other, or for a table that refers to itself.
    """

    places: tuple[Place, ...]
    circles: tuple[tuple[Place, ...], ...]


def order(parents: Mapping[Place, Sequence[Place]]) -> Order:
    """Put tables in order; the same tables always have the same order."""
    graph = nx.DiGraph()
    for place in sorted(parents, key=str):
        graph.add_node(place)
        graph.add_edges_from((parent, place) for parent in parents[place])
    whole = nx.condensation(graph)
    knots = nx.get_node_attributes(whole, "members")
    circles = [
        _circle(graph, members)
        for members in sorted(knots.values(), key=lambda members: min(map(str, members)))
        if len(members) > 1 or any(graph.has_edge(place, place) for place in members)
    ]
    first = {knot: min(map(str, members)) for knot, members in knots.items()}
    places = [
        place
        for knot in nx.lexicographical_topological_sort(whole, key=lambda knot: first[knot])
        for place in sorted(knots[knot], key=str)
    ]
    return Order(tuple(places), tuple(circles))


def _circle(graph: nx.DiGraph, members: set[Place]) -> tuple[Place, ...]:
    """Return a circle among tables that all reach each other; it begins with the first by name."""
    within = nx.DiGraph()
    ordered = sorted(members, key=str)
    within.add_edges_from((parent, child) for parent in ordered for child in ordered if graph.has_edge(parent, child))
    found = [start for start, _ in nx.find_cycle(within, ordered[0])]
    first = found.index(min(found, key=str))
    # Each refers to the next one.
    return tuple(reversed(found[first:] + found[:first]))
