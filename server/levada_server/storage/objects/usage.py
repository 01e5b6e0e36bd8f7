"""Measure how much the objects of each schema and user take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from levada_server.storage.postgres.database import Connection, Database

_SQL = statements("objects")

MEASURE_S = 60.0
"""How often, in seconds, the objects are measured: one pass over the table of objects, by one process of all."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How much the objects of a user in a schema take.

    Args:
        schema: The schema; empty if it was dropped.
        user: Who put them there; empty for the sum of all.
        object_count: Their number.
        size_bytes: Their bytes.
        measure_time: When this was measured.
    """

    schema: str
    user: str
    object_count: int
    size_bytes: int
    measure_time: datetime


async def measure(database: Database, *, every_s: float = MEASURE_S) -> bool:
    """Measure all objects; return False if another process has done so within half of the interval."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["lift_time_limit"])
        if not await connection.fetchval(_SQL["claim_measuring"], timedelta(seconds=every_s / 2)):
            return False
        await connection.execute(_SQL["forget_usage"])
        await connection.execute(_SQL["measure_usage"])
        return True


async def list_usage(connection: Connection, *, offset: int, count: int) -> list[Usage]:
    """Return what was measured, by schema and user."""
    return [Usage(**row) for row in await connection.fetch(_SQL["list_usage"], count, offset)]
