"""The first and the last day of Python are ordinary days, whichever way they came."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from levada_server.operations import updates
from levada_server.query.algebra import EntitySet, Equalities, ExpressionText, Restrict, TableOperand
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    import asyncpg

    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Condition

UTC = dt.UTC
MANY = 600  # come by COPY
FIRST: dict[str, Any] = {"day": dt.date.min, "moment": dt.datetime.min, "zoned": dt.datetime.min.replace(tzinfo=UTC)}
LAST: dict[str, Any] = {"day": dt.date.max, "moment": dt.datetime.max, "zoned": dt.datetime.max.replace(tzinfo=UTC)}
DEFINITION = "id : int32\n---\nday : date\nmoment : datetime\nzoned : timestamptz\n"


@pytest.mark.parametrize("values", [FIRST, LAST])
async def test_a_restriction_finds_all_of_them(engine: Engine, values: dict[str, Any]) -> None:
    await make.make_table(engine, "Visit", DEFINITION)
    await make.insert(engine, "Visit", [{"id": i, **values} for i in range(MANY)])
    await make.insert(engine, "Visit", [{"id": -1, **values}])
    await make.insert(engine, "Visit", [{"id": -2, **FIRST, **LAST, "day": dt.date(2000, 1, 1)}])
    await updates.update(engine, ME, named("Visit"), {"id": -2, **values})
    conditions: list[Condition] = [Equalities(((name, value),)) for name, value in values.items()]
    conditions += [Equalities(((name, (value, value.replace(year=2000))),)) for name, value in values.items()]
    conditions += [
        ExpressionText(f"{name} = '{value.replace(tzinfo=None)}'") for name, value in values.items() if name != "day"
    ]
    conditions += [ExpressionText("day = ?", (values["day"],)), ExpressionText(f"day = '{values['day']}'")]
    conditions += [EntitySet(tuple(values), tuple((value,) for value in values.values()))]
    for condition in conditions:
        query = await make.query(engine, Restrict(TableOperand(named("Visit")), condition))
        assert await query.count(engine.scope) == MANY + 2, condition
    assert [row for row in await make.fetch(engine, "Visit") if row["id"] == -2] == [{"id": -2, **values}]


async def test_what_others_wrote_as_infinite_is_read_as_the_last(
    engine: Engine, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    await make.make_table(engine, "Visit", DEFINITION)
    await connection.execute("INSERT INTO lab.visit VALUES (1, 'infinity', '-infinity', 'infinity')")
    assert await make.fetch(engine, "Visit") == [{"id": 1, **LAST, "moment": dt.datetime.min}]
