"""The jobs of all tables of a schema, as one collection and as a list."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from typing import TYPE_CHECKING, Any, TypeAlias

from levada._base.absent_names import Explained
from levada._base.display import Cell, Column, Table, html_line
from levada._base.errors import InvalidRequest, NotFound
from levada._base.names import stored_form, without_tier_mark
from levada._query.restriction import AndList, Not
from levada._values.tabular import is_tabular, row_mapping, row_mappings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada._jobs.job_table import Jobs

Fetched: TypeAlias = Any  # dictionaries, or one or several lists of values, depending on the arguments

_NONE = "no table of the schema has jobs: none is computed by a class with `make`"
_LITERAL = r"""'[^']*'|"[^"]*\""""
_TABLE_NAMES = re.compile(
    rf"(?P<operator>\btable_name`?\s*(?:<=>|<>|!=|=|(?:NOT\s+)?(?:IN|LIKE)\b)\s*)"
    rf"(?P<names>{_LITERAL}|\((?:\s*(?:{_LITERAL})\s*,?)*\))",
    re.IGNORECASE,
)
"""A comparison of `table_name` in a text, with the names that it is compared with."""


class SchemaJobs(Explained):
    """The jobs of all tables of a schema: conditions and methods apply to all of them.

    Every job has the stored name of its table as `table_name`; conditions may spell it in any way. The length is the
    number of jobs. Iteration and indices return the jobs of each table, as a relation.

    Args:
        jobs: By table.
    """

    def __init__(self, jobs: Sequence[Jobs]) -> None:
        self._jobs = tuple(jobs)

    def __iter__(self) -> Iterator[Jobs]:
        return iter(self._jobs)

    def __getitem__(self, index: int) -> Jobs:
        return self._jobs[index]

    def __len__(self) -> int:
        return sum(len(jobs) for jobs in self._jobs)

    def __bool__(self) -> bool:
        return any(self._jobs)

    def __and__(self, condition: object) -> SchemaJobs:
        condition = _with_stored_names(condition)
        return SchemaJobs([jobs & condition for jobs in self._jobs])

    def __sub__(self, condition: object) -> SchemaJobs:
        return self & Not(condition)

    def __repr__(self) -> str:
        overview = self._overview()
        return overview if isinstance(overview, str) else overview.text().rstrip()

    def _repr_html_(self) -> str:
        overview = self._overview()
        return html_line(overview) if isinstance(overview, str) else overview.html()

    def _overview(self) -> Table | str:
        """Count the jobs of each table that has some by their state; a line if there are none."""
        if not self._jobs:
            return _NONE
        found_of = [(jobs, found) for jobs in self._jobs if any((found := jobs.progress()).values())]
        if not found_of:
            return f"no such job of {', '.join(jobs.table_name for jobs in self._jobs)}"
        counts = [found for _, found in found_of]
        # A newer server may have more states than this client knows, which only some tables then show.
        names = list(dict.fromkeys(name for found in counts for name in found))
        rows = [[j.table_name, *(found.get(n, 0) for n in names)] for j, found in found_of]
        columns = [Column("table_name"), *(Column(name, right=True) for name in names)]
        return Table(columns, [[Cell(str(value)) for value in row] for row in rows])

    @property
    def pending(self) -> SchemaJobs:
        """The pending jobs."""
        return SchemaJobs([jobs.pending for jobs in self._jobs])

    @property
    def reserved(self) -> SchemaJobs:
        """The jobs that a worker holds."""
        return SchemaJobs([jobs.reserved for jobs in self._jobs])

    @property
    def completed(self) -> SchemaJobs:
        """The jobs whose rows are committed."""
        return SchemaJobs([jobs.completed for jobs in self._jobs])

    @property
    def errors(self) -> SchemaJobs:
        """The jobs that failed."""
        return SchemaJobs([jobs.errors for jobs in self._jobs])

    @property
    def ignored(self) -> SchemaJobs:
        """The ignored jobs."""
        return SchemaJobs([jobs.ignored for jobs in self._jobs])

    def progress(self) -> dict[str, int]:
        """Count the jobs by `status`, and in `total`."""
        counts = Counter[str]()
        for jobs in self._jobs:
            counts.update(jobs.progress())
        return dict(counts)

    def to_dicts(self) -> list[dict[str, Any]]:  # Any: an attribute's value
        """Fetch all jobs: `table_name`, `key`, and the attributes of every job."""
        rows = []
        for jobs in self._jobs:
            names = jobs.primary_key
            for row in jobs.to_dicts(order_by="KEY"):
                key = {name: row.pop(name) for name in names}
                rows.append({"key": key, **row})
        return rows

    def fetch(self, *names: str, as_dict: bool = False) -> Fetched:
        """Fetch all jobs as dictionaries, like `to_dicts`; or a list of the values of each name.

        Args:
            names: Attributes of every job; `key` is a dictionary, and so is `"KEY"`, which also has the `table_name`
                and thus restricts the jobs to this one.
            as_dict: Return dictionaries even if there are names.
        """
        rows = self.to_dicts()
        if not names:
            return rows
        chosen = [_values(row, names) for row in rows]
        if as_dict:
            return [dict(zip(names, values, strict=True)) for values in chosen]
        columns = [[values[number] for values in chosen] for number in range(len(names))]
        return tuple(columns) if len(names) > 1 else columns[0]

    def fetch1(self, *names: str) -> Fetched:
        """Fetch exactly one job: as a dictionary, or the values of some names, as for `fetch`.

        Raises:
            NotFound: There is no job.
            InvalidRequest: There are several.
        """
        rows = self.to_dicts()
        if len(rows) != 1:
            kind = InvalidRequest if rows else NotFound
            raise kind(f"fetch1 needs exactly one job and there are {len(rows)}. Restrict the jobs further.")
        if not names:
            return rows[0]
        values = _values(rows[0], names)
        return values if len(names) > 1 else values[0]

    def retry(self) -> int:
        """Make failed and ignored jobs pending again; return their number."""
        return sum(jobs.retry() for jobs in self._jobs)

    def cancel(self) -> int:
        """Cancel the jobs that a worker holds; return their number."""
        return sum(jobs.cancel() for jobs in self._jobs)

    def ignore(self, table_name: str, key: Mapping[str, Any]) -> int:  # Any: an attribute's value
        """Ignore the job of a key, which is created if there is none; return 1, or 0 if the key is computed already.

        Args:
            table_name: The table, by its class name, its stored name, or its full name.
            key: Its primary key.

        Raises:
            InvalidRequest: There is no such table, or it has no jobs.
        """
        return self._of(table_name).ignore(key)

    def reserve(self, table_name: str, key: Mapping[str, Any]) -> bool:  # Any: an attribute's value
        """Reserve the job of a key for this process, as `reserve` of the table's own jobs does.

        Args:
            table_name: As for `ignore`.
            key: As for `ignore`.
        """
        return self._of(table_name).reserve(key)

    def complete(self, table_name: str, key: Mapping[str, Any]) -> None:  # Any: an attribute's value
        """Complete a job that this process reserved; arguments as for `ignore`."""
        self._of(table_name).complete(key)

    def error(
        self,
        table_name: str,
        key: Mapping[str, Any],  # Any: an attribute's value
        error_message: str,
        error_stack: str | None = None,
    ) -> None:
        """Record the error of a job that this process reserved; arguments as for `ignore` and `Jobs.error`."""
        self._of(table_name).error(key, error_message, error_stack)

    def delete(self, prompt: bool | None = None) -> int:
        """Do the same as `retry`; `prompt` is accepted but not used, because nothing is lost."""
        return self.retry()

    delete_quick = delete

    def _of(self, table_name: str) -> Jobs:
        wanted = stored_form(table_name.strip("`").rpartition("`.`")[2])  # a full name has the schema before it
        for jobs in self._jobs:
            if jobs.table_name == wanted:
                return jobs
        known = ", ".join(jobs.table_name for jobs in self._jobs)
        raise InvalidRequest(f"No table {table_name!r} has jobs here; {known or 'none'} has.")


