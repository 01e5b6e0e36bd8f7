"""Reading DataJoint's tables from MySQL or MariaDB."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from functools import partial
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
    Program,
    StoredDefault,
    StoredTable,
    Strays,
)
from levada._from_datajoint.source import External, Selected, reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")
_DEFAULT_PORT = 3306
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)|''", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}
_JSON_CHECK = re.compile(r"json_valid\(`([^`]+)`\)", re.IGNORECASE)
_NOTE = re.compile(r"\s*/\*.*?\*/", re.DOTALL)
_BITS = re.compile(r"b'[01]+'")
_BLOB_HEADS = "LEFT({0}, 4) IN (x'6D596D00', x'646A3000') OR LEFT({0}, 6) = x'5A4C31323300'"
_NOW = re.compile(r"current_timestamp(\(\d?\))?", re.IGNORECASE)
_DIGITS = "(SELECT 0 d {})".format(" ".join(f"UNION ALL SELECT {digit}" for digit in range(1, 10)))
_OFFSETS = (
    "SELECT MIN(shown), MAX(shown) FROM (SELECT TIMESTAMPDIFF(SECOND, '1970-01-01', FROM_UNIXTIME(moment)) - moment "
    "AS shown FROM (SELECT 500000 * (a.d + 10 * b.d + 100 * c.d + 1000 * e.d) + 1 AS moment "
    f"FROM {_DIGITS} a, {_DIGITS} b, {_DIGITS} c, {_DIGITS} e) moments WHERE moment < 2147483647) offsets"
)
"""The least and the highest offset from UTC, in seconds, of a zone every six days of the years that `timestamp` has."""
_RULE = re.compile(r"\n  CONSTRAINT `((?:[^`]|``)+)` FOREIGN KEY .* ON DELETE (CASCADE|SET NULL|SET DEFAULT)")
_DENIED = frozenset({1044, 1142, 1143})
"""The errors of a user who may not read a schema, a table or a column."""
_NOT_THERE = frozenset({1049, 1054, 1146})
"""The errors of a schema, a table or a column that is not there, for a user who may read it."""
_NO_TABLE = "~~~"
_NOBODY = frozenset(
    {"", "PUBLIC", "root", "mysql", "debian-sys-maint"}
    | {"mariadb.sys", "mysql.sys", "mysql.session", "mysql.infoschema"}
)
"""Grantees of the catalog beside persons: everybody, and the accounts of the database itself."""
_PATTERN_BEGIN = re.compile(r"((?:[^%\\]|\\.)+)%")
r"""A pattern of schemas that all begin alike, such as `anna\_%`."""
_MEMBERS = "SELECT Role, User FROM mysql.roles_mapping UNION SELECT User, '' FROM mysql.user WHERE is_role = 'Y'"
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
        self._fault = pymysql.Error
        socket = {"unix_socket": address.options["unix_socket"]} if "unix_socket" in address.options else {}
        self._reading = partial(reading, address, pymysql.Error)
        try:
            with self._reading():
                self._connection = pymysql.connect(
                    host=address.host or "localhost",
                    port=address.port or _DEFAULT_PORT,
                    user=address.user,
                    password=password,
                    charset="utf8mb4",
                    # A session may give zero dates, which a strict one refuses to compare.
                    init_command="SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES', "
                    "SESSION group_concat_max_len = 4294967295",
                    **socket,
                )
        except RuntimeError:  # passwords of MySQL 8 travel encrypted where the connection is not
            raise missing_driver("cryptography") from None
        self._ask("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self._ask("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    # ---------------------------------------------------------------------------------------------- facts

    def facts(self, schemas: Sequence[str]) -> Database:
        """Read what the catalog knows of some schemas; without names, of all."""
        known = [name for (name,) in self._ask("SELECT schema_name FROM information_schema.schemata ORDER BY 1")]
        own = [name for name in known if name not in _SYSTEM]
        whole = {name for name in (*schemas, *own) if name in known and self._may_read_all(name)}
        chosen = tuple(schemas) or tuple(name for name in own if name in whole)
        hidden: set[Place] = set()
        tables = tuple(
            table
            for name in chosen
            if name in known
            for table in self._tables(name, hidden if name not in whole else None)
        )
        refused = {
            (table.place, key.name): (key.parent, self._refusal(key.parent, key.parent_columns))
            for table in tables
            for key in table.foreign_keys
        }
        hidden |= {parent for parent, error in refused.values() if error in _DENIED}
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
                if not refused[table.place, key.name][1] and (strays := self._strays(table, key)) is not None
            },
            tuple(self._grants(chosen)),
            tuple(program for name in chosen if name in known for program in self._programs(name)),
            tuple(name for name in own if name not in chosen),
            tuple(self._superusers()),
            "'{}'@'{}'".format(*str(self._ask("SELECT CURRENT_USER()")[0][0]).rsplit("@", 1)),
            tuple(name for name in chosen if name in known and name not in whole),
            () if schemas else tuple(name for name in own if name not in whole),
            frozenset(hidden),
            frozenset(key for key, (_, error) in refused.items() if error in _NOT_THERE),
            self._refusal(Place("mysql", "user")) in _DENIED,
        )

    def _may_read_all(self, schema: str) -> bool:
        """Return whether the user may read all tables of a schema: one that is not there is not refused then."""
        return self._refusal(Place(schema, _NO_TABLE)) in _NOT_THERE

    def _refusal(self, place: Place, columns: Sequence[str] = ()) -> int:
        """Return the error of reading all columns of a table, and some that it should have; 0 for none.

        The catalog hides what a user may not read, and does not resolve roles, so only the attempt tells.
        """
        with self._reading(), closing(self._connection.cursor()) as cursor:
            try:
                items = ", ".join(["t.*", *(f"t.{_quoted(name)}" for name in columns)])
                cursor.execute(f"SELECT {items} FROM {_full(place)} t LIMIT 0")
            except self._fault as error:
                if error.args[0] in _DENIED | _NOT_THERE:
                    return int(error.args[0])
                raise
        return 0

    def _zone(self) -> str:
        """Return the offsets of the session's zone, and its name if it is more than one; nothing if it is UTC."""
        least, most = (int(seconds) for seconds in self._ask(_OFFSETS)[0])
        if least == most:
            return _offset(least) if least else ""
        name = self._ask("SELECT @@session.time_zone")[0][0]
        named = "that of the database's machine" if name == "SYSTEM" else name
        return f"{named} ({_offset(least)} to {_offset(most)})"

    def _tables(self, schema: str, hidden: set[Place] | None) -> Iterator[StoredTable]:
        """Yield the tables of a schema that the user may read.

        Args:
            hidden: Collects the others; None if the user may read all.
        """
        keys = self._keys(schema)
        indexes = self._indexes(schema)
        columns = self._columns(schema)
        checks = self._checks(schema)
        partitions = dict(
            self._ask(
                "SELECT table_name, COUNT(*) FROM information_schema.partitions "
                "WHERE table_schema = %s AND partition_name IS NOT NULL GROUP BY 1",
                schema,
            )
        )
        statement = (
            "SELECT table_name, table_type, table_comment, auto_increment FROM information_schema.tables "
            "WHERE table_schema = %s AND table_type <> 'SEQUENCE' ORDER BY 1"
        )
        for name, kind, comment, number in self._ask(statement, schema):
            view = kind not in ("BASE TABLE", "SYSTEM VERSIONED")
            if hidden is not None and not view and self._refusal(Place(schema, name)) in _DENIED:
                hidden.add(Place(schema, name))
                continue
            count = 0 if view else self._ask(f"SELECT COUNT(*) FROM {_quoted(schema)}.{_quoted(name)}")[0][0]
            found = indexes.get(name, [])
            yield StoredTable(
                Place(schema, name),
                view,
                "" if view else comment,
                tuple(columns.get(name, ())),
                next((index.columns for index in found if index.name == "PRIMARY"), ()),
                self._with_rules(Place(schema, name), keys.get(name, ())),
                tuple(index for index in found if index.name != "PRIMARY"),
                int(count),
                None if number is None else int(number),
                tuple(checks.get(name, ())),
                int(partitions.get(name, 0)),
                kind == "SYSTEM VERSIONED",
            )

    def _columns(self, schema: str) -> dict[str, list[Column]]:
        mariadb = self._is_mariadb()
        checked = self._json_columns(schema) if mariadb else set()
        in_utc = self._moments_in_utc(schema)
        columns: dict[str, list[Column]] = {}
        statement = (
            "SELECT table_name, column_name, column_type, is_nullable, column_default, extra, column_comment, "
            "character_set_name, collation_name, generation_expression FROM information_schema.columns "
            "WHERE table_schema = %s ORDER BY table_name, ordinal_position"
        )
        for table, name, type_, nullable, default, extra, comment, characters, order, generated in self._ask(
            statement, schema
        ):
            made = Column(
                name,
                type_ if "'" in type_ else _NOTE.sub("", type_.lower()),
                nullable == "YES",
                _read_default(default, extra, type_, in_utc.get((table, name)), mariadb=mariadb),
                comment,
                "auto_increment" in extra.lower(),
                extra.lower().partition("on update ")[2],
                characters or "",
                (table, name) in checked,
                str(generated or ""),
                bool(order) and not str(order).endswith(("_bin", "binary")),
            )
            columns.setdefault(table, []).append(made)
        return columns

    def _moments_in_utc(self, schema: str) -> dict[tuple[str, str], object]:
        """Return the defaults of columns of moments as a session in UTC sees them."""
        (zone,) = self._ask("SELECT @@session.time_zone")[0]
        self.show_moments_in_utc()
        try:
            found = self._ask(
                "SELECT table_name, column_name, column_default FROM information_schema.columns "
                "WHERE table_schema = %s AND data_type = 'timestamp'",
                schema,
            )
        finally:
            self._ask("SET SESSION time_zone = %s", zone)
        return {(table, name): default for table, name, default in found}

    def _is_mariadb(self) -> bool:
        return "mariadb" in str(self._ask("SELECT version()")[0][0]).lower()

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

    def _checks(self, schema: str) -> dict[str, list[str]]:
        """Return the conditions that tables check, but for those of JSON."""
        known = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
        if not self._ask(known, "information_schema", "CHECK_CONSTRAINTS")[0][0]:
            return {}
        if self._is_mariadb():  # its tables may have checks of one name
            statement = (
                "SELECT table_name, check_clause FROM information_schema.check_constraints "
                "WHERE constraint_schema = %s ORDER BY 1, constraint_name"
            )
        else:
            statement = (
                "SELECT t.table_name, c.check_clause FROM information_schema.check_constraints c "
                "JOIN information_schema.table_constraints t ON t.constraint_schema = c.constraint_schema "
                "AND t.constraint_name = c.constraint_name AND t.constraint_type = 'CHECK' "
                "WHERE c.constraint_schema = %s ORDER BY 1, c.constraint_name"
            )
        checks: dict[str, list[str]] = {}
        for table, clause in self._ask(statement, schema):
            if _JSON_CHECK.fullmatch(clause) is None and clause not in checks.get(table, ()):
                checks.setdefault(table, []).append(clause)
        return checks

    def _programs(self, schema: str) -> Iterator[Program]:
        """Yield what is there beside tables and views."""
        asked = (
            "SELECT trigger_name, CONCAT('a trigger of ', event_object_table) FROM information_schema.triggers "
            "WHERE trigger_schema = %s",
            "SELECT routine_name, CONCAT('a ', LOWER(routine_type)) FROM information_schema.routines "
            "WHERE routine_schema = %s",
            "SELECT event_name, 'an event' FROM information_schema.events WHERE event_schema = %s",
            "SELECT table_name, 'a sequence' FROM information_schema.tables "
            "WHERE table_type = 'SEQUENCE' AND table_schema = %s",
        )
        for statement in asked:
            for name, what in self._ask(f"{statement} ORDER BY 1", schema):
                yield Program(schema, name, what)

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

    def _with_rules(self, place: Place, keys: Sequence[ForeignKey]) -> tuple[ForeignKey, ...]:
        """Return foreign keys with what they do on deleting, which MariaDB's catalog hides from users who only read."""
        if not keys:
            return ()
        written = str(self._ask(f"SHOW CREATE TABLE {_full(place)}")[0][1])
        rules = {match[1].replace("``", "`"): match[2] for match in _RULE.finditer(written)}
        return tuple(replace(key, on_delete=rules.get(key.name, "")) for key in keys)

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
                asked.append((column.name, f"SUM({quoted} NOT IN (0, 1)), 0, 0, 0, 0"))
            elif re.match("date|datetime|timestamp", type_):
                text = f"CAST({quoted} AS CHAR)"
                # CAST gives NULL for days such as 2020-02-31, which a table holds if its session allowed them.
                missing = f"({quoted} IS NOT NULL AND CAST(LEFT({text}, 10) AS DATE) IS NULL)"
                asked.append((column.name, f"0, SUM({text} LIKE '0000%' OR {text} LIKE '%-00%' OR {missing}), 0, 0, 0"))
            elif "blob" in type_:
                asked.append((column.name, f"0, 0, SUM({_BLOB_HEADS.format(quoted)}), 0, 0"))
            elif type_.startswith("enum"):
                asked.append((column.name, f"0, 0, 0, SUM({quoted} + 0 = 0), 0"))
            elif column.holds_json or type_ == "json":
                nul = "CONCAT(CHAR(92), 'u0000')"  # in a literal, the backslash may mean nothing
                asked.append((column.name, f"0, 0, 0, 0, SUM(INSTR(CAST({quoted} AS CHAR), {nul}) > 0)"))
            elif re.match("(var)?char|(tiny|medium|long)?text|set", type_):
                text = f"CONVERT({quoted} USING utf8mb4)"  # others, such as utf16, have such a byte in each letter
                asked.append((column.name, f"0, 0, 0, 0, SUM(INSTR(CAST({text} AS BINARY), x'00') > 0)"))
        if not asked or table.place.table.startswith("~"):
            return {}
        parts = ", ".join(f"COUNT({_quoted(name)}), {sums}" for name, sums in asked)
        statement = f"SELECT {parts} FROM {_full(table.place)}"
        counts = [int(count or 0) for count in self._ask(statement)[0]]
        rows = (counts[start : start + 6] for start in range(0, len(counts), 6))
        return {name: Observation(*row) for (name, _), row in zip(asked, rows, strict=True)}

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

    def _superusers(self) -> list[str]:
        """Return the users who may do everything everywhere."""
        rows = self._ask(
            "SELECT DISTINCT grantee FROM information_schema.user_privileges WHERE privilege_type = 'SUPER' ORDER BY 1"
        )
        members = self._members()
        return list(dict.fromkeys(user for (grantee,) in rows for user in _people(grantee, members)))

    def _grants(self, schemas: Sequence[str]) -> Iterator[Grant]:
        rows = self._ask(
            f"SELECT grantee, table_schema, GROUP_CONCAT(privilege_type) FROM {_GRANT_PATTERNS} "
            "GROUP BY grantee, table_schema ORDER BY 1, 2"
        )
        members = self._members()
        for grantee, pattern, privileges in rows:
            granted = frozenset(str(privileges).split(","))
            own = _PATTERN_BEGIN.match(str(pattern))
            begin = own[1].replace("\\", "") if own is not None and "CREATE" in granted else ""
            for user in _people(grantee, members):
                if begin:
                    yield Grant(user, begin, frozenset({"CREATE"}), begins=True)
                for schema in schemas:
                    if self._ask("SELECT %s LIKE %s ESCAPE '\\'", schema, pattern)[0][0]:
                        yield Grant(user, schema, granted)
        # Every user has USAGE.
        for grantee, privileges in self._ask(
            "SELECT grantee, GROUP_CONCAT(privilege_type) FROM information_schema.user_privileges "
            "WHERE privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'CREATE', 'ALTER', 'DROP') "
            "GROUP BY 1 ORDER BY 1"
        ):
            for user in _people(grantee, members):
                yield Grant(user, "", frozenset(str(privileges).split(",")))
        for grantee, schema, table, privileges in self._ask(
            "SELECT grantee, table_schema, table_name, GROUP_CONCAT(privilege_type) "
            "FROM information_schema.table_privileges GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        ):
            if schema in schemas:
                for user in _people(grantee, members):
                    yield Grant(user, schema, frozenset(str(privileges).split(",")), table)

    def _members(self) -> dict[str, list[str]]:
        """Return the users who have each role, also by another role; nothing if the user may not see them."""
        if self._is_mariadb():
            table, statement = "roles_mapping", _MEMBERS
        else:
            table, statement = "role_edges", "SELECT FROM_USER, TO_USER FROM mysql.role_edges"
        if self._refusal(Place("mysql", table)):
            return {}
        direct: dict[str, list[str]] = {}
        for role, member in self._ask(statement):
            direct.setdefault(str(role), []).append(str(member))
        members: dict[str, list[str]] = {}
        for role in direct:
            reached = [role]
            for one in reached:  # which grows, as roles have roles
                reached += [member for member in direct.get(one, ()) if member not in reached]
            members[role] = [one for one in reached if one not in direct]
        return members

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
            items.append(_expression(name, column))
            if column.hashes:
                alias = f"e{number}"
                items += [f"{alias}.filepath", f"{alias}.attachment_name", f"{alias}.size"]
                hashes = _full(Place(place.schema, column.hashes))
                joins.append(f"LEFT JOIN {hashes} {alias} ON {alias}.hash = {name}")
        statement = f"SELECT {', '.join(items)} FROM {_full(place)} c {' '.join(joins)}"
        with self._reading(), closing(self._connection.cursor(self._stream)) as cursor:
            cursor.execute(statement)
            if not any(column.hashes for column in columns):
                yield from cursor
                return
            for row in cursor:
                yield _packed(row, columns)

    def _ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._reading(), closing(self._connection.cursor()) as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall())


