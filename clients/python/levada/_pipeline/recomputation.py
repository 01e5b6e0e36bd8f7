"""Compute results again beside what is stored, show the differences, and replace the results on request."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from levada._base.errors import InvalidRequest, LevadaError
from levada._base.installation import needing
from levada._base.names import full_name
from levada._base.text import markup, shown, text_of
from levada._jobs import job_calls
from levada._jobs.code_version import look_again
from levada._jobs.completion import CompletedJob, job_messages
from levada._jobs.make import MakeFailed, make
from levada._jobs.worker_session import close_session, open_session
from levada._pipeline.comparison import Difference, differences
from levada._tables.table import free_table
from levada_api.v1 import job_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from levada._jobs.computing import Computing
    from levada._jobs.job_calls import Lease
    from levada._query.relation import Relation
    from levada._tables.table import Table

    Key = dict[str, Any]  # Any: an attribute's value

_SHOWN = 12
"""The most differences of a printed comparison."""
_LEASE = timedelta(minutes=1)
_CELL = "padding:.2em .7em;text-align:left;vertical-align:top"


class Recomputation:
    """The outcome of a recompute: results that came out equal, differences, and errors; nothing is replaced yet.

    It shows itself, in a terminal and in a notebook. `confirm` replaces what differs and renews the records of what is
    equal; whoever does not confirm has changed nothing. It is true if anything differs.

    Attributes:
        differences: The values that differ.
        errors: Pairs of a key and the exception that its `make` raised; these results stay as they are.
    """

    def __init__(
        self, table: Computing, jobs: Sequence[CompletedJob], found: Mapping[int, Sequence[Difference]]
    ) -> None:
        self._table = table
        self._jobs = list(jobs)
        self._found = found
        self._confirmed = False
        self.differences: list[Difference] = [one for number in range(len(jobs)) for one in found.get(number, ())]
        self.errors: list[tuple[Key, BaseException]] = []

    @property
    def equal_count(self) -> int:
        """How many results came out equal, or within the tolerance."""
        return len(self._jobs) - self.different_count

    @property
    def different_count(self) -> int:
        """How many results came out different."""
        return sum(1 for number in range(len(self._jobs)) if self._found.get(number))

    def __bool__(self) -> bool:
        return self.different_count > 0

    def to_dicts(self) -> list[dict[str, Any]]:  # Any: values of the table
        """Return the differences as dictionaries: table, key, attribute, and the stored and the computed value."""
        return [one.as_row() for one in self.differences]

    def to_pandas(self) -> pd.DataFrame:
        """Return the differences as a DataFrame, with the columns of `to_dicts`."""
        with needing("pandas"):
            import pandas as pd

        return pd.DataFrame(self.to_dicts())

    def confirm(self) -> int:
        """Replace the results that differ, and record the code and inputs of all, in one transaction.

        The keys stay, so nothing downstream is deleted; what was computed from changed results is stale by itself.

        Returns:
            How many results were replaced or renewed.

        Raises:
            InvalidRequest: It was confirmed before.
            LeaseLost: A result was computed by somebody else since; nothing is replaced.
            HasChildren: Other rows depend on a row that was not computed again; nothing is replaced.
        """
        if self._confirmed:
            raise InvalidRequest("This recompute was confirmed before; recompute again.")
        if not self._jobs:
            return 0
        connection = self._table.connection
        session = open_session(connection, _LEASE)
        try:
            messages = self._messages(session)
            answer = connection.send("JobService/ReplaceResults", messages, pb.ReplaceResultsResponse)
        finally:
            close_session(connection, session)
        self._confirmed = True
        self.close()
        return answer.result_count

    def _messages(self, session: str) -> Iterator[pb.ReplaceResultsRequest]:
        for number, job in enumerate(self._jobs):
            unchanged = not self._found.get(number)
            told = replace(job, inserts=()) if unchanged else job
            for message in job_messages(told, pb.ReplaceResultsRequest):
                if message.HasField("job"):
                    message.job.unchanged = unchanged
                    message.job.worker_session = session
                yield message

    def close(self) -> None:
        """Free the computed rows."""
        for job in self._jobs:
            job.close()

    # ---------------------------------------------------------------------------------------------- how it shows

    def _summary(self) -> str:
        parts = [f"{self.equal_count} equal", f"{self.different_count} different"]
        if self.errors:
            parts.append(f"{len(self.errors)} failed")
        state = "" if not self._confirmed else "; confirmed"
        return f"{_shown(self._table)} recomputed: {', '.join(parts)}{state}"

    def _lines(self) -> Iterator[tuple[str, str, str, str]]:
        for one in self.differences[:_SHOWN]:
            key = ", ".join(f"{name}={shown(value)}" for name, value in one.key.items())
            yield f"{one.table} ({key})", one.attribute or "row", shown(one.stored), shown(one.computed)

    def __repr__(self) -> str:
        lines = [self._summary()]
        lines += [f"  {place}  {attribute}: {old} → {new}" for place, attribute, old, new in self._lines()]
        if len(self.differences) > _SHOWN:
            lines.append(f"  and {len(self.differences) - _SHOWN} more differences; see to_dicts()")
        lines += [f"  failed ({key}): {text_of(error)}" for key, error in self.errors[:_SHOWN]]
        if self._jobs and not self._confirmed:
            lines.append("Nothing is replaced yet: confirm() does.")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            "<tr>" + "".join(f'<td style="{_CELL}">{markup(text)}</td>' for text in line) + "</tr>"
            for line in self._lines()
        )
        head = "".join(f'<th style="{_CELL}">{name}</th>' for name in ("row", "attribute", "stored", "computed"))
        table = f'<div style="overflow-x:auto"><table><tr>{head}</tr>{rows}</table></div>' if rows else ""
        more = len(self.differences) - _SHOWN
        rest = f"<p>and {more} more differences</p>" if more > 0 else ""
        failed = "".join(
            f"<p>failed ({markup(str(key))}): {markup(text_of(error))}</p>" for key, error in self.errors[:_SHOWN]
        )
        left = (
            "" if self._confirmed or not self._jobs else "<p>Nothing is replaced yet: <code>confirm()</code> does.</p>"
        )
        return f"<div><p>{markup(self._summary())}</p>{table}{rest}{failed}{left}</div>"


def recompute(
    table: Computing,
    results: Relation | None,
    *,
    tolerance: Mapping[str, float],
    make_kwargs: Mapping[str, Any],  # Any: the user's own
    suppress_errors: bool,
) -> Recomputation:
    """Compute results again; arguments as for `AutoPopulated.recompute`."""
    look_again()
    jobs: list[CompletedJob] = []
    found: dict[int, list[Difference]] = {}
    errors: list[tuple[Key, BaseException]] = []
    try:
        for lease in job_calls.leased_results(table.connection, table._name, results):
            try:
                job = make(table, lease, make_kwargs, lambda _: False, beside=True)
            except MakeFailed as failed:
                if not suppress_errors or isinstance(failed.cause, (SystemExit, KeyboardInterrupt)):
                    raise failed.cause from None
                errors.append((lease.key, failed.cause))
                continue
            jobs.append(job)
            found[len(jobs) - 1] = list(_compare(table, lease, job, tolerance))
    except BaseException:
        for job in jobs:
            job.close()
        raise
    done = Recomputation(table, jobs, found)
    done.errors = errors
    return done


def _compare(table: Computing, lease: Lease, job: CompletedJob, tolerance: Mapping[str, float]) -> Iterator[Difference]:
    connection = table.connection
    for target in (table, *table.parts(as_objects=True)):
        name = target._name
        described = connection.describe_table(name)
        stored = (free_table(connection, name) & lease.key).to_arrow()
        inserts = [insert for insert in job.inserts if _same_table(insert.table, described.table.name)]
        batches = [batch for insert in inserts for batch in _batches(insert.ipc_pieces())]
        yield from differences(_shown(target), described.heading, stored, batches, tolerance, job.hashes)


def _shown(table: Table) -> str:
    name = table.connection.describe_table(table._name).table.name
    return f"{name.schema}.{name.table}"


def _same_table(one: Any, other: Any) -> bool:  # noqa: ANN401  # names of tables
    return full_name(one) == full_name(other)


def _batches(pieces: Iterable[bytes]) -> list[pa.RecordBatch]:
    with pa.ipc.open_stream(b"".join(pieces)) as reader:
        batches: list[pa.RecordBatch] = list(reader)
        return batches


def replace_stale(
    table: Computing,
    results: Relation,
    *,
    make_kwargs: Mapping[str, Any],  # Any: the user's own
    suppress_errors: bool,
    return_exception_objects: bool,
    max_calls: int | None,
) -> tuple[int, list[tuple[Key, object]]]:
    """Compute results again and replace each at once; return how many, and the errors with their keys.

    A result that somebody else computes meanwhile is left to them.
    """
    count = 0
    errors: list[tuple[Key, object]] = []
    for number, lease in enumerate(job_calls.leased_results(table.connection, table._name, results)):
        if number == max_calls:
            break
        try:
            job = make(table, lease, make_kwargs, lambda _: False, beside=True)
        except MakeFailed as failed:
            if not suppress_errors or isinstance(failed.cause, (SystemExit, KeyboardInterrupt)):
                raise failed.cause from None
            errors.append((lease.key, failed.cause if return_exception_objects else text_of(failed.cause)))
            continue
        done = Recomputation(table, [job], {0: list(_compare(table, lease, job, {}))})
        try:
            count += done.confirm()
        except LevadaError as error:
            if not suppress_errors:
                raise
            errors.append((lease.key, error if return_exception_objects else text_of(error)))
        finally:
            done.close()
    return count, errors