def _values(row: Mapping[str, Any], names: Sequence[str]) -> tuple[Any, ...]:  # Any: an attribute's value
    whole = {**row, "KEY": {"table_name": row["table_name"], **row["key"]}}
    try:
        return tuple(whole[name] for name in names)
    except KeyError as error:
        raise InvalidRequest(f"Jobs have no {error}; they have {', '.join(map(repr, row))}.") from None


def _with_stored_names(condition: object) -> object:
    """Write the names that a condition compares with `table_name` as they are stored."""
    if isinstance(condition, str):
        return _TABLE_NAMES.sub(_stored_comparison, condition)
    if isinstance(condition, Not):
        return Not(_with_stored_names(condition.restriction))
    if (row := row_mapping(condition)) is not None:
        return {name: _stored(value) if name == "table_name" else value for name, value in row.items()}
    if isinstance(condition, AndList):
        return AndList(map(_with_stored_names, condition))
    if isinstance(condition, (list, tuple, Set, Iterator)):
        return [_with_stored_names(item) for item in condition]
    return [_with_stored_names(row) for row in row_mappings(condition)] if is_tabular(condition) else condition


def _stored(value: object) -> object:
    if isinstance(value, str):
        return stored_form(value)
    return [_stored(item) for item in value] if isinstance(value, (list, tuple, Set)) else value


def _stored_comparison(comparison: re.Match[str]) -> str:
    # A pattern may begin with any part of a name, so that only the mark and the case of older names are taken away.
    is_pattern = comparison["operator"].rstrip().upper().endswith("LIKE")

    def stored(literal: re.Match[str]) -> str:
        text = literal[0][1:-1]
        return literal[0][0] + (without_tier_mark(text).lower() if is_pattern else stored_form(text)) + literal[0][-1]

    return comparison["operator"] + re.sub(_LITERAL, stored, comparison["names"])
