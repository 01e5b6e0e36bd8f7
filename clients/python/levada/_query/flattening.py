"""Long chains of restrictions and unions, as loops build them, in a form that does not nest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada._query import nodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada._query.nodes import Node
    from levada_api.v1 import relation_pb2

LONG = 8
"""From this length on a chain is flattened; shorter ones keep the form in which they were written."""


def relation_message(root: Node) -> relation_pb2.Relation:
    """Build the message of a tree, its long chains flattened."""
    return nodes.encode_relation(flattened(root))


def flattened(root: Node) -> Node:
    """Return a tree with the same meaning and without long chains."""
    if _is_small(root):
        return root
    chains = _Chains()
    results: dict[int, Node] = {}
    pending = [root]
    while pending:
        node = pending[-1]
        flat = chains.flat(node)
        missing = [used for _, used in flat.uses if id(used) not in results]
        if missing:
            pending.extend(reversed(missing))
            continue
        pending.pop()
        uses = tuple((name, results[id(used)]) for name, used in flat.uses)
        same = all(new is old for (_, new), (_, old) in zip(uses, flat.uses, strict=True))
        results[id(node)] = flat if same else nodes.Node(flat.message, uses)
    return results[id(root)]


def _is_small(root: Node) -> bool:
    """Return whether a tree has too few nodes for a long chain, as those of small calls have."""
    pending = [root]
    for _ in range(LONG):
        if not pending:
            return True
        pending.extend(used for _, used in pending.pop().uses)
    return not pending


@dataclass(frozen=True)
class _Chains:
    """The flat forms of the nodes of one tree, by the nodes' identities."""

    _known: dict[int, tuple[Node, Node]] = field(default_factory=dict)

    def flat(self, node: Node) -> Node:
        """Return a node with the same meaning whose chain, if it begins a long one, is flat."""
        if id(node) not in self._known:
            match node.kind:
                case "restrict":
                    flat = _flat_restriction(node)
                case "union":
                    flat = self._flat_union(node)
                case _:
                    flat = node
            self._known[id(node)] = node, flat  # the node too, because only a live node keeps its identity
        return self._known[id(node)][1]

    def _flat_union(self, node: Node) -> Node:
        operands = _united(node)
        if len(operands) < LONG:
            return node
        level = _merged(operands)
        while len(level) > 1:
            pairs = [nodes.union(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
            self._known.update((id(pair), (pair, pair)) for pair in pairs)
            level = pairs + level[len(level) // 2 * 2 :]
        return level[0]


def _flat_restriction(node: Node) -> Node:
    """Restrict once by all conditions rather than once by each."""
    base, conditions = _restrictions(node)
    return node if len(conditions) < LONG else _restricted(base, conditions)


def _restrictions(node: Node) -> tuple[Node, list[tuple[Node, bool]]]:
    """Return what a chain restricts, and its conditions, each with whether it is negated, in their order."""
    conditions: list[tuple[Node, bool]] = []
    while node.kind == "restrict":
        (_, operand), (_, condition) = node.uses
        if operand.kind == "universal_set":  # `U(…) & A` is a relation of its own
            break
        conditions.append((condition, node.restricts_negated))
        node = operand
    return node, conditions[::-1]


def _restricted(base: Node, conditions: Sequence[tuple[Node, bool]]) -> Node:
    if len(conditions) == 1:
        return nodes.restrict(base, conditions[0][0], negated=conditions[0][1])
    return nodes.restrict(base, _all_of(conditions), negated=False)


def _all_of(conditions: Sequence[tuple[Node, bool]]) -> Node:
    """Build the condition of a chain of restrictions.

    Excluded mappings become one list, which the server reads as a table of values.
    """
    mappings = [condition for condition, negated in conditions if negated and condition.kind == "mapping"]
    others = [
        nodes.complement(condition) if negated else condition
        for condition, negated in conditions
        if not (negated and condition.kind == "mapping")
    ]
    if mappings:
        others.append(nodes.complement(nodes.any_of(mappings)))
    return others[0] if len(others) == 1 else nodes.all_of(others)


def _united(node: Node) -> list[Node]:
    """Return the operands of nested unions, from left to right."""
    operands: list[Node] = []
    pending = [node]
    while pending:
        current = pending.pop()
        if current.kind == "union":
            pending.extend(used for _, used in reversed(current.uses))
        else:
            operands.append(current)
    return operands


def _merged(operands: Sequence[Node]) -> list[Node]:
    """Merge operands that restrict one relation, all but the last, into a restriction by any of their conditions.

    The last stays, so that the server still finds a union that the rules do not allow.
    """
    groups: dict[object, list[tuple[Node, Node]]] = {}
    for operand in operands:
        projection = operand if operand.kind == "project" else None
        base, conditions = _restrictions(operand.uses[0][1] if projection else operand)
        if not conditions or not _has_whole_keys(base):
            groups[id(operand)] = [(operand, operand)]
            continue
        items = projection.message.SerializeToString(deterministic=True) if projection else None
        groups.setdefault((items, nodes.structure(base)), []).append((operand, _all_of(conditions)))
    level: list[Node] = []
    for group in groups.values():
        *merged, (last, _) = group
        if len(merged) > 1:
            first = merged[0][0]
            projected = first.kind == "project"
            base, _ = _restrictions(first.uses[0][1] if projected else first)
            whole = nodes.restrict(base, nodes.any_of([condition for _, condition in merged]), negated=False)
            level.append(nodes.Node(first.message, (("operand", whole),)) if projected else whole)
        else:
            level.extend(operand for operand, _ in merged)
        level.append(last)
    return level


def _has_whole_keys(node: Node) -> bool:
    """Return whether no key of a relation has NULL, which would match nothing in a union."""
    while node.kind in ("project", "restrict") and node.uses[0][1].kind != "universal_set":
        node = node.uses[0][1]
    return node.kind == "table"
