"""Tables in a folder: a Parquet file each, the content of stores beside, and a file that says what all of it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from levada._base.errors import InvalidRequest
from levada._base.names import class_path
from levada._moving.archive import is_within
from levada._moving.digests import RowDigests, Total
from levada._query.parquet import OBJECTS, write_parquet
from levada._values.files import put
from levada_api.v1 import schema_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from levada._net.connection import Connection
    from levada._query.relation import Relation

CONTENTS = "levada.json"
"""The file that lists what is in a folder."""
_FORM = 1
"""The form of that file; a newer one may mean something else."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows to write.

    Args:
        table: The table, as its server describes it.
        rows: The rows of it.
        whole: They are all rows of the table.
        next_number: The number that its auto_increment gives out next, if it has one.
    """

    table: schema_pb2.Table
    rows: Relation
    whole: bool = True
    next_number: int | None = None


@dataclass(frozen=True, slots=True)
class WrittenTable:
    """A table in a folder.

    Args:
        table: The table, as its server described it.
        file: The path of its Parquet file in the folder, with `/`.
        row_count: How many rows there are.
        digest: The digest of the rows, in any order, as `Total.text` has it.
        whole: They were all rows of the table.
        next_number: The number that its auto_increment gave out next, if it had one.
    """

    table: schema_pb2.Table
    file: str
    row_count: int
    digest: str
    whole: bool
    next_number: int | None

    @property
    def name(self) -> str:
        """Its full name: `lab.Session.Trial`."""
        return class_path(self.table.name)


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of a folder.

    Args:
        tables: The tables, parents first.
        schemas: The schemas with their settings.
        levada: The version that wrote it.
        written: When, in UTC.
    """

    tables: Sequence[WrittenTable]
    schemas: Sequence[schema_pb2.Schema] = ()
    levada: str = ""
    written: str = ""


def write_tables(
    connection: Connection,
    parts: Iterable[Part],
    folder: Path,
    *,
    schemas: Sequence[schema_pb2.Schema] = (),
    done: Callable[[WrittenTable], None] | None = None,
) -> Contents:
    """Write rows of tables into a folder; return what is in it then.

    Content of stores that lies in the folder already is not fetched again, so that a second call is quick where a first
    was interrupted. The list `levada.json` is whole at the end only.

    Args:
        parts: The tables, parents first.
        folder: The folder, which is made if it is not there.
        schemas: Their schemas, with the settings to keep.
        done: Called after each table.

    Raises:
        InvalidRequest: The folder holds something else.
        LevadaError: The server refuses, or an object is damaged.
    """
    _check_ours(folder)
    _put_json(folder, {"form": _FORM, "complete": False})
    tables = []
    for part in parts:
        written = _write(connection, part, folder)
        tables.append(written)
        if done is not None:
            done(written)
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    contents = Contents(tables, schemas, version("levada"), now)
    _put_json(folder, _as_json(contents))
    return contents


def read_contents(folder: Path) -> Contents:
    """Read what is in a folder.

    Raises:
        InvalidRequest: It has no list of its contents, or one of a newer form, or was not written to its end.
    """
    file = folder / CONTENTS
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequest(f"{folder} is not a whole export: {CONTENTS} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{file} is not JSON: {error}") from None
    if not isinstance(read, dict):
        raise InvalidRequest(f"{file} is damaged: it holds no list of contents.")
    if read.get("form") != _FORM:
        raise InvalidRequest(
            f"{file} has the form {read.get('form')!r}, and this version reads {_FORM}; update levada."
        )
    if not read.get("complete"):
        raise InvalidRequest(f"The export into {folder} was interrupted; run it again, and it goes on from there.")
    try:
        tables = [_read_table(folder, one) for one in read["tables"]]
        schemas = [ParseDict(one, schema_pb2.Schema(), ignore_unknown_fields=True) for one in read["schemas"]]
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, ParseError) as error:
        raise InvalidRequest(f"{file} is damaged: {error}") from None
    return Contents(tables, schemas, read.get("levada", ""), read.get("written", ""))


def _read_table(folder: Path, listed: Mapping[str, Any]) -> WrittenTable:  # Any: JSON
    """Read what the list of contents says of a table.

    Raises:
        KeyError, TypeError, AttributeError, ValueError, OverflowError, ParseError: The list is damaged.
    """
    table = ParseDict(listed["table"], schema_pb2.Table(), ignore_unknown_fields=True)
    file, number = listed["file"], listed["next_number"]
    if not is_within(folder / file, folder):
        raise ValueError(f"{file!r} is not a file in the folder.")
    if number is not None and not (isinstance(number, int) and 0 < number < 2**63):
        raise ValueError(f"{number!r} is not the number of a row.")
    return WrittenTable(table, file, int(listed["rows"]), listed["digest"], bool(listed["whole"]), number)


def _write(connection: Connection, part: Part, folder: Path) -> WrittenTable:
    name = part.table.name
    file = folder / name.schema / f"{name.table}.parquet"
    heading = part.rows.heading
    digests, total = RowDigests(heading), Total()

    def add(rows: pa.Table) -> None:
        for row in digests.take(rows)[1]:
            total.add_digest(row)

    about = {
        "levada.table": class_path(name),
        "levada.comment": part.table.comment,
        "levada.definition": part.table.definition,
    }
    write_parquet(
        connection,
        part.rows._result(),
        heading,
        file,
        objects=folder / OBJECTS,
        about={name.encode(): text.encode() for name, text in about.items() if text},
        seen=add,
    )
    place = file.relative_to(folder).as_posix()
    return WrittenTable(part.table, place, total.count, total.text, part.whole, part.next_number)


def _put_json(folder: Path, content: dict[str, object]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False)

    def write(draft: Path) -> None:
        draft.write_text(f"{text}\n", encoding="utf-8")

    put(folder / CONTENTS, write)


def _check_ours(folder: Path) -> None:
    """Refuse a folder with files of others.

    Raises:
        InvalidRequest: It is a file, or holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise InvalidRequest(f"{folder} is a file; name a folder that is empty or not there yet.")
    strange = [] if (folder / CONTENTS).exists() or not folder.exists() else [path.name for path in folder.iterdir()]
    if strange:
        raise InvalidRequest(
            f"{folder} holds {strange[0]!r}, which no export has written; name a folder that is empty or not there yet."
        )


def _as_json(contents: Contents) -> dict[str, object]:
    return {
        "form": _FORM,
        "complete": True,
        "levada": contents.levada,
        "written": contents.written,
        "schemas": [MessageToDict(schema) for schema in contents.schemas],
        "tables": [
            {
                "name": one.name,
                "file": one.file,
                "rows": one.row_count,
                "digest": one.digest,
                "whole": one.whole,
                "next_number": one.next_number,
                "definition": one.table.definition,
                "table": MessageToDict(one.table),
            }
            for one in contents.tables
        ],
    }
