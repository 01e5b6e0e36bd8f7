"""The order within rows, so that few lines cross.

Source: Gansner, Koutsofios, North and Vo, "A technique for drawing directed graphs", 1993, section 3: weighted medians
with transposition, from two beginnings, and the best order is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.layout.rows import centre_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from levada_server.layout.rows import Node, Rows

MAX_SWEEPS = 24
"""How often the rows are sorted by their neighbours, at most."""
PATIENCE = 7
"""How many sweeps without gain end the search."""
EFFORT = 60_000
"""How many pieces of line all sweeps of a search may visit; large pictures get fewer sweeps."""
_LEAST_SWEEPS = 4
_TRANSPOSITIONS, _FEW_TRANSPOSITIONS = 8, 3
"""How often the neighbours in a row are exchanged in a sweep, at most; fewer times in large pictures."""


def order_rows(rows: Rows, fixed: frozenset[int] = frozenset()) -> int:
    """Sort the nodes of each row; return how many lines cross.

    Args:
        rows: The rows; they are changed.
        fixed: Indexes of rows whose order stays.
    """
    sweeps = max(_LEAST_SWEEPS, min(MAX_SWEEPS, EFFORT // max(1, rows.link_count)))
    best: tuple[int, list[list[Node]]] | None = None
    given = [list(row) for row in rows]
    for begin in (_downwards, _upwards):
        for index, found in enumerate(begin(given)):
            rows[index][:] = given[index] if index in fixed else found
        crossings, order = _search(rows, fixed, sweeps)
        if best is None or crossings < best[0]:
            best = (crossings, order)
    assert best is not None
    for row, kept in zip(rows, best[1], strict=True):
        row[:] = kept
        number(row)
    return best[0]


def number(row: Sequence[Node]) -> None:
    """Note the place of each node in its row."""
    for place, node in enumerate(row):
        node.place = place


def _search(rows: Rows, fixed: frozenset[int], sweeps: int) -> tuple[int, list[list[Node]]]:
    for row in rows:
        number(row)
    best = count_crossings(rows), [list(row) for row in rows]
    vain = 0
    for sweep in range(sweeps):
        down = sweep % 2 == 0
        for index in range(len(rows)) if down else reversed(range(len(rows))):
            if index not in fixed:
                _sort(rows[index], down=down)
        _transpose(rows, fixed, _TRANSPOSITIONS if sweeps == MAX_SWEEPS else _FEW_TRANSPOSITIONS)
        crossings = count_crossings(rows)
        vain += 1
        if crossings < best[0]:
            best, vain = (crossings, [list(row) for row in rows]), 0
        if vain > PATIENCE or not best[0]:
            break
    return best


def _downwards(rows: Sequence[Sequence[Node]]) -> list[list[Node]]:
    """Put together what belongs together: depth first from the nodes without parents."""
    return _traversed(rows, lambda node: not node.above, lambda node: node.near(down_first=True))


def _upwards(rows: Sequence[Sequence[Node]]) -> list[list[Node]]:
    return _traversed(rows, lambda node: not node.below, lambda node: node.near(down_first=False))


def _traversed(
    rows: Sequence[Sequence[Node]], begins: Callable[[Node], bool], near: Callable[[Node], Sequence[Node]]
) -> list[list[Node]]:
    found: list[list[Node]] = [[] for _ in rows]
    waiting = [node for row in reversed(rows) for node in reversed(row)]
    waiting += [node for node in waiting if begins(node)]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            found[node.row].append(node)
            waiting += reversed(near(node))
    return found


def _sort(row: list[Node], *, down: bool) -> None:
    """Sort a row by the weighted medians of the places above or below; nodes without any keep their place."""
    keys = {id(node): _median(node.places(above=down)) for node in row}
    movable = iter(sorted((n for n in row if keys[id(n)] is not None), key=lambda n: keys[id(n)] or 0.0))
    row[:] = [node if keys[id(node)] is None else next(movable) for node in row]
    number(row)


def _median(places: Sequence[float]) -> float | None:
    if not places:
        return None
    middle = len(places) // 2
    if len(places) % 2:
        return places[middle]
    if len(places) == 2:
        return centre_of(places)
    left, right = places[middle - 1] - places[0], places[-1] - places[middle]
    if not left + right:
        return (places[middle - 1] + places[middle]) / 2
    return (places[middle - 1] * right + places[middle] * left) / (left + right)


def _transpose(rows: Rows, fixed: frozenset[int], times: int) -> None:
    """Exchange neighbours in a row wherever fewer lines cross then."""
    waiting = set(range(len(rows))) - fixed
    for _ in range(times):
        changed = set()
        for index in sorted(waiting):
            row = rows[index]
            for place in range(len(row) - 1):
                left, right = row[place], row[place + 1]
                if _gain(left, right) > 0:
                    row[place], row[place + 1] = right, left
                    right.place, left.place = place, place + 1
                    changed.add(index)
        waiting = {near for index in changed for near in (index - 1, index, index + 1)} & set(range(len(rows))) - fixed
        if not waiting:
            return


def _gain(left: Node, right: Node) -> int:
    """Return how many crossings fewer there are if two neighbours are exchanged."""
    gain = 0
    for above in (True, False):
        first, second = left.places(above=above), right.places(above=above)
        if first and second and first[-1] > second[0]:
            gain += sum(a > b for a in first for b in second) - sum(a < b for a in first for b in second)
        elif first and second:
            gain -= sum(a < b for a in first for b in second)
    return gain


def count_crossings(rows: Rows) -> int:
    """Count the crossings between all neighbouring rows.

    Source: Barth, Mutzel and Jünger, "Simple and efficient bilayer cross counting", 2004.
    """
    return sum(_between(row) for row in rows)


def _between(row: Sequence[Node]) -> int:
    ends = [(node.place + link.upper_share, link.lower.place + link.lower_share) for node in row for link in node.below]
    ends.sort()
    places = {place: index for index, place in enumerate(sorted({lower for _, lower in ends}), start=1)}
    tree = [0] * (len(places) + 1)
    crossings = counted = start = 0
    while start < len(ends):
        stop = start
        while stop < len(ends) and ends[stop][0] == ends[start][0]:  # lines from one point do not cross
            at, before = places[ends[stop][1]], 0
            while at:
                before += tree[at]
                at -= at & -at
            crossings += counted - before
            stop += 1
        for _, lower in ends[start:stop]:
            at = places[lower]
            while at < len(tree):
                tree[at] += 1
                at += at & -at
        counted += stop - start
        start = stop
    return crossings
