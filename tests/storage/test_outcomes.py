"""Outcomes of requests lie in a partition for each day, which is made ahead and dropped whole."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from levada_server.errors import AlreadyExists
from levada_server.model.request import Request
from levada_server.storage.postgres import request_outcomes
from levada_server.storage.postgres.request_outcomes import KEPT_DAYS, PREPARED_DAYS, Outcome, keep_days

if TYPE_CHECKING:
    import asyncpg

    from levada_server.operations.context import Engine

PARTITIONS = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'levada.request_outcome'::regclass AND c.relname <> 'request_outcome_other' ORDER BY 1
"""
REQUEST = Request("some-id", "UpdateRow")


def _name(days: int) -> str:
    return f"request_outcome_{dt.datetime.now(dt.UTC).date() + dt.timedelta(days=days):%Y%m%d}"


async def test_days_are_made_ahead_and_dropped_whole(
    engine: Engine, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    today = dt.datetime.now(dt.UTC).date()
    for days in (-KEPT_DAYS - 1, -KEPT_DAYS):
        day = today + dt.timedelta(days=days)
        await connection.execute(
            f"CREATE TABLE levada.{_name(days)} PARTITION OF levada.request_outcome "
            f"FOR VALUES FROM ('{day}') TO ('{day + dt.timedelta(days=1)}')"
        )
    long_past = today - dt.timedelta(days=30)
    await connection.execute("INSERT INTO levada.request_outcome VALUES ('old', $1, 'UpdateRow', '1')", long_past)
    for _ in range(2):
        await keep_days(engine.scope)
        found = [row[0] for row in await connection.fetch(PARTITIONS)]
        assert found == [_name(-KEPT_DAYS), *(_name(days) for days in range(PREPARED_DAYS))]
    assert await connection.fetchval("SELECT count(*) FROM levada.request_outcome") == 0
    async with engine.scope.transaction() as inside:
        await request_outcomes.insert_outcome(inside, REQUEST, "1")
    assert (
        await connection.fetchval("SELECT tableoid::regclass::text FROM levada.request_outcome") == f"levada.{_name(0)}"
    )


async def test_what_is_given_up_is_never_done(engine: Engine) -> None:
    assert await request_outcomes.find_outcome(engine.scope, REQUEST) is None
    assert await request_outcomes.give_up(engine.scope, REQUEST) == Outcome("UpdateRow", None)
    with pytest.raises(AlreadyExists):
        async with engine.scope.transaction() as connection:
            await request_outcomes.insert_outcome(connection, REQUEST, "1")


async def test_what_is_done_cannot_be_given_up(engine: Engine) -> None:
    async with engine.scope.transaction() as connection:
        await request_outcomes.insert_outcome(connection, REQUEST, "1")
    assert await request_outcomes.give_up(engine.scope, REQUEST) == Outcome("UpdateRow", "1")
