"""Rows of tables that a recorded read came from, found by restricting each table by the read's own result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from levada._values.kinds.value_kind import storage_of
from levada_api.v1 import query_service_pb2, relation_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada._net.connection import Connection
    from levada_api.v1 import schema_pb2


@dataclass(frozen=True)
class _Limit:
    """A node by whose rows those of nodes below it are limited, on attributes that have the same meaning there."""

    node: int
    names: frozenset[str]


def rows_read(
    connection: Connection, relation: relation_pb2.Relation
) -> Iterator[tuple[schema_pb2.TableName, pa.Table]]:
    """Yield each table of a relation with the keys of its rows that the result came from, perhaps of some more.

    With these rows alone, the relation gives the same result. All rows that may have made one of the result count. The
    rows of B that match A show again which ones `A - B` leaves out.

    Raises:
        LevadaError: The relation cannot be read any more.
    """
    reading = _Reading(connection, relation)
    yield from reading.below(len(relation.nodes) - 1, ())


class _Reading:
    def __init__(self, connection: Connection, relation: relation_pb2.Relation) -> None:
        self._connection = connection
        self._relation = relation
        self._headings: dict[int, schema_pb2.Heading] = {}

    def below(self, number: int, limits: tuple[_Limit, ...]) -> Iterator[tuple[schema_pb2.TableName, pa.Table]]:
        node = self._relation.nodes[number]
        limits = (*limits, _Limit(number, self._names(number)))
        match node.WhichOneof("operator"):
            case "table":
                yield node.table.name, self._keys(number, limits[:-1])
            case "restrict":
                operand = node.restrict.operand
                yield from self.below(operand, self._kept(limits, operand))
                yield from self._of_condition(node.restrict, number)
            case "project":
                names = _unchanged(node.project, self._names(node.project.operand))
                yield from self.below(node.project.operand, self._kept(limits, node.project.operand, names))
            case "join":
                for operand in (node.join.left, node.join.right):
                    yield from self.below(operand, self._kept(limits, operand))
            case "aggregate":
                computed = {item.named.name for item in node.aggregate.items if item.HasField("named")}
                for operand in (node.aggregate.operand, node.aggregate.group):
                    names = self._names(node.aggregate.operand) - computed
                    yield from self.below(operand, self._kept(limits, operand, names))
            case "union":
                for operand in (node.union.left, node.union.right):
                    yield from self.below(operand, self._kept(limits, operand))
            case "top":
                # Rows that an offset skips must be there to be skipped again.
                above = () if node.top.offset else limits
                yield from self.below(node.top.operand, self._kept(above, node.top.operand))
            case "universal_set" | "job_table" | "staleness":
                return  # a set of all values, or jobs and verdicts: not rows of a table
            case unknown:
                raise NotImplementedError(f"the rows below {unknown}")  # a test goes through all

    def _of_condition(
        self, restrict: relation_pb2.Restrict, number: int
    ) -> Iterator[tuple[schema_pb2.TableName, pa.Table]]:
        """Yield the rows of relations that a restriction matches, or could match if it leaves matches out."""
        for matched, negated in self._matched(restrict.condition, negated=restrict.negated):
            by = restrict.operand if negated else number
            yield from self.below(matched, self._kept((_Limit(by, self._names(by)),), matched))

    def _matched(self, number: int, *, negated: bool) -> Iterator[tuple[int, bool]]:
        condition = self._relation.conditions[number]
        match condition.WhichOneof("kind"):
            case "relation":
                yield condition.relation.node, negated
            case "any" | "all":
                listed = condition.any if condition.HasField("any") else condition.all
                for each in listed.conditions:
                    # One of several alternatives may hold without a match in this one.
                    yield from self._matched(each, negated=negated or condition.HasField("any"))
            case "complement":
                yield from self._matched(condition.complement, negated=True)
            case _:
                return

    def _kept(
        self, limits: tuple[_Limit, ...], operand: int, names: frozenset[str] | None = None
    ) -> tuple[_Limit, ...]:
        """Return the limits as they hold for an operand, on the attributes that it has, and of these on some names."""
        there = self._names(operand)
        kept = (_Limit(each.node, each.names & (there if names is None else there & names)) for each in limits)
        return tuple(limit for limit in kept if limit.names)

    def _keys(self, number: int, limits: tuple[_Limit, ...]) -> pa.Table:
        """Return the keys of the rows of a table that limits leave; the highest is enough if it has the whole key."""
        key = self._key(number)
        whole = next((limit for limit in limits if key <= limit.names), None)
        asked = relation_pb2.Relation()
        asked.CopyFrom(self._relation)
        last = number
        for limit in limits if whole is None else (_Limit(whole.node, key),):
            asked.nodes.add().universal_set.attributes.extend(sorted(limit.names))
            known = _matching(asked, len(asked.nodes) - 1, limit.node)
            last = _matching(asked, last, known)
        asked.nodes.add().project.operand = last
        return fetch_keys(self._connection, asked)

    def _names(self, number: int) -> frozenset[str]:
        """Return the attributes that mean the same wherever they are passed on: keys, and what refers to keys."""
        node = self._relation.nodes[number]
        if node.HasField("universal_set"):
            return frozenset(node.universal_set.attributes)
        return frozenset(attribute.name for attribute in self._heading(number).attributes if attribute.origin)

    def _key(self, number: int) -> frozenset[str]:
        return frozenset(each.name for each in self._heading(number).attributes if each.primary_key)

    def _heading(self, number: int) -> schema_pb2.Heading:
        if number not in self._headings:
            asked = relation_pb2.Relation()
            asked.CopyFrom(self._relation)
            asked.nodes.add().top.operand = number  # the last node is the result
            request = query_service_pb2.DescribeRelationRequest(relation=asked)
            answer = self._connection.call(
                "QueryService/DescribeRelation", request, query_service_pb2.DescribeRelationResponse
            )
            self._headings[number] = answer.heading
        return self._headings[number]


def _matching(relation: relation_pb2.Relation, operand: int, other: int) -> int:
    """Add the entities of a node that match another; return the new node."""
    relation.conditions.add().relation.CopyFrom(relation_pb2.RelationMatch(node=other, unchecked=True))
    condition = len(relation.conditions) - 1
    relation.nodes.add().restrict.CopyFrom(relation_pb2.Restrict(operand=operand, condition=condition))
    return len(relation.nodes) - 1


def _unchanged(project: relation_pb2.Project, operand: frozenset[str]) -> frozenset[str]:
    """Return the attributes that a projection passes on under their names."""
    renamed = {item.named.expression.text.strip() for item in project.items if item.HasField("named")}
    computed = {item.named.name for item in project.items if item.HasField("named")}
    return operand - computed - renamed


def fetch_keys(connection: Connection, relation: relation_pb2.Relation) -> pa.Table:
    """Fetch a relation as columns of stored values, by which tables can be restricted."""
    request = query_service_pb2.FetchRelationRequest(relation=relation)
    pieces = connection.receive("QueryService/FetchRelation", request, query_service_pb2.FetchRelationResponse)
    content = b"".join(piece.arrow_ipc for piece in pieces)
    table = pa.ipc.open_stream(content).read_all()
    return pa.Table.from_arrays([storage_of(column) for column in table.columns], names=table.schema.names)
