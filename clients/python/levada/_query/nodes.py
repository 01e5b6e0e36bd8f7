"""The tree behind a relation, and its flat form on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from levada_api.v1 import relation_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_api.v1 import value_pb2


@dataclass(frozen=True, eq=False)
class Node:
    """One operator or condition.

    Nodes are compared by identity: one that is used twice is sent once.

    Args:
        message: The operator or condition, without the indices of what it refers to.
        uses: What it refers to: the name of the field that takes the index, and the node. A name that comes again
            is a repeated field.
    """

    message: pb.RelationNode | pb.Condition
    uses: tuple[tuple[str, Node], ...] = ()


def structure(root: Node) -> tuple[tuple[bytes, tuple[tuple[str, int], ...]], ...]:
    """Give what is the same for trees that say the same, however many of their nodes are shared."""
    known: dict[tuple[bytes, tuple[tuple[str, int], ...]], int] = {}
    numbers: dict[int, int] = {}
    pending = [root]
    while pending:
        node = pending[-1]
        missing = [used for _, used in node.uses if id(used) not in numbers]
        if missing and id(node) not in numbers:
            pending.extend(reversed(missing))
            continue
        pending.pop()
        uses = tuple((name, numbers[id(used)]) for name, used in node.uses)
        key = (node.message.SerializeToString(deterministic=True), uses)
        numbers[id(node)] = known.setdefault(key, len(known))
    return tuple(known)


def encode_relation(root: Node) -> pb.Relation:
    """Lay a tree out as the flat list that the protocol has: operands before users, the result last."""
    relation = pb.Relation()
    indices: dict[int, int] = {}
    # Depth first with a list, as trees may be deeper than Python's stack; the server has the limit.
    pending = [root]
    while pending:
        node = pending[-1]
        missing = [used for _, used in node.uses if id(used) not in indices]
        if id(node) in indices:
            pending.pop()
        elif missing:
            pending.extend(reversed(missing))
        else:
            pending.pop()
            indices[id(node)] = _append(relation, node, [indices[id(used)] for _, used in node.uses])
    return relation


def _append(relation: pb.Relation, node: Node, indices: Sequence[int]) -> int:
    """Add one message with its indices filled in, and give its own index."""
    message: Message
    if isinstance(node.message, pb.RelationNode):
        message, index = relation.nodes.add(), len(relation.nodes) - 1
        message.CopyFrom(node.message)
        kind = node.message.WhichOneof("operator")
    else:
        message, index = relation.conditions.add(), len(relation.conditions) - 1
        message.CopyFrom(node.message)
        kind = node.message.WhichOneof("kind")
    inner = getattr(message, kind) if kind else message
    if not isinstance(inner, Message):
        inner = message  # `complement` is an index itself
    for (field, _), used in zip(node.uses, indices, strict=True):
        current = getattr(inner, field)
        if isinstance(current, int):
            setattr(inner, field, used)
        else:
            current.append(used)
    return index


def table(schema: str, name: str) -> Node:
    """Make the node of a table."""
    message = pb.RelationNode()
    message.table.name.schema = schema
    message.table.name.table = name
    return Node(message)


def universal_set(names: Sequence[str]) -> Node:
    """Make the node of `U(names)`."""
    return Node(pb.RelationNode(universal_set=pb.UniversalSet(attributes=names)))


def restrict(operand: Node, condition: Node, *, negated: bool) -> Node:
    """Make the node of `operand & condition` or, negated, `operand - condition`."""
    message = pb.RelationNode(restrict=pb.Restrict(negated=negated))
    return Node(message, (("operand", operand), ("condition", condition)))


def project(operand: Node, items: Sequence[pb.ProjectItem]) -> Node:
    """Make the node of `operand.proj(…)`."""
    return Node(pb.RelationNode(project=pb.Project(items=items)), (("operand", operand),))


def join(left: Node, right: Node, *, left_join: bool, unchecked: bool, extend: bool) -> Node:
    """Make the node of `left * right` and its variants."""
    message = pb.RelationNode(join=pb.Join(left_join=left_join, unchecked=unchecked, extend=extend))
    return Node(message, (("left", left), ("right", right)))


def aggregate(operand: Node, group: Node, items: Sequence[pb.ProjectItem], *, matching_only: bool) -> Node:
    """Make the node of `operand.aggr(group, …)`."""
    message = pb.RelationNode(aggregate=pb.Aggregate(items=items, matching_only=matching_only))
    return Node(message, (("operand", operand), ("group", group)))


def union(left: Node, right: Node) -> Node:
    """Make the node of `left + right`."""
    return Node(pb.RelationNode(union=pb.Union()), (("left", left), ("right", right)))


def top(operand: Node, limit: int | None, order: Sequence[str], offset: int) -> Node:
    """Make the node of the first entities in an order."""
    return Node(pb.RelationNode(top=pb.Top(limit=limit, order=order, offset=offset)), (("operand", operand),))


def job_table(schema: str, name: str) -> Node:
    """Make the node of the jobs of an auto-populated table."""
    message = pb.RelationNode()
    message.job_table.name.schema = schema
    message.job_table.name.table = name
    return Node(message)


def constant(holds: bool) -> Node:
    """Make the condition that all entities meet, or none."""
    return Node(pb.Condition(constant=holds))


def any_of(conditions: Sequence[Node]) -> Node:
    """Make the condition that at least one of some holds."""
    return Node(pb.Condition(any=pb.ConditionList()), tuple(("conditions", c) for c in conditions))


def all_of(conditions: Sequence[Node]) -> Node:
    """Make the condition that all of some hold."""
    return Node(pb.Condition(all=pb.ConditionList()), tuple(("conditions", c) for c in conditions))


def complement(condition: Node) -> Node:
    """Make the condition that another does not hold."""
    return Node(pb.Condition(complement=0), (("complement", condition),))


def match(relation: Node, *, unchecked: bool) -> Node:
    """Make the condition that an entity agrees with some entity of a relation."""
    return Node(pb.Condition(relation=pb.RelationMatch(unchecked=unchecked)), (("node", relation),))


def expression(text: str, values: Sequence[value_pb2.Value] = ()) -> Node:
    """Make the condition of a text in the expression language; each `?` in it stands for a value."""
    return Node(pb.Condition(expression=pb.Expression(text=text, values=values)))


def entities(arrow_ipc: bytes) -> Node:
    """Make the condition that an entity agrees with some row of an Arrow IPC stream."""
    return Node(pb.Condition(entities=pb.EntitySet(arrow_ipc=arrow_ipc)))
