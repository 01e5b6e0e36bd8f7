"""Tables to and from `Value` messages: DataFrames, Arrow tables, structured arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from levada._base.errors import WrongValue
from levada._values.admitted import MAX_FIXED_BYTES, check_schema, fixed_bytes, is_admitted
from levada._values.message_arrays import decode_tensor, encode_tensor
from levada._values.tabular import DataFrame, Tabular, is_pandas, is_polars
from levada._values.unstorable import Unstorable

if TYPE_CHECKING:
    from levada._values.message_arrays import Array, Decode, Encode
    from levada_api.v1 import value_pb2 as pb

_LISTED = ("object", "str", "string", "boolean", *(f"{sign}{n}" for sign in ("Int", "UInt") for n in (8, 16, 32, 64)),
           "Float32", "Float64")  # fmt: skip
"""The dtypes of pandas whose values are written one by one, missing ones as null."""
_NUMBERS = "biufcmM"


def encode_table(value: Tabular, message: pb.Columns, encode: Encode) -> None:
    """Fill a message with a DataFrame of pandas or polars, or with an Arrow table.

    Raises:
        Unstorable: A column has no name, or cannot be stored.
    """
    if is_pandas(value):
        _encode_pandas(value, message, encode)
    elif is_polars(value):
        objects = [name for name, dtype in value.schema.items() if str(dtype) == "Object"]
        if objects:
            problem = Unstorable("a column of objects; store it as a list beside the DataFrame.")
            raise problem.within(f"[{objects[0]!r}]")
        _encode_arrow(value.to_arrow(), "polars", message, encode)
    else:
        table = pa.Table.from_batches([value]) if isinstance(value, pa.RecordBatch) else value
        if not isinstance(table, pa.Table):
            raise Unstorable("a stream of batches; store reader.read_all().")
        _encode_arrow(table, "arrow", message, encode)


def decode_table(message: pb.Columns, decode: Decode) -> Any:  # noqa: ANN401  # a table of one of four libraries
    """Read a table in its writer's form; MATLAB's as a pandas DataFrame.

    Raises:
        WrongValue: That library is not installed, or the parts do not match.
    """
    lengths = {_length(column) for column in message.columns}
    if len(message.names) != len(message.columns) or len(lengths) > 1:
        raise WrongValue(f"A table with {len(message.names)} names and columns of {sorted(lengths)} rows.")
    match message.library:
        case "numpy":
            return _decode_structured(message, decode)
        case "polars" | "arrow":
            table = _decode_arrow(message, decode)
            return table if message.library == "arrow" else _library("polars").from_arrow(table)
        case _:
            return _decode_pandas(message, decode)


def _library(name: str) -> Any:  # noqa: ANN401  # a module
    try:
        return __import__(name)
    except ImportError:
        raise WrongValue(f"The value holds a DataFrame of {name}; `pip install {name}` to read it.") from None


def _length(column: pb.Value) -> int:
    match column.WhichOneof("kind"):
        case "list":
            return len(column.list.values)
        case "tensor" if column.tensor.shape:
            return column.tensor.shape[0]
        case kind:
            raise WrongValue(f"A table with a column that is a {kind}, not a list or an array.")


# ------------------------------------------------------------------------------------------------- pandas


def _encode_pandas(frame: DataFrame, message: pb.Columns, encode: Encode) -> None:
    message.library = "pandas"
    if _has_own_index(frame.index) or (len(frame) and not len(frame.columns)):
        for level in range(frame.index.nlevels):
            values = frame.index.get_level_values(level)
            if values.name is not None and not isinstance(values.name, str):
                raise Unstorable(f"a DataFrame whose index {values.name!r} is not named by text.")
            _encode_series(values, values.name or "", message, encode)
        message.index_count = frame.index.nlevels
    for position, name in enumerate(frame.columns):
        if not isinstance(name, str):
            raise Unstorable(f"a DataFrame whose column {name!r} is not named by text.")
        _encode_series(frame.iloc[:, position], name, message, encode)


def _has_own_index(index: Any) -> bool:  # noqa: ANN401  # pandas has no types
    plain = type(index).__name__ == "RangeIndex" and (index.start, index.step, index.name) == (0, 1, None)
    return not plain


def _encode_series(series: Any, name: str, message: pb.Columns, encode: Encode) -> None:  # noqa: ANN401
    message.names.append(name)
    message.types.append(str(series.dtype))
    try:
        _encode_column(series, message.columns.add(), encode)
    except Unstorable as problem:
        raise problem.within(f"[{name!r}]") from None


def _encode_column(series: Any, column: pb.Value, encode: Encode) -> None:  # noqa: ANN401  # pandas has no types
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in _NUMBERS:
        encode_tensor(series.to_numpy(), column.tensor)
    elif getattr(dtype, "tz", None) is not None:
        encode_tensor(series.to_numpy(f"datetime64[{dtype.unit}]"), column.tensor)
    elif str(dtype) == "object":
        encode(series.tolist(), column)
    elif str(dtype) in _LISTED:
        encode([None if missing else value for value, missing in zip(series, series.isna(), strict=True)], column)
    else:
        raise Unstorable(f"a column of {dtype} cannot be stored; convert it, for example by .astype(object).")


def _decode_pandas(message: pb.Columns, decode: Decode) -> DataFrame:
    pd = _library("pandas")
    types = list(message.types) or [""] * len(message.names)
    series = [
        _decode_series(pd, values, type_) for values, type_ in zip(map(decode, message.columns), types, strict=True)
    ]
    levels, columns = series[: message.index_count], series[message.index_count :]
    names = [name or None for name in message.names[: message.index_count]]
    if len(levels) > 1:
        index = pd.MultiIndex.from_arrays(levels, names=names)
    elif levels:
        index = pd.Index(levels[0], name=names[0])
    else:
        index = pd.RangeIndex(_length(message.columns[0]) if message.columns else 0)
    frame = pd.DataFrame(dict(enumerate(s.array for s in columns)), index=index)
    if columns:
        frame.columns = pd.Index(list(message.names[message.index_count :]))
    return frame


def _decode_series(pd: Any, values: Any, type_: str) -> Any:  # noqa: ANN401  # pandas has no types
    if isinstance(values, np.ndarray):
        if values.shape[1:] == (1,):
            values = values[:, 0]  # MATLAB, which has no one-dimensional vectors, writes a column this way
        if values.ndim > 1:
            # A variable of several columns in a MATLAB table.
            return pd.Series(list(values), dtype=object)
        series = pd.Series(values)
        if type_.startswith("datetime64[") and ", " in type_:
            zone = type_.partition(", ")[2].removesuffix("]")
            if values.dtype.kind != "M":
                raise WrongValue(f"A column of {type_} that holds {values.dtype}.")
            return series.dt.tz_localize("UTC").dt.tz_convert(zone)
        return series
    return pd.Series(values, dtype=type_ if type_ in _LISTED else None)


# -------------------------------------------------------------------------------------------------- Arrow


def _encode_arrow(table: pa.Table, library: str, message: pb.Columns, encode: Encode) -> None:
    message.library = library
    message.arrow_schema = table.schema.serialize().to_pybytes()
    for field, column in zip(table.schema, table.columns, strict=True):
        message.names.append(field.name)
        target = message.columns.add()
        try:
            if not is_admitted(field.type):
                raise Unstorable(f"a column of {field.type} cannot be stored; cast it to another type.")
            values = _arrow_values(column)
            if isinstance(values, np.ndarray):
                encode_tensor(values, target.tensor)
            else:
                encode(values, target)
        except Unstorable as problem:
            raise problem.within(f"[{field.name!r}]") from None
        except (pa.ArrowException, ValueError, OverflowError) as error:
            refusal = Unstorable(f"a column of {field.type} cannot be stored: {error}.")
            raise refusal.within(f"[{field.name!r}]") from None


def _arrow_values(column: pa.ChunkedArray) -> Array | list[Any]:  # Any: of the column's type
    """Return the values as an array if NumPy can hold them all, otherwise as a list."""
    column = _storage(column)
    unit = _time_unit(column.type)
    if unit is not None:
        counts = column.cast(pa.int32() if column.type.bit_width == 32 else pa.int64()).cast(pa.int64())
        return np.asarray(counts.fill_null(np.iinfo(np.int64).min).to_numpy()).view(unit)
    if not column.null_count and (pa.types.is_primitive(column.type) and not pa.types.is_temporal(column.type)):
        return np.asarray(column.to_numpy())
    values: list[Any] = column.to_pylist()
    return values


def _time_unit(type_: pa.DataType) -> str | None:
    """Return NumPy's type of moments and spans, which count in the same unit; the schema holds a zone."""
    if pa.types.is_timestamp(type_):
        return f"datetime64[{type_.unit}]"
    if pa.types.is_duration(type_):
        return f"timedelta64[{type_.unit}]"
    if pa.types.is_date(type_):
        return "datetime64[D]" if type_ == pa.date32() else "datetime64[ms]"
    return None


