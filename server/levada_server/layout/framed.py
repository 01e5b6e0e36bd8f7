"""Groups in frames: each group is laid out by itself, and the frames are laid out like boxes.

A line between groups leaves its frame at a port in the lower side, runs beside the other frames, and enters at a port
in the upper side. So no line runs through a frame that it has nothing to do with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import networkx as nx

from levada_server.layout.layered import Layered, Line, Size, lay_out
from levada_server.layout.packing import pack
from levada_server.layout.ranks import find_ranks
from levada_server.layout.rows import centre_of
from levada_server.layout.shapes import Picture, Rectangle, Stop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levada_server.layout.shapes import Edge, Strength

_ROUNDS, _LARGE_ROUNDS, _LARGE = 6, 2, 120
"""How often groups and frames are fitted to each other; less often from that many boxes or lines on."""
_TOP, _BOTTOM = "\0top", "\0bottom"
"""No box has such a name."""


class Paddings(NamedTuple):
    """The room between a frame and what it holds: before and after the rows, and left and right of them.

    `title` is the side at which the title stands: whether its length bounds the width of the rows or their height.
    """

    before: float
    after: float
    left: float
    right: float
    title_across: bool

    @classmethod
    def upright(cls) -> Paddings:
        """Return those of frames whose rows stand below each other."""
        return cls(30.0, 14.0, 16.0, 16.0, title_across=True)

    @classmethod
    def sideways(cls) -> Paddings:
        """Return those of frames whose rows stand beside each other; their left is above."""
        return cls(16.0, 16.0, 30.0, 14.0, title_across=False)


class _Port(NamedTuple):
    """The place at which the lines of one kind from a parent leave its group, or enter another."""

    parent: str
    strength: Strength

    @property
    def name(self) -> str:
        return f"\0{self.parent}\0{int(self.strength)}"


@dataclass(slots=True)
class _Group:
    """The boxes of a frame, or one box without a frame, and the lines that have an end here."""

    name: str
    sizes: dict[str, Size]
    inner: list[Edge] = field(default_factory=list)
    entries: dict[_Port, list[str]] = field(default_factory=dict)
    exits: list[_Port] = field(default_factory=list)


@dataclass(slots=True)
class _Inside:
    """A laid out group: its picture from corner to corner, and the ports on its sides.

    Args:
        picture: The boxes and inner lines.
        entries: The place of each entry, from the left.
        exits: The place of each exit.
        entering: The stops from each entry to a child.
        leaving: The stops from a parent to its exit.
    """

    picture: Picture
    entries: dict[_Port, float] = field(default_factory=dict)
    exits: dict[_Port, float] = field(default_factory=dict)
    entering: dict[tuple[_Port, str], tuple[Stop, ...]] = field(default_factory=dict)
    leaving: dict[_Port, tuple[Stop, ...]] = field(default_factory=dict)


def framed(
    sizes: Mapping[str, Size],
    edges: Mapping[Edge, Strength],
    groups: Mapping[str, str],
    titles: Mapping[str, float],
    paddings: Paddings,
) -> Picture | None:
    """Lay out boxes in frames.

    Args:
        sizes: The boxes, parents first.
        edges: The lines.
        groups: The group of each box, unless it stands without a frame.
        titles: The width of each group's title.
        paddings: The room around what a frame holds.

    Returns:
        The picture; None if the groups depend on each other in a circle.
    """
    parts = _divide(sizes, edges, groups)
    home = {box: name for name, group in parts.items() for box in group.sizes}
    between = {(home[a], home[b]) for a, b in edges if home[a] != home[b]}
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(parts)
    graph.add_edges_from(sorted(between))
    if not nx.is_directed_acyclic_graph(graph):
        return None
    pieces = sorted(sorted(piece) for piece in nx.weakly_connected_components(graph))
    order = {name: index for index, name in enumerate(nx.lexicographical_topological_sort(graph))}
    pictures = []
    for piece in pieces:
        names = sorted(piece, key=order.__getitem__)
        pictures.append(_connected({name: parts[name] for name in names}, edges, home, titles, paddings))
    return pack(pictures)


def _divide(sizes: Mapping[str, Size], edges: Mapping[Edge, Strength], groups: Mapping[str, str]) -> dict[str, _Group]:
    parts: dict[str, _Group] = {}
    home = {}
    for name, size in sizes.items():
        key = groups.get(name, f"\0{name}")
        parts.setdefault(key, _Group(groups.get(name, ""), {})).sizes[name] = size
        home[name] = key
    for (parent, child), strength in edges.items():
        if home[parent] == home[child]:
            parts[home[parent]].inner.append((parent, child))
        else:
            port = _Port(parent, strength)
            if port not in parts[home[parent]].exits:
                parts[home[parent]].exits.append(port)
            parts[home[child]].entries.setdefault(port, []).append(child)
    return parts


def _connected(
    parts: Mapping[str, _Group],
    edges: Mapping[Edge, Strength],
    home: Mapping[str, str],
    titles: Mapping[str, float],
    paddings: Paddings,
) -> Picture:
    trunks = sorted(
        {
            (home[parent], home[child], _Port(parent, strength))
            for (parent, child), strength in edges.items()
            if home[parent] in parts and home[parent] != home[child]
        }
    )
    ranks = find_ranks(parts, sorted({(upper, lower) for upper, lower, _ in trunks}))
    large = max(sum(len(group.sizes) for group in parts.values()), len(edges)) >= _LARGE
    best: Picture | None = None
    for entries_first in (True,) if large else (True, False):
        entries: dict[str, list[_Port]] = {}
        exits: dict[str, list[_Port]] = {}
        for round_ in range(_LARGE_ROUNDS if large else _ROUNDS):
            insides = {
                name: _inside(group, edges, titles, paddings, entries.get(name, ()), exits.get(name, ()))
                for name, group in parts.items()
            }
            outer = _outside(insides, trunks, ranks)
            picture = _joined(parts, insides, outer, trunks, edges, home)
            if best is None or picture.crossing_count < best.crossing_count:
                best = picture
            if not best.crossing_count or not trunks:
                return best
            # In turns: two sides that follow each other at once would only exchange their faults.
            if (round_ % 2 == 0) == entries_first:
                entries = _entry_orders(outer, trunks)
            else:
                exits = _exit_orders(outer, trunks)
    assert best is not None
    return best


def _outside(
    insides: Mapping[str, _Inside], trunks: Sequence[tuple[str, str, _Port]], ranks: Mapping[str, int]
) -> Layered:
    sizes = {name: Size(inside.picture.width, inside.picture.height) for name, inside in insides.items()}
    lines = []
    for upper, lower, port in trunks:
        start = insides[upper].exits.get(port)
        end = insides[lower].entries.get(port)
        lines.append(
            Line(
                upper,
                lower,
                port,
                0.0 if start is None else start - sizes[upper].width / 2,
                None if end is None else end - sizes[lower].width / 2,
            )
        )
    return lay_out(sizes, lines, ranks)


def _entry_orders(outer: Layered, trunks: Sequence[tuple[str, str, _Port]]) -> dict[str, list[_Port]]:
    """Return the order of the entries of each group in which the lines arrive."""
    found: dict[str, dict[_Port, float]] = {}
    for (_, lower, port), stops in zip(trunks, outer.stops, strict=True):
        found.setdefault(lower, {})[port] = stops[-2].x
    return {name: sorted(places, key=lambda port: (places[port], port)) for name, places in found.items()}


def _exit_orders(outer: Layered, trunks: Sequence[tuple[str, str, _Port]]) -> dict[str, list[_Port]]:
    """Return the order of the exits of each group in which the lines go on."""
    found: dict[str, dict[_Port, list[float]]] = {}
    for (upper, _, port), stops in zip(trunks, outer.stops, strict=True):
        found.setdefault(upper, {}).setdefault(port, []).append(stops[1].x)
    means = {name: {port: centre_of(xs) for port, xs in places.items()} for name, places in found.items()}
    return {name: sorted(places, key=lambda port: (places[port], port)) for name, places in means.items()}


def _joined(
    parts: Mapping[str, _Group],
    insides: Mapping[str, _Inside],
    outer: Layered,
    trunks: Sequence[tuple[str, str, _Port]],
    edges: Mapping[Edge, Strength],
    home: Mapping[str, str],
) -> Picture:
    """Put the groups into their frames, and join the pieces of lines."""
    result = Picture(outer.width, outer.height, crossing_count=outer.crossing_count)
    for name, inside in insides.items():
        place = outer.boxes[name]
        result.add(inside.picture, place.x, place.y)
        if parts[name].name:
            result.frames[parts[name].name] = place
    outside = {trunk: stops for trunk, stops in zip(trunks, outer.stops, strict=True)}
    for (parent, child), strength in edges.items():
        upper, lower = home[parent], home[child]
        if upper in parts and upper != lower:
            port = _Port(parent, strength)
            middle = outside[upper, lower, port]
            start, end = outer.boxes[upper], outer.boxes[lower]
            leaving = [stop.moved(start.x, start.y) for stop in insides[upper].leaving.get(port, ())]
            entering = [stop.moved(end.x, end.y) for stop in insides[lower].entering.get((port, child), ())]
            # The last stop inside and the first outside are the port.
            result.routes[parent, child] = tuple([*leaving[:-1], *middle[: len(middle) - bool(entering)], *entering])
    return result


def _inside(
    group: _Group,
    edges: Mapping[Edge, Strength],
    titles: Mapping[str, float],
    paddings: Paddings,
    entries: Sequence[_Port],
    exits: Sequence[_Port],
) -> _Inside:
    if not group.name:
        ((name, size),) = group.sizes.items()
        return _Inside(Picture(*size, {name: Rectangle(0.0, 0.0, *size)}))
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(group.sizes)
    graph.add_edges_from(group.inner)
    bound = {child for children in group.entries.values() for child in children} | {port.parent for port in group.exits}
    places = {name: index for index, name in enumerate(group.sizes)}
    components = [sorted(piece, key=places.__getitem__) for piece in nx.connected_components(graph)]
    ported = sorted((name for piece in components if bound & set(piece) for name in piece), key=places.__getitem__)
    free = sorted(piece for piece in components if not bound & set(piece))
    inside = _with_ports(group, ported, edges, paddings, entries, exits)
    _add_free(inside, [_plain(group, piece, edges) for piece in free], paddings)
    title = titles[group.name] + paddings.left + paddings.right
    picture = inside.picture
    if paddings.title_across:
        picture.width = max(picture.width, title)
    elif picture.height < title:
        _lengthen(inside, title - picture.height)
    return inside


def _lengthen(inside: _Inside, more: float) -> None:
    """Move the lower side downwards, with the exits on it."""
    bottom = inside.picture.height + more
    for port, stops in inside.leaving.items():
        inside.leaving[port] = (*stops[:-1], Stop(stops[-1].x, bottom, bottom))
    inside.picture.height = bottom


def _plain(group: _Group, names: Sequence[str], edges: Mapping[Edge, Strength]) -> Picture:
    own = [edge for edge in group.inner if edge[0] in set(names)]
    sizes = {name: group.sizes[name] for name in names}
    found = lay_out(sizes, [Line(*edge, edges[edge]) for edge in own], find_ranks(sizes, own))
    routes = dict(zip(own, found.stops, strict=True))
    return Picture(found.width, found.height, found.boxes, routes, crossing_count=found.crossing_count)


def _with_ports(
    group: _Group,
    names: Sequence[str],
    edges: Mapping[Edge, Strength],
    paddings: Paddings,
    entries: Sequence[_Port],
    exits: Sequence[_Port],
) -> _Inside:
    """Lay out the boxes that have lines to other groups, with these lines up to the ports."""
    if not names:
        return _Inside(Picture(paddings.left + paddings.right, paddings.before + paddings.after))
    own = [edge for edge in group.inner if edge[0] in set(names)]
    lines = [Line(*edge, edges[edge]) for edge in own]
    entering = [(port, child) for port, children in group.entries.items() for child in children]
    lines += [Line(f"{port.name}\0entry", child, port.strength) for port, child in entering]
    lines += [Line(port.parent, port.name, port.strength) for port in group.exits]
    ranks = _port_ranks(group, names, own)
    sizes = {name: group.sizes[name] for name in names}
    sizes |= {f"{port.name}\0entry": Size(0.0, 0.0) for port in group.entries}
    sizes |= {port.name: Size(0.0, 0.0) for port in group.exits}
    found = lay_out(
        sizes,
        lines,
        ranks,
        first=[f"{port.name}\0entry" for port in entries],
        last=[port.name for port in exits],
    )
    x = paddings.left
    y = 0.0 if group.entries else paddings.before
    bottom = y + found.height + (0.0 if group.exits else paddings.after)
    # The gap below the entries must hold the title too.
    stops = [tuple(stop.moved(x, y) for stop in stops) for stops in found.stops]
    boxes = {name: place.moved(x, y) for name, place in found.boxes.items() if name in group.sizes}
    picture = Picture(found.width + paddings.left + paddings.right, bottom, boxes)
    picture.routes = dict(zip(own, stops, strict=False))
    picture.crossing_count = found.crossing_count
    rest = stops[len(own) :]
    return _Inside(
        picture,
        {port: found.boxes[f"{port.name}\0entry"].x + x for port in group.entries},
        {port: found.boxes[port.name].x + x for port in group.exits},
        dict(zip(entering, rest, strict=False)),
        dict(zip(group.exits, rest[len(entering) :], strict=True)),
    )


def _port_ranks(group: _Group, names: Sequence[str], own: Sequence[Edge]) -> dict[str, int]:
    """Return the ranks of boxes and ports: entries are above all boxes, exits below."""
    down = [(_TOP, child) for children in group.entries.values() for child in children]
    out = [(port.parent, _BOTTOM) for port in group.exits]
    bounds = [(_TOP, name) for name in names if down] + [(name, _BOTTOM) for name in names if out]
    ends = [*([_TOP] if down else []), *names, *([_BOTTOM] if out else [])]
    ranks = find_ranks(ends, [*own, *down, *out], bounds)
    top, bottom = ranks.pop(_TOP, 0), ranks.pop(_BOTTOM, 0)
    return ranks | {f"{port.name}\0entry": top for port in group.entries} | {port.name: bottom for port in group.exits}


def _add_free(inside: _Inside, pictures: Sequence[Picture], paddings: Paddings) -> None:
    """Add the boxes without lines to other groups at the right."""
    if not pictures:
        return
    packed = pack(pictures, gap=20.0)
    picture = inside.picture
    x = picture.width - paddings.right + (20.0 if picture.boxes else 0.0)
    picture.add(packed, x, paddings.before)
    picture.width = x + packed.width + paddings.right
    need = paddings.before + packed.height + paddings.after
    if need > picture.height:
        _lengthen(inside, need - picture.height)
