"""Bringing the rows of a table, and comparing both sides; what is there already is left alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from levada._base.config import config
from levada._base.errors import LevadaError
from levada._from_datajoint.source import Selected
from levada._from_datajoint.stored_types import DECODED, Way
from levada._from_datajoint.values import READ_WHOLE, Undecodable, converter, same, stored_size
from levada._moving.comparing import EXAMPLES, Held, key_text
from levada._moving.digests import StoredPath, Total, digest, tokens
from levada._query.fetching import python_values
from levada._tables.table import FreeTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from levada._from_datajoint.decisions import StorePlace
    from levada._from_datajoint.facts import Place
    from levada._from_datajoint.plan import PlannedColumn, PlannedTable
    from levada._from_datajoint.source import Source
    from levada._net.connection import Connection
    from levada._query.relation import Relation

_CHUNK_ROWS = 5_000
CHUNK_BYTES = 16 * 2**20
"""Rows travel in chunks of at most this many rows and about this many bytes, each inserted whole or not at all."""
_SIZED = frozenset((str, bytes))
"""The classes of values of the driver that may be large."""

Row = dict[str, Any]  # Any: a value of any attribute


@dataclass(frozen=True, slots=True)
class Difference:
    """How the rows of a table differ.

    Args:
        only_there: How many rows have a key that only the source has.
        only_here: How many rows have a key that only the table here has.
        other_values: How many rows have the same key on both sides, and other values.
        examples: The keys of some rows of the latter two.
    """

    only_there: int = 0
    only_here: int = 0
    other_values: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Brought:
    """The result for a table.

    Args:
        there, here: The rows on both sides, when the import had looked at all of them.
        inserted: How many rows were new.
        kept_bytes: How many blobs of each attribute were kept as bytes, because they cannot be decoded.
        difference: The difference of the two sides.
    """

    table: PlannedTable
    there: Total
    here: Total
    inserted: int
    kept_bytes: Mapping[str, int] = field(default_factory=dict)
    difference: Difference = Difference()

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
        present = compare.present(target) if table.row_count else set()
        in_place = any(column.way is Way.STORED_PATH for column in table.columns)
        undecodable = Undecodable()
        there, held, inserted = Total(), Held(), 0
        try:
            for rows in self._converted(table, undecodable):
                found = compare.tokens({name: [row[name] for row in rows] for name in compare.names})
                keys = compare.keys(found, len(rows))
                digests = compare.rows(found)
                there.add(digests)
                held.add(keys, digests)
                new = [row for row, key in zip(rows, keys, strict=True) if key not in present] if present else rows
                inserted += _insert(target, list(map(_insertable, new)) if in_place else new)
        except LevadaError as error:
            raise type(error)(f"{table.place}: {error}{_advice(table, error)}", error.details) from None
        here = Total()
        for columns, _ in _undecoded(target):
            here.add(compare.rows(compare.tokens(columns)))
        brought = Brought(table, there, here, inserted, dict(undecodable.counts))
        return brought if brought.equal else replace(brought, difference=compare.difference(held, target))

    def _converted(self, table: PlannedTable, undecodable: Undecodable) -> Iterator[list[Row]]:
        """Yield chunks of rows, converted but for paths of files that stay in their stores."""
        names = [column.name for column in table.columns]
        changes = [converter(column, table.place.schema, self._stores, undecodable) for column in table.columns]
        selected = [_selected(column, self._source.dialect) for column in table.columns]
        stored = [place for place, column in enumerate(table.columns) if column.way in READ_WHOLE]
        for chunk in chunks(self._source.rows(table.place, selected), stored):
            columns = [
                column if change is same else [None if value is None else change(value) for value in column]
                for change, column in zip(changes, zip(*chunk, strict=True), strict=True)
            ]
            rows = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
            if self._spelled:
                for row in rows:
                    self._respell(table, row)
            yield rows

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
        self.names = [column.name for column in table.columns]
        self._key = [column.name for column in table.columns if column.in_key]
        self._types = {column.name: column.type for column in table.columns}

    def tokens(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[bytes]]:
        """Return the tokens of columns, in the order of the table if all are there."""
        return {
            name: tokens(columns[name], float32=self._types[name] == "float32", json=self._types[name] == "json")
            for name in self.names
            if name in columns
        }

    def rows(self, found: Mapping[str, Sequence[bytes]]) -> list[bytes]:
        """Return the digests of rows, by the tokens of their columns."""
        return list(map(digest, zip(*found.values(), strict=True)))

    def keys(self, found: Mapping[str, Sequence[bytes]], count: int) -> list[bytes]:
        """Return the digests of the keys of some rows; the only row of a singleton table has an empty key."""
        if not self._key:
            return [digest(())] * count
        return list(map(digest, zip(*(found[name] for name in self._key), strict=True)))

    def present(self, target: FreeTable) -> set[bytes]:
        """Return the digests of the keys that a table has."""
        return {key for columns, count in _fetched(target.proj()) for key in self.keys(self.tokens(columns), count)}

    def difference(self, held: Held, target: FreeTable) -> Difference:
        """Return the difference between rows whose digests are held and those of a table."""
        same = only_here = other_values = 0
        examples: list[str] = []
        for columns, count in _undecoded(target):
            found = self.tokens(columns)
            places = held.places(self.keys(found, count))
            for number, (place, digested) in enumerate(zip(places, self.rows(found), strict=True)):
                if place >= 0 and held.row(place) == digested:
                    same += 1
                    continue
                only_here += place < 0
                other_values += place >= 0
                if len(examples) < EXAMPLES:
                    examples.append(key_text({name: columns[name][number] for name in self._key}))
        return Difference(len(held) - same - other_values, only_here, other_values, tuple(examples))


def chunks(rows: Iterable[tuple[Any, ...]], stored: Sequence[int]) -> Iterator[list[tuple[Any, ...]]]:
    """Cut rows into chunks; the files of some columns, by their places, count as if their bytes were in the rows."""
    chunk: list[tuple[Any, ...]] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += sum([len(value) for value in row if type(value) in _SIZED])
        size += sum([stored_size(row[place]) for place in stored])
        if len(chunk) == _CHUNK_ROWS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _fetched(rows: Relation) -> Iterator[tuple[dict[str, Sequence[Any]], int]]:
    """Yield columns of a relation as Python's values, for some rows at a time, and the number of these."""
    for batch in rows._result().batches():
        columns: dict[str, Sequence[Any]] = {
            field.name: python_values(batch.column(place), field, opener=rows._opener())
            for place, field in enumerate(batch.schema)
        }
        yield columns, batch.num_rows


