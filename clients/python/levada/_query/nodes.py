"""The tree of a relation, and its flat form on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from levada._base import rules
from levada._base.text import sendable
from levada_api.v1 import relation_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levada_api.v1 import schema_pb2, value_pb2


@dataclass(frozen=True, eq=False)
class Node:
    """One operator or condition.

    Nodes are compared by identity: a node that is used twice is sent once.

    Args:
        message: The operator or condition, without the indices of the nodes it uses.
        uses: The nodes it uses: the name of the field that takes the index, and the node. A name that occurs again is a
            repeated field.
    """

    message: pb.RelationNode | pb.Condition
    uses: tuple[tuple[str, Node], ...] = ()

    @property
    def kind(self) -> str | None:
        """The name of the operator or condition, as the protocol has it."""
        message = self.message
        kind: str | None = (
            message.WhichOneof("operator") if isinstance(message, pb.RelationNode) else message.WhichOneof("kind")
        )
        return kind

    @property
    def restricts_negated(self) -> bool:
        """Whether it is `A - condition`."""
        return isinstance(self.message, pb.RelationNode) and self.message.restrict.negated


def structure(root: Node) -> tuple[tuple[bytes, tuple[tuple[str, int], ...]], ...]:
    """Return a value that is equal for equivalent trees, however many of their nodes are shared."""
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
    """Flatten a tree to the protocol's list: operands before their users, the result last."""
    relation = pb.Relation(match_by_name=rules.are_of_datajoint())
    indices: dict[int, int] = {}
    # Depth first with a list, because trees may be deeper than Python's stack; the server has the limit.
    pending = [root]
    while pending:
        node = pending.pop()
        if id(node) in indices:
            continue
        missing = [used for _, used in node.uses if id(used) not in indices]
        if missing:
            pending.append(node)
            pending.extend(reversed(missing))
        else:
            indices[id(node)] = _append(relation, node, indices)
    return relation


def _append(relation: pb.Relation, node: Node, indices: Mapping[int, int]) -> int:
    """Append one message with the indices of the nodes it uses, by their identities, and return its own index."""
    message: Message
    if isinstance(node.message, pb.RelationNode):
        index = len(relation.nodes)
        relation.nodes.append(node.message)
        message = relation.nodes[index]
    else:
        index = len(relation.conditions)
        relation.conditions.append(node.message)
        message = relation.conditions[index]
    if not node.uses:
        return index
    kind = node.kind
    inner = getattr(message, kind) if kind else message
    if not isinstance(inner, Message):
        inner = message  # `complement` is an index itself
    for field, used in node.uses:
        current = getattr(inner, field)
        if isinstance(current, int):
            setattr(inner, field, indices[id(used)])
        else:
            current.append(indices[id(used)])
    return index


def table(schema: str, name: str) -> Node:
    """Build the node of a table."""
    message = pb.RelationNode()
    message.table.name.schema = schema
    message.table.name.table = name
    return Node(message)


def universal_set(names: Sequence[str]) -> Node:
    """Build the node of `U(names)`."""
    return Node(pb.RelationNode(universal_set=pb.UniversalSet(attributes=list(map(sendable, names)))))


def restrict(operand: Node, condition: Node, *, negated: bool) -> Node:
    """Build the node of `operand & condition` or, negated, `operand - condition`."""
    message = pb.RelationNode(restrict=pb.Restrict(negated=negated))
    return Node(message, (("operand", operand), ("condition", condition)))


def project(operand: Node, items: Sequence[pb.ProjectItem]) -> Node:
    """Build the node of `operand.proj(…)`."""
    return Node(pb.RelationNode(project=pb.Project(items=items)), (("operand", operand),))


def join(left: Node, right: Node, *, left_join: bool, unchecked: bool, extend: bool) -> Node:
    """Build the node of `left * right` and its variants."""
    message = pb.RelationNode(join=pb.Join(left_join=left_join, unchecked=unchecked, extend=extend))
    return Node(message, (("left", left), ("right", right)))


def aggregate(operand: Node, group: Node, items: Sequence[pb.ProjectItem], *, matching_only: bool) -> Node:
    """Build the node of `operand.aggr(group, …)`."""
    message = pb.RelationNode(aggregate=pb.Aggregate(items=items, matching_only=matching_only))
    return Node(message, (("operand", operand), ("group", group)))


def union(left: Node, right: Node) -> Node:
    """Build the node of `left + right`."""
    return Node(pb.RelationNode(union=pb.Union()), (("left", left), ("right", right)))


def top(operand: Node, limit: int | None, order: Sequence[str], offset: int) -> Node:
    """Build the node of the first entities in an order."""
    return Node(pb.RelationNode(top=pb.Top(limit=limit, order=order, offset=offset)), (("operand", operand),))


def job_table(schema: str, name: str) -> Node:
    """Build the node of the jobs of an auto-populated table."""
    message = pb.RelationNode()
    message.job_table.name.schema = schema
    message.job_table.name.table = name
    return Node(message)


def staleness(
    table: schema_pb2.TableName, codes: Sequence[tuple[schema_pb2.TableName, str]], *, known_only: bool = False
) -> Node:
    """Build the node of the verdicts on the results of an auto-populated table.

    Args:
        table: The table.
        codes: The tables whose code is known here, with its digest.
        known_only: No input is compared again.
    """
    known = [pb.TableCode(table=name, code_version=digest) for name, digest in codes]
    return Node(pb.RelationNode(staleness=pb.Staleness(name=table, codes=known, known_only=known_only)))


def constant(holds: bool) -> Node:
    """Build the condition that all entities meet, or none."""
    return Node(pb.Condition(constant=holds))


def any_of(conditions: Sequence[Node]) -> Node:
    """Build the condition that at least one of several holds."""
    return Node(pb.Condition(any=pb.ConditionList()), tuple(("conditions", c) for c in conditions))


def all_of(conditions: Sequence[Node]) -> Node:
    """Build the condition that all of several hold."""
    return Node(pb.Condition(all=pb.ConditionList()), tuple(("conditions", c) for c in conditions))


def complement(condition: Node) -> Node:
    """Build the condition that another does not hold."""
    return Node(pb.Condition(complement=0), (("complement", condition),))


def match(relation: Node, *, unchecked: bool) -> Node:
    """Build the condition that an entity agrees with some entity of a relation."""
    return Node(pb.Condition(relation=pb.RelationMatch(unchecked=unchecked)), (("node", relation),))


def expression(text: str, values: Sequence[value_pb2.Value] = ()) -> Node:
    """Build the condition of a text in the expression language; each `?` in it takes a value."""
    return Node(pb.Condition(expression=pb.Expression(text=sendable(text), values=values)))


def entities(arrow_ipc: bytes) -> Node:
    """Build the condition that an entity agrees with some row of an Arrow IPC stream."""
    return Node(pb.Condition(entities=pb.EntitySet(arrow_ipc=arrow_ipc)))
