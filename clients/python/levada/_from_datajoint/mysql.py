"""Reading DataJoint's tables from MySQL or MariaDB."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

from levada._from_datajoint.addresses import Address, missing_driver
from levada._from_datajoint.facts import (
    MYSQL,
    Column,
    Database,
    ForeignKey,
    Grant,
    Index,
    Observation,
    Place,
    StoredDefault,
    StoredTable,
    Strays,
)
from levada._from_datajoint.source import External, Selected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")
_DEFAULT_PORT = 3306
_ROWS = 500
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)|''", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}
_JSON_CHECK = re.compile(r"json_valid\(`([^`]+)`\)", re.IGNORECASE)
_BLOB_HEADS = "LEFT({0}, 4) IN (x'6D596D00', x'646A3000') OR LEFT({0}, 6) = x'5A4C31323300'"
_GRANT_PATTERNS = "information_schema.schema_privileges"


class MySQL:
    """A connection that reads, in one transaction, what the database held when it began.

    Args:
        address: The database's.
        password: The user's.
    """

    dialect = MYSQL

    def __init__(self, address: Address, password: str) -> None:
        try:
            import pymysql
            from pymysql.cursors import SSCursor
        except ImportError:
            raise missing_driver("pymysql") from None
        self._stream = SSCursor
        socket = {"unix_socket": address.options["unix_socket"]} if "unix_socket" in address.options else {}
        self._connection = pymysql.connect(
            host=address.host or "localhost",
            port=address.port or _DEFAULT_PORT,
            user=address.user,
            password=password,
            charset="utf8mb4",
            # A session may give zero dates, which a strict one refuses to compare.
            init_command="SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES', SESSION group_concat_max_len = 4294967295",
            **socket,
        )
        self._ask("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self._ask("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    # ---------------------------------------------------------------------------------------------- facts

    def facts(self, schemas: Sequence[str]) -> Database:
        """Read what the catalog knows of some schemas; without names, of all."""
        known = [name for (name,) in self._ask("SELECT schema_name FROM information_schema.schemata ORDER BY 1")]
        chosen = tuple(schemas) or tuple(name for name in known if name not in _SYSTEM)
        tables = tuple(table for name in chosen if name in known for table in self._tables(name))
        version = str(self._ask("SELECT version()")[0][0])
        return Database(
            MYSQL,
            version,
            self._zone(),
            tuple(name for name in chosen if name in known),
            tables,
            {
                (table.place, name): seen
                for table in tables
                if not table.view
                for name, seen in self._observe(table).items()
            },
            {
                (table.place, key.name): strays
                for table in tables
                for key in table.foreign_keys
                if (strays := self._strays(table, key)) is not None
            },
            tuple(self._grants(chosen)),
        )

    def _zone(self) -> str:
        """Return the offset of the session's zone, as far as it has one; its name otherwise."""
        offset, name = self._ask("SELECT TIME_FORMAT(TIMEDIFF(NOW(), UTC_TIMESTAMP()), '%H:%i'), @@session.time_zone")[
            0
        ]
        offset = str(offset)
        if offset in ("00:00", "-00:00"):
            return ""
        signed = offset if offset.startswith("-") else f"+{offset}"
        return signed if name == signed or name == "SYSTEM" else f"{name}, now {signed}"

    def _tables(self, schema: str) -> Iterator[StoredTable]:
        keys = self._keys(schema)
        indexes = self._indexes(schema)
        columns = self._columns(schema)
        statement = (
            "SELECT table_name, table_type, table_comment, auto_increment FROM information_schema.tables "
            "WHERE table_schema = %s ORDER BY 1"
        )
        for name, kind, comment, number in self._ask(statement, schema):
            view = kind != "BASE TABLE"
            count = 0 if view else self._ask(f"SELECT COUNT(*) FROM {_quoted(schema)}.{_quoted(name)}")[0][0]
            found = indexes.get(name, [])
            yield StoredTable(
                Place(schema, name),
                view,
                "" if view else comment,
                tuple(columns.get(name, ())),
                next((index.columns for index in found if index.name == "PRIMARY"), ()),
                tuple(keys.get(name, ())),
                tuple(index for index in found if index.name != "PRIMARY"),
                int(count),
                None if number is None else int(number),
            )

    def _columns(self, schema: str) -> dict[str, list[Column]]:
        mariadb = "mariadb" in str(self._ask("SELECT version()")[0][0]).lower()
        checked = self._json_columns(schema) if mariadb else set()
        columns: dict[str, list[Column]] = {}
        statement = (
            "SELECT table_name, column_name, column_type, is_nullable, column_default, extra, column_comment, "
            "character_set_name FROM information_schema.columns WHERE table_schema = %s "
            "ORDER BY table_name, ordinal_position"
        )
        for table, name, type_, nullable, default, extra, comment, character_set in self._ask(statement, schema):
            made = Column(
                name,
                type_ if "'" in type_ else type_.lower(),
                nullable == "YES",
                _read_default(default, extra, mariadb=mariadb),
                comment,
                "auto_increment" in extra.lower(),
                extra.lower().partition("on update ")[2],
                character_set or "",
                (table, name) in checked,
            )
            columns.setdefault(table, []).append(made)
        return columns

    def _json_columns(self, schema: str) -> set[tuple[str, str]]:
        """Return the columns that MariaDB checks for JSON, its only sign that they were declared so."""
        statement = (
            "SELECT table_name, check_clause FROM information_schema.check_constraints WHERE constraint_schema = %s"
        )
        return {
            (table, match[1])
            for table, clause in self._ask(statement, schema)
            if (match := _JSON_CHECK.fullmatch(clause)) is not None
        }

    def _keys(self, schema: str) -> dict[str, list[ForeignKey]]:
        found: dict[tuple[str, str, str, str], list[tuple[str, str]]] = {}
        statement = (
            "SELECT table_name, constraint_name, referenced_table_schema, referenced_table_name, column_name, "
            "referenced_column_name FROM information_schema.key_column_usage "
            "WHERE table_schema = %s AND referenced_table_name IS NOT NULL "
            "ORDER BY table_name, constraint_name, ordinal_position"
        )
        for table, name, parent_schema, parent, child_column, parent_column in self._ask(statement, schema):
            found.setdefault((table, name, parent_schema, parent), []).append((child_column, parent_column))
        keys: dict[str, list[ForeignKey]] = {}
        for (table, name, parent_schema, parent), pairs in found.items():
            children, parents = zip(*pairs, strict=True)
            keys.setdefault(table, []).append(ForeignKey(name, children, Place(parent_schema, parent), parents))
        return keys

    def _indexes(self, schema: str) -> dict[str, list[Index]]:
        found: dict[tuple[str, str, bool, str], list[tuple[str | None, int | None]]] = {}
        statement = (
            "SELECT table_name, index_name, non_unique, index_type, column_name, sub_part "
            "FROM information_schema.statistics WHERE table_schema = %s ORDER BY table_name, index_name, seq_in_index"
        )
        for table, name, shared, kind, column, length in self._ask(statement, schema):
            found.setdefault((table, name, not int(shared), kind), []).append((column, length))
        indexes: dict[str, list[Index]] = {}
        for (table, name, unique, kind), items in found.items():
            plain = kind in ("BTREE", "HASH") and all(column and not length for column, length in items)
            text = ", ".join(
                (column or "an expression") + (f"({length})" if length else "") for column, length in items
            )
            columns = tuple(column for column, _ in items if column) if plain else ()
            indexes.setdefault(table, []).append(Index(name, columns, unique, f"{kind} ({text})"))
        return indexes

    def _observe(self, table: StoredTable) -> dict[str, Observation]:
        """Look at the values of columns whose types leave something open."""
        asked: list[tuple[str, str]] = []
        for column in table.columns:
            quoted, type_ = _quoted(column.name), column.type
            if type_ == "tinyint(1)":
                asked.append((column.name, f"SUM({quoted} NOT IN (0, 1)), 0, 0, 0"))
            elif re.match("date|datetime|timestamp", type_):
                text = f"CAST({quoted} AS CHAR)"
                asked.append((column.name, f"0, SUM({text} LIKE '0000%' OR {text} LIKE '%-00%'), 0, 0"))
            elif "blob" in type_:
                asked.append((column.name, f"0, 0, SUM({_BLOB_HEADS.format(quoted)}), 0"))
            elif type_.startswith("enum"):
                asked.append((column.name, f"0, 0, 0, SUM({quoted} + 0 = 0)"))
        if not asked or table.place.table.startswith("~"):
            return {}
        parts = ", ".join(f"COUNT({_quoted(name)}), {sums}" for name, sums in asked)
        statement = f"SELECT {parts} FROM {_full(table.place)}"
        counts = [int(count or 0) for count in self._ask(statement)[0]]
        rows = (counts[start : start + 5] for start in range(0, len(counts), 5))
        return {
            name: Observation(values, not_bool, zeros, blobs, labels)
            for (name, _), (values, not_bool, zeros, blobs, labels) in zip(asked, rows, strict=True)
        }

    def _strays(self, table: StoredTable, key: ForeignKey) -> Strays | None:
        """Look for rows whose parent is spelled otherwise, or missing."""
        if key.parent.table.startswith("~"):
            return None
        found = self._ask(_stray_statement(table.place, key, "COUNT(*), COALESCE(SUM({equal}), 0)"))
        total, spelled = (int(number) for number in found[0])
        return Strays(spelled, total - spelled) if total else None

    def respellings(self, place: Place, key: ForeignKey) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """Return the parent's values for the values of children that spell them otherwise."""
        children = ", ".join(f"c.{_quoted(name)}" for name in key.columns)
        parents = ", ".join(f"p.{_quoted(name)}" for name in key.parent_columns)
        pairs = list(zip(key.columns, key.parent_columns, strict=True))
        equal = " AND ".join(f"p.{_quoted(parent)} = c.{_quoted(child)}" for child, parent in pairs)
        same = " AND ".join(f"BINARY p.{_quoted(parent)} = BINARY c.{_quoted(child)}" for child, parent in pairs)
        rows = self._ask(
            f"SELECT DISTINCT {children}, {parents} FROM {_full(place)} c JOIN {_full(key.parent)} p "
            f"ON {equal} WHERE NOT ({same})"
        )
        count = len(pairs)
        return {tuple(row[:count]): tuple(row[count:]) for row in rows}

    def _grants(self, schemas: Sequence[str]) -> Iterator[Grant]:
        rows = self._ask(
            f"SELECT grantee, table_schema, GROUP_CONCAT(privilege_type) FROM {_GRANT_PATTERNS} "
            "GROUP BY grantee, table_schema ORDER BY 1, 2"
        )
        for grantee, pattern, privileges in rows:
            user = str(grantee).split("'")[1]
            for schema in schemas:
                if self._ask("SELECT %s LIKE %s ESCAPE '\\'", schema, pattern)[0][0]:
                    yield Grant(user, schema, frozenset(str(privileges).split(",")))

    # ----------------------------------------------------------------------------------------------- rows

    def show_moments_in_utc(self) -> None:
        """Read `timestamp` as the moment in UTC instead of the session's zone."""
        self._ask("SET SESSION time_zone = '+00:00'")

    def rows(self, place: Place, columns: Sequence[Selected]) -> Iterator[tuple[Any, ...]]:
        """Read all rows of a table, in the order of its key, some at a time.

        Args:
            columns: The columns to read, with what stands in the table of hashes for those in stores.

        Yields:
            For each row a value for each column; an `External` for those in stores.
        """
        items: list[str] = []
        joins: list[str] = []
        for number, column in enumerate(columns):
            name = f"c.{_quoted(column.name)}"
            items.append(f"({name} + 0e0)" if column.exact else f"CAST({name} AS CHAR)" if column.as_text else name)
            if column.hashes:
                alias = f"e{number}"
                items += [f"{alias}.filepath", f"{alias}.attachment_name", f"{alias}.size"]
                hashes = _full(Place(place.schema, column.hashes))
                joins.append(f"LEFT JOIN {hashes} {alias} ON {alias}.hash = {name}")
        statement = f"SELECT {', '.join(items)} FROM {_full(place)} c {' '.join(joins)}"
        with closing(self._connection.cursor(self._stream)) as cursor:
            cursor.execute(statement)
            while rows := cursor.fetchmany(_ROWS):
                for row in rows:
                    yield _packed(row, columns)

    def _ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall())


