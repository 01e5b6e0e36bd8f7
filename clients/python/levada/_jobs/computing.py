"""Classes that compute: how they are told apart, and what they say about their jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from levada._tables.table import Table


class Computing(Table):
    """A table whose rows come from its `make`."""

    _abstract: ClassVar[bool] = True

    make_time_limit: ClassVar[timedelta | float | None] = None
    """How long one `make` may run in a process of its own (`levada worker`, `populate(processes=2)`): a timedelta, or
    seconds."""
    make_memory_limit: ClassVar[int | str | None] = None
    """How much memory that process may keep for itself: bytes, or text such as `"4 GB"`."""
    max_attempts: ClassVar[int | None] = None
    """A job is started at most so often. None: an error of `make` is final, and only lost workers' jobs start again."""
    retry_delay: ClassVar[timedelta] = timedelta(seconds=10)
    """Pause after the first error of `make`; it doubles with each further one."""

    buffer_inserts: ClassVar[bool] = True
    """Keep what `make` inserts until it has ended. False: it goes into a transaction that is open from then on."""


# The classes of tiers are marked `_abstract`; what stands below them is the user's.
_OVERRIDES = {"key_source", "make", "_make_tuples", "make_fetch", "make_compute", "make_insert"}


def own_names(table: type) -> set[str]:
    """Give which of `make`, its three steps and `key_source` a class and its bases below the tier define."""
    return {name for base in table.__mro__ if "_abstract" not in vars(base) for name in _OVERRIDES & vars(base).keys()}


def whole_step(names: set[str]) -> str | None:
    """Give the name of the method that computes by itself; the oldest code has `_make_tuples`."""
    return next((name for name in ("make", "_make_tuples") if name in names), None)


def has_make(table: type) -> bool:
    """Tell whether a class computes: it has a `make`, whole or in three steps."""
    names = own_names(table)
    return whole_step(names) is not None or {"make_fetch", "make_compute", "make_insert"} <= names
