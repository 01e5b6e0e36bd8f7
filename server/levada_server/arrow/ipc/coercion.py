"""A column from a client → the type of its attribute: all at once where it can be, else value by value."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from levada_server.arrow.types import BOUNDS, arrow_type, storage_type
from levada_server.errors import LevadaError, LimitReached, MissingAttribute, ValueOutOfRange, WrongValue
from levada_server.model.assignment import may_be_left_out
from levada_server.model.kinds import NUMBERS, Family, Kind
from levada_server.model.object_names import MAX_NAME_BYTES, attached_name
from levada_server.model.sizes import too_large
from levada_server.model.values import coerce

if TYPE_CHECKING:
    from levada_server.model.heading import Attribute
    from levada_server.model.table import Table
    from levada_server.model.types import AttributeType

MAX_DECODED_BYTES = 2**31 - 1
"""Of a column that comes as codes into a dictionary: Arrow's own limit of a column of text."""

_EXACT = Context(prec=100)


def fit_column(column: pa.Array, attribute: Attribute, table: Table, first_row: int) -> pa.Array:
    """Bring a column to the type that `storage_type` gives its attribute.

    Args:
        column: Checked by `validate(full=True)`.
        attribute: Of the table.
        table: For messages.
        first_row: Number of the column's first row within its insert.

    Raises:
        MissingAttribute: A value is missing and there is no default.
        WrongValue: A value does not fit.
        LimitReached: A column of codes is too large once it is decoded.
    """
    column = _decoded(column, attribute)
    if column.null_count and not may_be_left_out(attribute):
        row = first_row + pc.index(column.is_null(), pa.scalar(True)).as_py()
        raise MissingAttribute(
            f"`{table.name}`, row {row}: `{attribute.name}` has no value and no default.",
            table=table.name,
            attribute=attribute.name,
            row=row,
        )
    try:
        fitted = _fit_fast(column, attribute.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        fitted = None
    if fitted is None:
        fitted = _fit_slowly(column, attribute, table, first_row)
    return fitted


def check_column(fitted: pa.Array, attribute: Attribute, table: Table, first_row: int, limit_bytes: int) -> None:
    """Refuse values that are too large for a row.

    Args:
        fitted: As `fit_column` gives it.
        attribute: Of the table.
        table: For messages.
        first_row: Number of the column's first row within its insert.
        limit_bytes: What a value may have.

    Raises:
        LimitReached: One has more.
    """
    if not (_is_text(fitted.type) or _is_binary(fitted.type)):
        return
    sizes = pc.binary_length(fitted)
    largest = pc.max(sizes).as_py() or 0
    if largest > limit_bytes:
        row = first_row + pc.index(sizes, pa.scalar(largest, sizes.type)).as_py()
        raise too_large(table, attribute, largest, limit_bytes, row)


def _decoded(column: pa.Array, attribute: Attribute) -> pa.Array:
    if not isinstance(column, pa.DictionaryArray):
        return column
    if _is_text(column.dictionary.type) or _is_binary(column.dictionary.type):
        # A few codes may stand for more bytes than there is memory.
        size = pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0
        if size > MAX_DECODED_BYTES:
            raise LimitReached(
                f"The values of `{attribute.name}` take {size} bytes together; send fewer rows at once.",
                attribute=attribute.name,
                limit="column",
                value=MAX_DECODED_BYTES,
            )
    return column.dictionary_decode()


def _fit_fast(column: pa.Array, type_: AttributeType) -> pa.Array | None:
    """Fit a whole column at once; None where a value may not fit, so that the slow way finds out which."""
    target = storage_type(type_)
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), target)
    match type_.kind:
        case Kind.UUID if column.type in (pa.uuid(), target):
            return _stored(column)
        case Kind.JSON if isinstance(column.type, pa.JsonType) or _is_text(column.type):
            return _stored(column).cast(target)
        case kind if kind.traits.family is Family.TEXT and _is_text(column.type):
            return _fit_text(column.cast(target), type_)
        case Kind.BYTES | Kind.BLOB if _is_binary(column.type):
            return column.cast(target)
        case Kind.ATTACH if _is_binary(column.type):
            return column.cast(target) if all(map(_is_attachment, column)) else None
        case Kind.ARRAY if _is_binary(column.type):
            fits = pc.all(pc.equal(pc.binary_length(column), type_.item_bytes)).as_py()
            return column.cast(target) if fits is not False else None
        case Kind.ARRAY if column.type == arrow_type(type_):
            return _fit_tensors(column, type_)
        case Kind.BOOL if column.type == target:
            return column
        case kind if kind in BOUNDS and _same_kind_of_time(column.type, target):
            return _fit_moments(column.cast(target), type_)
        case Kind.FLOAT32 if column.type == pa.float64():
            fitted = column.cast(target)
            overflown = pc.and_(pc.is_inf(fitted), pc.is_finite(column))
            return None if pc.any(overflown).as_py() else fitted
        case kind if kind.traits.family in NUMBERS - {Family.DECIMAL}:
            # Of texts too: their numbers are read. Casts from times are left out, which would count microseconds.
            return column.cast(target) if _is_number(column.type) or _is_text(column.type) else None
        case Kind.DECIMAL if pa.types.is_integer(column.type) or pa.types.is_decimal(column.type):
            return column.cast(target)
    return None


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))


def _is_binary(type_: pa.DataType) -> bool:
    return bool(pa.types.is_binary(type_) or pa.types.is_large_binary(type_))


def _is_attachment(value: pa.Scalar) -> bool:
    """Tell whether a value is a file name, NUL and content; the content, which may be large, is not copied."""
    content = value.as_buffer()
    if content is None:
        return True
    try:
        attached_name(bytes(memoryview(content)[: MAX_NAME_BYTES + 1]))
    except WrongValue:
        return False
    return True


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_boolean(type_))


