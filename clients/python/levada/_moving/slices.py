"""The slice of a paper: the rows that a recording has read, as an archive that opens anywhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow.parquet as pq
from google.protobuf.json_format import MessageToDict

from levada._base.errors import DamagedObject, InvalidRequest, LevadaError
from levada._base.names import class_path, parse_full_name
from levada._jobs.job_table import has_jobs, job_table
from levada._moving.archive import DATA, About, check_bag, is_within, write_bag, write_crate
from levada._moving.closing import Closure
from levada._moving.descriptions import schemas_of
from levada._moving.folder import CONTENTS, Part, read_contents, write_tables
from levada._moving.recorded_rows import rows_read
from levada._net.pages import pages
from levada._net.recordings import recorded_reads
from levada._query.fetching import to_dicts
from levada._values.types import Family, type_of_column
from levada_api.v1 import job_service_pb2, schema_pb2

if TYPE_CHECKING:
    import pyarrow as pa

    from levada._moving.folder import Contents, WrittenTable
    from levada._net.connection import Connection
    from levada._query.relation import Relation
    from levada_api.v1 import recording_service_pb2

RECORDING = "recording.json"
"""The file with the reads."""
JOBS = "jobs"
"""The folder with the jobs that computed rows: their code, their environment, what they read."""
_COMPUTED = (schema_pb2.TABLE_TIER_IMPORTED, schema_pb2.TABLE_TIER_COMPUTED)
_ABOUT = {
    CONTENTS: "The tables, with definitions, keys and digests",
    RECORDING: "The queries that were recorded, with digests of their results",
}


@dataclass(frozen=True)
class Slice:
    """An archive that is open for reading; no server is needed.

    Attributes:
        folder: The folder with its files.
        contents: Its tables.
    """

    folder: Path
    contents: Contents

    @property
    def tables(self) -> list[str]:
        """The names of its tables, `schema.Table`, parents first."""
        return [table.name for table in self.contents.tables]

    @property
    def reads(self) -> list[dict[str, Any]]:  # Any: JSON
        """The reads that were recorded: relation, kind, digest then and at the export, times and number."""
        read: list[dict[str, Any]] = json.loads((self.folder / RECORDING).read_text(encoding="utf-8"))[
            "reads"
        ]  # as above
        return read

    def definition(self, table: str) -> str:
        """Return the definition of a table."""
        return self._written(table).table.definition

    def to_arrow(self, table: str) -> pa.Table:
        """Return the rows of a table with the exact type of every attribute; blobs are their stored bytes.

        A value that lay in a store is a struct, whose `file` is the path of its file beside that of the table.
        """
        return pq.read_table(self.folder / self._written(table).file)

    def to_dicts(self, table: str) -> list[dict[str, Any]]:  # Any: an attribute's value
        """Return the rows of a table as dictionaries of Python values, blobs decoded; files as in `to_arrow`."""
        found = self.to_arrow(table)
        stored = [field.name for field in found.schema if is_stored(field)]
        rows = to_dicts(found.drop_columns(stored))
        for name in stored:
            for row, value in zip(rows, found.column(name).to_pylist(), strict=True):
                row[name] = value
        return rows

    def file(self, table: str, value: dict[str, Any]) -> Path:  # Any: as `to_arrow` has it
        """Return the file or folder of a value that lay in a store.

        Raises:
            DamagedObject: It leads out of the archive.
        """
        place = (self.folder / self._written(table).file).parent / str(value["file"])
        if not is_within(place, self.folder):
            raise DamagedObject(f"A row of `{table}` names the file {value['file']!r}, which is not in the archive.")
        return place

    def _written(self, table: str) -> WrittenTable:
        name = class_path(parse_full_name(table))
        found = next((written for written in self.contents.tables if written.name == name), None)
        if found is None:
            raise InvalidRequest(f"The slice has no table `{table}`; it has {', '.join(self.tables)}.")
        return found


Writer: TypeAlias = Callable[[Slice, Path], object]
"""Writes a slice in another form into a folder."""


@dataclass(frozen=True)
class ExportedSlice:
    """The outcome of an export.

    Args:
        contents: The tables that were written.
        changed: The reads that give other rows than when they were recorded, or cannot be repeated, in words.
    """

    contents: Contents
    changed: Sequence[str]


def is_stored(field: pa.Field) -> bool:
    """Return whether the values of a column lie in files beside."""
    return type_of_column(field).family is Family.OBJECT


def export_slice(
    connection: Connection,
    recording: str,
    target: Path,
    *,
    authors: Sequence[str] = (),
    licence: str = "",
    writer: Writer | None = None,
    done: Callable[[WrittenTable], None] | None = None,
) -> ExportedSlice:
    """Write the rows that a recording has read, closed upwards, into a folder that is a BagIt bag.

    The reads are repeated, with the caller's own rights: rows that were added since may be there too, and rows that are
    gone are not. A read whose result has changed is named.

    Args:
        target: An empty or new folder, or one that an earlier export has written, whose files are replaced.
        authors: The names of the archive's authors.
        licence: The address of the licence under which others may use it.
        writer: Also writes the slice in another form, into the folder `forms`.
        done: Called after each table.

    Raises:
        NotFound: The caller has no such recording.
        InvalidRequest: It has no read that can be repeated, or the folder holds something else.
    """
    reads = recorded_reads(connection, recording, compare=True)
    closure = Closure(connection)
    changed = []
    for read in reads:
        if (told := _change(read)) is not None:
            changed.append(told)
        if not read.HasField("present_digest"):
            continue
        for name, keys in rows_read(connection, read.relation):
            closure.add((name.schema, name.table), keys)
    tables = closure.tables()
    if not tables:
        raise InvalidRequest(f"The recording `{recording}` has no read of rows that can be repeated.")
    _begin(target)
    data = target / DATA
    parts = [Part(table, rows, whole=False) for table, rows in tables]
    schemas = schemas_of(connection, {table.name.schema for table, _ in tables})
    contents = write_tables(connection, parts, data, schemas=schemas, done=done)
    _write_reads(data / RECORDING, recording, reads)
    for table, rows in tables:
        _write_jobs(connection, table, rows, data / JOBS)
    if writer is not None:
        forms = data / "forms"
        forms.mkdir(exist_ok=True)
        writer(Slice(data, contents), forms)
    count = len(contents.tables)
    description = (
        f"The rows that {recording} used, from {count} tables of a Levada database, with all that they depend on."
    )
    about = {table.file: f"Rows of {table.name}. {table.table.comment}".strip() for table in contents.tables}
    whole = About(recording, description, authors, licence)
    write_crate(data, whole, files_about=_ABOUT | about, software=version("levada"))
    write_bag(target, description=description)
    return ExportedSlice(contents, changed)


def open_slice(folder: str | Path) -> Slice:
    """Open an archive that `levada export --slice` has written, without a server; each file is checked first.

    Raises:
        InvalidRequest: It is not such an archive.
        DamagedObject: A file is missing or damaged.
    """
    place = Path(folder)
    check_bag(place)
    return Slice(place / DATA, read_contents(place / DATA))


def open_export(folder: str | Path) -> Slice:
    """Open what `levada export` has written into a folder: tables, or the archive of a slice, which is checked first.

    Raises:
        InvalidRequest: It is not such a folder.
        DamagedObject: A file is missing or damaged.
    """
    place = Path(folder)
    if not place.is_dir():
        raise InvalidRequest(f"There is no folder {place}.")
    return Slice(place, read_contents(place)) if (place / CONTENTS).exists() else open_slice(place)


def _begin(target: Path) -> None:
    """Make an empty folder for an archive.

    Raises:
        InvalidRequest: It holds something else.
    """
    if (target / DATA / CONTENTS).exists():
        shutil.rmtree(target / DATA)  # rows of an earlier export, which this one may not have
    elif target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidRequest(f"{target} holds something else; name a folder that is empty or not there yet.")
    target.mkdir(parents=True, exist_ok=True)


def _change(read: recording_service_pb2.RecordedRead) -> str | None:
    """Say how a read has changed since it was recorded; None if it has not."""
    when = read.last_time.ToDatetime().strftime("%Y-%m-%d %H:%M UTC")
    names = [class_path(node.table.name) for node in read.relation.nodes if node.HasField("table")]
    what = f"the {'rows' if read.kind == 'rows' else read.kind} of {', '.join(dict.fromkeys(names)) or 'jobs'}"
    if not read.HasField("present_digest"):
        return f"{what}, read at {when}, cannot be repeated and are left out"
    if read.present_digest != read.digest:
        return f"{what}, read at {when}, have changed since"
    return None


def _write_reads(file: Path, recording: str, reads: Sequence[recording_service_pb2.RecordedRead]) -> None:
    content = {"recording": recording, "reads": [MessageToDict(read) for read in reads]}
    file.write_text(f"{json.dumps(content, indent=1, ensure_ascii=False)}\n", encoding="utf-8")


def _write_jobs(connection: Connection, table: schema_pb2.Table, rows: Relation, folder: Path) -> None:
    """Write the jobs that computed rows, if jobs did."""
    if table.tier not in _COMPUTED:
        return
    try:
        if not has_jobs(connection, table.name):
            return
        jobs = job_table(connection, table.name.schema, table.name.table)
        keys = rows.proj(*[name for name in jobs.primary_key if name in rows.heading.names])
        folder.mkdir(parents=True, exist_ok=True)
        computed = jobs.restrict(keys, semantic_check=False)
        computed.to_parquet(folder / f"{class_path(table.name)}.parquet")
        _write_environments(
            connection, table.name, {*computed.to_arrow("environment_id").column(0).to_pylist()}, folder
        )
    except LevadaError as error:
        raise type(error)(f"jobs of {class_path(table.name)}: {error}", error.details) from None


def _write_environments(
    connection: Connection, name: schema_pb2.TableName, ids: Collection[int | None], folder: Path
) -> None:
    """Write the environments of jobs, each once: `environment-1.json`."""
    request = job_service_pb2.ListEnvironmentsRequest(name=name)
    response = job_service_pb2.ListEnvironmentsResponse
    for page in pages(connection, "JobService/ListEnvironments", request, response):
        for found in page.environments:
            if found.id in ids:
                (folder / f"environment-{found.id}.json").write_text(f"{found.content}\n", encoding="utf-8")
