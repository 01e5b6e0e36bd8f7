"""Convert a column from a client to the type of its attribute: at once if possible, else value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from levada_server.arrow.blob_frames import decompressed_bytes, stands_for
from levada_server.arrow.ipc.reading import READ_FAULTS
from levada_server.arrow.kinds.column_kind import is_binary, is_text
from levada_server.arrow.types import COLUMN_KINDS, storage_type
from levada_server.errors import LevadaError, LimitReached, MissingAttribute, ValueOutOfRange, WrongValue
from levada_server.model.assignment import may_be_left_out
from levada_server.model.kinds import Kind
from levada_server.model.sizes import too_large

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from levada_server.model.heading import Attribute
    from levada_server.model.table import Table
    from levada_server.model.types import AttributeType

MAX_DECODED_BYTES = 2**28
"""Limit on a column that comes as codes into a dictionary: the largest value that a server allows."""


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
    except READ_FAULTS:
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
    if fitted.nbytes <= limit_bytes and attribute.type.kind is not Kind.BLOB:
        return
    sizes = pc.binary_length(fitted)
    largest = pc.max(sizes).as_py() or 0
    if largest > limit_bytes:
        row = first_row + pc.index(sizes, pa.scalar(largest, sizes.type)).as_py()
        raise too_large(table, attribute, largest, limit_bytes, row)
    if attribute.type.kind is Kind.BLOB:
        _check_frames(decompressed_bytes(fitted), attribute, table, first_row, limit_bytes)


def _check_frames(
    sizes: NDArray[np.int64], attribute: Attribute, table: Table, first_row: int | None, limit_bytes: int
) -> None:
    """Refuse compressed values that would take too much of whoever reads them, or that do not say how much."""
    if not len(sizes):
        return
    if sizes.min() < 0:
        row = None if first_row is None else first_row + int(sizes.argmin())
        where = f"`{table.name}`" if row is None else f"`{table.name}`, row {row}"
        raise WrongValue(
            f"{where}, attribute `{attribute.name}`: a compressed value that does not say how many bytes it stands "
            "for; compress it as a whole, or not at all.",
            table=table.name,
            attribute=attribute.name,
            row=row,
        )
    if sizes.max() > limit_bytes:
        row = None if first_row is None else first_row + int(sizes.argmax())
        raise too_large(table, attribute, int(sizes.max()), limit_bytes, row)


def check_values(table: Table, values: Mapping[str, object], limit_bytes: int) -> None:
    """Refuse an entity with a value that is too large for a row; as `check_column` for columns.

    Raises:
        LimitReached: One of the values is.
    """
    for name, value in values.items():
        if not isinstance(value, (str, bytes)):
            continue
        attribute = table.heading[name]
        size = len(value.encode() if isinstance(value, str) else value)
        if size > limit_bytes:
            raise too_large(table, attribute, size, limit_bytes)
        if attribute.type.kind is Kind.BLOB and isinstance(value, bytes):
            _check_frames(np.array([stands_for(value)]), attribute, table, None, limit_bytes)


def decoded_bytes(column: pa.Array) -> int:
    """Return what a column takes without its dictionary: a few codes may stand for more than there is memory."""
    if not isinstance(column, pa.DictionaryArray):
        return int(column.nbytes)
    dictionary = column.dictionary
    if is_text(dictionary.type) or is_binary(dictionary.type):
        return int(pc.sum(pc.binary_length(dictionary).cast(pa.int64()).take(column.indices)).as_py() or 0)
    return len(column) * (dictionary.type.bit_width // 8 if dictionary.type.id != pa.null().id else 0)


def check_codes(column: pa.Array, attribute: Attribute) -> None:
    """Refuse a column of codes that stand for too much.

    Raises:
        LimitReached: They do.
    """
    size = decoded_bytes(column) if isinstance(column, pa.DictionaryArray) else 0
    if size > MAX_DECODED_BYTES:
        raise LimitReached(
            f"The values of `{attribute.name}` take {size} bytes together; send fewer rows at once.",
            attribute=attribute.name,
            limit="column",
            value=MAX_DECODED_BYTES,
        )


def _decoded(column: pa.Array, attribute: Attribute) -> pa.Array:
    check_codes(column, attribute)
    return column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column


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
        except READ_FAULTS as error:  # Arrow raises them, for what lies outside of its type or of Python's
            refuse(row, ValueOutOfRange, f"{error}.")
    try:
        return pa.array(fitted, storage_type(attribute.type))
    except READ_FAULTS:
        for row, value in enumerate(fitted, first_row):
            try:
                pa.array([value], storage_type(attribute.type))
            except READ_FAULTS as error:
                refuse(row, ValueOutOfRange, f"{error}.")
        raise
