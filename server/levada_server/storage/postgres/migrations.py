"""Migrate a database to this server's version of the catalog, once among all servers."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING

from levada_server.errors import PreconditionFailed

if TYPE_CHECKING:
    from levada_server.storage.postgres.database import Database

_LOCK = 0x1E7ADA
"""The key of the advisory lock under which migrations run."""


def migration_files() -> list[tuple[int, str, str]]:
    """List the number, name and text of every migration, in order."""
    folder = resources.files("levada_server.storage") / "migrations"
    found = []
    for file in folder.iterdir():
        if match := re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name):
            found.append((int(match[1]), match[2], file.read_text(encoding="utf-8")))
    return sorted(found)


async def migrate(database: Database) -> None:
    """Apply the migrations that the database lacks, all in one transaction.

    Raises:
        PreconditionFailed: A newer server has migrated the database.
    """
    files = migration_files()
    async with database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute(
            "CREATE SCHEMA IF NOT EXISTS levada; CREATE TABLE IF NOT EXISTS levada.migration ("
            "number integer PRIMARY KEY, name text NOT NULL, apply_time timestamptz NOT NULL DEFAULT now())"
        )
        applied = await connection.fetchval("SELECT coalesce(max(number), 0) FROM levada.migration")
        if applied > files[-1][0]:
            raise PreconditionFailed(
                f"The database is at migration {applied}, newer than this server, which knows {files[-1][0]}; "
                "upgrade the server."
            )
        for number, name, text in files:
            if number > applied:
                await connection.execute(text)
                await connection.execute("INSERT INTO levada.migration (number, name) VALUES ($1, $2)", number, name)
