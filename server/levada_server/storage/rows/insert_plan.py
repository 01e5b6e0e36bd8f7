"""How rows go into a table: bound to one statement, by COPY, or by COPY into a temporary table; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

BULK_ROWS = 500
BULK_BYTES = 2**20
"""From either on, COPY is quicker than bound arrays, although it may take several trips."""


class Way(Enum):
    """How one batch of rows goes into its table."""

    NONE = "none"
    """It has no rows."""
    BOUND = "bound"
    """One statement, to which the columns are bound as arrays."""
    COPY = "copy"
    """COPY into the table."""
    COPY_OR_STAGE = "copy_or_stage"
    """COPY; if a row exists, `STAGE` instead."""
    STAGE = "stage"
    """COPY into a temporary table, from which a statement inserts."""


@dataclass(frozen=True, slots=True)
class InsertPlan:
    """How to insert one batch of rows.

    Args:
        way: Which statements to use.
        transaction: It needs a transaction, which also checks the catalog and stores the outcome of the request. If
            not, its one statement does all of it.
        skip_duplicates: Leave rows out whose primary key exists.
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
    recorded: bool = False,
    duplicates_expected: bool = False,
) -> InsertPlan:
    """Decide how a batch of rows goes into its table.

    Args:
        row_count: Rows of the batch.
        byte_count: Bytes of its columns.
        skip_duplicates: Leave rows out whose primary key exists.
        replace: Update rows whose primary key exists.
        unfilled: A missing value takes a default that only the database knows.
        alone: No other batch belongs to the insert.
        recorded: The outcome of the request is to be stored.
        duplicates_expected: Some of the rows probably exist, as earlier ones did.
    """
    way = _way(
        row_count,
        byte_count,
        staged=replace or unfilled or (skip_duplicates and duplicates_expected),
        skip_duplicates=skip_duplicates,
    )
    # A statement knows how many rows it inserts, and can store it, only if it leaves none out.
    own = alone and way in (Way.NONE, Way.BOUND) and not (recorded and (skip_duplicates or replace))
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
    # Rows that exist are the exception: a temporary table is only worth its price once one has been found.
    return Way.COPY_OR_STAGE if skip_duplicates else Way.COPY
