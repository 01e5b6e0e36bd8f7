"""Tables of values in other libraries, recognized without importing those libraries."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeGuard

import numpy as np
import pyarrow as pa

DataFrame: TypeAlias = Any  # of pandas or polars, which are optional
Tabular: TypeAlias = Any  # a DataFrame, a structured array, or an Arrow table


def is_pandas(value: object) -> bool:
    """Return whether a value is a pandas DataFrame."""
    return type(value).__name__ == "DataFrame" and _library(value) == "pandas"


def is_missing_scalar(value: object) -> bool:
    """Return whether a value is pandas' NaT or NA."""
    return type(value).__name__ in ("NaTType", "NAType") and _library(value) == "pandas"


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
        return pa.Table.from_pandas(named_index_as_columns(value), preserve_index=False)
    if is_polars(value):
        return value.to_arrow()
    if is_structured(value):
        flat = value.reshape(-1)
        names = list(value.dtype.names or ())
        columns = [pa.array(flat[n].tolist() if flat[n].dtype.kind in "OUS" else flat[n]) for n in names]
        return pa.Table.from_arrays(columns, names=names)
    if isinstance(value, pa.RecordBatch):
        return pa.Table.from_batches([value])
    return value.read_all() if isinstance(value, pa.RecordBatchReader) else value


def to_ipc(table: pa.Table) -> bytes:
    """Write a table as one Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _library(value: object) -> str:
    return type(value).__module__.partition(".")[0]
