"""The job table of an auto-populated table: the table's typed key, then the fixed columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from levada_server.model.heading import Attribute, Heading
from levada_server.model.kinds import Kind
from levada_server.model.types import AttributeType

if TYPE_CHECKING:
    from levada_server.model.table import Table

SCHEMA = "levada_jobs"
"""The PostgreSQL schema that holds all job tables."""

STATES = ("pending", "reserved", "success", "error", "ignored")

_TEXT = AttributeType(Kind.TEXT)
_INT = AttributeType(Kind.INT32)
_TIME = AttributeType(Kind.TIMESTAMP)

FIXED = (
    Attribute("state", AttributeType(Kind.ENUM, labels=STATES), comment=", ".join(STATES)),
    Attribute("priority", _INT, comment="urgency, 0 first"),
    Attribute("scheduled_time", _TIME, comment="not before, UTC"),
    Attribute("attempt", _INT, comment="how often it was started"),
    Attribute("reserved_time", _TIME, nullable=True, comment="when it was last reserved, UTC"),
    Attribute("finished_time", _TIME, nullable=True, comment="when it succeeded or failed, UTC"),
    Attribute("duration", AttributeType(Kind.FLOAT64), nullable=True, comment="how long make ran (s)"),
    Attribute("host", _TEXT, nullable=True, comment="where its last worker ran"),
    Attribute("pid", AttributeType(Kind.INT64), nullable=True, comment="process of its last worker"),
    Attribute("username", _TEXT, nullable=True, comment="user of its last worker"),
    Attribute("code_version", _TEXT, nullable=True, comment="digest of the code that make reaches"),
    Attribute("code_commit", _TEXT, nullable=True, comment="commit of its repository"),
    Attribute("environment_id", AttributeType(Kind.INT64), nullable=True, comment="Python and packages of its worker"),
    Attribute("reads", AttributeType(Kind.JSON), nullable=True, comment="rows read by table, and whether by the key"),
    Attribute("writes", AttributeType(Kind.JSON), nullable=True, comment="rows written by table"),
    Attribute("error_type", _TEXT, nullable=True, comment="class of the exception"),
    Attribute("error_message", _TEXT, nullable=True, comment="its message"),
    Attribute("error_stack", _TEXT, nullable=True, comment="its stack"),
    Attribute("output", _TEXT, nullable=True, comment="what make printed"),
)
"""The attributes of every job besides its key. They are stored with `_` before the name, so that they cannot clash with
a key attribute."""


def job_heading(table: Table) -> Heading:
    """Attributes of the jobs of a table.

    A key attribute keeps its name even if a fixed one has the same; the fixed one is then called `job_…`.
    """
    key = tuple(
        replace(table.heading[name], primary_key=True, nullable=False, default=None, auto_increment=False)
        for name in table.job_key
    )
    taken = {attribute.name for attribute in key}
    fixed = (replace(a, name=f"job_{a.name}") if a.name in taken else a for a in FIXED)
    return Heading((*key, *fixed))


def stored_column(name: str, table: Table) -> str:
    """Return the column that stores an attribute of the jobs of a table."""
    return name if name in table.job_key else "_" + name.removeprefix("job_")


def stored_name(table: Table) -> str:
    """Return the name of the job table, made from the table's id so that a rename costs nothing."""
    return f"t{table.id}"
