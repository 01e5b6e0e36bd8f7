"""Classes that compute: how to recognize them, and the settings of their jobs."""

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
    """How much memory that process may use: bytes, or text such as `"4 GB"`."""
    max_attempts: ClassVar[int | None] = None
    """The limit on starts of a job. None: an error of `make` is final, and only jobs of lost workers start again."""
    retry_delay: ClassVar[timedelta] = timedelta(seconds=10)
    """The pause after the first error of `make`; it doubles with each further error."""

    buffer_inserts: ClassVar[bool] = True
    """Whether to keep the inserts of `make` until it has ended. False: the first insert opens a transaction."""


# The classes of tiers are marked `_abstract`; the classes below them are the user's.
_OVERRIDES = {"key_source", "make", "_make_tuples", "make_fetch", "make_compute", "make_insert"}


def own_names(table: type) -> set[str]:
    """Return which of `make`, its three steps and `key_source` a class and its bases below the tier define."""
    return {name for base in table.__mro__ if "_abstract" not in vars(base) for name in _OVERRIDES & vars(base).keys()}


def whole_step(names: set[str]) -> str | None:
    """Return the name of the single method that computes; the oldest code has `_make_tuples`."""
    return next((name for name in ("make", "_make_tuples") if name in names), None)


def has_make(table: type) -> bool:
    """Return whether a class computes: it has a `make`, whole or in three steps."""
    names = own_names(table)
    return whole_step(names) is not None or {"make_fetch", "make_compute", "make_insert"} <= names
