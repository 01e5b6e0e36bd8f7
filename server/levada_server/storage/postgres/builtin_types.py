"""Look up PostgreSQL's own types once in a process, not once on each connection."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Iterable

_FIRST_ASSIGNED = 10_000
"""Types with lower numbers are the same in all databases. Source: PostgreSQL's manual, 68.2.2."""
_NO_STATEMENT = SimpleNamespace(name="none")
"""Stands for the statement of a lookup that was not made. With a name: it has replaced no unnamed one."""
_KNOWN: dict[int, list[asyncpg.Record]] = {}
"""The answer of each lookup, by the type."""


class TypedConnection(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """A connection that knows what others have learnt about PostgreSQL's own types.

    The driver looks up each type of arrays on each connection, by a query that PostgreSQL plans for 20 ms: most of the
    time of the first call on a new connection.
    """

    async def _introspect_types(  # the method of the driver that asks PostgreSQL
        self,
        typeoids: Iterable[int],
        timeout: float | None,  # noqa: ASYNC109  # the driver's argument
    ) -> tuple[list[asyncpg.Record], Any]:  # Any: a class of the driver
        """Return what the driver must know of some types, and the statement that told it."""
        wanted = list(typeoids)
        if any(oid >= _FIRST_ASSIGNED for oid in wanted):
            records, statement = await super()._introspect_types(wanted, timeout)
            return records, statement
        statement = _NO_STATEMENT
        for oid in wanted:
            if oid not in _KNOWN:
                _KNOWN[oid], statement = await super()._introspect_types([oid], timeout)
        return [record for oid in wanted for record in _KNOWN[oid]], statement
