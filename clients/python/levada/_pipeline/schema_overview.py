"""A schema at a glance: its tables, their numbers of rows, and the progress of the computed ones."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from levada._base.display import Cell, Column, Table
from levada._base.errors import LevadaError
from levada._jobs import job_calls
from levada._pipeline.staleness import FEW_RESULTS
from levada._tables.table import free_table
from levada_api.v1 import schema_pb2

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
    Column("stale", right=True),
    Column("comment", width=60),
)


def overview(connection: Connection, name: str, tables: Sequence[schema_pb2.Table]) -> Table:
    """Describe the tables of a schema, parents first.

    Args:
        name: The schema's name.
        tables: As the catalog has them.
    """
    end = time.monotonic() + _COUNTING_SECONDS
    rows = []
    for table in tables:
        count = len(free_table(connection, table.name)) if time.monotonic() < end else None
        counted = _UNKNOWN if count is None else str(count)
        few = count is not None and count <= FEW_RESULTS
        done = _progress(connection, table.name, count_stale=few) if table.tier in AUTO_POPULATED else ("", "", "")
        tier = schema_pb2.TableTier.Name(table.tier).removeprefix("TABLE_TIER_").lower()
        rows.append([Cell(text) for text in (table.name.table, tier, counted, *done, table.comment)])
    return Table(_COLUMNS, rows, name, [f"{len(rows)} {'table' if len(rows) == 1 else 'tables'}"])


def _progress(connection: Connection, name: schema_pb2.TableName, *, count_stale: bool) -> tuple[str, str, str]:
    """Return how many keys of a table are computed, and how many jobs failed and how many results are stale, if any."""
    try:
        (found,) = job_calls.progress(connection, [name], count_stale=count_stale)
    except LevadaError:  # a table without a `make` is refused
        return "", "", ""
    done = f"{found.total_count - found.remaining_count} of {found.total_count}"
    return done, str(found.error_count or ""), str(found.stale_count or "" if count_stale else _UNKNOWN)
