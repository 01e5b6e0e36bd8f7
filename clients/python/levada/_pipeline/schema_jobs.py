"""The jobs of all tables of a schema, as one collection and as a list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from levada._base.absent_names import Explained
from levada._base.errors import InvalidRequest
from levada._base.names import stored_form
from levada._base.text import aligned

if TYPE_CHECKING:
    from levada._jobs.job_table import Jobs


class SchemaJobs(Explained, Sequence["Jobs"]):
    """The jobs of all tables of a schema, one relation for each; a restriction applies to all of them.

    Every job has the stored name of its table as `table_name`; a mapping with that key selects the table, in any
    spelling.

    Args:
        jobs: By table.
    """

    def __init__(self, jobs: Sequence[Jobs]) -> None:
        self._jobs = tuple(jobs)

    @overload
    def __getitem__(self, index: int) -> Jobs: ...

    @overload
    def __getitem__(self, index: slice) -> SchemaJobs: ...

    def __getitem__(self, index: int | slice) -> Jobs | SchemaJobs:
        return SchemaJobs(self._jobs[index]) if isinstance(index, slice) else self._jobs[index]

    def __len__(self) -> int:
        """The number of tables."""
        return len(self._jobs)

    def __and__(self, condition: object) -> SchemaJobs:
        chosen = self._jobs
        if isinstance(condition, Mapping) and isinstance(condition.get("table_name"), str):
            rest = dict(condition)
            wanted = stored_form(rest.pop("table_name"))
            chosen, condition = tuple(jobs for jobs in chosen if jobs.table_name == wanted), rest
        return SchemaJobs([jobs & condition for jobs in chosen])

    def __repr__(self) -> str:
        counts = [jobs.progress() for jobs in self._jobs]
        # A newer server may have more states than this client knows, which only some tables then show.
        names = dict.fromkeys(name for found in counts for name in found)
        rows = [(j.table_name, *(found.get(n, 0) for n in names)) for j, found in zip(self._jobs, counts, strict=True)]
        return "\n".join(aligned(("table_name", *names), rows)) if rows else "no table of the schema computes"

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

    def fetch(self, *names: str, as_dict: bool = False) -> Any:  # noqa: ANN401  # as asked for
        """Fetch all jobs as dictionaries, like `to_dicts`; or a list of the values of each name.

        Args:
            names: Attributes of every job; `key` is a dictionary.
            as_dict: Return dictionaries even if there are names.
        """
        rows = self.to_dicts()
        try:
            chosen = [{name: row[name] for name in names} for row in rows]
        except KeyError as error:
            raise InvalidRequest(f"Jobs have no {error}; they have {', '.join(map(repr, rows[0]))}.") from None
        if as_dict or not names:
            return chosen if names else rows
        columns = tuple([row[name] for row in chosen] for name in names)
        return columns if len(names) > 1 else columns[0]

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
