"""Provenance of rows in standard form: W3C PROV and OpenLineage, built from rows, foreign keys and jobs.

Source: W3C, "The PROV-JSON Serialization" (Member Submission, 2013); OpenLineage, "Object Model", spec 2-0-2.
"""

from __future__ import annotations

import datetime as dt
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from levada._base.errors import InvalidRequest
from levada._base.names import stored_name
from levada._query import nodes
from levada._query.relation import Relation
from levada_api.v1 import schema_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from levada._pipeline.lineage import Lineage, Name

    Row = dict[str, Any]  # Any: an attribute's value

MAX_ROWS = 10_000
"""The maximum number of rows of a document."""
_PRODUCER = "urn:levada:client"
_OPENLINEAGE_SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_COMPUTED = (pb.TABLE_TIER_IMPORTED, pb.TABLE_TIER_COMPUTED)


def prov_json(lineage: Lineage) -> dict[str, Any]:  # Any: what JSON holds
    """Describe how the rows of a trace were made, as PROV-JSON.

    Each row is an entity, derived from the rows that it refers to. The job that computed a row is an activity that
    generated it, used the rows listed in its receipts, and was associated with a user on a host.

    Raises:
        InvalidRequest: There are more than 10 000 rows.
    """
    document = _Document()
    total = sum(lineage.counts().values())
    if total > MAX_ROWS:
        raise InvalidRequest(f"The trace has {total} rows; a document holds {MAX_ROWS}. Restrict its first table.")
    for name, table in lineage.tables.items():
        for row in _key_rows(lineage, name):
            document.add_row(table, row)
    for name, table in lineage.tables.items():
        if table.tier in _COMPUTED:
            for key, job in _jobs(lineage, name):
                document.add_job(table, key, job)
    return document.finish()


def _key_rows(lineage: Lineage, name: Name) -> Sequence[Row]:
    """Return the rows of a table with their key and the attributes that refer to others."""
    table = lineage.tables[name]
    referring = {pair.child for key in table.foreign_keys for pair in key.attributes}
    relation = lineage.relation(name)
    rows: Sequence[Row] = relation.proj(*(referring - set(relation.primary_key))).to_dicts(order_by="KEY")
    return rows


def _jobs(lineage: Lineage, name: Name) -> Iterator[tuple[Row, Row]]:
    """Return the jobs that computed the rows of a table, each with its key, which several rows may share."""
    table = lineage.tables[name].name
    jobs = Relation(lineage.connection, nodes.job_table(table.schema, table.table))
    for job in (jobs & lineage.relation(name).proj()).to_dicts(order_by="KEY"):
        if _of_job(job, "state") == "success":
            yield {part: job[part] for part in jobs.primary_key}, job


class _Document:
    """A PROV document under construction."""

    def __init__(self) -> None:
        self._entities: dict[str, Row] = {}
        self._activities: dict[str, Row] = {}
        self._agents: dict[str, Row] = {}
        self._relations: dict[str, dict[str, dict[str, object]]] = {}
        self._rows: dict[str, list[tuple[str, Row]]] = {}

    def add_row(self, table: pb.Table, row: Row) -> None:
        """Add a row and its references."""
        key = [a.name for a in table.heading.attributes if a.primary_key]
        entity = _row_id(table.name, {name: row[name] for name in key})
        self._entities[entity] = {"prov:type": "levada:row", "levada:table": _dotted(table.name)} | {
            f"levada:{name}": _plain(row[name]) for name in key
        }
        self._rows.setdefault(_dotted(table.name), []).append((entity, row))
        for reference in table.foreign_keys:
            values = {pair.parent: row[pair.child] for pair in reference.attributes}
            if None not in values.values():
                parent = _row_id(reference.parent, values)
                self._relate("wasDerivedFrom", **{"prov:generatedEntity": entity, "prov:usedEntity": parent})

    def add_job(self, table: pb.Table, key: Row, job: Row) -> None:
        """Add the job that computed the rows with a key."""
        activity = f"levada:make/{_row_id(table.name, key).removeprefix('levada:row/')}"
        reads, writes = _of_job(job, "reads") or {}, _of_job(job, "writes") or {}
        self._activities[activity] = {
            "prov:startTime": _started(job).isoformat(),
            "prov:endTime": _finished(job).isoformat(),
            "prov:type": "levada:make",
            "levada:table": _dotted(table.name),
            "levada:duration": _of_job(job, "duration"),
            "levada:attempt": _of_job(job, "attempt"),
            "levada:code_version": _of_job(job, "code_version") or "",
            "levada:rows_written": sum(writes.values()),
        }
        for entity, row in self._rows[_dotted(table.name)]:
            if all(row[part] == value for part, value in key.items()):
                self._relate("wasGeneratedBy", **{"prov:entity": entity, "prov:activity": activity})
        user, host = _of_job(job, "username") or "unknown", _of_job(job, "host") or "unknown"
        agent = f"levada:user/{_escaped(user)}@{_escaped(host)}"
        self._agents[agent] = {"prov:type": "prov:Person", "levada:user": user, "levada:host": host}
        self._relate("wasAssociatedWith", **{"prov:activity": activity, "prov:agent": agent})
        for read, how in reads.items():
            source = f"levada:table/{_escaped(read)}"
            self._entities.setdefault(source, {"prov:type": "levada:table", "levada:table": read})
            self._relate(
                "used",
                **{
                    "prov:activity": activity,
                    "prov:entity": source,
                    "levada:rows": how["rows"],
                    "levada:key_restricted": how["key_restricted"],
                },
            )

    def _relate(self, kind: str, **ends: object) -> None:
        relations = self._relations.setdefault(kind, {})
        relations[f"_:{kind}{len(relations)}"] = ends

    def finish(self) -> dict[str, Any]:  # Any: what JSON holds
        """Return the document."""
        parts = {"entity": self._entities, "activity": self._activities, "agent": self._agents, **self._relations}
        return {"prefix": {"levada": "urn:levada:"}, **{name: part for name, part in parts.items() if part}}


