"""Restrictions: the operand after `&` and `-`, converted to conditions of the protocol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pyarrow as pa

from levada._base.absent_names import Explained
from levada._base.errors import InvalidRequest
from levada._base.text import sendable, shown
from levada._query import nodes
from levada._query.terms import Term
from levada._values.condition_values import counts_nanoseconds, encode_condition_value, plain_scalar, rounded_column
from levada._values.tabular import (
    is_tabular,
    listed,
    row_mapping,
    row_mappings,
    to_arrow_table,
    to_ipc,
    without_dimensions,
)
from levada_api.v1 import relation_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada._net.connection import Connection

_MANY_MAPPINGS = 64
"""From this many mappings on, a list of them is sent as one table of values: conditions are limited in number."""

_MANY_TERMS = 64
"""From this many joined terms on, each is an expression of its own: the length of an expression is limited."""

_ALLOWED = "a mapping, a list or table of them, text, True or False, a query, AndList, Not, Top or U is allowed here"


class Operand:
    """Anything that is a relation: the part of `Relation` that a condition has to recognize."""

    _node: nodes.Node
    _connection: Connection | None


class AndList(list[Any]):  # Any: conditions of every kind
    """Conditions that must all hold; an empty list holds for all entities."""


@dataclass(frozen=True)
class Not:
    """The opposite of a condition: it holds for the entities for which the condition does not hold or is unknown."""

    restriction: object


@dataclass(frozen=True)
class Top(Explained):
    """The first entities in an order.

    Args:
        limit: At most how many; None for all.
        order_by: `attribute`, `attribute DESC`, `KEY` or `KEY DESC`, or a list of these.
        offset: How many to skip first.
    """

    limit: int | None = 1
    order_by: str | Sequence[str] | None = "KEY"
    offset: int | None = 0


def order_terms(order_by: object) -> list[str]:
    """Split an order into its terms, one per attribute.

    Raises:
        InvalidRequest: A term is not text.
    """
    if order_by is None:
        return []
    terms = list(order_by) if isinstance(order_by, Iterable) and not isinstance(order_by, str) else [order_by]
    if not all(isinstance(term, str) for term in terms):
        raise InvalidRequest(f"order_by takes names such as 'KEY' or 'date DESC', not {order_by!r}.")
    return [part.strip() for term in terms for part in sendable(str(term)).split(",") if part.strip()]


def top_node(operand: nodes.Node, top: Top) -> nodes.Node:
    """Build the node of the first entities of an operand.

    Raises:
        InvalidRequest: A limit or offset is not a whole number, or negative.
    """
    limit = None if top.limit is None else _whole("limit", top.limit)
    return nodes.top(operand, limit, order_terms(top.order_by), _whole("offset", top.offset or 0))


def _whole(name: str, value: Any) -> int:  # noqa: ANN401  # whatever the user gives
    try:
        number = int(value)
    except (ValueError, TypeError, OverflowError):
        number = -1
    if number != value or not 0 <= number < 2**63:
        raise InvalidRequest(f"{name} is a whole number from 0 to 2**63 - 1, not {shown(value)}.")
    return number


def condition_node(condition: object, *, unchecked: bool = False) -> nodes.Node:
    """Convert a condition to its node.

    Args:
        unchecked: Queries match on names alone.

    Raises:
        InvalidRequest: It cannot be a condition, or nests too deep.
        WrongValue: A value cannot be sent.
    """
    try:
        if type(condition) is dict:  # nothing else needs to be asked
            return _mapping_node(condition)
        return _condition_node(condition, unchecked=unchecked)
    except RecursionError:
        raise InvalidRequest(
            "The condition nests too deep; write it with fewer lists or Not within each other."
        ) from None


def _condition_node(condition: object, *, unchecked: bool = False) -> nodes.Node:
    condition = _plain(condition)
    match condition:
        case Operand():
            return nodes.match(condition._node, unchecked=unchecked)
        case bool():
            return nodes.constant(condition)
        case str():
            return nodes.expression(str(condition))
        case Term() if len(condition.parts) >= _MANY_TERMS:
            terms = [_condition_node(part) for part in condition.parts]
            return nodes.all_of(terms) if condition.joined_by == "AND" else nodes.any_of(terms)
        case Term():
            return nodes.expression(condition.text, condition.values)
        case Not(restriction):
            return nodes.complement(_condition_node(restriction, unchecked=unchecked))
        case AndList():
            return nodes.all_of([_condition_node(c, unchecked=unchecked) for c in _spliced(condition, AndList)])
        case Top():
            raise InvalidRequest("Top restricts a query by itself: `query & Top(...)`, not in a list or after `-`.")
        case Mapping():
            return _mapping_node(condition)
        case _ if is_tabular(condition):
            return _table_node(condition)
        case list() | tuple() | Set() | Iterator():
            return _any_node(_spliced(condition, (list, tuple, Set)), unchecked=unchecked)
        case None:
            raise InvalidRequest("A query cannot be restricted by None; True keeps all entities, False none.")
        case _:
            raise InvalidRequest(f"A query cannot be restricted by {shown(condition)}: {_ALLOWED}.")


def _plain(condition: object) -> object:
    """Convert a class, and values of NumPy, pandas, polars and Arrow, to a relation, scalar, mapping or list."""
    condition = as_operand(without_dimensions(condition))
    if (row := row_mapping(condition)) is not None:
        return row
    if isinstance(condition, np.generic):
        return condition.item()
    items = None if is_tabular(condition) else listed(condition)
    return condition if items is None else items


def connections_in(condition: object) -> Iterator[Connection]:
    """Find the connections of the queries within a condition.

    Raises:
        InvalidRequest: A list of conditions contains itself.
    """
    pending: list[tuple[object, bool]] = [(condition, False)]
    within: set[int] = set()
    looked_at: set[int] = set()
    while pending:
        condition, left = pending.pop()
        if left:
            within.remove(id(condition))
            looked_at.add(id(condition))
            continue
        condition = as_operand(condition)
        if isinstance(condition, Operand):
            if condition._connection is not None:
                yield condition._connection
        elif isinstance(condition, (Not, list, tuple, Set)) and id(condition) not in looked_at:
            if id(condition) in within:
                raise InvalidRequest("A list of conditions contains itself; restrict by a list that does not.")
            within.add(id(condition))
            pending.append((condition, True))
            parts = [condition.restriction] if isinstance(condition, Not) else condition
            pending.extend((part, False) for part in parts if not isinstance(part, (str, Mapping)))


def _spliced(conditions: Iterable[object], kinds: type | tuple[type, ...]) -> list[object]:
    """Take the conditions out of the lists of the same meaning among some, so that a loop may nest them.

    A list that is there several times counts once, because it says the same each time.
    """
    found: list[object] = []
    pending = list(conditions)[::-1]
    opened: dict[int, object] = {}
    while pending:
        condition = pending.pop()
        another = isinstance(condition, AndList) and kinds is not AndList
        if not isinstance(condition, kinds) or another or row_mapping(condition) is not None:
            found.append(condition)
        elif id(condition) not in opened:
            opened[id(condition)] = condition
            pending.extend(list(condition)[::-1])  # type: ignore[call-overload]  # all of the kinds are collections
    return found


def as_operand(value: object) -> object:
    """Replace the class of a table by the table; leave everything else."""
    if isinstance(value, type) and issubclass(value, Operand):
        return value()
    return value


def _table_node(table: object) -> nodes.Node:
    """Build the condition of a table of values; with values that Arrow does not know it is one of mappings."""
    try:
        return nodes.entities(to_ipc(_in_microseconds(to_arrow_table(table))))
    except (pa.ArrowException, TypeError, ValueError):
        return _any_node(row_mappings(table), unchecked=False)


def _in_microseconds(table: pa.Table) -> pa.Table:
    for index, field in enumerate(table.schema):
        if counts_nanoseconds(field.type):
            table = table.set_column(index, field.name, rounded_column(table.column(index)))
    return table


def _mapping_node(mapping: Mapping[Any, object]) -> nodes.Node:  # Any: wrong keys are refused here
    entries = pb.Mapping()
    for name, value in mapping.items():
        if not isinstance(name, str):
            raise InvalidRequest(f"A mapping that restricts has attribute names as keys, not {shown(name)}.")
        entry = entries.entries.add(name=sendable(name))
        entry.value.CopyFrom(encode_condition_value(value, f"attribute `{name}`"))
    return nodes.Node(pb.Condition(mapping=entries))


def _any_node(items: Sequence[object], *, unchecked: bool) -> nodes.Node:
    items = [item if (row := row_mapping(item)) is None else row for item in items]
    if len(items) >= _MANY_MAPPINGS and (stream := _mappings_as_ipc(items)) is not None:
        return nodes.entities(stream)
    return nodes.any_of([_condition_node(item, unchecked=unchecked) for item in items])


def _mappings_as_ipc(items: list[object]) -> bytes | None:
    """Write mappings with equal keys as one table; return None if they differ, or their values are of mixed kinds."""
    first = items[0]
    if not isinstance(first, Mapping) or not first:
        return None
    names = list(first)
    if not all(isinstance(item, Mapping) and item.keys() == first.keys() for item in items):
        return None
    columns: list[pa.Array] = []
    for name in names:
        values = [plain_scalar(item[name]) for item in items]  # type: ignore[index]  # all are mappings
        if any(isinstance(value, (list, tuple, Set, Mapping, bytes)) or listed(value) is not None for value in values):
            return None
        if all(value is None or isinstance(value, UUID) for value in values):
            columns.append(pa.array([None if v is None else v.bytes for v in values], pa.binary(16)))  # type: ignore[attr-defined]  # UUIDs
            continue
        try:
            columns.append(pa.array(values))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            return None
    return to_ipc(pa.Table.from_arrays(columns, names=names))
