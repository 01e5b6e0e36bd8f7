"""The conversions of one kind of values, and helpers that several kinds share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from levada._values.types import AttributeType

Array: TypeAlias = "np.ndarray[Any, Any]"  # Any: of every dtype
Column: TypeAlias = "pa.Array | pa.ChunkedArray"


def by_value(_: Sequence[Any], __: set[type], ___: AttributeType) -> pa.Array | None:
    """Leave a column of values to be converted one by one."""
    return None


def without_cast(_: pa.Array, __: AttributeType) -> pa.Array | None:
    """Leave a column of another library to be converted value by value."""
    return None


def stored_values(column: Column, _: AttributeType) -> list[Any]:
    """Read a column whose values have the intended form in Arrow."""
    values: list[Any] = storage_of(column).to_pylist()
    return values


@dataclass(frozen=True, slots=True)
class ValueKind:
    """The conversions between values of a kind and columns of Arrow.

    Args:
        convert: Converts one value, not None, to the form that Arrow takes for a type. Any failure except a LevadaError
            means that the value does not fit the type. The message of a WrongValue begins with the path to the wrong
            part of the value.
        at_once: Builds a column from values and None by Arrow, if its conversion has the intended meaning, or refuses;
            otherwise None. Its second argument is the set of the values' classes, at least one.
        cast: Casts a column of another library if Arrow refuses every loss; None if it would not refuse, or means
            something else.
        to_python: Reads a column of a result as Python values, None for missing ones.
    """

    convert: Callable[[Any, AttributeType], object]
    at_once: Callable[[Sequence[Any], set[type], AttributeType], pa.Array | None] = by_value
    cast: Callable[[pa.Array, AttributeType], pa.Array | None] = without_cast
    to_python: Callable[[Column, AttributeType], list[Any]] = stored_values


def are_all(classes: set[type], *allowed: type) -> bool:
    """Return whether all classes are, or are derived from, some others."""
    return all(issubclass(class_, allowed) for class_ in classes)


def is_number(arrow: pa.DataType) -> bool:
    """Return whether a type is an integer or floating point type."""
    return bool(pa.types.is_integer(arrow) or pa.types.is_floating(arrow))


def storage_of(column: Column) -> Column:
    """Return the storage column of an extension type's column."""
    if not isinstance(column.type, pa.BaseExtensionType):
        return column
    if isinstance(column, pa.ChunkedArray):
        return pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    return column.storage


def decoded(column: Column, decode: Callable[[Any], object]) -> list[Any]:
    """Read the values of a column, each by a function."""
    return [None if value is None else decode(value) for value in storage_of(column).to_pylist()]