def openlineage_events(lineage: Lineage) -> list[dict[str, Any]]:  # Any: what JSON holds
    """Describe the jobs that made the rows of a trace, as a START and a COMPLETE event of OpenLineage each, by time."""
    namespace = f"levada://{lineage.connection.address}"
    events = []
    for name, table in lineage.tables.items():
        if table.tier in _COMPUTED:
            for key, job in _jobs(lineage, name):
                events += _events(namespace, table, key, job)
    return sorted(events, key=lambda event: str(event["eventTime"]))


def _events(namespace: str, table: pb.Table, key: Row, job: Row) -> list[dict[str, Any]]:
    finished = _finished(job)
    run_id = str(uuid5(NAMESPACE_URL, f"{namespace}/{_row_id(table.name, key)}/{finished.isoformat()}"))
    reads, writes = _of_job(job, "reads") or {}, _of_job(job, "writes") or {}
    common = {
        "producer": _PRODUCER,
        "schemaURL": _OPENLINEAGE_SCHEMA,
        "job": {"namespace": namespace, "name": _dotted(table.name), "facets": {}},
        "inputs": [{"namespace": namespace, "name": read, "facets": {}} for read in reads],
        "outputs": [
            {
                "namespace": namespace,
                "name": written,
                "outputFacets": {
                    "outputStatistics": {
                        "_producer": _PRODUCER,
                        "_schemaURL": (
                            "https://openlineage.io/spec/facets/1-0-2/OutputStatisticsOutputDatasetFacet.json"
                            "#/$defs/OutputStatisticsOutputDatasetFacet"
                        ),
                        "rowCount": count,
                    }
                },
            }
            for written, count in writes.items()
        ],
    }
    engine = {
        "_producer": _PRODUCER,
        "_schemaURL": (
            "https://openlineage.io/spec/facets/1-1-1/ProcessingEngineRunFacet.json#/$defs/ProcessingEngineRunFacet"
        ),
        "version": version("levada"),
        "name": "Levada",
        "openlineageAdapterVersion": version("levada"),
    }
    run = {"runId": run_id, "facets": {"processing_engine": engine}}
    return [
        {"eventType": kind, "eventTime": moment.isoformat(), "run": run, **common}
        for kind, moment in (("START", _started(job)), ("COMPLETE", finished))
    ]


def _of_job(job: Row, name: str) -> Any:  # noqa: ANN401  # a column of a job
    """Return an attribute of a job besides its key, whose name an attribute of the key may have taken."""
    return job[f"job_{name}"] if f"job_{name}" in job else job[name]


def _finished(job: Row) -> dt.datetime:
    moment: dt.datetime = _of_job(job, "finished_time")
    return moment.replace(tzinfo=dt.UTC)


def _started(job: Row) -> dt.datetime:
    return _finished(job) - dt.timedelta(seconds=_of_job(job, "duration") or 0.0)


def _row_id(name: pb.TableName, key: Row) -> str:
    values = ",".join(f"{part}={_escaped(str(_plain(value)))}" for part, value in sorted(key.items()))
    return f"levada:row/{name.schema}.{stored_name(name.table)}/{values}"


def _escaped(text: str) -> str:
    """Escape every character that a qualified name may not contain."""
    return "".join(c if c.isalnum() or c in "._-" else f"%{ord(c):02X}" for c in text)


def _dotted(name: pb.TableName) -> str:
    return f"{name.schema}.{name.table}"


def _plain(value: object) -> object:
    return value if isinstance(value, (bool, int, float, str)) else str(value)
