"""The Arrow types that clients may send: a column of any other is refused before its values are read.

Arrow trusts the types that it reads: it casts decimals of any scale without a check, and writes memory that it does not
own. Some types also let a few bytes stand for values without end. So only what is known to be safe goes in.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa

from levada_server.errors import InvalidRequest, LimitReached, WrongValue

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_COLUMNS = 10_000
"""Columns of one table of values; a table of PostgreSQL has fewer than 1600."""
MAX_NESTING = 32
"""Lists and structs within each other."""
_PLAIN = (
    pa.types.is_null,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_date,
    pa.types.is_time,
    pa.types.is_timestamp,
    pa.types.is_duration,
)
_DECIMAL_DIGITS = ((pa.types.is_decimal32, 9), (pa.types.is_decimal64, 18), (pa.types.is_decimal128, 38),
                   (pa.types.is_decimal256, 76))  # fmt: skip
_EXTENSIONS = (pa.UuidType, pa.JsonType, pa.Bool8Type, pa.FixedShapeTensorType)
_INSTEAD = (
    (lambda arrow: pa.types.is_string_view(arrow), "large_string"),
    (lambda arrow: pa.types.is_binary_view(arrow), "large_binary"),
    (pa.types.is_run_end_encoded, "its plain values, by run_end_decode"),
    (lambda arrow: pa.types.is_list_view(arrow) or pa.types.is_large_list_view(arrow), "a list"),
    (pa.types.is_decimal, "a decimal whose scale is from 0 to its precision"),
    (pa.types.is_dictionary, "its plain values, by dictionary_decode"),
    (lambda arrow: isinstance(arrow, pa.BaseExtensionType), "its storage"),
    (pa.types.is_nested, f"lists and structs of plain values, at most {MAX_NESTING} deep"),
)


def check_schema(schema: pa.Schema, *, nested: bool) -> None:
    """Refuse a table of values with a column of a type that is not admitted, or with two columns of one name.

    Args:
        schema: The columns of the table.
        nested: Lists and structs are admitted: it is to be inserted, and not to restrict.

    Raises:
        WrongValue: A column has another type; the message says what to send instead.
        LimitReached: There are too many columns.
        InvalidRequest: Two columns have one name.
    """
    if len(schema) > MAX_COLUMNS:
        raise LimitReached(
            f"A table of values has {len(schema)} columns; at most {MAX_COLUMNS} are read.",
            limit="columns",
            value=MAX_COLUMNS,
        )
    if len(set(schema.names)) < len(schema):
        raise InvalidRequest("Two columns of a table of values have one name; rename one, or leave it out.")
    for field in schema:
        if not _is_admitted(field.type, nested=nested):
            raise WrongValue(
                f"The column `{field.name}` has the Arrow type {field.type}, which cannot "
                f"{'be inserted' if nested else 'restrict'}; cast it to {_instead(field.type, nested=nested)}.",
                attribute=field.name,
            )


@lru_cache(maxsize=1_000)
def _is_admitted(arrow: pa.DataType, *, nested: bool) -> bool:
    if pa.types.is_dictionary(arrow):
        # Only on the outside, because a list of codes stands for more than anybody can count beforehand.
        return _is_plain(arrow.value_type)
    if isinstance(arrow, pa.BaseExtensionType):
        return isinstance(arrow, _EXTENSIONS) and _is_safe(arrow.storage_type, MAX_NESTING if nested else 0)
    return _is_safe(arrow, MAX_NESTING if nested else 0)


def _is_safe(arrow: pa.DataType, depth: int) -> bool:
    if not pa.types.is_nested(arrow):
        return _is_plain(arrow)
    return depth > 0 and _is_container(arrow) and all(_is_safe(inner, depth - 1) for inner in _inner(arrow))


def _is_plain(arrow: pa.DataType) -> bool:
    for is_decimal, digits in _DECIMAL_DIGITS:
        if is_decimal(arrow):
            return bool(1 <= arrow.precision <= digits and 0 <= arrow.scale <= arrow.precision)
    if isinstance(arrow, pa.BaseExtensionType):
        return False
    return any(is_kind(arrow) for is_kind in _PLAIN)


def _is_container(arrow: pa.DataType) -> bool:
    lists = pa.types.is_list(arrow) or pa.types.is_large_list(arrow) or pa.types.is_fixed_size_list(arrow)
    return bool(lists or pa.types.is_struct(arrow) or pa.types.is_map(arrow))


def _inner(arrow: pa.DataType) -> Iterator[pa.DataType]:
    return (arrow.field(index).type for index in range(arrow.num_fields))


def _instead(arrow: pa.DataType, *, nested: bool) -> str:
    """Name what a column could be cast to, for a message."""
    if not nested and pa.types.is_nested(arrow):
        return "plain values"
    return next((instead for is_kind, instead in _INSTEAD if is_kind(arrow)), "a plain type such as int64 or string")