def _people(grantee: object, members: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the persons whom a grant is for: its user, or the members of its role."""
    user = str(grantee).split("'")[1]
    return [one for one in members.get(user, [user]) if one and one not in _NOBODY]


def _expression(name: str, column: Selected) -> str:
    if column.exact:
        return f"({name} + 0e0)"
    if column.shape:
        return f"ST_AsText({name})"
    return f"CAST({name} AS CHAR)" if column.as_text else name


def _packed(row: Sequence[Any], columns: Sequence[Selected]) -> tuple[Any, ...]:
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


def _read_default(
    text: object, extra: str, type_: str, in_utc: object = None, *, mariadb: bool
) -> StoredDefault | None:
    """Read a default: MariaDB quotes texts, and MySQL marks expressions, but before 8.0 not the time of the insert.

    Args:
        in_utc: The default of a moment as a session in UTC sees it.
    """
    if text is None or (mariadb and text == "NULL"):
        return None
    text, utc = str(text), str(in_utc or "")
    if not mariadb:
        now = type_.lower().startswith(("datetime", "timestamp")) and _NOW.fullmatch(text) is not None
        return StoredDefault(text, now or "DEFAULT_GENERATED" in extra.upper(), utc)
    if text.startswith("'"):
        return StoredDefault(_unquoted(text), in_utc=_unquoted(utc))
    return StoredDefault(text, _NUMBER.fullmatch(text) is None and _BITS.fullmatch(text) is None)


def _unquoted(text: str) -> str:
    return _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]) if match[1] else "'", text[1:-1])


def _offset(seconds: int) -> str:
    minutes = abs(seconds) // 60
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"


def _full(place: Place) -> str:
    return f"{_quoted(place.schema)}.{_quoted(place.table)}"


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
