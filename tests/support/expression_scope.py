"""A scope with an attribute of every kind, and the SQL of an expression as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.model.types import parse_type
from levada_server.query import sql
from levada_server.query.expression.operands import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

TYPES = {
    "tiny": "int8",
    "number": "int32",
    "large": "int64",
    "single": "float32",
    "double": "float64",
    "price": "decimal(10,2)",
    "flag": "bool",
    "label": "varchar(20)",
    "note": "text",
    "side": "enum('left', 'right')",
    "day": "date",
    "hour": "time",
    "span": "duration",
    "moment": "datetime",
    "zoned": "timestamptz",
    "id": "uuid",
    "car": "json",
    "raw": "bytes",
    "image": "<blob>",
    "order": "int32",
    "interval": "int32",
    "end": "int32",
}

_COLUMNS = {name: (sql.Column("t", name), parse_type(type_)) for name, type_ in TYPES.items()}

PLAIN = Scope(_COLUMNS)
AGGREGATE = Scope(_COLUMNS, aggregates=True, grouped=frozenset({"number"}))
FILTERED = Scope(_COLUMNS, aggregates=True, aggregate_filter=sql.Test(sql.Column("m", "key"), "IS NOT NULL"))


def written(expression: sql.Expression) -> tuple[str, Sequence[object]]:
    """Return the text of an expression and its bound values."""
    statement = sql.render(sql.Select((("x", expression),), None))
    return statement.text.removeprefix("SELECT ").removesuffix(' AS "x"'), statement.values
