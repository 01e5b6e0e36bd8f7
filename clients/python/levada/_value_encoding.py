"""Python values → messages `Value`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Set
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from levada._errors import WrongValue
from levada._tabular import is_arrow, is_missing_scalar, is_pandas, is_polars
from levada._value_arrays import encode_array, encode_sparse, is_sparse
from levada._value_tables import encode_table
from levada._value_times import encode_time
from levada_api.v1 import value_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH = 30
"""Nesting of a value: parsers of protobuf refuse 100 levels of messages, and a level here takes two or three."""
MAX_INTEGER_DIGITS = 100_000

_ADVICE = {
    "function": "a function",
    "module": "a module",
    "generator": "a generator; store list(…) of it",
    "range": "a range; store list(…) of it",
    "Series": "a Series; store it as an array or in a DataFrame",
    "Tensor": "a Tensor; store it as an array of NumPy",
}
"""What an error calls values of some classes, by the class's name."""


def encode_value(value: object, path: str = "value") -> pb.Value:
    """Make the message that stands for a value.

    An instance of a subclass stands for the class that it extends: an OrderedDict for a dict, a namedtuple for a tuple.

    Args:
        path: How an error calls the value: `row 3, attribute `trace``.

    Raises:
        WrongValue: It holds something that no other language could read; the message gives the path to it.
    """
    message = pb.Value()
    _encode(value, message, path, depth=0)
    return message


def _encode(value: object, message: pb.Value, path: str, *, depth: int) -> None:
    """Fill `message`; `path` names `value` in errors."""
    if depth > MAX_DEPTH:
        raise WrongValue(f"{path}: nested deeper than {MAX_DEPTH} levels.")
    if value is None or is_missing_scalar(value):
        message.null = 0  # type: ignore[assignment]  # the only value of the enum
    elif isinstance(value, (np.generic, np.ndarray)):
        encode_array(value, message, path, partial(_encode, depth=depth + 1))
    elif isinstance(value, bool):
        message.boolean = value
    elif isinstance(value, int):
        _encode_integer(value, message, path)
    elif isinstance(value, float):
        message.float = value
    elif isinstance(value, str):
        message.text = plain_text(value, path)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        message.binary = bytes(value)
    elif isinstance(value, (list, tuple, Set, Mapping)) and not is_sparse(value):
        _encode_container(value, message, path, partial(_encode, depth=depth + 1))
    elif isinstance(value, (dt.date, dt.time, dt.timedelta)):
        encode_time(value, message, path)
    else:
        _encode_rare(value, message, path, partial(_encode, depth=depth + 1))


def plain_text(value: str, path: str) -> str:
    """Give the text that an instance of str, or of a subclass such as an enum, holds.

    Raises:
        WrongValue: It is no valid Unicode.
    """
    text = str.__str__(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise WrongValue(f"{path}: text with a lone surrogate, which is no valid Unicode.") from None
    return text


def _encode_integer(value: int, message: pb.Value, path: str) -> None:
    if -(2**63) <= value < 2**63:
        message.integer = value
        return
    # Python's own str() refuses past 4 300 digits; a Decimal of an int is exact.
    digits = str(Decimal(int(value)))
    if len(digits) > MAX_INTEGER_DIGITS:
        raise WrongValue(f"{path}: a whole number of {len(digits)} digits; at most {MAX_INTEGER_DIGITS} are stored.")
    message.big_integer = digits


def _encode_container(
    value: list[object] | tuple[object, ...] | Set[object] | Mapping[object, object],
    message: pb.Value,
    path: str,
    encode: Callable[[object, pb.Value, str], None],
) -> None:
    match value:
        case list() | tuple():
            sequence = message.list if isinstance(value, list) else message.tuple
            sequence.SetInParent()
            for index, item in enumerate(value):
                encode(item, sequence.values.add(), f"{path}[{index}]")
        case Set():
            elements = message.frozen_set if isinstance(value, frozenset) else message.set
            elements.SetInParent()
            encoded = []
            for item in value:
                element = pb.Value()
                encode(item, element, f"{path}{{{item!r}}}")
                encoded.append(element)
            # Equal sets are equal bytes, whatever order Python goes through them in.
            elements.values.extend(sorted(encoded, key=pb.Value.SerializeToString))
        case Mapping() if all(isinstance(key, str) and not isinstance(key, np.generic) for key in value):
            message.map.SetInParent()
            for key, item in value.items():
                message.map.keys.append(plain_text(key, f"{path}: key {key!r}"))  # type: ignore[arg-type]  # str
                encode(item, message.map.values.add(), f"{path}[{key!r}]")
        case Mapping():
            message.any_map.SetInParent()
            for key, item in value.items():
                encode(key, message.any_map.keys.add(), f"{path}: key {key!r}")
                encode(item, message.any_map.values.add(), f"{path}[{key!r}]")


def _encode_rare(value: object, message: pb.Value, path: str, encode: Callable[[object, pb.Value, str], None]) -> None:
    if isinstance(value, complex):
        message.complex.real, message.complex.imaginary = value.real, value.imag
    elif isinstance(value, Decimal):
        message.decimal = str(value)
    elif isinstance(value, UUID):
        message.uuid = value.bytes
    elif is_pandas(value) or is_polars(value) or is_arrow(value):
        encode_table(value, message.table, path, encode)
    elif is_sparse(value):
        encode_sparse(value, message.sparse_matrix, path)
    else:
        name = type(value).__name__
        what = "a lambda" if getattr(value, "__name__", "") == "<lambda>" else _ADVICE.get(name, f"a {name}")
        raise WrongValue(f"{path}: {what}: it cannot be stored. Turn it into plain values or arrays.")
