"""The history that an import keeps with the data: compared tables, DataJoint's jobs, and its hidden columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from levada._base.errors import WrongValue
from levada._from_datajoint.bringing import Brought, Difference
from levada._from_datajoint.source import Selected
from levada._moving import history
from levada._moving.descriptions import schemas_of
from levada._moving.digests import Total
from levada._pipeline.tiers import Manual
from levada._tables.table import FreeTable
from levada._values.datajoint_blobs import HEADERS, decode_datajoint_blob

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from levada._from_datajoint.facts import StoredTable
    from levada._from_datajoint.plan import Plan, PlannedTable
    from levada._from_datajoint.source import Source
    from levada._net.connection import Connection

SCHEMA = "from_datajoint"
_NOT_OF_THE_KEY = frozenset(
    {"status", "priority", "created_time", "scheduled_time", "reserved_time", "completed_time", "duration"}
    | {"error_message", "error_stack", "user", "host", "pid", "connection_id", "version"}
)
"""The columns of a table of jobs of 2.x besides the key."""


class ImportedTable(Manual):
    """The tables of an import, as it last compared them."""

    definition = """
    # Tables of DataJoint that were imported, as the last import compared them
    source : varchar(255)        # the database
    there : varchar(160)         # the table's schema and stored name there
    ---
    name : varchar(160)          # the table here
    moments : varchar(8)         # how MySQL's timestamp came, utc or as shown; empty if there is none
    equal : bool                 # whether both sides had the same rows
    rows_there : int64
    rows_here : int64
    only_there : int64           # rows whose key is only there
    only_here : int64            # rows whose key is only here
    other_values : int64         # rows with the same key, and other values
    examples : json              # keys of some of them
    digest_there : char(32)      # of the rows, in any order
    digest_here : char(32)
    compared : datetime          # in UTC
    """


class PastJob(Manual):
    """DataJoint's jobs, which ran or failed before the import."""

    definition = """
    # Jobs of DataJoint before the import
    source : varchar(255)
    there : varchar(160)         # the table that the job fills, by its stored name there
    key_digest : char(32)
    ---
    key : json                   # the job's key
    status : varchar(20)         # reserved, error, ignore; from 2.x also pending, success
    error_message : text
    error_stack : text
    details : json               # all else that DataJoint noted
    """


class HiddenValues(Manual):
    """Columns that DataJoint hides, by the key of their row."""

    definition = """
    # Hidden columns of DataJoint: when and by which version a row was computed
    source : varchar(255)
    there : varchar(160)
    key_digest : char(32)
    ---
    key : json
    hidden : json
    """


class History(history.History):
    """The history of imports, in a schema of its own beside the imported ones.

    Args:
        source: The address of the database, without a password.
    """

    def __init__(self, connection: Connection, source: str) -> None:
        super().__init__(connection, SCHEMA, source, ImportedTable, PastJob, HiddenValues)

    def begin(self, plan: Plan) -> None:
        """Note which tables are about to be made and filled, so that an import that is interrupted is known, too."""
        before = noted(self._connection, self._source)
        for table in plan.tables:
            noted_as = before.get(str(table.place), {})
            moments = plan.moments if table.has_moments else ""
            # Moments of rows that are gone, or never came, say nothing about those to come.
            if noted_as.get("name") != table.name or (
                not plan.present.get(table.name) and noted_as.get("moments") != moments
            ):
                missing = Difference(only_there=table.row_count)
                self.note(plan, Brought(table, Total(table.row_count), Total(), 0, difference=missing))

    def note(self, plan: Plan, brought: Brought) -> None:
        """Note what became of a table."""
        difference = brought.difference
        self.compared(
            str(brought.table.place),
            name=brought.table.name,
            moments=plan.moments if brought.table.has_moments else "",
            equal=brought.equal,
            rows_there=brought.there.count,
            rows_here=brought.here.count,
            only_there=difference.only_there,
            only_here=difference.only_here,
            other_values=difference.other_values,
            examples=list(difference.examples),
            digest_there=brought.there.text,
            digest_here=brought.here.text,
        )

    def bring_jobs(self, source: Source, jobs: StoredTable) -> int:
        """Bring a table of jobs; return how many there are."""
        names = [column.name for column in jobs.columns]
        rows = (
            dict(zip(names, row, strict=True)) for row in source.rows(jobs.place, [Selected(name) for name in names])
        )
        return self.insert("PastJob", (self._job(jobs, row) for row in rows))

    def bring_hidden(self, source: Source, table: PlannedTable, key: Iterable[str]) -> int:
        """Bring the hidden columns of a table; return of how many rows."""
        if not table.hidden:
            return 0
        keys = list(key)
        names = [*keys, *table.hidden]

        def rows() -> Iterator[dict[str, Any]]:  # Any: values of a table
            for values in source.rows(table.place, [Selected(name) for name in names]):
                row = _plain(dict(zip(names, values, strict=True)))
                yield self.row(
                    str(table.place),
                    {name: row[name] for name in keys},
                    hidden={name: row[name] for name in table.hidden},
                )

        return self.insert("HiddenValues", rows())

    def _job(self, jobs: StoredTable, row: Mapping[str, Any]) -> dict[str, Any]:
        read = _plain(row)
        place = jobs.place
        if place.table == "~jobs":
            there = f"{place.schema}.{read.pop('table_name')}"
            key = read.pop("key") or {}
        else:
            key = {name: read.pop(name) for name in list(read) if name not in _NOT_OF_THE_KEY}
            there = f"{place.schema}.__{place.table.removeprefix('~~')}"
        told = {name: read.pop(name) or "" for name in ("status", "error_message", "error_stack")}
        return self.row(there, key if isinstance(key, dict) else {"key": key}, **told, details=read)


def noted(connection: Connection, source: str) -> dict[str, dict[str, Any]]:  # Any: values of a table
    """Return what is noted of each table that was brought from a database, by its place there."""
    if not schemas_of(connection, {SCHEMA}):
        return {}
    rows = FreeTable(connection, f"{SCHEMA}.{ImportedTable.__name__}") & {"source": source}
    return {row["there"]: row for row in rows.to_dicts("there", "name", "moments")}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with values that JSON has."""
    return {name: _json(value) for name, value in row.items()}


def _json(value: Any) -> Any:  # noqa: ANN401  # whatever a driver returns
    if isinstance(value, (bytes, bytearray, memoryview)):
        value = bytes(value)
        if not value.startswith(HEADERS):
            return value.hex()
        try:
            value = decode_datajoint_blob(value)
        except WrongValue:
            return value.hex()
    if hasattr(value, "tolist"):
        value = value.tolist()
    return history.as_json(value)
