"""The jobs of a table as a relation: what waits, who computes what, what failed; and what can be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from levada._base.errors import InvalidRequest
from levada._base.names import stored_name
from levada._jobs import job_calls
from levada._query import nodes
from levada._query.relation import Relation, U
from levada_api.v1 import job_service_pb2 as pb
from levada_api.v1 import relation_pb2, schema_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from levada._net.connection import Connection

    Source = Callable[[tuple[object, ...]], Relation | None]


class Jobs(Relation):
    """The jobs of a table: its primary key, then the state of each; restricts, joins and fetches as any relation.

    `status` is the older name of `state`, with `ignore` for `ignored`.

    Args:
        name: The table.
        source: Gives the keys to refresh for some restrictions, None for the table's own.
        named: They have an attribute `table_name` too, to be told from those of other tables.
    """

    def __init__(
        self, connection: Connection, name: schema_pb2.TableName, source: Source, *, named: bool = False
    ) -> None:
        self._name = name
        self._source = source
        key = {a.name for a in connection.describe_table(name).heading.attributes.values() if a.in_key}
        # A key attribute keeps its name; the job's own is then called job_….
        self._state, self._priority = (f"job_{name}" if name in key else name for name in ("state", "priority"))
        self._whole = nodes.job_table(name.schema, name.table)
        computed = {"status": f"CASE {self._state} WHEN 'ignored' THEN 'ignore' ELSE {self._state} END"}
        if named:
            computed["table_name"] = f"'{self.table_name}'"
        items = [relation_pb2.ProjectItem(remaining=True)]
        for new, text in computed.items():
            if new not in key:
                named_expression = relation_pb2.NamedExpression(name=new, expression=relation_pb2.Expression(text=text))
                items.append(relation_pb2.ProjectItem(named=named_expression))
        self._whole = nodes.project(self._whole, items)
        super().__init__(connection, self._whole)

    @property
    def table_name(self) -> str:
        """The stored name of the table whose jobs they are."""
        return stored_name(self._name.table)

    def named(self) -> Jobs:
        """Give all jobs of the table, with an attribute `table_name` too."""
        return Jobs(self.connection, self._name, self._source, named=True)

    @property
    def pending(self) -> Jobs:
        """Those that wait."""
        return self._in_state("pending")

    @property
    def reserved(self) -> Jobs:
        """Those that a worker holds."""
        return self._in_state("reserved")

    @property
    def completed(self) -> Jobs:
        """Those whose rows are committed."""
        return self._in_state("success")

    @property
    def errors(self) -> Jobs:
        """Those that failed, with `error_type`, `error_message` and `error_stack`."""
        return self._in_state("error")

    @property
    def ignored(self) -> Jobs:
        """Those that are passed over."""
        return self._in_state("ignored")

    def _in_state(self, state: str) -> Jobs:
        return self & {self._state: state}

    def at_least(self, priority: int) -> Jobs:
        """Those of this urgency and more urgent ones; 0 is the most urgent."""
        return self & f"{self._priority} <= {int(priority)}"

    def serialized(self) -> bytes | None:
        """Give the message that restricts a reserve to these; None for all."""
        return None if self._node is self._whole else self._message().SerializeToString()

    # ------------------------------------------------------------------------------------------- actions

    def refresh(
        self,
        *restrictions: object,
        delay: float | timedelta = 0,
        priority: int | None = None,
        retry_errors: bool = False,
    ) -> dict[str, int]:
        """Make jobs of what the key source has and the table has not; drop those whose key is gone.

        Args:
            restrictions: Only for keys of the key source that meet these.
            delay: New jobs wait so many seconds.
            priority: Of new jobs, 0 first.
            retry_errors: Make failed jobs pending again.

        Returns:
            `added`, `removed` and `re_pended`: how many jobs.
        """
        done = job_calls.refresh(
            self.connection,
            self._name,
            self._source(restrictions),
            delay=delay,
            priority=priority,
            retry_errors=retry_errors,
        )
        return {"added": done.added_count, "removed": done.removed_count, "re_pended": done.reset_count}

    def retry(self) -> int:
        """Make those of them pending that failed or are passed over; give their number."""
        request = pb.RetryJobsRequest(name=self._name, jobs=self._chosen() or self._either("error", "ignored"))
        return self.connection.call("JobService/RetryJobs", request, pb.RetryJobsResponse).job_count

    def ignore(self, key: Mapping[str, Any] | None = None) -> int:  # Any: an attribute's value
        """Pass over those of them that wait or failed, and give their number.

        Args:
            key: Only the job of this key, which is made if there is none.
        """
        if key is not None:
            self.refresh(key)
            return (self & key).ignore()
        request = pb.IgnoreJobsRequest(name=self._name, jobs=self._chosen())
        return self.connection.call("JobService/IgnoreJobs", request, pb.IgnoreJobsResponse).job_count

    def cancel(self) -> int:
        """End those of them that a worker holds: they become errors. Give their number."""
        request = pb.CancelJobsRequest(name=self._name, jobs=self._chosen())
        return self.connection.call("JobService/CancelJobs", request, pb.CancelJobsResponse).job_count

    def delete(self, prompt: bool | None = None) -> int:
        """Forget what became of those of them that failed or are passed over, so that they are computed: `retry`.

        Args:
            prompt: Accepted and not used: nothing is lost.
        """
        return self.retry()

    delete_quick = delete

    def progress(self) -> dict[str, int]:
        """Count them by `status`, and in `total`."""
        counts = dict.fromkeys(("pending", "reserved", "success", "error", "ignore"), 0)
        for row in U(self._state).aggr(self, job_count="count(*)"):
            state = row[self._state]
            counts["ignore" if state == "ignored" else state] = row["job_count"]
        return {**counts, "total": sum(counts.values())}

    def _chosen(self) -> relation_pb2.Relation | None:
        return None if self._node is self._whole else self._message()

    def _either(self, *states: str) -> relation_pb2.Relation:
        return (self & [{self._state: state} for state in states])._message()


def job_table(connection: Connection, schema: str, table: str) -> Jobs:
    """Give the jobs of a table that is known by its name."""

    def source(restrictions: tuple[object, ...]) -> None:
        if restrictions:
            raise InvalidRequest(f"Only the class of `{table}` knows its key source; import it to refresh some keys.")

    return Jobs(connection, schema_pb2.TableName(schema=schema, table=table), source)


def has_jobs(connection: Connection, name: schema_pb2.TableName) -> bool:
    """Tell whether a table computes: whether its class has a `make`."""
    request = pb.ListJobsRequest(name=name, page_size=1)
    try:
        connection.call("JobService/ListJobs", request, pb.ListJobsResponse)
    except InvalidRequest:
        return False
    return True
