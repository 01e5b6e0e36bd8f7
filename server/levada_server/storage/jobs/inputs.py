"""Store the reads of jobs, so that they can be repeated: each as a shape that it shares with others, and values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from levada_server.storage.postgres.database import Connection

_SQL = statements("staleness")


@dataclass(frozen=True, slots=True)
class Inputs:
    """The reads of one job.

    Args:
        text: The reads as JSON: of each the key of its shape, its values and its digest. None if not all of them can be
            repeated.
        tables: The ids of the tables that they read.
        shapes: The content of their shapes as JSON, by key.
    """

    text: str | None
    tables: tuple[int, ...] = ()
    shapes: Mapping[str, str] = field(default_factory=dict)


NOT_REPEATABLE = Inputs(None)


async def add_shapes(connection: Connection, shapes: Mapping[str, str]) -> None:
    """Store shapes of reads that are not stored yet."""
    await connection.execute(_SQL["add_shapes"], sorted(shapes), [shapes[key] for key in sorted(shapes)])


async def read_shapes(connection: Connection, keys: Collection[str]) -> dict[str, str]:
    """Return the content of shapes by their keys."""
    rows = await connection.fetch(_SQL["read_shapes"], list(keys))
    return {row["key"]: row["content"] for row in rows}
