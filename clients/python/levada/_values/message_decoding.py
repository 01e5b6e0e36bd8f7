"""`Value` messages → Python values."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import pyarrow as pa

from levada._base import rules
from levada._base.errors import WrongValue
from levada._values.message_arrays import decode_cells, decode_sparse, decode_structs, decode_tensor
from levada._values.message_encoding import MAX_INTEGER_DIGITS
from levada._values.message_tables import decode_table
from levada._values.message_times import decode_date, decode_duration, decode_time, decode_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from levada_api.v1 import value_pb2 as pb

Stored: TypeAlias = Any  # whatever a user stored

_DAMAGE = (ValueError, TypeError, ArithmeticError, InvalidOperation, LookupError, AttributeError, OSError, MemoryError,
           RecursionError, pa.ArrowException)  # fmt: skip
"""The errors that Python, NumPy, pandas, SciPy and Arrow raise for parts that do not match."""
_FEW = 16
"""Up to this many elements, scanning all of them first is not worthwhile."""
_WHOLE_NUMBER = re.compile(r"-?[0-9]+", re.ASCII)


def decode_value(message: pb.Value) -> Stored:
    """Read the value of a message.

    Raises:
        WrongValue: Its parts do not match, or it cannot be represented here.
    """
    try:
        return _decode(message)
    except _DAMAGE as error:
        raise WrongValue(f"The value is damaged: {error}.") from None


def decode_key_value(message: pb.Value) -> Stored:
    """Read the value of an attribute of a key, as fetches return it.

    Raises:
        WrongValue: It cannot be represented here.
    """
    of_span = message.WhichOneof("kind") == "time" and rules.are_of_datajoint()
    return decode_duration(message.time) if of_span else decode_value(message)


def _decode(message: pb.Value) -> Stored:
    kind = message.WhichOneof("kind")
    if kind is None:
        raise WrongValue("The value is of a kind that this version does not know.")
    return _DECODERS[kind](getattr(message, kind))


def _all(messages: Sequence[pb.Value]) -> Iterable[Stored]:
    values = list(messages)
    if len(values) > _FEW and {value.WhichOneof("kind") for value in values} == {"float"}:
        # Long lists usually consist of these.
        return [value.float for value in values]
    return map(_decode, values)


def _integer(text: str) -> int:
    if _WHOLE_NUMBER.fullmatch(text) is None or len(text) > MAX_INTEGER_DIGITS:
        raise WrongValue(f"A whole number of {len(text)} characters that cannot be read.")
    return int(Decimal(text))


def _mapping(keys: Iterable[Stored], values: Sequence[pb.Value]) -> dict[Stored, Stored]:
    return dict(zip(keys, _all(values), strict=True))


_DECODERS: dict[str, Callable[[Any], Stored]] = {  # Any: each takes the message of its kind
    "null": lambda _: None,
    "boolean": bool,
    "integer": int,
    "big_integer": _integer,
    "float": float,
    "complex": lambda m: complex(m.real, m.imaginary),
    "text": str,
    "binary": bytes,
    "decimal": Decimal,
    "date": decode_date,
    "time": decode_time,
    "timestamp": decode_timestamp,
    "duration": decode_duration,
    "uuid": lambda octets: UUID(bytes=octets),
    "tensor": decode_tensor,
    "list": lambda m: list(_all(m.values)),
    "tuple": lambda m: tuple(_all(m.values)),
    "set": lambda m: set(_all(m.values)),
    "frozen_set": lambda m: frozenset(_all(m.values)),
    "map": lambda m: _mapping(m.keys, m.values),
    "any_map": lambda m: _mapping(_all(m.keys), m.values),
    "table": lambda m: decode_table(m, _decode),
    "struct_array": lambda m: decode_structs(m, _decode),
    "cell_array": lambda m: decode_cells(m, _decode),
    "sparse_matrix": decode_sparse,
}
