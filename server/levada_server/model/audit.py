"""The audit: one entry for each call that changed something, was refused, or read a confidential schema."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada_server.model.heading import Attribute, Heading
from levada_server.model.kinds import Kind
from levada_server.model.table import Table, TableName, Tier
from levada_server.model.types import AttributeType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from levada_server.model.request import Request

SCHEMA = "levada"
"""The schema of the server's own tables, which only the server writes."""
DONE = "OK"

_TEXT = AttributeType(Kind.TEXT)

AUDIT = Table(
    0,
    TableName(SCHEMA, "Audit"),
    Tier.MANUAL,
    Heading(
        (
            Attribute("time", AttributeType(Kind.TIMESTAMP), primary_key=True, comment="when, UTC"),
            Attribute("id", AttributeType(Kind.INT64), primary_key=True, comment="distinguishes entries of one time"),
            Attribute("username", _TEXT, comment="who called"),
            Attribute("token", AttributeType(Kind.UUID), nullable=True, comment="id of the token; none at the socket"),
            Attribute("address", _TEXT, comment="where the call came from; empty: the private socket"),
            Attribute("method", _TEXT, comment="what was called"),
            Attribute("outcome", _TEXT, comment="OK, or the reason of the refusal"),
            Attribute("subject", _TEXT, comment="the table, schema, user, team or token"),
            Attribute("row_count", AttributeType(Kind.INT64), comment="rows changed or read"),
            Attribute("details", AttributeType(Kind.JSON), nullable=True, comment="jobs, rows by table, settings"),
        )
    ),
    comment="Changes, refusals, and reads of confidential schemas",
)
"""The audit as administrators query it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry.

    Args:
        username: The caller.
        token: The id of the caller's token; None without one.
        address: The host from which the call came.
        method: The method's name.
        subject: The table, schema, user, team or token that the call names, or the object as `schema:id`; empty for
            none.
        row_count: How many rows were changed or read.
        details: Anything else, such as the jobs by table, or the rows by table where there are several.
        outcome: `DONE`, or the reason of the refusal.
        time: The end of the call, in UTC; None for the time of writing.
    """

    username: str
    token: UUID | None
    address: str
    method: str
    subject: str
    row_count: int = 0
    details: Mapping[str, object] = field(default_factory=dict, compare=False)
    outcome: str = DONE
    time: datetime | None = None

    @property
    def details_text(self) -> str | None:
        """Return the details as JSON; None if there are none."""
        return json.dumps(self.details, default=str) if self.details else None


@dataclass(frozen=True, slots=True)
class Record:
    """The record of a change, stored in its transaction, in the same statement where possible.

    Args:
        entry: The entry of the audit; None if nothing changed.
        request: The request whose outcome is stored; None if it has no id, or a later commit decides on it.
    """

    entry: Entry | None
    request: Request | None = None
