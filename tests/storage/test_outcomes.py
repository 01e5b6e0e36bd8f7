"""Outcomes of requests: kept for some days, and given up or done, never both."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from levada_server.errors import AlreadyExists
from levada_server.model.request import Request
from levada_server.storage.postgres import request_outcomes
from levada_server.storage.postgres.request_outcomes import KEPT_DAYS, Outcome, forget_past_days

if TYPE_CHECKING:
    import asyncpg

    from levada_server.operations.context import Engine

REQUEST = Request("some-id", "UpdateRow", b"digest")


async def test_outcomes_of_past_days_are_forgotten_and_others_kept(
    engine: Engine, connection: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_outcomes, "DELETED_AT_ONCE", 2)
    today = dt.datetime.now(dt.UTC).date()
    for days in range(KEPT_DAYS + 3):
        day = today - dt.timedelta(days=days)
        rows = [(f"{days}-{number}", day) for number in range(3)]
        await connection.executemany(
            "INSERT INTO levada.request_outcome (id, day, method, content) VALUES ($1, $2, 'UpdateRow', '1')", rows
        )
    await forget_past_days(engine.scope)
    left = await connection.fetch("SELECT DISTINCT day FROM levada.request_outcome ORDER BY day DESC")
    assert [row["day"] for row in left] == [today - dt.timedelta(days=days) for days in range(KEPT_DAYS + 1)]


async def test_what_is_given_up_is_never_done(engine: Engine) -> None:
    assert await request_outcomes.find_outcome(engine.scope, REQUEST) is None
    assert await request_outcomes.give_up(engine.scope, REQUEST) == Outcome("UpdateRow", b"", None)
    with pytest.raises(AlreadyExists):
        async with engine.scope.transaction() as connection:
            await request_outcomes.insert_outcome(connection, REQUEST, "1")


async def test_what_is_done_cannot_be_given_up(engine: Engine) -> None:
    async with engine.scope.transaction() as connection:
        await request_outcomes.insert_outcome(connection, REQUEST, "1")
    assert await request_outcomes.give_up(engine.scope, REQUEST) == Outcome("UpdateRow", b"digest", "1")
