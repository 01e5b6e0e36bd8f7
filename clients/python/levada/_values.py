"""Python values as messages `Value`, and back: for conditions, keys and `<blob>` attributes."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Set
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa
from google.protobuf.message import DecodeError

from levada._errors import WrongValue
from levada._tabular import DataFrame, is_missing_scalar, is_pandas
from levada_api.v1 import value_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable

Stored: TypeAlias = Any  # whatever a user stored

_MAX_DEPTH = 30
"""Nesting of a value: parsers of protobuf refuse 100 levels of messages, and a level here takes up to three."""
_PLAIN, _COMPRESSED = b"lv1\0", b"lv1z"
"""What a blob begins with: then a `Value` message, as it is or compressed with zstd."""
_COMPRESS_BYTES = 1024
"""Blobs up to this size are never compressed."""

_DAY_ZERO = dt.date(1970, 1, 1)
_EPOCH = dt.datetime(1970, 1, 1)
_EPOCH_UTC = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_MICROSECOND = dt.timedelta(microseconds=1)
_TENSOR_KINDS = "biufcmM"
"""numpy's kinds of dtypes whose elements are sent as bytes."""


def encode_value(value: object, path: str = "value") -> pb.Value:
    """Make the message that stands for a value.

    Args:
        path: How an error calls the value: `row 3, attribute `trace``.

    Raises:
        WrongValue: It holds something that no other language could read; the message gives the path to it.
    """
    message = pb.Value()
    _encode(value, message, path, 0)
    return message


def encode_condition_value(value: object, path: str) -> pb.Value:
    """Make the message of a value that an attribute is compared with.

    Numpy's and pandas' scalars count as the plain values they hold; a list, tuple, set or array as a list of them.

    Raises:
        WrongValue: As `encode_value`.
    """
    if isinstance(value, np.ndarray):
        value = value.tolist() if value.dtype.kind != "M" else list(value)
    if isinstance(value, (list, tuple, Set)) and not isinstance(value, np.generic):
        return encode_value([plain_scalar(item) for item in value], path)
    return encode_value(plain_scalar(value), path)


def encode_blob(value: object, path: str = "value") -> bytes:
    """Make the bytes that a `<blob>` attribute stores.

    Raises:
        WrongValue: As `encode_value`.
    """
    raw = encode_value(value, path).SerializeToString()
    if len(raw) > _COMPRESS_BYTES:
        compressed: bytes = pa.compress(raw, codec="zstd", asbytes=True)
        if len(compressed) < len(raw):
            return _COMPRESSED + compressed
    return _PLAIN + raw


def decode_blob(blob: bytes) -> Stored:
    """Read what a `<blob>` attribute stores.

    Raises:
        WrongValue: The bytes are no blob of this format, or damaged.
    """
    header, body = blob[:4], memoryview(blob)[4:]
    message = pb.Value()
    try:
        if header == _COMPRESSED:
            with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
                message.ParseFromString(stream.read())
        elif header == _PLAIN:
            message.ParseFromString(body)  # type: ignore[arg-type]  # takes any buffer
        else:
            raise WrongValue(f"The blob begins with {bytes(header)!r}, which is no format that this client reads.")
    except (DecodeError, OSError):
        raise WrongValue("The blob is damaged: its bytes cannot be parsed.") from None
    return decode_value(message)


def decode_value(message: pb.Value) -> Stored:
    """Read the value that a message stands for.

    Raises:
        WrongValue: The message holds a kind that has no Python value here.
    """
    kind = message.WhichOneof("kind")
    if kind is None:
        raise WrongValue("A value without a kind.")
    try:
        decode = _DECODERS[kind]
    except KeyError:
        raise WrongValue(f"A value of the kind `{kind}` cannot be read by this version.") from None
    return decode(getattr(message, kind))


def plain_scalar(value: object) -> object:
    """Turn a scalar of numpy or pandas into the plain Python value that it holds; NaT and NA are None."""
    if isinstance(value, np.datetime64):
        if np.isnat(value):
            return None
        days = np.datetime_data(value.dtype)[0] in ("Y", "M", "W", "D")
        return value.astype("datetime64[D]" if days else "datetime64[us]").item()
    if isinstance(value, np.timedelta64):
        return None if np.isnat(value) else value.astype("timedelta64[us]").item()
    if isinstance(value, np.generic):
        return value.item()
    if is_missing_scalar(value):
        return None
    if isinstance(value, dt.datetime) and type(value) is not dt.datetime and hasattr(value, "to_pydatetime"):
        return value.to_pydatetime()
    return value


