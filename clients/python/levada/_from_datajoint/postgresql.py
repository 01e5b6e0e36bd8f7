"""Reading DataJoint's tables from PostgreSQL."""

from __future__ import annotations

import re
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from levada._from_datajoint.addresses import Address, missing_driver
from levada._from_datajoint.facts import (
    POSTGRESQL,
    Column,
    Database,
    ForeignKey,
    Grant,
    Index,
    Observation,
    Place,
    Program,
    StoredDefault,
    StoredTable,
    Strays,
)
from levada._from_datajoint.source import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from levada._from_datajoint.source import Selected

_ROWS = 500
_CAST_TEXT = re.compile(r"'((?:[^']|'')*)'::.*", re.DOTALL)
_NUMBER = re.compile(r"\(?([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\)?(?:::.*)?", re.IGNORECASE)
_POSSIBLE_DAY = "isfinite({0}) AND {0} >= '0001-01-01' AND {0} < '10000-01-01'"
_POSSIBLE = {
    **dict.fromkeys(("date", "datetime", "timestamp", "timestamptz"), _POSSIBLE_DAY),
    "decimal": "{0}::text NOT IN ('NaN', 'Infinity', '-Infinity')",
    "time": "{0} < '24:00'",
}
"""The values that there are here, by our types that have fewer of them."""
_OBSERVED = (
    (re.compile(r"date|timestamp(\(\d\))? with(out)? time zone"), "date"),
    (re.compile(r"numeric(\(.*\))?"), "decimal"),
    (re.compile(r"time(\(\d\))? without time zone"), "time"),
)
"""The types of PostgreSQL whose values are looked at."""

_SCHEMAS = """
SELECT nspname FROM pg_namespace
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1
"""
_ZONE = """
SELECT reset_val FROM pg_settings WHERE name = 'TimeZone' AND EXISTS (
    SELECT FROM generate_series('1970-01-01Z'::timestamptz, '2038-01-01Z', '6 days') moment
    WHERE moment AT TIME ZONE reset_val <> moment AT TIME ZONE 'UTC')
"""
"""The zone of sessions that set none, if it is not UTC at all times."""
_TABLES = """
SELECT c.oid, c.relname, c.relkind IN ('v', 'm'), coalesce(obj_description(c.oid, 'pg_class'), ''),
    (SELECT count(*) FROM pg_inherits i WHERE c.relkind = 'p' AND i.inhparent = c.oid),
    (SELECT array_agg(pg_get_constraintdef(k.oid) ORDER BY k.conname) FROM pg_constraint k
        WHERE k.conrelid = c.oid AND k.contype = 'c')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition ORDER BY 2
"""
_UNREADABLE = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND NOT (
    has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AND NOT EXISTS (
        SELECT FROM pg_depend d JOIN pg_class q ON q.oid = d.objid WHERE d.refobjid = c.oid AND d.deptype IN ('a', 'i')
        AND CASE q.relkind WHEN 'S' THEN NOT has_sequence_privilege(q.oid, 'SELECT') ELSE FALSE END))
"""
"""The tables that the user may not read, or whose next number."""
_PROGRAMS = """
SELECT t.tgname, 'a trigger of ' || c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = %s::regnamespace AND NOT t.tgisinternal
UNION ALL
SELECT p.proname, CASE p.prokind WHEN 'p' THEN 'a procedure' ELSE 'a function' END FROM pg_proc p
WHERE p.pronamespace = %s::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')  -- of an extension
ORDER BY 1
"""
_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
    coalesce(col_description(a.attrelid, a.attnum), ''), a.attidentity <> '', a.attgenerated <> '',
    (SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = a.atttypid)::text[]
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_KEYS = """
SELECT k.conname, k.contype::text, pn.nspname, p.relname,
    CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' ELSE '' END,
    (SELECT array_agg(a.attname::text ORDER BY i) FROM unnest(k.conkey) WITH ORDINALITY u(n, i)
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n),
    (SELECT array_agg(a.attname::text ORDER BY i) FROM unnest(k.confkey) WITH ORDINALITY u(n, i)
        JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n)
FROM pg_constraint k LEFT JOIN pg_class p ON p.oid = k.confrelid LEFT JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE k.conrelid = %s AND k.contype IN ('p', 'f') ORDER BY 1
"""
_INDEXES = """
SELECT c.relname, i.indisunique, pg_get_indexdef(i.indexrelid),
    i.indpred IS NOT NULL OR i.indexprs IS NOT NULL OR am.amname <> 'btree',
    (SELECT array_agg(a.attname::text ORDER BY n.i) FROM unnest(i.indkey::int2[]) WITH ORDINALITY n(k, i)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = n.k)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam
