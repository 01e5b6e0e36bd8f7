"""Decode relation.proto into the algebra; indices, number of nodes and depth are checked before anything recurses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from levada_api.v1 import relation_pb2 as pb
from levada_server.arrow.ipc.reading import Allowance
from levada_server.errors import InvalidRequest, LevadaError, QueryTooDeep
from levada_server.model.table import UNKNOWN_SOURCE
from levada_server.query import algebra
from levada_server.rpc.decoding import values
from levada_server.rpc.decoding.entities import MAX_BYTES, entity_set

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from levada_api.v1 import value_pb2

MAX_NODES = 10_000
"""The most operators and conditions together."""
MAX_DEPTH = 100
"""The deepest nesting of operators and conditions together."""
MAX_WRITTEN_OUT = 2 * MAX_NODES
"""The most operators and conditions if each is counted at every use: a few that share parts may stand for millions."""
MAX_ENTITIES = 1_000_000
"""The most rows of one table of values, and elements of one list."""
MAX_VALUES = 4 * MAX_ENTITIES
"""The most values of all lists and tables of values together."""
QUICK_BYTES = 32 * 2**10
"""The largest message, in bytes, that is read at once; a larger one is read in a thread, so other calls go on."""
KEY_SOURCE_BYTES = 64 * 2**10
"""The largest key source, in bytes; every replica reads the whole catalog, which holds key sources."""
_PARAMETERS = frozenset(
    (
        "boolean",
        "integer",
        "big_integer",
        "float",
        "text",
        "binary",
        "decimal",
        "uuid",
        "date",
        "time",
        "duration",
        "timestamp",
    )
)


def key_source(message: pb.Relation) -> tuple[bytes, str]:
    """Return a key source in the form that is stored, and why it is unknown if it cannot be stored."""
    if not message.nodes:
        return UNKNOWN_SOURCE, ""
    if message.ByteSize() > KEY_SOURCE_BYTES:
        return UNKNOWN_SOURCE, (
            f"A key source may have at most {KEY_SOURCE_BYTES} bytes; put its values into a lookup table, or compute "
            "by populate, which sends it along."
        )
    try:
        relation("key_source", message)
    except LevadaError as error:
        return UNKNOWN_SOURCE, error.message
    return message.SerializeToString(deterministic=True), ""


def stored_relation(serialized: bytes) -> algebra.Relation:
    """Read back a relation that was stored as a client sent it."""
    return relation("key_source", pb.Relation.FromString(serialized))


async def received_relation(field: str, message: pb.Relation, *, parameters: bool = False) -> algebra.Relation:
    """Read a relation of a request.

    Args:
        field: The field that holds it.
        message: The content of the field.
        parameters: Read values of mappings as parameters, in the order of the message.

    Raises:
        QueryTooDeep: It is larger or deeper than the limits.
        InvalidRequest: It is malformed.
    """
    if message.ByteSize() <= QUICK_BYTES:
        return relation(field, message, parameters=parameters)
    return await asyncio.to_thread(relation, field, message, parameters=parameters)


def is_parameter(value: value_pb2.Value) -> bool:
    """Return whether another value of its kind could replace a value; NULL and lists compile to another statement."""
    return value.WhichOneof("kind") in _PARAMETERS


def relation(field: str, message: pb.Relation, *, parameters: bool = False) -> algebra.Relation:
    """Read a relation, as `received_relation`.

    Raises:
        QueryTooDeep: It is larger or deeper than the limits.
        InvalidRequest: It is malformed.
    """
    count = len(message.nodes) + len(message.conditions)
    if not message.nodes:
        raise InvalidRequest(f"`{field}` has no operators.", field=field)
    if count > MAX_NODES:
        raise QueryTooDeep(
            f"The query has {count} operators and conditions; the limit is {MAX_NODES}. "
            "Restrict by a table of values instead of by many single conditions.",
            limit=MAX_NODES,
        )
    return _Decoder(message, parameters=parameters).result()


class _Decoder:
    """Reads nodes and conditions in an order in which each comes after the ones it refers to."""

    def __init__(self, message: pb.Relation, *, parameters: bool) -> None:
        self._message = message
        self._numbers = _numbers(message) if parameters else None
        self._relations: list[tuple[algebra.Relation, int]] = []
        self._conditions: dict[int, tuple[algebra.Condition, int]] = {}
        self._values = 0
        self._allowance = Allowance(MAX_BYTES, 2 * MAX_VALUES)  # `_count_values` has the better words
        self._sizes: list[int] = []  # of the relations, each counted at every use
        self._condition_sizes: dict[int, int] = {}
        self._size = 0  # of the relation being read

    def result(self) -> algebra.Relation:
        for node in self._message.nodes:
            self._size = 1
            self._relations.append(self._node(node))
            self._sizes.append(_limited(self._size))
        return self._relations[-1][0]

    def _operand(self, index: int) -> tuple[algebra.Relation, int]:
        if not 0 <= index < len(self._relations):
            raise InvalidRequest(
                f"Operator {len(self._relations)} refers to operator {index}, which does not come before it.",
                field="relation.nodes",
            )
        self._size += self._sizes[index]
        return self._relations[index]

    def _node(self, node: pb.RelationNode) -> tuple[algebra.Relation, int]:
        match node.WhichOneof("operator"):
            case "table":
                return algebra.TableOperand(values.table_name("table", node.table.name)), 1
            case "job_table":
                return algebra.JobOperand(values.table_name("job_table", node.job_table.name)), 1
            case "staleness":
                said = node.staleness
                codes = [(values.table_name("staleness", code.table), code.code_version) for code in said.codes]
                name = values.table_name("staleness", said.name)
                return algebra.StalenessOperand(name, tuple(codes), said.known_only), 1
            case "restrict":
                operand, depth = self._operand(node.restrict.operand)
                condition, condition_depth = self._condition(node.restrict.condition)
                restricted = algebra.Restrict(operand, condition, node.restrict.negated)
                return restricted, _deeper(depth, condition_depth)
            case "project":
                operand, depth = self._operand(node.project.operand)
                return algebra.Project(operand, self._items(node.project.items)), _deeper(depth)
            case "join":
                return self._join(node.join)
            case "aggregate":
                return self._aggregate(node.aggregate)
            case "union":
                left, left_depth = self._operand(node.union.left)
                right, right_depth = self._operand(node.union.right)
                return algebra.Union(left, right, self._message.match_by_name), _deeper(left_depth, right_depth)
            case "universal_set":
                return algebra.UniversalSet(tuple(node.universal_set.attributes)), 1
            case "top":
                return self._top(node.top)
            case _:
                raise InvalidRequest(f"Operator {len(self._relations)} is unset.", field="relation.nodes")

    def _join(self, join: pb.Join) -> tuple[algebra.Relation, int]:
        left, left_depth = self._operand(join.left)
        right, right_depth = self._operand(join.right)
        by_name = self._message.match_by_name
        joined = algebra.Join(left, right, join.left_join, join.unchecked, join.extend, by_name)
        return joined, _deeper(left_depth, right_depth)

    def _aggregate(self, aggregate: pb.Aggregate) -> tuple[algebra.Relation, int]:
        operand, depth = self._operand(aggregate.operand)
        group, group_depth = self._operand(aggregate.group)
        items = self._items(aggregate.items)
        by_name = self._message.match_by_name
        return algebra.Aggregate(operand, group, items, aggregate.matching_only, by_name), _deeper(depth, group_depth)

    def _top(self, top: pb.Top) -> tuple[algebra.Relation, int]:
        operand, depth = self._operand(top.operand)
        limit = top.limit if top.HasField("limit") else None
        if top.offset < 0 or (limit is not None and limit < 0):
            raise InvalidRequest(
                "`limit` and `offset` must not be negative.", field="limit" if top.offset >= 0 else "offset"
            )
        return algebra.Top(operand, limit, tuple(top.order), top.offset), _deeper(depth)

    def _condition(self, index: int) -> tuple[algebra.Condition, int]:
        """Read a condition and the conditions it refers to, each once, with a stack instead of recursion."""
        waiting = [index]
        while waiting:
            current = waiting[-1]
            if not 0 <= current < len(self._message.conditions):
                raise InvalidRequest(f"There is no condition {current}.", field="relation.conditions")
            missing = [i for i in self._referred(current) if i not in self._conditions]
            if missing:
                waiting.extend(missing)
                continue
            if current not in self._conditions:
                outside, self._size = self._size, 1
                self._conditions[current] = self._read_condition(current, self._message.conditions[current])
                self._condition_sizes[current], self._size = _limited(self._size), outside
            waiting.pop()
        self._size += self._condition_sizes[index]
        return self._conditions[index]

    def _referred(self, index: int) -> Iterable[int]:
        condition = self._message.conditions[index]
        match condition.WhichOneof("kind"):
            case "any" | "all" as kind:
                inner: Iterable[int] = getattr(condition, kind).conditions
            case "complement":
                inner = (condition.complement,)
            case _:
                return ()
        for other in inner:
            if not 0 <= other < index:
                raise InvalidRequest(
                    f"Condition {index} refers to condition {other}, which does not come before it.",
                    field="relation.conditions",
                )
        return inner

    def _read_condition(self, index: int, condition: pb.Condition) -> tuple[algebra.Condition, int]:
        match condition.WhichOneof("kind"):
            case "constant":
                return algebra.Constant(condition.constant), 1
            case "mapping":
                return algebra.Equalities(tuple(self._entries(index, condition.mapping))), 1
            case "any":
                conditions, depth = self._inner(condition.any.conditions)
                return algebra.AnyOf(conditions), depth
            case "all":
                conditions, depth = self._inner(condition.all.conditions)
                return algebra.AllOf(conditions), depth
            case "complement":
                (inner,), depth = self._inner((condition.complement,))
                return algebra.Complement(inner), depth
            case "relation":
                operand, depth = self._operand(condition.relation.node)
                matched = algebra.Match(operand, condition.relation.unchecked, self._message.match_by_name)
                return matched, _deeper(depth)
            case "expression":
                return self._expression(condition.expression), 1
            case "entities":
                return entity_set(condition.entities.arrow_ipc, self._count_entities, self._allowance), 1
            case _:
                raise InvalidRequest(f"Condition {index} is unset.", field="relation.conditions")

    def _entries(self, index: int, mapping: pb.Mapping) -> Iterator[tuple[str, object]]:
        number = None if self._numbers is None else self._numbers[index]
        for entry in mapping.entries:
            value = self._value(entry.value)
            if number is not None and is_parameter(entry.value):
                value = algebra.Parameter(number, value)
                number += 1
            yield entry.name, value

    def _inner(self, indices: Iterable[int]) -> tuple[tuple[algebra.Condition, ...], int]:
        found = [self._conditions[index] for index in indices]
        self._size += sum(self._condition_sizes[index] for index in indices)
        return tuple(condition for condition, _ in found), _deeper(*(depth for _, depth in found))

    def _items(self, messages: Iterable[pb.ProjectItem]) -> tuple[algebra.Item, ...]:
        return tuple(map(self._item, messages))

    def _item(self, message: pb.ProjectItem) -> algebra.Item:
        match message.WhichOneof("item"):
            case "attribute":
                return algebra.Keep(message.attribute)
            case "excluded":
                return algebra.Drop(message.excluded)
            case "remaining":
                return algebra.Remaining()
            case "named":
                return algebra.Named(message.named.name, self._expression(message.named.expression))
            case _:
                raise InvalidRequest("An item of a projection is unset.", field="items")

    def _expression(self, message: pb.Expression) -> algebra.ExpressionText:
        return algebra.ExpressionText(message.text, tuple(map(self._value, message.values)))

    def _value(self, message: value_pb2.Value) -> object:
        kind = message.WhichOneof("kind")
        if kind in ("list", "tuple", "set"):
            self._count_values("A list", len(getattr(message, kind).values), 1)
        return values.value(message)

    def _count_entities(self, rows: int, columns: int) -> None:
        self._count_values("A table of values", rows, columns)

    def _count_values(self, what: str, rows: int, columns: int) -> None:
        if rows > MAX_ENTITIES:
            raise QueryTooDeep(
                f"{what} has {rows} rows; the limit is {MAX_ENTITIES}. Insert them into a table.", limit=MAX_ENTITIES
            )
        self._values += rows * columns
        if self._values > MAX_VALUES:
            raise QueryTooDeep(
                f"The query has more than {MAX_VALUES} values in its lists and tables; insert them into a table.",
                limit=MAX_VALUES,
            )


def _numbers(message: pb.Relation) -> dict[int, int]:
    """Return the number of the first parameter of every mapping, by the index of its condition."""
    numbers, number = {}, 0
    for index, condition in enumerate(message.conditions):
        if condition.HasField("mapping"):
            numbers[index] = number
            number += sum(is_parameter(entry.value) for entry in condition.mapping.entries)
    return numbers


def _limited(size: int) -> int:
    if size > MAX_WRITTEN_OUT:
        raise QueryTooDeep(
            f"The query has more than {MAX_WRITTEN_OUT} operators and conditions if shared parts count at each "
            "use; save an intermediate result in a table.",
            limit=MAX_WRITTEN_OUT,
        )
    return size


def _deeper(*depths: int) -> int:
    depth = max(depths, default=0) + 1
    if depth > MAX_DEPTH:
        raise QueryTooDeep(
            f"The query is nested more than {MAX_DEPTH} deep; save an intermediate result in a table.", limit=MAX_DEPTH
        )
    return depth
