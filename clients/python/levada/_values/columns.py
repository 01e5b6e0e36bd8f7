"""Columns of Python values as Arrow arrays of their attributes' types; errors name the row and the attribute."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import InvalidOperation
from typing import TYPE_CHECKING

import pyarrow as pa

from levada._base.errors import LevadaError, WrongValue
from levada._base.text import shown
from levada._values.codecs import encoder
from levada._values.conversions import value_kind
from levada._values.kinds.tensors import tensors
from levada._values.tabular import is_missing_scalar, is_not_a_time, without_dimensions
from levada._values.types import Family

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from levada._values.heading import Attribute
    from levada._values.types import AttributeType


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a column in an insert.

    Args:
        table: The table's name, for errors.
        first_row: Number of the column's first row within its insert, from 0.
        stage: Puts the values of an attribute into its store, and returns their ids; None if there is no server.
        key: Returns the key of a row by its number within the column, as far as it is known.
    """

    table: str
    first_row: int = 0
    stage: Callable[[Sequence[object], Attribute, int], list[str | None]] | None = None
    key: Callable[[int], Mapping[str, object]] = lambda _: {}


def arrow_column(values: Sequence[object], attribute: Attribute, place: Place) -> pa.Array:
    """Convert values to an Arrow array of an attribute's type; None, NaT and NA become null.

    Raises:
        WrongValue: A value does not fit the type.
        ValueOutOfRange: The type cannot hold it.
    """
    type_ = attribute.parsed_type
    if type_.codecs:
        encoded = _one_by_one(values, encoder(type_, place.key), attribute, place)
        return arrow_column(encoded, replace(attribute, type=str(type_.stored)), place)
    if type_.family is Family.OBJECT and place.stage is not None:
        return pa.array(place.stage(values, attribute, place.first_row), type_.arrow)
    try:
        at_once = column_at_once(values, type_)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, UnicodeError):
        at_once = None  # some value needs a conversion, or is wrong: find out which
    return column_by_value(values, attribute, place) if at_once is None else at_once


def column_at_once(values: Sequence[object], type_: AttributeType) -> pa.Array | None:
    """Convert with Arrow if its conversion has the intended meaning, or refuses; otherwise return None."""
    classes = set(map(type, values))
    classes.discard(type(None))
    if not classes:
        return pa.nulls(len(values), type_.arrow)
    return value_kind(type_).at_once(values, classes, type_)


def column_by_value(values: Sequence[object], attribute: Attribute, place: Place) -> pa.Array:
    """Convert values one by one.

    Raises:
        WrongValue: A value does not fit the attribute's type.
    """
    type_ = attribute.parsed_type
    convert = value_kind(type_).convert
    converted = _one_by_one(values, lambda value, _: convert(value, type_), attribute, place)
    if type_.dtype is not None:
        return tensors(converted, type_)
    if isinstance(type_.arrow, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(type_.arrow, pa.array(converted, type_.arrow.storage_type))
    return pa.array(converted, type_.arrow)


def _one_by_one(
    values: Sequence[object], convert: Callable[[object, int], object], attribute: Attribute, place: Place
) -> list[object]:
    converted: list[object] = []
    plain = not attribute.parsed_type.heavy and not attribute.parsed_type.codecs  # others hold values of every kind
    try:
        for given in values:
            value = without_dimensions(given) if plain else given
            missing = value is None or is_missing_scalar(value) or (plain and is_not_a_time(value))
            converted.append(None if missing else convert(value, len(converted)))
    except (LevadaError, ValueError, TypeError, InvalidOperation, OverflowError, RecursionError) as error:
        raise _told(error, given, attribute, place, len(converted)) from None
    return converted


def _told(error: Exception, value: object, attribute: Attribute, place: Place, index: int) -> LevadaError:
    """Build an error that gives the place of a wrong value."""
    row = place.first_row + index
    where = f"`{place.table}`, row {row}, attribute `{attribute.name}`"
    details = {"table": place.table, "attribute": attribute.name, "row": row}
    if not isinstance(error, LevadaError):
        return WrongValue(f"{where}: {shown(value)} is not a valid {attribute.parsed_type}.", details)
    # The path to an element within the value follows directly.
    text = str(error)
    return type(error)(f"{where}{text}" if text[:1] in ("[", ":", "{") else f"{where}: {text}", details)
