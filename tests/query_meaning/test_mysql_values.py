"""Expressions have the values that a database of the MySQL family gave: `tests/samples/mysql_expressions.py`."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from typing import TYPE_CHECKING

from levada_server.model.types import parse_type
from levada_server.query import sql
from levada_server.query.expression.computed import compute
from levada_server.query.expression.operands import Scope
from levada_server.query.postgres_types import value_type
from tests.samples.mysql_expressions import AGGREGATES, COLUMNS, EXPRESSIONS, FILE, ROWS, plain
from tests.support.entities import read

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

    from levada_server.model.types import AttributeType

TYPES = {name: parse_type(spelling.removesuffix("(6)")) for name, spelling in COLUMNS.items()}
COLUMN = {name: (sql.Column("t", name), type_) for name, type_ in TYPES.items()}


async def test_expressions_have_the_values_of_mysql(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    expected = json.loads(FILE.read_text(encoding="utf-8"))
    assert set(expected) == {*EXPRESSIONS, *AGGREGATES}
    wrong = {}
    for text, values in expected.items():
        scope = Scope(COLUMN, aggregates=text in AGGREGATES)
        computed = compute(text, (), scope)
        statement = sql.render(sql.Select((("x", computed.sql),), _rows(), grouped=scope.aggregates))
        found = [
            plain(read(row["x"], computed.type)) for row in await connection.fetch(statement.text, *statement.values)
        ]
        if len(found) != len(values) or not all(map(_agree, found, values)):
            wrong[text] = (found, values)
    assert not wrong


def _rows() -> sql.ArraySource:
    columns = []
    for index, (name, type_) in enumerate(TYPES.items()):
        values = [_value(row[index], type_) for row in ROWS]
        columns.append((name, sql.Value(values, value_type(type_) + "[]")))
    return sql.ArraySource(tuple(columns), "t")


def _value(value: object, type_: AttributeType) -> object:
    if not isinstance(value, str):
        return value
    read: dict[str, Callable[[str], object]] = {
        "decimal": Decimal,
        "date": dt.date.fromisoformat,
        "datetime": dt.datetime.fromisoformat,
        "time": dt.time.fromisoformat,
    }
    return read.get(type_.kind.value, str)(value)


def _agree(found: object, expected: object) -> bool:
    if isinstance(expected, (int, float)) and isinstance(found, (int, float)):
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12)
    return bool(found == expected)
