"""Counts the statements that reach PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.storage.postgres.moments import bind_moments_as_they_are

if TYPE_CHECKING:
    import asyncpg
    import pytest


def log_statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Log the text of every statement on connections that are opened from now on."""
    sent: list[str] = []

    async def prepare_and_log(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        await bind_moments_as_they_are(connection)
        connection.add_query_logger(lambda record: sent.append(record.query))

    monkeypatch.setattr("levada_server.storage.postgres.database.bind_moments_as_they_are", prepare_and_log)
    return sent
