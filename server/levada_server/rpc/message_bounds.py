"""The elements of a message, counted on the wire: while a message is parsed, no other call is answered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FieldDescriptor

from levada_server.errors import InvalidRequest, LimitReached

PLAIN_BYTES = 4 * 2**20
"""The maximum size of a message that carries no rows, relations or values."""
QUICK_BYTES = 32 * 2**10
"""A message up to this size has few elements."""
QUICK_STEPS = 5_000
"""Elements that are counted while other calls wait."""
MAX_STEPS = 8_000_000
"""Fields of a message and of all messages in it."""
MAX_NESTING = 100
"""Messages within each other; protobuf's own limit."""
MAX_ELEMENTS = 10_000
"""Elements of one repeated field of a request."""
_MORE_ELEMENTS = {
    # Operators and conditions have closer limits of their own, with better words.
    "Relation": 100_000,
    "Project": 100_000,
    "Aggregate": 100_000,
    "UniversalSet": 100_000,
    "Mapping": 100_000,
    "ConditionList": 100_000,
    "Expression": 100_000,
    "Sequence": 2_000_000,
    "TextMap": 100_000,
}
"""Elements of one repeated field, by the message that has it."""
MAX_SURPLUS = 10_000
"""Fields of a request, in all its messages, that this server does not know, or that repeat a field that comes once."""
_SKIPPED_BYTES = 16
"""A message that is as short is not looked into: it is counted as if it were full of empty ones."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_PACKABLE_BYTES = {FieldDescriptor.CPPTYPE_FLOAT: 4, FieldDescriptor.CPPTYPE_DOUBLE: 8}


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    limit: int | None  # None: not repeated
    message: str | None
    packed: bool


class TooMany(Exception):
    """There are more elements than were to be counted."""


def check_size(message: str, content: bytes) -> None:
    """Refuse a large message of a kind that carries no rows, relations or values.

    Raises:
        LimitReached: It is too large.
    """
    if len(content) > PLAIN_BYTES and not _carries_bytes(message):
        raise LimitReached(
            f"A {_short(message)} has {len(content)} bytes; at most {PLAIN_BYTES}.", limit="message", value=PLAIN_BYTES
        )


def count_elements(message: str, content: bytes, steps: int) -> None:
    """Count the elements of a message that has not been parsed.

    Args:
        message: Its full name.
        content: Its bytes.
        steps: How many are counted.

    Raises:
        TooMany: There are more than that.
        LimitReached: A repeated field has too many, or too many fields mean nothing.
        InvalidRequest: The content is not a message.
    """
    try:
        _Counter(steps).count(message, content, 0, len(content), 0)
    except IndexError:
        raise InvalidRequest(f"A message of the request is not a {_short(message)}.") from None


def _short(message: str) -> str:
    return message.rpartition(".")[2]


class _Counter:
    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._surplus = 0

    def count(self, message: str, content: bytes, position: int, end: int, depth: int) -> None:
        if depth > MAX_NESTING:
            raise InvalidRequest(f"The request is nested more than {MAX_NESTING} deep.")
        fields = _fields(message)
        counts: dict[int, int] = {}
        while position < end:
            self._steps -= 1
            if self._steps < 0:
                raise TooMany
            tag, position = _varint(content, position)
            number, wire = tag >> 3, tag & 7
            field = fields.get(number)
            elements = 1
            if wire == _BYTES:
                size, position = _varint(content, position)
                stop = position + size
                if stop > end:
                    raise IndexError
                if field is not None and field.message is not None:
                    if size > _SKIPPED_BYTES:
                        self.count(field.message, content, position, stop, depth + 1)
                    else:
                        self._steps -= size >> 1
                elif field is not None and field.packed:
                    elements = int(np.count_nonzero(np.frombuffer(content, np.uint8, size, position) < 0x80))
                position = stop
            elif wire == _VARINT:
                _, position = _varint(content, position)
            elif wire in (_FIXED64, _FIXED32):
                position += 8 if wire == _FIXED64 else 4
            else:
                raise IndexError  # groups, which nobody has written for years
            counts[number] = counts.get(number, 0) + elements
            if field is None or (field.limit is None and counts[number] > 1):
                self._surplus += 1
                if self._surplus > MAX_SURPLUS:
                    raise LimitReached(
                        f"The request has more than {MAX_SURPLUS} fields that this server does not know, or that "
                        "repeat a field that comes once; leave them out.",
                        limit="fields",
                        value=MAX_SURPLUS,
                    )
            elif field.limit is not None and counts[number] > field.limit:
                raise LimitReached(
                    f"`{field.name}` has more than {field.limit} elements; send fewer.",
                    field=field.name,
                    limit="elements",
                    value=field.limit,
                )


def _varint(content: bytes, position: int) -> tuple[int, int]:
    octet = content[position]
    if octet < 0x80:
        return octet, position + 1
    value, shift = octet & 0x7F, 7
    while shift < 70:
        position += 1
        octet = content[position]
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            return value, position + 1
        shift += 7
    raise IndexError


@lru_cache(maxsize=1_000)
def _fields(message: str) -> dict[int, _Field]:
    """Return what has to be known of the fields of a message."""
    descriptor = descriptor_pool.Default().FindMessageTypeByName(message)
    limit = _MORE_ELEMENTS.get(descriptor.name, MAX_ELEMENTS)
    return {
        field.number: _Field(
            field.name,
            limit if field.is_repeated else None,
            None if field.message_type is None else field.message_type.full_name,
            field.is_repeated
            and field.message_type is None
            and field.cpp_type not in (FieldDescriptor.CPPTYPE_STRING, *_PACKABLE_BYTES),
        )
        for field in descriptor.fields
    }


@lru_cache(maxsize=1_000)
def _carries_bytes(message: str) -> bool:
    """Return whether a message, or one within it, has a field of bytes: rows, relations, values, and contents have."""
    seen: set[str] = set()
    waiting = [descriptor_pool.Default().FindMessageTypeByName(message)]
    while waiting:
        descriptor = waiting.pop()
        if descriptor.full_name in seen:
            continue
        seen.add(descriptor.full_name)
        if any(field.type == FieldDescriptor.TYPE_BYTES for field in descriptor.fields):
            return True
        waiting += [field.message_type for field in descriptor.fields if field.message_type is not None]
    return False
