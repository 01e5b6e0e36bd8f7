"""Columns of Python values as Arrow arrays of their attributes' types; an error names the row and the attribute."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from levada._base.errors import LevadaError, WrongValue
from levada._values.codecs import encoder
from levada._values.conversions import converter, shown
from levada._values.tabular import is_missing_scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from levada._values.heading import Attribute
    from levada._values.types import AttributeType

    Array = np.ndarray[Any, Any]  # Any: of every dtype

_MAX_FLOAT32 = float(np.finfo(np.float32).max)
_UTC = pa.timestamp("us", "UTC")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column stands.

    Args:
        table: The table's name, for errors.
        first_row: Number of the column's first row within its insert, from 0.
        stage: Puts the values of an attribute into its store, and gives their ids; None where there is no server.
    """

    table: str
    first_row: int = 0
    stage: Callable[[Sequence[object], Attribute, int], list[str | None]] | None = None


def arrow_column(values: Sequence[object], attribute: Attribute, place: Place) -> pa.Array:
    """Turn values into an Arrow array of an attribute's type; None, NaT and NA become null.

    Raises:
        WrongValue: A value is none of the type.
        ValueOutOfRange: The type cannot hold it.
    """
    type_ = attribute.parsed_type
    if type_.codecs:
        encoded = _one_by_one(values, encoder(type_), attribute, place)
        return arrow_column(encoded, replace(attribute, type=str(type_.stored)), place)
    if type_.kind == "object" and place.stage is not None:
        return pa.array(place.stage(values, attribute, place.first_row), type_.arrow)
    try:
        at_once = _at_once(values, type_)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, UnicodeError):
        at_once = None  # some value needs a conversion, or is wrong: find out which
    return _converted(values, attribute, type_, place) if at_once is None else at_once


def _at_once(values: Sequence[object], type_: AttributeType) -> pa.Array | None:
    """Convert by Arrow where its own conversion does what is meant here, or refuses; else give None."""
    classes = set(map(type, values))
    classes.discard(type(None))
    if not classes:
        return pa.nulls(len(values), type_.arrow)
    match type_.kind:
        case "float64":
            return pa.array(values, pa.float64())
        case "float32" if _all(classes, float, np.floating):
            return narrowed(pa.array(values, pa.float64()))
        case "bool" if _all(classes, bool, np.bool_):
            return pa.array(values, pa.bool_())
        case "decimal" if classes == {Decimal}:
            return pa.array(values, type_.arrow)
        case "bytes" if classes == {bytes}:
            return pa.array(values, pa.binary())
        case "uuid" if classes == {UUID}:
            octets = [None if value is None else value.bytes for value in values]  # type: ignore[attr-defined]  # UUIDs
            return pa.ExtensionArray.from_storage(type_.arrow, pa.array(octets, type_.arrow.storage_type))
        case "date" if classes == {dt.date}:
            return pa.array(values, type_.arrow)
        case "time" if classes == {dt.time} and _zones(values) == {None}:
            return pa.array(values, type_.arrow)
        case "datetime" | "timestamp" | "timestamptz" if classes == {dt.datetime}:
            if _zones(values) == {None}:
                # Without a zone a moment counts as one of UTC, here and by Arrow.
                return pa.array(values, type_.arrow)
            return pa.array(values, _UTC).cast(type_.arrow)
        case "array" if classes == {np.ndarray}:
            return _tensors_at_once(values, type_)
        case _ if (type_.textual and _all(classes, str)) or (type_.integer and _all(classes, int, np.integer)):
            return pa.array(values, type_.arrow)
        case _:
            return None


def _all(classes: set[type], *allowed: type) -> bool:
    return all(issubclass(class_, allowed) for class_ in classes)


def _zones(values: Sequence[Any]) -> set[dt.tzinfo | None]:
    return {value.tzinfo for value in values if value is not None}


def narrowed(wide: pa.Array) -> pa.Array | None:
    """Round to float32; None if a number is past its range."""
    finite = pc.filter(wide, pc.is_finite(wide))
    largest = pc.max(pc.abs(finite)).as_py() or 0
    return wide.cast(pa.float32()) if largest <= _MAX_FLOAT32 else None


def _one_by_one(
    values: Sequence[object], convert: Callable[[object], object], attribute: Attribute, place: Place
) -> list[object]:
    converted: list[object] = []
    try:
        for value in values:
            converted.append(None if value is None or is_missing_scalar(value) else convert(value))
    except (LevadaError, ValueError, TypeError, InvalidOperation, OverflowError) as error:
        raise _told(error, value, attribute, place, len(converted)) from None
    return converted


def _converted(values: Sequence[object], attribute: Attribute, type_: AttributeType, place: Place) -> pa.Array:
    converted = _one_by_one(values, converter(type_), attribute, place)
    if type_.dtype is not None:
        return tensor_column(_stacked(converted, type_), np.array([v is None for v in converted]), type_)
    if isinstance(type_.arrow, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(type_.arrow, pa.array(converted, type_.arrow.storage_type))
    return pa.array(converted, type_.arrow)


def _told(error: Exception, value: object, attribute: Attribute, place: Place, index: int) -> LevadaError:
    """Make the error that says where a wrong value stands."""
    row = place.first_row + index
    where = f"`{place.table}`, row {row}, attribute `{attribute.name}`"
    details = {"table": place.table, "attribute": attribute.name, "row": row}
    if not isinstance(error, LevadaError):
        return WrongValue(f"{where}: {shown(value)} is no {attribute.parsed_type}.", details)
    # The path to an element within the value follows at once.
    text = str(error)
    return type(error)(f"{where}{text}" if text[:1] in ("[", ":", "{") else f"{where}: {text}", details)


# ----------------------------------------------------------------------------------------- arrays of one shape


def _tensors_at_once(values: Sequence[Any], type_: AttributeType) -> pa.Array | None:
    """Lay arrays of the right shape and dtype side by side; None if one is another."""
    kinds = {(value.shape, value.dtype) for value in values if value is not None}
    if kinds != {(type_.shape, type_.dtype)}:
        return None
    missing = np.array([value is None for value in values])
    return tensor_column(np.stack(values) if not missing.any() else _stacked(values, type_), missing, type_)


def _stacked(arrays: Sequence[Any], type_: AttributeType) -> Array:
    """Lay arrays side by side; a missing one takes zeros."""
    stacked: Array = np.zeros((len(arrays), *type_.shape), type_.dtype)
    for index, array in enumerate(arrays):
        if array is not None:
            stacked[index] = array
    return stacked


def tensor_column(stacked: Array, missing: Array, type_: AttributeType) -> pa.Array:
    """Make a column of fixed-shape arrays from all of them as one array of shape (n_rows, …).

    Args:
        missing: Of each row, whether it is null.
    """
    assert type_.dtype is not None
    storage = type_.arrow.storage_type
    octets = np.ascontiguousarray(stacked, type_.dtype.newbyteorder("<"))
    flat = pa.Array.from_buffers(storage.value_type, len(stacked) * storage.list_size, [None, pa.py_buffer(octets)])
    mask = pa.array(missing) if missing.any() else None
    return pa.ExtensionArray.from_storage(type_.arrow, pa.FixedSizeListArray.from_arrays(flat, type=storage, mask=mask))
