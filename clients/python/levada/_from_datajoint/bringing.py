"""Bringing the rows of a table, and comparing both sides; what is there already is left alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from levada._base.config import config
from levada._base.errors import InvalidRequest, LevadaError
from levada._from_datajoint.source import Selected
from levada._from_datajoint.stored_types import Way
from levada._from_datajoint.values import Undecodable, converter
from levada._moving.digests import StoredPath, Total, digest, token, tokens
from levada._objects.handles import StoredArray
from levada._tables.table import FreeTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from levada._from_datajoint.decisions import StorePlace
    from levada._from_datajoint.facts import Place
    from levada._from_datajoint.plan import PlannedColumn, PlannedTable
    from levada._from_datajoint.source import Source
    from levada._net.connection import Connection

_CHUNK_ROWS = 5_000
_CHUNK_BYTES = 16 * 2**20
"""Rows travel in chunks of at most this many rows and about this many bytes, each inserted whole or not at all."""

Row = dict[str, Any]  # Any: a value of any attribute


@dataclass(frozen=True, slots=True)
class Brought:
    """The result for a table.

    Args:
        there, here: The rows on both sides, when the import had looked at all of them.
        inserted: How many rows were new.
        kept_bytes: How many blobs of each attribute were kept as bytes, because they cannot be decoded.
    """

    table: PlannedTable
    there: Total
    here: Total
    inserted: int
    kept_bytes: Mapping[str, int] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Whether both sides have the same rows."""
        return (self.there.count, self.there.sum) == (self.here.count, self.here.sum)


class Bringer:
    """Brings rows of a source to a server.

    Args:
        stores: The folders of the source's stores.
        tables: All tables of the plan, by their place there.
    """

    def __init__(
        self,
        source: Source,
        connection: Connection,
        stores: Mapping[str, StorePlace],
        tables: Mapping[Place, PlannedTable],
    ) -> None:
        self._source = source
        self._connection = connection
        self._stores = stores
        self._tables = tables
        self._spelled = {
            (table.place, key.source.name): source.respellings(table.place, key.source)
            for table in tables.values()
            for key in table.keys
            if key.respell
        }

    def bring(self, table: PlannedTable) -> Brought:
        """Bring the rows of a table that are not here yet, then compare both sides.

        Raises:
            LevadaError: A row cannot come; the message names the table.
        """
        target = FreeTable(self._connection, table.name)
        compare = _Comparison(table)
        present = {compare.key(row) for row in target.proj()} if table.row_count else set()
        undecodable = Undecodable()
        there, inserted, chunk, size = Total(), 0, [], 0
        try:
            for row, weight in self._converted(table, undecodable):
                found = compare.tokens(row)
                there.add(found)
                if present and compare.key_of(found) in present:
                    continue
                chunk.append(_insertable(row))
                size += weight
                if len(chunk) == _CHUNK_ROWS or size >= _CHUNK_BYTES:
                    inserted += _insert(target, chunk)
                    chunk, size = [], 0
            inserted += _insert(target, chunk)
        except LevadaError as error:
            raise type(error)(f"{table.place}: {error}{_advice(table, error)}", error.details) from None
        here = Total()
        before = config["codecs.decode"]
        config["codecs.decode"] = False
        try:
            for row in target:
                here.add(compare.tokens({name: _fetched(value) for name, value in row.items()}))
        finally:
            config["codecs.decode"] = before
        return Brought(table, there, here, inserted, dict(undecodable.counts))

    def _converted(self, table: PlannedTable, undecodable: Undecodable) -> Iterator[tuple[Row, int]]:
        """Return the rows as they are to be inserted, with about how many bytes each has."""
        columns = table.columns
        convert = [converter(column, table.place.schema, self._stores, undecodable) for column in columns]
        respelled = bool(self._spelled)
        for values in self._source.rows(table.place, [_selected(column, self._source.dialect) for column in columns]):
            row = {
                column.name: None if value is None else change(value)
                for column, change, value in zip(columns, convert, values, strict=True)
            }
            if respelled:
                self._respell(table, row)
            yield row, sum(_weight(value) for value in values)

    def _respell(self, table: PlannedTable, row: Row) -> None:
        """Change keys to the spelling of the rows that they refer to, up to the first parent."""
        for key in table.keys:
            names = [name for name, _ in key.columns]
            values = tuple(row[name] for name in names)
            if None in values:
                continue
            spelled = self._spelled.get((table.place, key.source.name), {}).get(values, values)
            parent = dict(zip((name for _, name in key.columns), spelled, strict=True))
            self._respell_partly(self._tables[key.parent], parent)
            row.update(zip(names, parent.values(), strict=True))

    def _respell_partly(self, table: PlannedTable, row: Row) -> None:
        for key in table.keys:
            if all(name in row for name, _ in key.columns):
                part = {name: row[name] for name, _ in key.columns}
                spelled = self._spelled.get((table.place, key.source.name), {})
                found = spelled.get(tuple(part.values()), tuple(part.values()))
                parent = dict(zip((name for _, name in key.columns), found, strict=True))
                self._respell_partly(self._tables[key.parent], parent)
                row.update(zip(part, parent.values(), strict=True))


