"""A schema at a glance: its tables, their numbers of rows, and the progress of the computed ones."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from levada._base.display import Cell, Column, Table
from levada._base.errors import LevadaError
from levada._jobs import job_calls
from levada._tables.table import free_table
from levada_api.v1 import job_pb2, schema_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada._net.connection import Connection

AUTO_POPULATED = (schema_pb2.TABLE_TIER_IMPORTED, schema_pb2.TABLE_TIER_COMPUTED)
_COUNTING_SECONDS = 2.0
"""After this time, the rows of the remaining tables are not counted."""
_UNKNOWN = "…"
_COLUMNS = (
    Column("table"),
    Column("tier"),
    Column("rows", right=True),
    Column("computed", right=True),
    Column("failed", right=True),
    Column("comment", width=60),
)


def overview(connection: Connection, name: str, tables: Sequence[schema_pb2.Table]) -> Table:
    """Describe the tables of a schema, parents first.

    Args:
        name: The schema's name.
        tables: As the catalog has them.
    """
    progress = _progress(connection, [table.name for table in tables if table.tier in AUTO_POPULATED])
    end = time.monotonic() + _COUNTING_SECONDS
    rows = []
    for table in tables:
        counted = str(len(free_table(connection, table.name))) if time.monotonic() < end else _UNKNOWN
        done = progress.get(table.name.table, ("", ""))
        tier = schema_pb2.TableTier.Name(table.tier).removeprefix("TABLE_TIER_").lower()
        rows.append([Cell(text) for text in (table.name.table, tier, counted, *done, table.comment)])
    return Table(_COLUMNS, rows, name, [f"{len(rows)} {'table' if len(rows) == 1 else 'tables'}"])


def _progress(connection: Connection, names: Sequence[schema_pb2.TableName]) -> dict[str, tuple[str, str]]:
    """Return for each table that computes how many of its keys are computed, and how many jobs failed."""
    found: list[job_pb2.Progress] = []
    for name in names:  # one by one, because a table without a `make` is refused
        with suppress(LevadaError):
            found += job_calls.progress(connection, [name])
    return {
        one.table.table: (f"{one.total_count - one.remaining_count} of {one.total_count}", str(one.error_count or ""))
        for one in found
    }
