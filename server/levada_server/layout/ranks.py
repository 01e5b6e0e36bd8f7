"""Ranks: in which row each box stands, so that lines are short."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from levada_server.layout.shapes import Edge


def find_ranks(names: Iterable[str], edges: Iterable[Edge], bounds: Collection[Edge] = ()) -> dict[str, int]:
    """Return the rank of each name, 0 for the first, so that all lines together are as short as can be.

    A child ranks after its parents, and a box with only children, as a lookup, just above the nearest.

    Args:
        names: Parents first.
        edges: The lines.
        bounds: Pairs that are only kept in order; their distance does not count.

    Source: Gansner, Koutsofios, North and Vo, "A technique for drawing directed graphs", 1993, section 2; here by the
    dual, a flow of least cost.
    """
    ranks = dict.fromkeys(names, 0)
    edges = list(edges)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(ranks, demand=0)
    graph.add_edges_from((*bounds, *edges), weight=-1)
    for parent, child in edges:
        graph.nodes[child]["demand"] += 1
        graph.nodes[parent]["demand"] -= 1
    flow = nx.network_simplex(graph)[1] if graph.number_of_edges() else {}
    # If something flows, parent and child are exactly one rank apart: the longest ways, by relaxation.
    apart = [(parent, child, 1) for parent, child in graph.edges]
    apart += [(child, parent, -1) for parent, child in graph.edges if flow[parent][child] > 0]
    changed = True
    while changed:
        changed = False
        for first, second, distance in apart:
            if ranks[second] < ranks[first] + distance:
                ranks[second] = ranks[first] + distance
                changed = True
    lowest = min(ranks.values(), default=0)
    return {name: rank - lowest for name, rank in ranks.items()}