WHERE i.indrelid = %s AND NOT i.indisprimary ORDER BY 1
"""
_GRANTS = """
SELECT pg_get_userbyid(g.grantee), n.nspname, array_agg(DISTINCT g.privilege_type)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, LATERAL aclexplode(c.relacl) g
WHERE n.nspname = ANY(%s) AND g.grantee <> c.relowner AND g.grantee <> 0 GROUP BY 1, 2 ORDER BY 1, 2
"""


class PostgreSQL:
    """A connection that reads, in one transaction, what the database held when it began.

    Args:
        address: The database's.
        password: The user's.
    """

    dialect = POSTGRESQL

    def __init__(self, address: Address, password: str) -> None:
        try:
            import psycopg
        except ImportError:
            raise missing_driver("psycopg") from None
        given: dict[str, Any] = {"host": address.host, "port": address.port, "user": address.user}  # Any: libpq's own
        given.update(dbname=address.database, password=password, **address.options)
        self._reading = partial(reading, address, psycopg.Error)
        with self._reading():
            self._connection = psycopg.connect(**{name: value for name, value in given.items() if value})
        self._ask("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._ask("SET TIME ZONE 'UTC'")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    # ---------------------------------------------------------------------------------------------- facts

    def facts(self, schemas: Sequence[str]) -> Database:
        """Read what the catalog knows of some schemas; without names, of all but Levada's own."""
        known = [str(name) for (name,) in self._ask(_SCHEMAS)]
        own = [name for name in known if name != "public" and not name.startswith("levada")]
        unreadable = frozenset(Place(*found) for found in self._ask(_UNREADABLE, known))
        partly = {place.schema for place in unreadable}
        chosen = tuple(schemas) or tuple(name for name in own if name not in partly)
        chosen = tuple(name for name in chosen if name in known)
        tables = tuple(table for name in chosen for table in self._tables(name, unreadable))
        strays = {
            (table.place, key.name): found
            for table in tables
            for key in table.foreign_keys
            if key.parent not in unreadable and (found := self._strays(table.place, key)) is not None
        }
        observations = {(table.place, name): seen for table in tables for name, seen in self._observe(table)}
        grants = tuple(Grant(str(u), str(s), frozenset(p)) for u, s, p in self._ask(_GRANTS, list(chosen)))
        version = str(self._ask("SHOW server_version")[0][0])
        programs = tuple(
            Program(schema, str(name), str(what))
            for schema in chosen
            for name, what in self._ask(_PROGRAMS, *[_quoted(schema)] * 2)
        )
        others = tuple(name for name in known if name not in chosen)
        zone = self._ask(_ZONE)
        return Database(
            POSTGRESQL,
            version,
            str(zone[0][0]) if zone else "",
            chosen,
            tables,
            observations,
            strays,
            grants,
            programs,
            others,
            reader=_quoted(str(self._ask("SELECT current_user")[0][0])) if unreadable else "",
            partly=tuple(name for name in chosen if name in partly),
            passed_over=() if schemas else tuple(name for name in own if name in partly),
            unreadable=unreadable,
        )

    def _tables(self, schema: str, unreadable: frozenset[Place]) -> Iterator[StoredTable]:
        for oid, name, view, comment, partitions, checks in self._ask(_TABLES, schema):
            place = Place(schema, name)
            if place in unreadable:
                continue
            columns = tuple(self._columns(oid))
            keys = self._ask(_KEYS, oid)
            count = 0 if view else self._ask(f"SELECT count(*) FROM {_full(place)}")[0][0]
            yield StoredTable(
                place,
                bool(view),
                comment,
                columns,
                next((tuple(own) for _, kind, _, _, _, own, _ in keys if kind == "p"), ()),
                tuple(
                    ForeignKey(key, tuple(own), Place(parent_schema, parent), tuple(others), str(rule))
                    for key, kind, parent_schema, parent, rule, own, others in keys
                    if kind == "f"
                ),
                tuple(
                    Index(index, () if odd else tuple(names or ()), bool(unique), text)
                    for index, unique, text, odd, names in self._ask(_INDEXES, oid)
                ),
                int(count),
                self._next_number(place, columns),
                tuple(checks or ()),
                int(partitions),
            )

    def _columns(self, oid: int) -> Iterator[Column]:
        for name, type_, nullable, default, comment, identity, generated, labels in self._ask(_COLUMNS, oid):
            written = f"enum({','.join(map(_label, labels))})" if labels else type_
            counted = bool(identity) or (default or "").startswith("nextval(")
            read = None if counted or generated else _read_default(default)
            computed = str(default) if generated else ""
            yield Column(name, written, bool(nullable), read, comment, counted, generated=computed)

    def _next_number(self, place: Place, columns: Sequence[Column]) -> int | None:
        for column in columns:
            if column.auto_increment:
                sequence = self._ask("SELECT pg_get_serial_sequence(%s, %s)", _full(place), column.name)[0][0]
                if sequence is not None:
                    last, called = self._ask(f"SELECT last_value, is_called FROM {sequence}")[0]
                    return int(last) + bool(called)
        return None

    def _observe(self, table: StoredTable) -> Iterator[tuple[str, Observation]]:
        """Look for values that cannot be here: infinite days, or before the year 1 or after 9999, NaN, NUL in JSON."""
        if table.view or table.place.table.startswith("~"):
            return
        asked: list[tuple[str, str, str]] = []
        for column in table.columns:
            name = _quoted(column.name)
            if column.type == "json":
                asked.append((column.name, f"{name}::text LIKE '%\\\\u0000%'", "FALSE"))
            for pattern, type_ in _OBSERVED:
                if pattern.fullmatch(column.type):
                    asked.append((column.name, "FALSE", f"NOT ({_POSSIBLE[type_].format(name)})"))
        if asked:
            parts = [
                f"count({_quoted(name)}), count(*) FILTER (WHERE {nul}), count(*) FILTER (WHERE {impossible})"
                for name, nul, impossible in asked
            ]
            counts = iter(self._ask(f"SELECT {', '.join(parts)} FROM {_full(table.place)}")[0])
            for name, _, _ in asked:
                values, nuls, impossible = (int(next(counts)) for _ in range(3))
                yield name, Observation(values, impossible=impossible, nuls=nuls)

    def _strays(self, place: Place, key: ForeignKey) -> Strays | None:
        pairs = list(zip(key.columns, key.parent_columns, strict=True))
        given = " AND ".join(f"c.{_quoted(child)} IS NOT NULL" for child, _ in pairs)
        equal = " AND ".join(f"p.{_quoted(parent)} = c.{_quoted(child)}" for child, parent in pairs)
        missing = f"NOT EXISTS (SELECT 1 FROM {_full(key.parent)} p WHERE {equal})"
        count = self._ask(f"SELECT count(*) FROM {_full(place)} c WHERE {given} AND {missing}")[0][0]
        return Strays(orphans=int(count)) if count else None

    def respellings(self, place: Place, key: ForeignKey) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """Return nothing: here equal texts are the same."""
        return {}

    # ----------------------------------------------------------------------------------------------- rows

    def show_moments_in_utc(self) -> None:
        """Do nothing: moments with a zone come in UTC, and those without have none."""

    def rows(self, place: Place, columns: Sequence[Selected]) -> Iterator[tuple[Any, ...]]:
        """Read all rows of a table, some at a time."""
        names = ", ".join(map(_expression, columns))
        with self._reading(), closing(self._connection.cursor(name="rows")) as cursor:
            cursor.execute(f"SELECT {names} FROM {_full(place)}")
            while rows := cursor.fetchmany(_ROWS):
                yield from rows

    def _ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._reading(), closing(self._connection.cursor()) as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall()) if cursor.description else []


def _read_default(text: str | None) -> StoredDefault | None:
    """Read a default, which has a cast: `'U'::lab.enum_x`, `'0'::smallint`, `''::character varying`."""
    if text is None or text.upper().startswith("NULL::"):
        return None
    if match := _CAST_TEXT.fullmatch(text):
        return StoredDefault(match[1].replace("''", "'"))
    if match := _NUMBER.fullmatch(text):
        return StoredDefault(match[1])
    return StoredDefault(text, expression=text not in ("true", "false"))


def _expression(column: Selected) -> str:
    name = _quoted(column.name)
    if column.as_text:
        return f"{name}::text"
    if column.impossible:
        return f"CASE WHEN {_POSSIBLE[column.impossible.partition('(')[0]].format(name)} THEN {name} END"
    return name


def _label(label: str) -> str:
    return "'" + label.replace("'", "''") + "'"


def _full(place: Place) -> str:
    return f"{_quoted(place.schema)}.{_quoted(place.table)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
