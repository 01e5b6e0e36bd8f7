"""Tables: tier, master and part, foreign keys, indexes, and stored names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest

if TYPE_CHECKING:
    from levada_server.model.heading import Heading

MAX_NAME_BYTES = 63
_SCHEMA = re.compile(r"[a-z][a-z0-9_]*")
_CLASS = re.compile(r"[A-Z][A-Za-z0-9]*")
_RESERVED_SCHEMAS = re.compile(r"levada.*|pg_.*|information_schema")


class Tier(Enum):
    """The source of the rows of a table."""

    LOOKUP = "lookup"
    MANUAL = "manual"
    IMPORTED = "imported"
    COMPUTED = "computed"
    PART = "part"

    @property
    def auto_populated(self) -> bool:
        """Rows come from `make`."""
        return self in (Tier.IMPORTED, Tier.COMPUTED)


class Contract(Enum):
    """The reaction to a `make` that reads tables which its own table does not depend on, or writes other tables."""

    OFF = "off"
    WARN = "warn"
    ON = "on"


DEFAULT_RETRY_DELAY = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often the jobs of a table are attempted.

    Args:
        max_attempts: The maximum number of starts of a job; None: an error in `make` is final, and only a job whose
            worker was lost is started again.
        delay: Pause after the first error; `jobs/retry.py` says how it grows.
    """

    max_attempts: int | None = None
    delay: timedelta = DEFAULT_RETRY_DELAY


DEFAULT_RETRY = RetryPolicy()


class PartIntegrity(Enum):
    """How a delete treats a part whose master stays."""

    ENFORCE = "enforce"
    IGNORE = "ignore"
    CASCADE = "cascade"


@dataclass(frozen=True, slots=True)
class TableName:
    """The name of a table.

    Args:
        schema: The schema's name.
        table: The class's name, `Session`, or `Session.Trial` for a part.
    """

    schema: str
    table: str

    def __str__(self) -> str:
        """Spell it `schema.Table`."""
        return f"{self.schema}.{self.table}"

    @property
    def master(self) -> TableName | None:
        """The master's name if this is a part's."""
        master, dot, _ = self.table.rpartition(".")
        return TableName(self.schema, master) if dot else None

    @property
    def stored(self) -> str:
        """The table's name in PostgreSQL: `Session.Trial` is stored as `session__trial`."""
        return "__".join(snake_case(word) for word in self.table.split("."))


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A reference to the whole primary key of another table.

    Args:
        parent: The referenced table.
        columns: Pairs of child and parent attribute, in the order of the parent's key.
        primary_key: All its attributes are in the child's primary key.
        nullable: It may be NULL.
        unique: At most one child per parent.
        comment: The comment of its definition line.
    """

    parent: TableName
    columns: tuple[tuple[str, str], ...]
    primary_key: bool
    nullable: bool = False
    unique: bool = False
    comment: str = ""

    @property
    def child_columns(self) -> tuple[str, ...]:
        """The child's attributes."""
        return tuple(child for child, _ in self.columns)

    @property
    def renamed(self) -> bool:
        """Some attribute has another name than in the parent."""
        return any(child != parent for child, parent in self.columns)


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index.

    Args:
        expressions: Names of attributes, or expressions in parentheses, in order.
        unique: No two rows may agree on all of them.
    """

    expressions: tuple[str, ...]
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Ownership:
    """The rule by which the rows of a table belong to teams.

    Args:
        attribute: The attribute that names a row's team.
        hidden: Only its team may read a row; if not, only its team may change it.
    """

    attribute: str
    hidden: bool = False


UNKNOWN_SOURCE = b""
"""The key source of a class that could not evaluate it: a relation without nodes."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Args:
        id: Its id in the catalog; 0 until it is stored.
        name: Its name.
        tier: Its tier.
        heading: Its attributes.
        foreign_keys: In the order of the definition.
        indexes: In the order of the definition.
        comment: The first line of the definition.
        has_make: Its class computes rows, so it has jobs.
        key_source: Its key source, as the client sent it, serialized; None for the join of the parents, and
            `UNKNOWN_SOURCE` if its class could not evaluate its own yet.
        source_key: The attributes that `key_source` provides: part of the primary key, or none of it and references
            below it; None if `key_source` is None or at fault.
        retry: How often its jobs are attempted.
        contract: The contract of its `make`, which is its schema's.
        definer: The user with whose rights its own key source is read; None for an administrator.
        ownership: The rule by which its rows belong to teams; None if it has none of its own.
    """

    id: int
    name: TableName
    tier: Tier
    heading: Heading
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexes: tuple[Index, ...] = ()
    comment: str = ""
    has_make: bool = False
    key_source: bytes | None = None
    source_key: tuple[str, ...] | None = None
    retry: RetryPolicy = DEFAULT_RETRY
    contract: Contract = Contract.WARN
    definer: int | None = None
    ownership: Ownership | None = None

    @property
    def source_at_fault(self) -> bool:
        """Whether the key source of its class is known, but could not be used when it was declared."""
        return bool(self.key_source) and self.source_key is None

    @property
    def job_key(self) -> tuple[str, ...]:
        """The attributes that identify a job: the part of the primary key that the key source provides.

        One job may insert several entities, which differ in the rest of the primary key. If the source provides none of
        the key, the attributes are references from the entities to the job's key.
        """
        given = self.source_key
        if given is None:
            given = tuple(name for key in self.foreign_keys if key.primary_key for name in key.child_columns)
        return tuple(name for name in self.heading.names if name in given)


@lru_cache(100_000)  # a catalog of thousands of tables asks for all of them at each change
def snake_case(word: str) -> str:
    """Convert a class's name to its stored name: every capital after the first takes `_` before it."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", word).lower()


def check_schema_name(name: str) -> str:
    """Return the name if a schema may have it.

    Raises:
        InvalidRequest: It is not allowed.
    """
    if not _SCHEMA.fullmatch(name) or len(name) > MAX_NAME_BYTES:
        raise InvalidRequest(
            f"`{name}` is not a valid schema name: use a-z, 0-9 and _, begin with a letter, "
            f"at most {MAX_NAME_BYTES} bytes.",
            field="name",
        )
    if _RESERVED_SCHEMAS.fullmatch(name):
        raise InvalidRequest(f"The schema name `{name}` is reserved; choose another.", field="name")
    return name


def check_table_name(name: TableName) -> TableName:
    """Return the name if a table may have it.

    Raises:
        InvalidRequest: It is not allowed.
    """
    if not all(_CLASS.fullmatch(word) for word in name.table.split(".")):
        raise InvalidRequest(
            f"`{name.table}` is not a valid table name: a class's name is CamelCase, letters and digits, "
            "such as SpikeTrain.",
            field="name",
        )
    if len(name.stored) > MAX_NAME_BYTES:
        raise InvalidRequest(
            f"`{name.table}` is stored as `{name.stored}`, longer than {MAX_NAME_BYTES} bytes; choose a shorter name.",
            field="name",
        )
    return name