def _same_kind_of_time(given: pa.DataType, target: pa.DataType) -> bool:
    """Tell whether a cast changes no more than the unit, which Arrow refuses where it would lose a fraction.

    Casts between other kinds of time, and from text, lose zones and fractions without a word.
    """
    if pa.types.is_timestamp(given) and pa.types.is_timestamp(target):
        return (given.tz is None) == (target.tz is None)
    return bool(given == target or (pa.types.is_time(given) and pa.types.is_time(target)))


def _stored(column: pa.Array) -> pa.Array:
    return column.storage if isinstance(column, pa.ExtensionArray) else column


def _fit_text(column: pa.Array, type_: AttributeType) -> pa.Array | None:
    if type_.kind is Kind.ENUM:
        known = pc.all(pc.is_in(column.drop_null(), pa.array(type_.labels, pa.utf8()))).as_py()
        return column if known is not False else None
    if type_.length is not None and (pc.max(pc.utf8_length(column)).as_py() or 0) > type_.length:
        return None
    return None if pc.any(pc.match_substring(column, "\0")).as_py() else column


def _fit_moments(column: pa.Array, type_: AttributeType) -> pa.Array | None:
    counted = pc.min_max(column.cast(pa.int32() if type_.kind is Kind.DATE else pa.int64()))
    low, high = counted["min"].as_py(), counted["max"].as_py()
    first, last = BOUNDS[type_.kind]
    return column if low is None or first <= low <= high <= last else None


def _fit_tensors(column: pa.Array, type_: AttributeType) -> pa.Array | None:
    # The elements of all rows side by side are already the bytes to store.
    lists = column.storage
    elements = lists.values.slice(lists.offset * lists.type.list_size, len(lists) * lists.type.list_size)
    if elements.null_count:
        if _rows_with_gaps(column).any():
            return None
        # What lies under a missing row does not count.
        zero = 0 if _is_number(elements.type) else bytes(elements.type.byte_width)
        elements = elements.fill_null(pa.scalar(zero, elements.type))
    size = len(column) * type_.item_bytes
    octets = elements.buffers()[1].slice(elements.offset * (elements.type.bit_width // 8), size) if size else b""
    offsets = (np.arange(len(column) + 1) * type_.item_bytes).astype(np.int32)
    valid = np.packbits(column.is_valid().to_numpy(zero_copy_only=False), bitorder="little")
    buffers = [pa.py_buffer(valid), pa.py_buffer(offsets), pa.py_buffer(octets)]
    return pa.Array.from_buffers(pa.binary(), len(column), buffers)


def _rows_with_gaps(column: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell which rows have an array that lacks an element."""
    lists = column.storage
    elements = lists.values.slice(lists.offset * lists.type.list_size, len(lists) * lists.type.list_size)
    gaps = elements.is_null().to_numpy(zero_copy_only=False).reshape(len(lists), -1).any(axis=1)
    return np.asarray(gaps & lists.is_valid().to_numpy(zero_copy_only=False))


def _fault_of_arrays(column: pa.Array, type_: AttributeType) -> tuple[int, str]:
    """Find the first row that holds no array of a type, and say why; there is one."""
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    if column.type == arrow_type(type_):
        return int(_rows_with_gaps(column).argmax()), f"An element is missing; {type_} takes arrays without gaps."
    if _is_binary(column.type):
        sizes = pc.binary_length(column).fill_null(type_.item_bytes).to_numpy()
        index = int((sizes != type_.item_bytes).argmax())
        return index, f"{sizes[index]} bytes, and {type_} takes {type_.item_bytes}."
    return int(valid.argmax()), f"A value of {column.type}, and {type_} takes {arrow_type(type_)}."


def _fit_slowly(column: pa.Array, attribute: Attribute, table: Table, first_row: int) -> pa.Array:
    """Fit value by value: the way for mixed kinds, and the one that finds the row of a wrong value."""

    def refuse(row: int, kind: type[LevadaError], message: str) -> NoReturn:
        raise kind(
            f"`{table.name}`, row {row}, attribute `{attribute.name}`: {message}",
            table=table.name,
            attribute=attribute.name,
            row=row,
        ) from None

    if attribute.type.kind is Kind.ARRAY:
        index, message = _fault_of_arrays(column, attribute.type)
        refuse(first_row + index, WrongValue, message)
    fitted: list[object] = []
    for row, scalar in enumerate(column, first_row):
        try:
            value = scalar.as_py()
            fitted.append(None if value is None else _fit_value(value, attribute.type))
        except WrongValue as error:
            refuse(row, type(error), error.message)
        except (OverflowError, ValueError, KeyError) as error:  # Arrow raises them: KeyError for an unknown time zone
            refuse(row, ValueOutOfRange, f"{error}.")
    return pa.array(fitted, storage_type(attribute.type))


def _fit_value(value: object, type_: AttributeType) -> object:
    if type_.kind is Kind.BLOB:
        raise WrongValue("A <blob> takes the bytes of a serialized value.")
    fitted = coerce(value, type_)
    match fitted:
        case UUID():
            return fitted.bytes
        case Decimal():
            return _rounded(fitted, type_)
        case _:
            return fitted


def _rounded(number: Decimal, type_: AttributeType) -> Decimal:
    """Round to the digits of a decimal, away from zero as PostgreSQL does."""
    assert type_.precision is not None and type_.scale is not None
    rounded = number.quantize(Decimal(1).scaleb(-type_.scale), ROUND_HALF_UP, _EXACT)
    if rounded.adjusted() >= type_.precision - type_.scale and rounded:
        raise ValueOutOfRange(f"{number} has more digits before the point than {type_}.")
    return rounded