def _encode(value: object, message: pb.Value, path: str, depth: int) -> None:
    """Fill `message`; `path` names `value` in errors."""
    if depth > _MAX_DEPTH:
        raise WrongValue(f"{path}: nested deeper than {_MAX_DEPTH} levels.")
    if value is None or is_missing_scalar(value):
        message.null = 0  # type: ignore[assignment]  # the only value of the enum
    elif isinstance(value, (np.generic, np.ndarray)):
        _encode_array(np.asarray(value), message, path, depth)
    elif isinstance(value, bool):
        message.boolean = value
    elif isinstance(value, int):
        if -(2**63) <= value < 2**63:
            message.integer = value
        else:
            message.big_integer = str(int(value))
    elif isinstance(value, float):
        message.float = value
    elif isinstance(value, str):
        _encode_text(value, message, path)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        message.binary = bytes(value)
    elif isinstance(value, (list, tuple, Set, Mapping)):
        _encode_container(value, message, path, depth)
    elif isinstance(value, (dt.date, dt.time, dt.timedelta)):
        _encode_time(value, message, path)
    else:
        _encode_rare(value, message, path, depth)


def _encode_text(value: str, message: pb.Value, path: str) -> None:
    try:
        message.text = str(value)
    except UnicodeEncodeError:
        raise WrongValue(f"{path}: text with a lone surrogate, which is no valid Unicode.") from None


def _encode_container(
    value: list[object] | tuple[object, ...] | Set[object] | Mapping[object, object],
    message: pb.Value,
    path: str,
    depth: int,
) -> None:
    match value:
        case list() | tuple():
            target = message.list if isinstance(value, list) else message.tuple
            target.SetInParent()
            for index, item in enumerate(value):
                _encode(item, target.values.add(), f"{path}[{index}]", depth + 1)
        case Set():
            message.set.SetInParent()
            for item in value:
                _encode(item, message.set.values.add(), f"{path}{{{item!r}}}", depth + 1)
        case Mapping() if all(isinstance(key, str) and not isinstance(key, np.generic) for key in value):
            message.map.SetInParent()
            for key, item in value.items():
                message.map.keys.append(str(key))
                _encode(item, message.map.values.add(), f"{path}[{key!r}]", depth + 1)
        case Mapping():
            message.any_map.SetInParent()
            for key, item in value.items():
                _encode(key, message.any_map.keys.add(), f"{path}: key {key!r}", depth + 1)
                _encode(item, message.any_map.values.add(), f"{path}[{key!r}]", depth + 1)


def _encode_time(value: dt.date | dt.time | dt.timedelta, message: pb.Value, path: str) -> None:
    match value:
        case dt.datetime():
            if getattr(value, "nanosecond", 0):
                raise WrongValue(f"{path}: {value} has nanoseconds; round it to microseconds.")
            if value.tzinfo is None:
                message.timestamp.microseconds = (value - _EPOCH) // _MICROSECOND
            else:
                message.timestamp.microseconds = (value - _EPOCH_UTC) // _MICROSECOND
                message.timestamp.zone = _zone_name(value)
        case dt.date():
            message.date = (value - _DAY_ZERO).days
        case dt.time():
            if value.tzinfo is not None:
                raise WrongValue(f"{path}: {value} is a time of day with a zone; store a datetime.")
            since_midnight = dt.datetime.combine(_DAY_ZERO, value) - _EPOCH
            message.time = since_midnight // _MICROSECOND
        case dt.timedelta():
            microseconds = value // _MICROSECOND
            if not -(2**63) <= microseconds < 2**63:
                raise WrongValue(f"{path}: {value} is longer than the 292 000 years that a duration can have.")
            message.duration = microseconds


def _zone_name(value: dt.datetime) -> str:
    key = getattr(value.tzinfo, "key", None)
    if isinstance(key, str):
        return key
    offset = value.utcoffset() or dt.timedelta(0)
    minutes, seconds = divmod(abs(offset), dt.timedelta(minutes=1))
    text = f"{'-' if offset < dt.timedelta(0) else '+'}{minutes // 60:02}:{minutes % 60:02}"
    return text + (f":{seconds.seconds:02}" if seconds else "")


def _encode_rare(value: object, message: pb.Value, path: str, depth: int) -> None:
    match value:
        case complex():
            message.complex.real, message.complex.imaginary = value.real, value.imag
        case Decimal():
            message.decimal = str(value)
        case UUID():
            message.uuid = value.bytes
        case _ if is_pandas(value):
            _encode_frame(value, message, path, depth)
        case _:
            raise WrongValue(f"{path}: a {type(value).__name__} cannot be stored. Turn it into plain values or arrays.")


def _encode_frame(frame: DataFrame, message: pb.Value, path: str, depth: int) -> None:
    if type(frame.index).__name__ != "RangeIndex":
        raise WrongValue(f"{path}: a DataFrame with an index of its own; store frame.reset_index().")
    message.table.SetInParent()
    for name in frame.columns:
        if not isinstance(name, str):
            raise WrongValue(f"{path}: a DataFrame whose column {name!r} is not named by text.")
        column = frame[name]
        message.table.names.append(name)
        values = column.to_numpy() if column.dtype.kind in _TENSOR_KINDS else column.tolist()
        _encode(values, message.table.columns.add(), f"{path}[{name!r}]", depth + 1)