def _storage(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not isinstance(column.type, pa.BaseExtensionType):
        return column
    return pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)


def _decode_arrow(message: pb.Columns, decode: Decode) -> pa.Table:
    try:
        schema = pa.ipc.read_schema(pa.py_buffer(message.arrow_schema))
        check_schema(schema)
        if schema.names != list(message.names):
            raise WrongValue("A table whose names are not those of its schema.")
        rows = _length(message.columns[0]) if message.columns else 0
        if rows * sum(fixed_bytes(field.type) for field in schema) > MAX_FIXED_BYTES:
            raise WrongValue(f"A table of {rows} rows that would take more than {MAX_FIXED_BYTES} bytes.")
        columns = [
            _arrow_column(values, field.type)
            for values, field in zip(map(decode, message.columns), schema, strict=True)
        ]
        return pa.Table.from_arrays(columns, schema=schema)
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise WrongValue(f"The table does not match its schema: {error}.") from None


def _arrow_column(values: Any, type_: pa.DataType) -> pa.Array:  # noqa: ANN401  # an array or a list
    if isinstance(type_, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(type_, _arrow_column(values, type_.storage_type))
    if isinstance(values, np.ndarray) and values.dtype.kind in "mM":
        counts = values.view(np.int64)
        missing = np.isnat(values)
        whole = pa.array(counts, mask=missing if missing.any() else None)
        return (whole.cast(pa.int32()) if type_.bit_width == 32 else whole).cast(type_)
    return pa.array(values, type_)


# -------------------------------------------------------------------------------------------------- NumPy


def _decode_structured(message: pb.Columns, decode: Decode) -> Array:
    columns: list[tuple[str, Any]] = []  # Any: an array or a list
    for name, column in zip(message.names, message.columns, strict=True):
        tensor = column.WhichOneof("kind") == "tensor"
        columns.append((name, decode_tensor(column.tensor) if tensor else decode(column)))
    dtype = [(name, c.dtype, c.shape[1:]) if isinstance(c, np.ndarray) else (name, object) for name, c in columns]
    array = np.empty(_length(message.columns[0]) if columns else 0, dtype=dtype)
    for name, values in columns:
        if isinstance(values, list):
            array[name] = np.fromiter(values, dtype=object, count=len(values))
        else:
            array[name] = values
    return array
