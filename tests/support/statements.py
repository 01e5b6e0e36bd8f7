"""Logs the statements that reach PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.storage.postgres.moments import bind_moments_as_they_are

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg
    import pytest


def log_statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Log the text of every statement on connections that are opened from now on."""
    sent: list[str] = []
    _log(monkeypatch, lambda record: sent.append(record.query))
    return sent


def log_bound_statements(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[object, ...]]]:
    """Log every statement with the values that it binds on connections that are opened from now on."""
    sent: list[tuple[str, tuple[object, ...]]] = []
    _log(monkeypatch, lambda record: sent.append((record.query, tuple(record.args))))
    return sent


def _log(monkeypatch: pytest.MonkeyPatch, note: Callable[[asyncpg.connection.LoggedQuery], None]) -> None:
    async def prepare_and_log(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        await bind_moments_as_they_are(connection)
        connection.add_query_logger(note)

    monkeypatch.setattr("levada_server.storage.postgres.database.bind_moments_as_they_are", prepare_and_log)
