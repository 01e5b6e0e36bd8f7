"""Decide how rows go into a table: bound to one statement, by COPY, or by COPY into a temporary table; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

BULK_ROWS = 500
BULK_BYTES = 2**20
"""The limits of rows and of bytes above which COPY is quicker than bound arrays, despite several trips."""


class Way(Enum):
    """The way in which one batch of rows goes into its table."""

    NONE = "none"
    """Nothing to do, because there are no rows."""
    BOUND = "bound"
    """One statement, to which the columns are bound as arrays."""
    COPY = "copy"
    """COPY into the table."""
    COPY_OR_STAGE = "copy_or_stage"
    """COPY; if a row exists, or lacks its parent, `STAGE` instead."""
    STAGE = "stage"
    """COPY into a temporary table, from which a statement inserts."""


@dataclass(frozen=True, slots=True)
class InsertPlan:
    """The plan for inserting one batch of rows.

    Args:
        way: The statements to use.
        transaction: Whether it needs a transaction, which also checks the catalog and stores the outcome of the
            request. If not, its one statement does everything.
        skip_duplicates: Skip rows whose primary key exists.
        replace: Update rows whose primary key exists.
    """

    way: Way
    transaction: bool
    skip_duplicates: bool = False
    replace: bool = False


def plan_insert(
    row_count: int,
    byte_count: int,
    *,
    skip_duplicates: bool,
    replace: bool,
    unfilled: bool,
    alone: bool,
    duplicates_expected: bool = False,
) -> InsertPlan:
    """Decide how a batch of rows goes into its table.

    Args:
        row_count: The number of rows of the batch.
        byte_count: The number of bytes of its columns.
        skip_duplicates: Skip rows whose primary key exists.
        replace: Update rows whose primary key exists.
        unfilled: Whether a missing value takes a default that only the database knows.
        alone: Whether it is the only batch of the insert.
        duplicates_expected: Whether some of the rows probably exist, because earlier ones did.
    """
    way = _way(
        row_count,
        byte_count,
        staged=replace or unfilled or (skip_duplicates and duplicates_expected),
        skip_duplicates=skip_duplicates,
    )
    own = alone and way in (Way.NONE, Way.BOUND)
    return InsertPlan(way, not own, skip_duplicates, replace)


def fit_one_statement(row_count: int, byte_count: int) -> bool:
    """Return whether rows are few enough to be bound to one statement."""
    return row_count < BULK_ROWS and byte_count < BULK_BYTES


def _way(row_count: int, byte_count: int, *, staged: bool, skip_duplicates: bool) -> Way:
    if not row_count:
        return Way.NONE
    if fit_one_statement(row_count, byte_count):
        return Way.BOUND
    if staged:
        return Way.STAGE
    # Existing rows are the exception: a temporary table is worth its price only once one has been found.
    return Way.COPY_OR_STAGE if skip_duplicates else Way.COPY