def _packed(row: Sequence[Any], columns: Sequence[Selected]) -> tuple[Any, ...]:
    if not any(column.hashes for column in columns):
        return tuple(row)
    values, rest = [], iter(row)
    for column in columns:
        value = next(rest)
        if column.hashes:
            path, name, size = next(rest), next(rest), next(rest)
            value = None if value is None else External(value, path or "", name or "", size)
        values.append(value)
    return tuple(values)


def _stray_statement(place: Place, key: ForeignKey, wanted: str) -> str:
    pairs = list(zip(key.columns, key.parent_columns, strict=True))
    equal = " AND ".join(f"p.{_quoted(parent)} = c.{_quoted(child)}" for child, parent in pairs)
    same = " AND ".join(f"BINARY p.{_quoted(parent)} = BINARY c.{_quoted(child)}" for child, parent in pairs)
    given = " AND ".join(f"c.{_quoted(child)} IS NOT NULL" for child, _ in pairs)
    parent = _full(key.parent)
    exists = f"EXISTS (SELECT 1 FROM {parent} p WHERE {equal})"
    return (
        f"SELECT {wanted.format(equal=exists)} FROM {_full(place)} c WHERE {given} "
        f"AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE {equal} AND {same})"
    )


def _read_default(text: object, extra: str, *, mariadb: bool) -> StoredDefault | None:
    """Read a default: MariaDB quotes texts, and MySQL marks expressions."""
    if text is None or (mariadb and text == "NULL"):
        return None
    text = str(text)
    if not mariadb:
        return StoredDefault(text, "DEFAULT_GENERATED" in extra)
    if text.startswith("'"):
        return StoredDefault(
            _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]) if match[1] else "'", text[1:-1])
        )
    return StoredDefault(text, _NUMBER.fullmatch(text) is None)


def _full(place: Place) -> str:
    return f"{_quoted(place.schema)}.{_quoted(place.table)}"


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
