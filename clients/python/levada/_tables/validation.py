"""Validation: rows are inserted in a transaction that is rolled back, so that every rule is checked."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import pyarrow as pa

from levada._base.errors import InvalidRequest, LevadaError
from levada._query.relation import Relation
from levada._query.restriction import as_operand
from levada._tables.insertion import insert
from levada._values.tabular import is_arrow, is_sliceable, slice_rows, to_arrow_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    result = ValidationResult()
    with suppress(_Undone), table.connection.transaction:
        for first, count, part in _pieces(as_operand(rows)):
            for start in range(0, count, _CHUNK_ROWS):
                _try_rows(table, part, first, start, min(start + _CHUNK_ROWS, count), options, result)
                if len(result.errors) >= MAX_ERRORS:
                    raise _Undone
        raise _Undone
    return result


class _Undone(Exception):
    """Ends the transaction of a validation."""


def _try_rows(
    table: Target,
    part: Callable[[int, int], object],
    first: int,
    start: int,
    stop: int,
    options: pb.InsertOptions,
    result: ValidationResult,
) -> None:
    while start < stop and len(result.errors) < MAX_ERRORS:
        try:
            with table.connection.transaction:
                insert(table, part(start, stop), options, None)
            result.rows_checked = first + stop
            return
        except LevadaError as error:
            number = error.details.get("row")
            if number is None:  # it concerns all of them, such as a column that is not an attribute
                result.errors.append((None, error.details.get("attribute"), str(error)))
                result.rows_checked = first + stop
                return
            row = start + int(number)
            message = str(error).replace(f"row {number}", f"row {first + row}", 1)
            # A wrong value is found before the server sees any row: the rows before it are still to be tried.
            _try_rows(table, part, first, start, row, options, result)
            result.errors.append((first + row, error.details.get("attribute"), message))
            start = row + 1
            result.rows_checked = first + start


def _pieces(rows: object) -> Iterator[tuple[int, int, Callable[[int, int], object]]]:
    """Yield rows of any form in pieces: the number of the first row, how many there are, and a function that slices."""
    if isinstance(rows, Relation):
        rows = rows.to_arrow()
    if is_sliceable(rows):
        yield 0, len(rows), partial(slice_rows, rows)
    elif isinstance(rows, pa.RecordBatchReader):
        first = 0
        for batch in rows:
            table = pa.Table.from_batches([batch])
            yield first, table.num_rows, _arrow_slices(table)
            first += table.num_rows
    elif is_arrow(rows):
        table = to_arrow_table(rows)
        yield 0, table.num_rows, _arrow_slices(table)
    elif isinstance(rows, (str, bytes, dict)) or not isinstance(rows, Iterable):
        raise InvalidRequest("validate takes rows like insert, but not a file: read it first, for example with pandas.")
    else:
        first, iterator = 0, iter(rows)
        while listed := list(islice(iterator, _CHUNK_ROWS)):
            yield first, len(listed), _slices(listed)
            first += len(listed)


def _arrow_slices(table: pa.Table) -> Callable[[int, int], object]:
    return lambda start, stop: table.slice(start, stop - start)


def _slices(listed: list[object]) -> Callable[[int, int], object]:
    return lambda start, stop: listed[start:stop]