def _encode_array(array: np.ndarray[Any, Any], message: pb.Value, path: str, depth: int) -> None:  # Any: every dtype
    column_major = array.flags.f_contiguous and not array.flags.c_contiguous
    flat = array.ravel(order="F" if column_major else "C")
    if array.dtype.kind == "O":
        message.cell_array.shape.extend(array.shape)
        message.cell_array.column_major = column_major
        for index, item in enumerate(flat):
            _encode(item, message.cell_array.values.add(), f"{path}[{index}]", depth + 1)
        return
    tensor = message.tensor
    tensor.shape.extend(array.shape)
    tensor.column_major = column_major
    if array.dtype.kind == "U":
        tensor.dtype = "text"
        tensor.texts.extend(flat.tolist())
    elif array.dtype.kind in _TENSOR_KINDS and array.dtype.itemsize <= 16 and array.dtype.name != "longdouble":
        little = flat.astype(array.dtype.newbyteorder("<"), copy=False)
        tensor.dtype = array.dtype.name
        tensor.elements = little.tobytes()
    else:
        raise WrongValue(f"{path}: an array of {array.dtype} cannot be stored; store its fields as a dict of arrays.")


def _decode_tensor(tensor: pb.Tensor) -> np.ndarray[Any, Any] | np.generic:  # Any: every dtype
    order: Any = "F" if tensor.column_major else "C"  # Any: numpy's literal type
    if tensor.dtype == "text":
        array = np.array(list(tensor.texts), dtype=np.str_)
    else:
        try:
            # A copy, as memory of the message cannot be written to.
            array = np.frombuffer(tensor.elements, dtype=np.dtype(tensor.dtype).newbyteorder("<")).copy()
        except (TypeError, ValueError):
            raise WrongValue(f"An array of {tensor.dtype} whose bytes do not fit it.") from None
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.size != math.prod(tensor.shape):
        raise WrongValue(f"An array of shape {tuple(tensor.shape)} with {array.size} elements.")
    array = array.reshape(tuple(tensor.shape), order=order)
    return array if tensor.shape else array[()]


def _decode_cell_array(cells: pb.CellArray) -> np.ndarray[Any, Any]:  # Any: objects
    array = np.empty(len(cells.values), dtype=object)
    for index, item in enumerate(cells.values):
        array[index] = decode_value(item)
    return array.reshape(tuple(cells.shape), order="F" if cells.column_major else "C")


def _decode_timestamp(timestamp: pb.Timestamp) -> dt.datetime:
    span = timestamp.microseconds * _MICROSECOND
    if not timestamp.HasField("zone"):
        return _EPOCH + span
    zone: dt.tzinfo
    if timestamp.zone[:1] in "+-":
        offset = dt.datetime.strptime(timestamp.zone, "%z" if timestamp.zone else "").utcoffset()
        zone = dt.timezone(offset) if offset else dt.timezone.utc
    else:
        try:
            zone = ZoneInfo(timestamp.zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise WrongValue(f"The time zone {timestamp.zone!r} is unknown here; `pip install tzdata`.") from None
    return (_EPOCH_UTC + span).astimezone(zone)


def _decode_frame(table: pb.Columns) -> DataFrame:
    import pandas as pd

    return pd.DataFrame(dict(zip(table.names, map(decode_value, table.columns), strict=True)))


def _decode_all(values: Iterable[pb.Value]) -> list[Stored]:
    return [decode_value(value) for value in values]


_DECODERS: dict[str, Any] = {  # Any: each takes the message of its kind
    "null": lambda _: None,
    "boolean": bool,
    "integer": int,
    "big_integer": int,
    "float": float,
    "complex": lambda m: complex(m.real, m.imaginary),
    "text": str,
    "binary": bytes,
    "decimal": Decimal,
    "date": lambda days: _DAY_ZERO + dt.timedelta(days=days),
    "time": lambda microseconds: (_EPOCH + microseconds * _MICROSECOND).time(),
    "timestamp": _decode_timestamp,
    "duration": lambda microseconds: microseconds * _MICROSECOND,
    "uuid": lambda octets: UUID(bytes=octets),
    "tensor": _decode_tensor,
    "list": lambda m: _decode_all(m.values),
    "tuple": lambda m: tuple(_decode_all(m.values)),
    "set": lambda m: set(_decode_all(m.values)),
    "map": lambda m: dict(zip(m.keys, _decode_all(m.values), strict=True)),
    "any_map": lambda m: dict(zip(_decode_all(m.keys), _decode_all(m.values), strict=True)),
    "table": _decode_frame,
    "cell_array": _decode_cell_array,
}
