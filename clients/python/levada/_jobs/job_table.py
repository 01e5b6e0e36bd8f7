"""The jobs of a table as a relation, with the methods that change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from levada._base import rules
from levada._base.errors import InvalidRequest
from levada._base.names import class_path, stored_name
from levada._jobs import job_calls
from levada._jobs.held_jobs import held_jobs
from levada._query import nodes
from levada._query.relation import Relation, U
from levada._tables.table import FreeTable, free_table
from levada_api.v1 import job_pb2, relation_pb2, schema_pb2
from levada_api.v1 import job_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    from levada._net.connection import Connection

    Source = Callable[[tuple[object, ...]], Relation | None]


_MESSAGE_WITH_TYPE = (
    "ifnull(if(error_message = '', error_type, concat(error_type, ': ', error_message)), error_message)"
)
_PREVIEWED = ("error_type", "error_message", "attempt", "finished_time", "duration", "host")
"""The attributes that a preview shows besides the key and the state; `.proj(...)` shows all."""
_STATES = [name.removeprefix("JOB_STATE_").lower() for name, number in job_pb2.JobState.items() if number]


class Jobs(Relation):
    """The jobs of a table: its primary key, then the state of each job; restrict, join and fetch it as any relation.

    `status` is the older name of `state`, with `ignore` for `ignored`. By the rules of DataJoint 0.14,
    `error_message` begins with the type of the error.

    Args:
        name: The table.
        source: Returns the keys to refresh for some restrictions; None for the table's own key source.
        named: Whether they have an attribute `table_name` too, which distinguishes them from jobs of other tables.
    """

    def __init__(
        self, connection: Connection, name: schema_pb2.TableName, source: Source, *, named: bool = False
    ) -> None:
        self._name = name
        self._source = source
        key = {a.name for a in connection.describe_table(name).heading.attributes.values() if a.in_key}
        # A key attribute keeps its name; a job attribute of the same name is then called job_….
        self._state, self._priority = (f"job_{name}" if name in key else name for name in ("state", "priority"))
        self._whole = nodes.job_table(name.schema, name.table)
        items = [relation_pb2.ProjectItem(remaining=True)]
        computed = {"status": f"CASE {self._state} WHEN 'ignored' THEN 'ignore' ELSE {self._state} END"}
        if rules.are_of_datajoint() and not key & {"error_message", "error_type"}:
            items.append(relation_pb2.ProjectItem(excluded="error_message"))
            computed["error_message"] = _MESSAGE_WITH_TYPE
        if named:
            computed["table_name"] = f"'{self.table_name}'"
        for new, text in computed.items():
            if new not in key:
                named_expression = relation_pb2.NamedExpression(name=new, expression=relation_pb2.Expression(text=text))
                items.append(relation_pb2.ProjectItem(named=named_expression))
        self._whole = nodes.project(self._whole, items)
        super().__init__(connection, self._whole)

    def _title(self) -> tuple[str, str]:
        return f"jobs of {class_path(self.connection.describe_table(self._name).table.name)}", ""

    def _previewed(self) -> Sequence[str]:
        return [*self.primary_key, self._state, *_PREVIEWED]

    @property
    def table_name(self) -> str:
        """The stored name of the jobs' table."""
        return stored_name(self._name.table)

    @property
    def target(self) -> FreeTable:
        """The table that the jobs compute."""
        return free_table(self.connection, self._name)

    def named(self) -> Jobs:
        """Return all jobs of the table, with the further attribute `table_name`."""
        return Jobs(self.connection, self._name, self._source, named=True)

    @property
    def pending(self) -> Jobs:
        """The jobs that wait."""
        return self._in_state("pending")

    @property
    def reserved(self) -> Jobs:
        """The jobs that a worker holds."""
        return self._in_state("reserved")

    @property
    def completed(self) -> Jobs:
        """The jobs whose rows are committed."""
        return self._in_state("success")

    @property
    def errors(self) -> Jobs:
        """The jobs that failed, with `error_type`, `error_message` and `error_stack`."""
        return self._in_state("error")

    @property
    def ignored(self) -> Jobs:
        """The jobs that are passed over."""
        return self._in_state("ignored")

    def _in_state(self, state: str) -> Jobs:
        return self & {self._state: state}

    def at_least(self, priority: int) -> Jobs:
        """Return the jobs of this priority and more urgent ones; 0 is the most urgent."""
        return self & f"{self._priority} <= {int(priority)}"

    def serialized(self) -> bytes | None:
        """Return the message that restricts a reserve to these jobs; None for all jobs."""
        return None if self._node is self._whole else self._message().SerializeToString()

    # ------------------------------------------------------------------------------------------- actions

    def refresh(
        self,
        *restrictions: object,
        delay: float | timedelta = 0,
        priority: int | None = None,
        retry_errors: bool = False,
        stale_timeout: float | None = None,
        orphan_timeout: float | None = None,
    ) -> dict[str, int]:
        """Make a job for each key that the table lacks, and drop the jobs whose key is gone from the key source.

        Args:
            restrictions: Only for keys of the key source that meet these.
            delay: Seconds that new jobs wait; a negative number means no wait, as 0 does.
            priority: The priority of new jobs, 0 first.
            retry_errors: Make failed jobs pending again.
            stale_timeout: Not used: jobs whose key is gone are always dropped.
            orphan_timeout: Not used: the jobs of a lost worker go to others when its lease has run out.

        Returns:
            The numbers of jobs `added`, `removed` and `re_pended`, and of `orphaned` ones, which is always 0.
        """
        done = job_calls.refresh(
            self.connection,
            self._name,
            self._source(restrictions),
            delay=max(delay, type(delay)(0)),
            priority=priority,
            retry_errors=retry_errors,
        )
        counts = {"added": done.added_count, "removed": done.removed_count, "re_pended": done.reset_count}
        return {**counts, "orphaned": 0}

    def retry(self) -> int:
        """Make these jobs pending if they failed or are passed over; return how many."""
        request = pb.RetryJobsRequest(name=self._name, jobs=self._chosen() or self._either("error", "ignored"))
        return self.connection.call("JobService/RetryJobs", request, pb.RetryJobsResponse).job_count

    def ignore(self, key: Mapping[str, Any] | None = None) -> int:  # Any: an attribute's value
        """Pass over these jobs if they wait or failed; return how many.

        Args:
            key: Pass over only the job of this key, which is made if there is none.
        """
        if key is not None:
            self.refresh(key)
            return (self & key).ignore()
        request = pb.IgnoreJobsRequest(name=self._name, jobs=self._chosen())
        return self.connection.call("JobService/IgnoreJobs", request, pb.IgnoreJobsResponse).job_count

    def reserve(self, key: Mapping[str, Any]) -> bool:  # Any: an attribute's value
        """Reserve the job of a key for this process, which then inserts its rows and calls `complete` or `error`.

        `populate` does all of this by itself. A lost process loses its jobs to others within a minute.

        Args:
            key: The whole primary key; further attributes are ignored.

        Returns:
            False if there is nothing to compute, or if another worker holds the job.
        """
        key = self._key(key)
        if self._reserve(key):
            return True
        if self & key:
            return False
        self.refresh(key)
        return self._reserve(key)

    def complete(self, key: Mapping[str, Any], duration: float | None = None) -> None:  # Any: as above
        """Complete a job that this process reserved, after its rows are inserted.

        If the table does not contain the key, the job is pending again after a delay, as if `make` inserted nothing.

        Args:
            key: As for `reserve`.
            duration: How long it ran, in seconds; by default since it was reserved.

        Raises:
            MakeContract: The table does not contain the key, and the contract is on; the job is still reserved.
            LeaseLost: The job was cancelled, or went to another worker.
            InvalidRequest: This process does not hold the job.
        """
        held_jobs(self.connection).complete(self.connection, self._identity(key), duration)

    def error(
        self, key: Mapping[str, Any], error_message: str, error_stack: str | None = None
    ) -> None:  # Any: as above
        """Record the error of a job that this process reserved.

        Args:
            key: As for `reserve`.
            error_message: The message; the words before its first colon are kept as `error_type`.
            error_stack: The stack.

        Raises:
            LeaseLost: The job was cancelled, or went to another worker.
            InvalidRequest: This process does not hold the job.
        """
        held_jobs(self.connection).fail(self.connection, self._identity(key), error_message, error_stack or "")

    def cancel(self) -> int:
        """End these jobs if a worker holds them, so that they become errors; return how many."""
        request = pb.CancelJobsRequest(name=self._name, jobs=self._chosen())
        return self.connection.call("JobService/CancelJobs", request, pb.CancelJobsResponse).job_count

    def delete(self, prompt: bool | None = None) -> int:
        """Forget the outcome of these jobs if they failed or are passed over, so that they are computed: `retry`.

        Args:
            prompt: Accepted and not used, because nothing is lost.
        """
        return self.retry()

    delete_quick = delete

    def progress(self) -> dict[str, int]:
        """Count these jobs by `status`, and in `total`."""
        counts = dict.fromkeys(map(_status, _STATES), 0)
        for row in U(self._state).aggr(self, job_count="count(*)"):
            counts[_status(row[self._state])] = row["job_count"]
        return {**counts, "total": sum(counts.values())}

    def _reserve(self, key: Mapping[str, Any]) -> bool:  # Any: an attribute's value
        held = held_jobs(self.connection)
        return held.reserve(self.connection, self._name, self._identity(key), (self & key).serialized())

    def _key(self, key: Mapping[str, Any]) -> dict[str, Any]:  # Any: an attribute's value
        """Return the primary key within some values."""
        names = self.primary_key
        if missing := [name for name in names if name not in key]:
            raise InvalidRequest(f"The job of a key needs the whole key; there is no {', '.join(missing)}.")
        return {name: key[name] for name in names}

    def _identity(self, key: Mapping[str, Any]) -> tuple[str, ...]:  # Any: an attribute's value
        return (self._name.schema, self._name.table, *map(str, self._key(key).values()))

    def _chosen(self) -> relation_pb2.Relation | None:
        return None if self._node is self._whole else self._message()

    def _either(self, *states: str) -> relation_pb2.Relation:
        return (self & [{self._state: state} for state in states])._message()


def _status(state: str) -> str:
    return "ignore" if state == "ignored" else state


def job_table(connection: Connection, schema: str, table: str) -> Jobs:
    """Return the jobs of a table that is known only by its name."""

    def source(restrictions: tuple[object, ...]) -> None:
        if restrictions:
            raise InvalidRequest(f"Only the class of `{table}` knows its key source; import it to refresh some keys.")

    return Jobs(connection, schema_pb2.TableName(schema=schema, table=table), source)


def has_jobs(connection: Connection, name: schema_pb2.TableName) -> bool:
    """Return whether a table computes: whether its class has a `make`."""
    request = pb.ListJobsRequest(name=name, page_size=1)
    try:
        connection.call("JobService/ListJobs", request, pb.ListJobsResponse)
    except InvalidRequest:
        return False
    return True
