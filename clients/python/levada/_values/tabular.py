"""Tables of values in other libraries, recognized without importing those libraries."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeGuard

import numpy as np
import pyarrow as pa

from levada._values.missing import float_column, is_null

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
    """Convert a table of values of any of these kinds to Arrow; NaN of pandas becomes null."""
    if is_pandas(value):
        return _from_pandas(named_index_as_columns(value))
    if is_polars(value):
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