def _undecoded(rows: Relation) -> Iterator[tuple[dict[str, Sequence[Any]], int]]:
    """Yield columns as `_fetched` does, of stored values: no codec of the user decodes them."""
    before = config["codecs.decode"]
    config["codecs.decode"] = False
    try:
        yield from _fetched(rows)
    finally:
        config["codecs.decode"] = before


def _selected(column: PlannedColumn, dialect: str) -> Selected:
    as_text = column.type == "text" and column.way is Way.PLAIN
    return Selected(
        column.source,
        column.hashes,
        dialect == "mysql" and column.type == "float32",
        as_text,
        column.type if column.impossible else "",
        column.way is Way.SHAPE,
    )


def _insertable(row: Row) -> Row:
    return {name: value.path if isinstance(value, StoredPath) else value for name, value in row.items()}


def _insert(target: FreeTable, rows: Sequence[Row]) -> int:
    if rows:
        target.insert(rows, allow_direct_insert=True)
    return len(rows)


def _advice(table: PlannedTable, error: LevadaError) -> str:
    name = str(error.details.get("attribute", ""))
    blobs: Iterable[PlannedColumn] = (column for column in table.columns if column.way in DECODED)
    if "blob" not in str(error).lower():
        return ""
    ids = " or ".join(f'"undecodable:{table.place}.{column.source}"' for column in blobs if name in ("", column.name))
    return f' To keep blobs that cannot be decoded as bytes, decide {ids} = "bytes".' if ids else ""
