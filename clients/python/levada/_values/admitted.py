"""The Arrow types that are read from stored tables and results; a column of any other is refused before it is made.

Arrow trusts types: one with a scale that no decimal has ends the process, and one of a fixed size takes memory for rows
without a value.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa

from levada._base.errors import WrongValue

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_NESTING = 32
"""Lists and structs within each other."""
MAX_FIXED_BYTES = 2**30
"""The maximum size of a column whose values have one fixed size."""
_PLAIN = (
    pa.types.is_null,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
    pa.types.is_date,
    pa.types.is_time,
    pa.types.is_timestamp,
    pa.types.is_duration,
    pa.types.is_interval,
)
_CONTAINERS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
    pa.types.is_struct,
    pa.types.is_map,
)
_DECIMAL_DIGITS = ((pa.types.is_decimal32, 9), (pa.types.is_decimal64, 18), (pa.types.is_decimal128, 38),
                   (pa.types.is_decimal256, 76))  # fmt: skip


def check_schema(schema: pa.Schema) -> None:
    """Refuse a table with a column of a type that is not known to be safe.

    Raises:
        WrongValue: A column has one.
    """
    for field in schema:
        if not is_admitted(field.type):
            raise WrongValue(f"The column `{field.name}` has the Arrow type {field.type}, which is not read.")


@lru_cache(maxsize=1_000)
def is_admitted(arrow: pa.DataType) -> bool:
    """Return whether values of a type are read and written."""
    return _is_admitted(arrow, MAX_NESTING)


def fixed_bytes(arrow: pa.DataType) -> int:
    """Return what one value of an admitted type takes even if it is missing."""
    if isinstance(arrow, pa.BaseExtensionType):
        return fixed_bytes(arrow.storage_type)
    if pa.types.is_fixed_size_list(arrow):
        return max(int(arrow.list_size), 0) * max(fixed_bytes(arrow.value_type), 1)
    if pa.types.is_struct(arrow):
        return sum(map(fixed_bytes, _inner(arrow)))
    if pa.types.is_fixed_size_binary(arrow):
        return int(arrow.byte_width)
    return 1


def _is_admitted(arrow: pa.DataType, depth: int) -> bool:
    if isinstance(arrow, pa.BaseExtensionType):
        return depth > 0 and _is_admitted(arrow.storage_type, depth - 1)
    if pa.types.is_dictionary(arrow):
        return depth > 0 and _is_admitted(arrow.value_type, depth - 1)
    for is_decimal, digits in _DECIMAL_DIGITS:
        if is_decimal(arrow):
            return bool(1 <= arrow.precision <= digits and 0 <= arrow.scale <= arrow.precision)
    if any(is_kind(arrow) for is_kind in _CONTAINERS):
        return depth > 0 and all(_is_admitted(inner, depth - 1) for inner in _inner(arrow))
    return any(is_kind(arrow) for is_kind in _PLAIN)


def _inner(arrow: pa.DataType) -> Iterator[pa.DataType]:
    return (arrow.field(index).type for index in range(arrow.num_fields))
