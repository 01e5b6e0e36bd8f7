"""Validation: rows are inserted in a transaction that is rolled back, so that every rule is checked."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from levada._base.errors import InvalidRequest, LevadaError
from levada._query.relation import Relation
from levada._query.restriction import as_operand
from levada._tables.insertion import insert
from levada._values.tabular import is_arrow, is_sliceable, slice_rows, to_arrow_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada._tables.insertion import Target
    from levada_api.v1 import row_service_pb2 as pb

MAX_ERRORS = 100
_CHUNK_ROWS = 10_000
"""How many rows are tried again for each error among them."""


@dataclass
class ValidationResult:
    """The errors of some rows.

    Args:
        errors: For each row that cannot be inserted: its number from 0, the attribute if one is at fault, and the
            reason; at most 100.
        rows_checked: How many rows were checked; not all if there are more errors than that.
    """

    errors: list[tuple[int | None, str | None, str]] = field(default_factory=list)
    rows_checked: int = 0

    @property
    def is_valid(self) -> bool:
        """Whether all rows can be inserted."""
        return not self.errors

    def __bool__(self) -> bool:
        return self.is_valid

    def summary(self) -> str:
        """Summarize the result, in a line for each error."""
        if self.is_valid:
            return f"{self.rows_checked} rows can be inserted."
        lines = [f"{len(self.errors)} of {self.rows_checked} rows cannot be inserted:"]
        return "\n".join(lines + [message for _, _, message in self.errors])

    def raise_if_invalid(self) -> None:
        """Raise InvalidRequest with the summary unless all rows can be inserted."""
        if not self.is_valid:
            raise InvalidRequest(self.summary())


def validate(table: Target, rows: object, options: pb.InsertOptions) -> ValidationResult:
    """Find the rows that an insert would refuse, without keeping any."""
    count, part = _sliced(as_operand(rows))
    result = ValidationResult()
    with suppress(_Undone), table.connection.transaction:
        for start in range(0, count, _CHUNK_ROWS):
            _try_rows(table, part, start, min(start + _CHUNK_ROWS, count), options, result)
            if len(result.errors) >= MAX_ERRORS:
                break
        raise _Undone
    return result


class _Undone(Exception):
    """Ends the transaction of a validation."""


def _try_rows(
    table: Target,
    part: Callable[[int, int], object],
    start: int,
    stop: int,
    options: pb.InsertOptions,
    result: ValidationResult,
) -> None:
    while start < stop and len(result.errors) < MAX_ERRORS:
        try:
            with table.connection.transaction:
                insert(table, part(start, stop), options, None)
            result.rows_checked = stop
            return
        except LevadaError as error:
            number = error.details.get("row")
            if number is None:  # it concerns all of them, such as a column that is not an attribute
                result.errors.append((None, error.details.get("attribute"), str(error)))
                result.rows_checked = stop
                return
            row = start + int(number)
            message = str(error).replace(f"row {number}", f"row {row}", 1)
            # A wrong value is found before the server sees any row: the rows before it are still to be tried.
            _try_rows(table, part, start, row, options, result)
            result.errors.append((row, error.details.get("attribute"), message))
            start = result.rows_checked = row + 1


def _sliced(rows: object) -> tuple[int, Callable[[int, int], object]]:
    """Return the number of rows of any form, and a function that slices them."""
    if isinstance(rows, Relation):
        rows = rows.to_arrow()
    if is_sliceable(rows):
        return len(rows), lambda start, stop: slice_rows(rows, start, stop)
    if is_arrow(rows):
        table = to_arrow_table(rows)
        return table.num_rows, lambda start, stop: table.slice(start, stop - start)
    if isinstance(rows, (str, bytes, dict)) or not hasattr(rows, "__iter__"):
        raise InvalidRequest("validate takes rows like insert, but not a file: read it first, for example with pandas.")
    listed: list[Any] = list(rows)  # Any: rows of any form
    return len(listed), lambda start, stop: listed[start:stop]
