"""Convert a column from a client to the type of its attribute: at once if possible, else value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from levada_server.arrow.kinds.column_kind import is_binary, is_text
from levada_server.arrow.types import COLUMN_KINDS, storage_type
from levada_server.errors import LevadaError, LimitReached, MissingAttribute, ValueOutOfRange, WrongValue
from levada_server.model.assignment import may_be_left_out
from levada_server.model.sizes import too_large

if TYPE_CHECKING:
    from levada_server.model.heading import Attribute
    from levada_server.model.table import Table
    from levada_server.model.types import AttributeType

MAX_DECODED_BYTES = 2**31 - 1
"""Limit on a column that comes as codes into a dictionary: Arrow's own limit on a column of text."""


def fit_column(column: pa.Array, attribute: Attribute, table: Table, first_row: int) -> pa.Array:
    """Convert a column to the type that `storage_type` returns for its attribute.

    Args:
        column: Checked by `validate(full=True)`.
        attribute: The attribute of the table.
        table: The table, for messages.
        first_row: The number of the column's first row within its insert.

    Raises:
        MissingAttribute: A value is missing and there is no default.
        WrongValue: A value does not fit.
        LimitReached: A column of codes is too large when decoded.
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
        fitted: A column from `fit_column`.
        attribute: The attribute of the table.
        table: The table, for messages.
        first_row: The number of the column's first row within its insert.
        limit_bytes: The largest size of a value.

    Raises:
        LimitReached: A value is larger.
    """
    if not (is_text(fitted.type) or is_binary(fitted.type)):
        return
    sizes = pc.binary_length(fitted)
    largest = pc.max(sizes).as_py() or 0
    if largest > limit_bytes:
        row = first_row + pc.index(sizes, pa.scalar(largest, sizes.type)).as_py()
        raise too_large(table, attribute, largest, limit_bytes, row)


def _decoded(column: pa.Array, attribute: Attribute) -> pa.Array:
    if not isinstance(column, pa.DictionaryArray):
        return column
    if is_text(column.dictionary.type) or is_binary(column.dictionary.type):
        # A few codes may stand for more bytes than fit in memory.
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
    """Fit a whole column at once; return None if a value may not fit, so that the slow way finds out which."""
    target = storage_type(type_)
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), target)
    return COLUMN_KINDS[type_.kind].fit(column, target, type_)


def _fit_slowly(column: pa.Array, attribute: Attribute, table: Table, first_row: int) -> pa.Array:
    """Fit value by value, which handles mixed kinds and finds the row of a wrong value."""

    def refuse(row: int, kind: type[LevadaError], message: str) -> NoReturn:
        raise kind(
            f"`{table.name}`, row {row}, attribute `{attribute.name}`: {message}",
            table=table.name,
            attribute=attribute.name,
            row=row,
        ) from None

    column_kind = COLUMN_KINDS[attribute.type.kind]
    if column_kind.find_fault is not None:
        index, message = column_kind.find_fault(column, attribute.type)
        refuse(first_row + index, WrongValue, message)
    fitted: list[object] = []
    for row, scalar in enumerate(column, first_row):
        try:
            value = scalar.as_py()
            fitted.append(None if value is None else column_kind.fit_value(value, attribute.type))
        except WrongValue as error:
            refuse(row, type(error), error.message)
        except (OverflowError, ValueError, KeyError) as error:  # Arrow raises them: KeyError for an unknown time zone
            refuse(row, ValueOutOfRange, f"{error}.")
    return pa.array(fitted, storage_type(attribute.type))
