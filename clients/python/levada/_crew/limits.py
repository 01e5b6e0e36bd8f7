"""The limits of one `make`: time, and memory of its process; and the time of one `discover`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta

from levada._base.errors import InvalidRequest

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?|)b?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Limits:
    """The limits of one `make`; None means no limit.

    Args:
        time: How long it may run.
        memory_bytes: The maximum private memory of its process.
    """

    time: timedelta | None = None
    memory_bytes: int | None = None

    def or_else(self, other: Limits) -> Limits:
        """Fill in missing limits from other limits."""
        return Limits(
            self.time if self.time is not None else other.time,
            self.memory_bytes if self.memory_bytes is not None else other.memory_bytes,
        )


def limits_of(table: type) -> Limits:
    """Return the limits that a class sets: `make_time_limit` and `make_memory_limit`.

    Raises:
        InvalidRequest: One of them is not a time or size.
    """
    time, memory = getattr(table, "make_time_limit", None), getattr(table, "make_memory_limit", None)
    try:
        return Limits(None if time is None else parse_time(time), None if memory is None else parse_size(memory))
    except ValueError as error:
        raise InvalidRequest(f"A limit of `{table.__name__}` is wrong: {error}.") from None


def discovery_limit_of(table: type) -> timedelta | None:
    """Return how long one `discover` of a class may take, its `discover_time_limit`; None for any time.

    Raises:
        InvalidRequest: It is not a time.
    """
    given = getattr(table, "discover_time_limit", None)
    try:
        return None if given is None else parse_time(given)
    except ValueError as error:
        raise InvalidRequest(f"The discover_time_limit of `{table.__name__}` is wrong: {error}.") from None


def parse_time(given: object) -> timedelta:
    """Read a span of time: a timedelta or a number of seconds, also as text.

    Raises:
        ValueError: It is neither, or not above 0.
    """
    try:
        span = given if isinstance(given, timedelta) else timedelta(seconds=float(given))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        span = timedelta(0)
    if not span > timedelta(0):
        raise ValueError(f"{given!r} is not a time above 0; use a number of seconds or a timedelta")
    return span


def parse_size(given: object) -> int:
    """Read a size: a number of bytes, or text such as `1.5 GB` or `512 MiB`.

    Raises:
        ValueError: It is neither, or not above 0.
    """
    match = _SIZE.fullmatch(str(given))
    size = float(match[1]) * _UNITS[match[2].lower()] if match else 0.0
    if not size > 0 or math.isinf(size):
        raise ValueError(f'{given!r} is not a size above 0; use a number of bytes, or text such as "1.5 GB"')
    return int(size)


def show_size(size_bytes: int) -> str:
    """Format a size for people."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes} B"
