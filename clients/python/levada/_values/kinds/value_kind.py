"""What has to be known of a kind of values, and what several kinds do alike."""

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

_SHOWN = 80
"""Letters of a wrong value that an error shows."""


def by_value(_: Sequence[Any], __: set[type], ___: AttributeType) -> pa.Array | None:
    """Leave a column of values to be converted one by one."""
    return None


def without_cast(_: pa.Array, __: AttributeType) -> pa.Array | None:
    """Leave a column of another library to be converted value by value."""
    return None


def stored_values(column: Column, _: AttributeType) -> list[Any]:
    """Read a column whose values Arrow gives as they are meant."""
    values: list[Any] = storage_of(column).to_pylist()
    return values


@dataclass(frozen=True, slots=True)
class ValueKind:
    """How the values of a kind go into columns of Arrow and come out of them.

    Args:
        convert: Brings one value, not None, to what Arrow takes for a type. Every failure of it but a LevadaError
            means: no value of the type. The message of a WrongValue begins with the path to what is wrong within
            the value.
        at_once: Makes a column of values and None by Arrow, where its own conversion does what is meant or refuses;
            else None. It is told the classes of the values, of which there is at least one.
        cast: Casts a column of another library where Arrow refuses what would lose something; None where it would
            not refuse, or means something else.
        to_python: Reads a column of a result as Python values, None where one is missing.
    """

    convert: Callable[[Any, AttributeType], object]
    at_once: Callable[[Sequence[Any], set[type], AttributeType], pa.Array | None] = by_value
    cast: Callable[[pa.Array, AttributeType], pa.Array | None] = without_cast
    to_python: Callable[[Column, AttributeType], list[Any]] = stored_values


def are_all(classes: set[type], *allowed: type) -> bool:
    """Return whether all classes are among some, or below them."""
    return all(issubclass(class_, allowed) for class_ in classes)


def is_number(arrow: pa.DataType) -> bool:
    """Return whether a type is one of whole or floating numbers."""
    return bool(pa.types.is_integer(arrow) or pa.types.is_floating(arrow))


def storage_of(column: Column) -> Column:
    """Return the column in which one of an extension type is stored."""
    if not isinstance(column.type, pa.BaseExtensionType):
        return column
    if isinstance(column, pa.ChunkedArray):
        return pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    return column.storage


def decoded(column: Column, decode: Callable[[Any], object]) -> list[Any]:
    """Read the values of a column, each by a function."""
    return [None if value is None else decode(value) for value in storage_of(column).to_pylist()]


def shown(value: object) -> str:
    """Write a value for a message."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
