"""Tables of values in other libraries, recognized without importing those libraries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeGuard

import numpy as np
import pyarrow as pa

from levada._values.missing import float_column, is_null, is_unknown_nan

DataFrame: TypeAlias = Any  # of pandas or polars, which are optional
Tabular: TypeAlias = Any  # a DataFrame, a structured array, or an Arrow table


def is_pandas(value: object) -> bool:
    """Return whether a value is a pandas DataFrame."""
    return type(value).__name__ == "DataFrame" and _library(value) == "pandas"


def is_missing_scalar(value: object) -> bool:
    """Return whether a value is pandas' NaT or NA, or a NaN that stands for NULL."""
    return is_null(value) or (type(value).__name__ in ("NaTType", "NAType") and _library(value) == "pandas")


def is_not_a_time(value: object) -> bool:
    """Return whether a value is NumPy's NaT."""
    return isinstance(value, (np.datetime64, np.timedelta64)) and bool(np.isnat(value))


def without_dimensions(value: object) -> object:
    """Return the only element of an array without dimensions, and everything else as it is."""
    return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


def is_polars(value: object) -> bool:
    """Return whether a value is a polars DataFrame."""
    return type(value).__name__ == "DataFrame" and _library(value) == "polars"


def is_arrow(value: object) -> TypeGuard[pa.Table | pa.RecordBatch | pa.RecordBatchReader]:
    """Return whether a value is a table, batch or stream of batches of Arrow."""
    return isinstance(value, (pa.Table, pa.RecordBatch, pa.RecordBatchReader))


def is_structured(value: object) -> TypeGuard[np.ndarray[Any, Any]]:
    """Return whether a value is an array with named fields."""
    return isinstance(value, np.ndarray) and value.dtype.names is not None


def row_mapping(value: object) -> Mapping[str, Any] | None:
    """Return a row of a table of values as a mapping: a record, a pandas row, a named tuple, or a mapping as it is.

    NaN in a pandas row is missing.
    """
    if isinstance(value, Mapping):
        return value
    if isinstance(value, np.void) and value.dtype.names is not None:
        return {name: value[name] for name in value.dtype.names}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        fields: Mapping[str, Any] = value._asdict()
        return fields
    if type(value).__name__ == "Series" and _library(value) == "pandas":
        row: Any = value  # Any: pandas has no types
        if len(row) and row.index.is_unique and all(isinstance(label, str) for label in row.index):
            return {label: None if is_unknown_nan(item) else item for label, item in row.items()}
    return None


def row_mappings(table: Tabular) -> list[Mapping[str, Any]]:
    """Return the rows of a table of values of any kind as mappings; NaN of pandas is missing."""
    if is_pandas(table):
        rows: list[dict[str, Any]] = named_index_as_columns(table).to_dict("records")
        return [{name: None if is_unknown_nan(item) else item for name, item in row.items()} for row in rows]
    if is_polars(table):
        return list(table.iter_rows(named=True))
    if is_structured(table):
        return [{name: row[name] for name in row.dtype.names} for row in table.reshape(-1)]
    rows = to_arrow_table(table).to_pylist()
    return list(rows)


def listed(value: object) -> list[Any] | None:
    """Return the values of an array of NumPy, or of a column of pandas, polars or Arrow; None for everything else.

    NaN in a column of pandas is missing.
    """
    if isinstance(value, np.ndarray):
        whole = value.dtype.kind in "Mm" or value.dtype.names is not None  # tolist would make them tuples and numbers
        return None if not value.ndim else list(value) if whole else value.tolist()
    if isinstance(value, (pa.Array, pa.ChunkedArray)):
        return list(value.to_pylist())
    column: Any = value  # Any: of libraries that are optional
    if _library(value) == "polars" and type(value).__name__ == "Series":
        return list(column.to_list())
    if _library(value) == "pandas" and hasattr(value, "tolist") and hasattr(value, "__len__") and not is_pandas(value):
        return [None if is_unknown_nan(item) else item for item in column.tolist()]
    return None


def is_tabular(value: object) -> bool:
    """Return whether a value is a table of values of any of these kinds."""
    return is_pandas(value) or is_polars(value) or is_arrow(value) or is_structured(value)


def is_sliceable(value: object) -> TypeGuard[Tabular]:
    """Return whether a value is a DataFrame or structured array, which `slice_rows` can slice."""
    return is_pandas(value) or is_polars(value) or is_structured(value)


def slice_rows(value: Tabular, start: int, stop: int) -> Tabular:
    """Return some rows, in the same form."""
    return value.iloc[start:stop] if is_pandas(value) else value[start:stop]


def named_index_as_columns(frame: DataFrame) -> DataFrame:
    """Convert the levels of a DataFrame's index to columns, unless it is the nameless default."""
    if all(name is None for name in frame.index.names):
        return frame.reset_index(drop=True)
    return frame.reset_index()


def to_arrow_table(value: Tabular) -> pa.Table:
    """Convert a table of values of any of these kinds to Arrow; NaN of pandas becomes null.

    Raises:
        TypeError: It holds objects of Python that Arrow has no type for; pyarrow raises ArrowInvalid for some.
    """
    if is_pandas(value):
        return _from_pandas(named_index_as_columns(value))
    if is_polars(value):
        if "Object" in map(str, value.dtypes):
            raise TypeError("Arrow has no type for objects.")  # to_arrow would write their addresses
        return value.to_arrow()
    if is_structured(value):
        flat = value.reshape(-1)
        names = list(value.dtype.names or ())
        columns = [_from_field(flat[name]) for name in names]
        return pa.Table.from_arrays(columns, names=names)
    if isinstance(value, pa.RecordBatch):
        return pa.Table.from_batches([value])
    return value.read_all() if isinstance(value, pa.RecordBatchReader) else value


def _from_pandas(frame: DataFrame) -> pa.Table:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for index, name in enumerate(frame.columns):
        if isinstance(frame[name].dtype, np.dtype) and frame[name].dtype.kind == "f":
            column = float_column(frame[name].to_numpy(), nan_is_missing=True)
            table = table.set_column(index, table.schema.names[index], column)
    return table


def _from_field(array: np.ndarray[Any, Any]) -> pa.Array:
    if array.dtype.kind in "OUS":
        return pa.array([None if is_null(value) else value for value in array.tolist()])
    return float_column(array) if array.dtype.kind == "f" else pa.array(array)


def to_ipc(table: pa.Table) -> bytes:
    """Write a table as one Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _library(value: object) -> str:
    return type(value).__module__.partition(".")[0]
