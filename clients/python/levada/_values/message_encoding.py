"""Python values → `Value` messages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Set
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, TypeGuard
from uuid import UUID

import numpy as np

from levada._base.errors import WrongValue
from levada._values.message_arrays import encode_array, encode_sparse, is_sparse
from levada._values.message_tables import encode_table
from levada._values.message_times import encode_time
from levada._values.tabular import is_arrow, is_missing_scalar, is_pandas, is_polars
from levada._values.unstorable import Unstorable
from levada_api.v1 import value_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_DEPTH = 30
"""The maximum nesting of a value: protobuf parsers refuse 100 levels of messages, and a level here takes two or
three."""
MAX_INTEGER_DIGITS = 100_000

_ADVICE = {
    "function": "a function",
    "module": "a module",
    "generator": "a generator; store list(…) of it",
    "range": "a range; store list(…) of it",
    "Series": "a Series; store it as an array or in a DataFrame",
    "Tensor": "a Tensor; store it as an array of NumPy",
}
"""Descriptions of values in errors, by the name of their class."""


def encode_value(value: object, path: str = "value") -> pb.Value:
    """Build the message of a value.

    An instance of a subclass is stored as its base class: an OrderedDict as a dict, a namedtuple as a tuple.

    Args:
        path: The value's name in errors: `row 3, attribute `trace``.

    Raises:
        WrongValue: It contains something that no other language could read; the message gives the path to it.
    """
    message = pb.Value()
    try:
        _encode(value, message, depth=0)
    except Unstorable as problem:
        raise WrongValue(problem.told(path)) from None
    return message


def _encode(value: object, message: pb.Value, *, depth: int) -> None:
    """Fill `message`."""
    if depth > MAX_DEPTH:
        raise Unstorable(f"nested deeper than {MAX_DEPTH} levels.")
    if type(value) is float:
        message.float = value
    elif type(value) is str:
        message.text = plain_text(value)
    elif type(value) is int:
        _encode_integer(value, message)
    elif value is None or is_missing_scalar(value):
        message.null = 0  # type: ignore[assignment]  # the only value of the enum
    elif isinstance(value, (np.generic, np.ndarray)):
        encode_array(value, message, partial(_encode, depth=depth + 1))
    elif isinstance(value, bool):
        message.boolean = value
    elif isinstance(value, int):
        _encode_integer(value, message)
    elif isinstance(value, float):
        message.float = value
    elif isinstance(value, str):
        message.text = plain_text(value)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        message.binary = bytes(value)
    elif isinstance(value, (list, tuple, Set, Mapping)) and not is_sparse(value):
        _encode_container(value, message, partial(_encode, depth=depth + 1))
    elif isinstance(value, (dt.date, dt.time, dt.timedelta)):
        encode_time(value, message)
    else:
        _encode_rare(value, message, partial(_encode, depth=depth + 1))


def plain_text(value: str) -> str:
    """Return the text of an instance of str, or of a subclass such as an enum.

    Raises:
        Unstorable: It is not valid Unicode.
    """
    text = str.__str__(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Unstorable("text with a lone surrogate, which is not valid Unicode.") from None
    return text


def _encode_integer(value: int, message: pb.Value) -> None:
    if -(2**63) <= value < 2**63:
        message.integer = value
        return
    # Python's own str() refuses past 4 300 digits; a Decimal of an int is exact.
    digits = str(Decimal(int(value)))
    if len(digits) > MAX_INTEGER_DIGITS:
        raise Unstorable(f"a whole number of {len(digits)} digits; at most {MAX_INTEGER_DIGITS} are stored.")
    message.big_integer = digits


def _encode_container(
    value: list[object] | tuple[object, ...] | Set[object] | Mapping[object, object],
    message: pb.Value,
    encode: Callable[[object, pb.Value], None],
) -> None:
    match value:
        case list() | tuple():
            _encode_sequence(value, message.list if isinstance(value, list) else message.tuple, encode)
        case Set():
            _encode_set(value, message.frozen_set if isinstance(value, frozenset) else message.set, encode)
        case Mapping() if _all_text(value):
            _encode_text_map(value, message.map, encode)
        case Mapping():
            message.any_map.SetInParent()
            for key, item in value.items():
                try:
                    encode(key, message.any_map.keys.add())
                except Unstorable as problem:
                    raise problem.within(f": key {key!r}") from None
                try:
                    encode(item, message.any_map.values.add())
                except Unstorable as problem:
                    raise problem.within(f"[{key!r}]") from None


def _all_text(keys: Iterable[object]) -> TypeGuard[Mapping[str, object]]:
    return all(issubclass(class_, str) and not issubclass(class_, np.generic) for class_ in set(map(type, keys)))


def _encode_text_map(
    value: Mapping[str, object], text_map: pb.TextMap, encode: Callable[[object, pb.Value], None]
) -> None:
    text_map.SetInParent()
    add = text_map.values.add
    key = ""
    try:
        for key, item in value.items():  # noqa: B007  # the error tells it
            encode(item, add())
    except Unstorable as problem:
        raise problem.within(f"[{key!r}]") from None
    for key in value:
        try:
            text_map.keys.append(plain_text(key))
        except Unstorable as problem:
            raise problem.within(f": key {key!r}") from None


def _encode_sequence(
    value: list[object] | tuple[object, ...], sequence: pb.Sequence, encode: Callable[[object, pb.Value], None]
) -> None:
    sequence.SetInParent()
    add = sequence.values.add
    if set(map(type, value)) == {float}:
        # Long lists usually consist of these.
        for item in value:
            add().float = item  # type: ignore[assignment]  # a float
        return
    index = 0
    try:
        for index, item in enumerate(value):  # noqa: B007  # the error tells it
            encode(item, add())
    except Unstorable as problem:
        raise problem.within(f"[{index}]") from None


def _encode_set(value: Set[object], sequence: pb.Sequence, encode: Callable[[object, pb.Value], None]) -> None:
    sequence.SetInParent()
    encoded = []
    for item in value:
        element = pb.Value()
        try:
            encode(item, element)
        except Unstorable as problem:
            raise problem.within(f"{{{item!r}}}") from None
        encoded.append(element)
    # Equal sets have equal bytes, whatever their order of iteration.
    sequence.values.extend(sorted(encoded, key=pb.Value.SerializeToString))


def _encode_rare(value: object, message: pb.Value, encode: Callable[[object, pb.Value], None]) -> None:
    if isinstance(value, complex):
        message.complex.real, message.complex.imaginary = value.real, value.imag
    elif isinstance(value, Decimal):
        message.decimal = str(value)
    elif isinstance(value, UUID):
        message.uuid = value.bytes
    elif is_pandas(value) or is_polars(value) or is_arrow(value):
        encode_table(value, message.table, encode)
    elif is_sparse(value):
        encode_sparse(value, message.sparse_matrix)
    else:
        name = type(value).__name__
        what = "a lambda" if getattr(value, "__name__", "") == "<lambda>" else _ADVICE.get(name, f"a {name}")
        raise Unstorable(f"{what}: it cannot be stored. Convert it to plain values or arrays.")
