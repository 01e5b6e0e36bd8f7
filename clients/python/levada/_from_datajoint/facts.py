"""A database of DataJoint as its catalog describes it: only facts, without a judgement."""

from __future__ import annotations

from dataclasses import dataclass, field

MYSQL = "mysql"
POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True)
class Place:
    """A table, by its schema and its stored name, such as `_scan__field`."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


@dataclass(frozen=True, slots=True)
class StoredDefault:
    """The default of a column.

    Args:
        text: Its value as text, or the text of an expression.
        expression: It is computed, such as the time of the insert.
        in_utc: A moment in UTC, where `text` is in the zone of the session.
    """

    text: str
    expression: bool = False
    in_utc: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Args:
        type: As the database spells it, in lower case: `int(10) unsigned`, `character varying(20)`; for an enum of
            PostgreSQL its labels, as MySQL would spell them.
        comment: With the type that DataJoint writes before it.
        auto_increment: A sequence numbers it.
        on_update: The expression that every update sets it to.
        character_set: The encoding of a text, if the database has several.
        holds_json: The database checks that it is JSON.
        generated: The expression by which the database computes it.
        folds: Two texts that differ in case, or in blanks at the end, are equal.
    """

    name: str
    type: str
    nullable: bool
    default: StoredDefault | None = None
    comment: str = ""
    auto_increment: bool = False
    on_update: str = ""
    character_set: str = ""
    holds_json: bool = False
    generated: str = ""
    folds: bool = False


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A constraint that refers to another table.

    Args:
        columns: The child's, in the order of `parent_columns`.
        on_delete: The effect on rows when their parent is deleted, such as `CASCADE`; empty if it is refused.
    """

    name: str
    columns: tuple[str, ...]
    parent: Place
    parent_columns: tuple[str, ...]
    on_delete: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index.

    Args:
        columns: Empty if it indexes more than columns.
        text: Its kind and items, for messages.
    """

    name: str
    columns: tuple[str, ...]
    unique: bool
    text: str


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table or a view.

    Args:
        row_count: Exact.
        next_number: The number that AUTO_INCREMENT hands out next; None without one.
        checks: The conditions that the database checks, but for those of JSON.
        partition_count: Into how many partitions its rows are divided; 0 for none.
        versioned: The database keeps past versions of its rows.
    """

    place: Place
    view: bool
    comment: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexes: tuple[Index, ...] = ()
    row_count: int = 0
    next_number: int | None = None
    checks: tuple[str, ...] = ()
    partition_count: int = 0
    versioned: bool = False

    def column(self, name: str) -> Column:
        """Return a column by its name."""
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True, slots=True)
class Observation:
    """Counts of the values of a column whose type leaves something open.

    Args:
        not_bool: How many are neither 0 nor 1.
        impossible: How many are nothing that can be here: days that do not exist, as `0000-00-00`, or infinite ones,
            a decimal NaN, and the time 24:00.
        blobs: How many begin like a blob of DataJoint, of `values`.
        values: How many are not NULL.
        missing_labels: How many are the empty text, which an enum of MySQL holds for a wrong label.
        nuls: How many texts have a character NUL.
    """

    values: int = 0
    not_bool: int = 0
    impossible: int = 0
    blobs: int = 0
    missing_labels: int = 0
    nuls: int = 0


@dataclass(frozen=True, slots=True)
class Strays:
    """Rows whose foreign key finds no parent that is equal byte by byte.

    Args:
        spelled: How many find one that the database takes for equal: `MOUSE` for `mouse`.
        orphans: How many find none.
    """

    spelled: int = 0
    orphans: int = 0


@dataclass(frozen=True, slots=True)
class Grant:
    """The privileges of a user in a schema: words such as SELECT and INSERT.

    Args:
        schema: Empty for all schemas.
        table: The only table that they are about; empty for all.
        begins: They are about all schemas whose name begins with `schema`, also new ones.
    """

    user: str
    schema: str
    privileges: frozenset[str]
    table: str = ""
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """Something beside tables and views: a trigger, a procedure, an event, a sequence.

    Args:
        what: A word for its kind, with what it belongs to.
    """

    schema: str
    name: str
    what: str


@dataclass(frozen=True, slots=True)
class Database:
    """Some schemas of a database.

    Args:
        dialect: `MYSQL` or `POSTGRESQL`.
        zone: The zone in which sessions show moments, such as `+02:00`; empty if it is UTC at all times.
        observations: By table and column, for columns whose type leaves something open.
        strays: By table and the name of the foreign key.
        programs: Triggers and all else that no table has.
        others: The schemas of the database that are not among these.
        superusers: The users who may do everything, whose grants say nothing.
        reader: The user who reads, as GRANT writes it; empty if the catalog hides nothing from users.
        partly: The schemas among these in which the user may not read all tables, and does not see some.
        passed_over: The schemas that would be among these, if the user might read all of their tables.
        unreadable: Tables that the user sees, or to which others refer, and may not read.
        dangling: Foreign keys, by their table and name, whose parent is not there, or lacks a column.
        only_own_grants: The user may not see the grants of others.
    """

    dialect: str
    version: str
    zone: str
    schemas: tuple[str, ...]
    tables: tuple[StoredTable, ...]
    observations: dict[tuple[Place, str], Observation] = field(default_factory=dict)
    strays: dict[tuple[Place, str], Strays] = field(default_factory=dict)
    grants: tuple[Grant, ...] = ()
    programs: tuple[Program, ...] = ()
    others: tuple[str, ...] = ()
    superusers: tuple[str, ...] = ()
    reader: str = ""
    partly: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()
    unreadable: frozenset[Place] = frozenset()
    dangling: frozenset[tuple[Place, str]] = frozenset()
    only_own_grants: bool = False

    def table(self, place: Place) -> StoredTable | None:
        """Return a table by its place; None if it is not among these."""
        return next((table for table in self.tables if table.place == place), None)
