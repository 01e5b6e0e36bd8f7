"""Arrow from a client → columns that fit a table: names matched, types cast, each error with its row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from levada_server.arrow.types import arrow_type
from levada_server.errors import InvalidRequest, LevadaError, MissingAttribute, UnknownAttribute, WrongValue
from levada_server.model.assignment import may_be_left_out
from levada_server.model.types import AttributeType, Kind
from levada_server.model.values import coerce

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada_server.model.heading import Attribute
    from levada_server.model.table import Table


@dataclass(frozen=True, slots=True)
class Columns:
    """Some rows of a table, as columns.

    Args:
        first_row: Number of the first row within its insert, from 0.
        attributes: The attributes that are given, in heading order.
        values: One list per attribute, as the driver binds them.
        row_count: Length of each list.
    """

    first_row: int
    attributes: tuple[Attribute, ...]
    values: tuple[list[object], ...]
    row_count: int


def read_stream(content: pa.NativeFile, table: Table, *, ignore_extra_fields: bool) -> Iterator[Columns]:
    """Read an Arrow IPC stream into columns of a table, batch by batch.

    Raises:
        InvalidRequest: It is no Arrow IPC stream.
        UnknownAttribute: A column is no attribute, unless `ignore_extra_fields`.
        MissingAttribute: An attribute without default has no column, or no value in some row.
        WrongValue: A value does not fit; the error names row and attribute.
    """
    first_row = 0
    try:
        reader = pa.ipc.open_stream(content)
        matched = _match_columns(reader.schema, table, ignore_extra_fields=ignore_extra_fields)
        for batch in reader:
            batch.validate(full=True)
            values = tuple(fit_column(batch.column(index), attribute, table, first_row) for index, attribute in matched)
            yield Columns(first_row, tuple(a for _, a in matched), values, batch.num_rows)
            first_row += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise InvalidRequest(f"The rows are no valid Arrow IPC stream: {error}", table=table.name) from None


def _match_columns(schema: pa.Schema, table: Table, *, ignore_extra_fields: bool) -> list[tuple[int, Attribute]]:
    unknown = [name for name in schema.names if name not in table.heading]
    if unknown and not ignore_extra_fields:
        raise UnknownAttribute(
            f"`{table.name}` has no attribute {', '.join(f'`{name}`' for name in unknown)}; it has "
            f"{', '.join(table.heading.names)}. Pass ignore_extra_fields=True to insert the rest.",
            table=table.name,
            attribute=unknown[0],
        )
    if len(set(schema.names)) != len(schema.names):
        raise InvalidRequest("Two columns of the rows have one name.", table=table.name)
    positions = {name: index for index, name in enumerate(schema.names)}
    for attribute in table.heading:
        if attribute.name not in positions and not may_be_left_out(attribute):
            raise MissingAttribute(
                f"`{table.name}` needs a value for `{attribute.name}`, which has no default, and the rows have none.",
                table=table.name,
                attribute=attribute.name,
                row=0,
            )
    return [(positions[a.name], a) for a in table.heading if a.name in positions]


def fit_column(column: pa.Array, attribute: Attribute, table: Table, first_row: int) -> list[object]:
    """Bring a column to its attribute's type, as the driver binds it.

    Raises:
        MissingAttribute: A value is missing and there is no default.
        WrongValue: A value does not fit.
    """
    if column.null_count and not may_be_left_out(attribute):
        row = first_row + pc.index(column.is_null(), pa.scalar(True)).as_py()
        raise MissingAttribute(
            f"`{table.name}`, row {row}: `{attribute.name}` has no value and no default.",
            table=table.name,
            attribute=attribute.name,
            row=row,
        )
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        fitted = _fit_fast(column, attribute.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        fitted = None
    if fitted is not None:
        return fitted
    return _fit_slowly(column, attribute, table, first_row)


def _fit_fast(column: pa.Array, type_: AttributeType) -> list[object] | None:
    """Fit a whole column at once; None where a value may not fit, so that the slow way finds out which."""
    match type_.kind:
        case Kind.UUID if column.type in (pa.uuid(), pa.binary(16)):
            stored = column.storage if isinstance(column, pa.ExtensionArray) else column
            return [None if v is None else UUID(bytes=v) for v in stored.to_pylist()]
        case Kind.JSON if column.type == pa.json_():
            return list(column.storage.to_pylist())
        case Kind.ENUM:
            text = column.cast(pa.utf8())
            return text.to_pylist() if pc.all(pc.is_in(text.drop_null(), pa.array(type_.labels))).as_py() else None
        case Kind.CHAR | Kind.VARCHAR | Kind.TEXT if _is_text(column.type):
            return _fit_text(column, type_)
        case Kind.BYTES | Kind.BLOB if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            return list(column.to_pylist())
        case Kind.ARRAY:
            return _fit_tensors(column, type_)
        case Kind.UUID | Kind.JSON | Kind.CHAR | Kind.VARCHAR | Kind.TEXT | Kind.BYTES | Kind.BLOB | Kind.OBJECT:
            return None
        case Kind.BOOL | Kind.DATETIME | Kind.TIMESTAMP | Kind.TIMESTAMPTZ | Kind.DATE | Kind.TIME if not (
            column.type == arrow_type(type_) or pa.types.is_null(column.type)
        ):
            # Casts between kinds of time, and from text, lose zones and fractions without a word.
            return None
        case Kind.DECIMAL if pa.types.is_floating(column.type):
            return None
        case _:
            return list(column.cast(arrow_type(type_), safe=True).to_pylist())


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


def _fit_text(column: pa.Array, type_: AttributeType) -> list[object] | None:
    longest = pc.max(pc.utf8_length(column)).as_py() or 0
    if type_.length is not None and longest > type_.length:
        return None
    if pc.any(pc.match_substring(column, "\0")).as_py():
        return None
    return list(column.to_pylist())


def _fit_tensors(column: pa.Array, type_: AttributeType) -> list[object] | None:
    if pa.types.is_binary(column.type):
        values = column.to_pylist()
        return values if all(v is None or len(v) == type_.item_bytes for v in values) else None
    if column.type != arrow_type(type_):
        return None
    return [
        None
        if not row.is_valid
        else row.value.values.buffers()[1].to_pybytes()
        if row.value.values.offset == 0 and len(row.value.values.buffers()[1]) == type_.item_bytes
        else _tensor_bytes(row.value.values)
        for row in column
    ]


def _tensor_bytes(values: pa.Array) -> bytes:
    buffer = values.buffers()[1]
    width = values.type.bit_width // 8
    return bytes(buffer[values.offset * width : (values.offset + len(values)) * width])


def _fit_slowly(column: pa.Array, attribute: Attribute, table: Table, first_row: int) -> list[object]:
    """Fit value by value: the way for mixed kinds, and the one that finds the row of a wrong value."""
    fitted: list[object] = []
    for index, scalar in enumerate(column):
        row = first_row + index
        try:
            value = scalar.as_py()
            fitted.append(None if value is None else _fit_value(value, attribute.type))
        except (LevadaError, ValueError) as error:
            kind = type(error) if isinstance(error, WrongValue) else WrongValue
            raise kind(
                f"`{table.name}`, row {row}, attribute `{attribute.name}`: {error}",
                table=table.name,
                attribute=attribute.name,
                row=row,
            ) from None
    return fitted


def _fit_value(value: object, type_: AttributeType) -> object:
    if type_.kind is Kind.ARRAY:
        raise WrongValue(f"The value is no {type_}: element type or shape differs.")
    if type_.kind is Kind.BLOB:
        raise WrongValue("A <blob> takes the bytes of a serialized value.")
    if type_.kind is Kind.JSON and isinstance(value, str):
        return value
    return coerce(value, type_)