class _Comparison:
    """How the rows of a table are compared."""

    def __init__(self, table: PlannedTable) -> None:
        self._names = [column.name for column in table.columns]
        self._key = [column.name for column in table.columns if column.in_key]
        self._key_places = [place for place, column in enumerate(table.columns) if column.in_key]
        self._float32 = frozenset(column.name for column in table.columns if column.type == "float32")
        self._json = frozenset(column.name for column in table.columns if column.type == "json")

    def tokens(self, row: Row) -> list[bytes]:
        """Return the tokens of a whole row."""
        return tokens(row, self._names, float32=self._float32, json=self._json)

    def key_of(self, found: Sequence[bytes]) -> bytes:
        """Return a digest of the key among the tokens of a whole row."""
        return digest([found[place] for place in self._key_places])

    def key(self, row: Row) -> bytes:
        """Return the same digest of a row that has its key alone."""
        return digest(token(row[name], float32=name in self._float32) for name in self._key)


def _selected(column: PlannedColumn, dialect: str) -> Selected:
    as_text = column.type == "text" and column.way is Way.PLAIN
    return Selected(
        column.source,
        column.hashes,
        dialect == "mysql" and column.type == "float32",
        as_text,
        column.zeros,
        column.way is Way.SHAPE,
    )


def _insertable(row: Row) -> Row:
    return {name: value.path if isinstance(value, StoredPath) else value for name, value in row.items()}


def _fetched(value: Any) -> Any:  # noqa: ANN401  # whatever was fetched
    return np.asarray(value) if isinstance(value, StoredArray) else value


def _weight(value: object) -> int:
    return len(value) + 16 if isinstance(value, (str, bytes)) else 16


def _insert(target: FreeTable, rows: Sequence[Row]) -> int:
    if rows:
        target.insert(rows, allow_direct_insert=True)
    return len(rows)


def _advice(table: PlannedTable, error: LevadaError) -> str:
    name = str(error.details.get("attribute", ""))
    blobs: Iterable[PlannedColumn] = (column for column in table.columns if column.way is Way.BLOB)
    if "blob" not in str(error).lower():
        return ""
    ids = " or ".join(f'"undecodable:{table.place}.{column.source}"' for column in blobs if name in ("", column.name))
    return f' To keep blobs that cannot be decoded as bytes, decide {ids} = "bytes".' if ids else ""


def check_definition(differences: Sequence[str], table: PlannedTable) -> None:
    """Refuse a table that exists here with another definition.

    Raises:
        InvalidRequest: It does.
    """
    if differences:
        raise InvalidRequest(
            f"`{table.name}` exists here with another definition: {'; '.join(differences)}. Import the schema under "
            "another name ([schemas] in the file of decisions), or alter the table."
        )
