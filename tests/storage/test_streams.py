"""Rows as streams from a real PostgreSQL: the same as by a plain fetch, and readers that leave do no harm."""

from __future__ import annotations

import asyncio
import datetime as dt
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from levada_server.arrow.ipc.batches import record_batch
from levada_server.arrow.types import arrow_schema
from levada_server.errors import PreconditionFailed, ValueOutOfRange, WrongValue
from levada_server.model.kinds import Kind
from levada_server.model.types import AttributeType, parse_type
from levada_server.query import sql
from levada_server.query.query import Query
from levada_server.storage.postgres.database import POOL_SIZE, Database
from levada_server.storage.postgres.transactions import Transactions
from levada_server.storage.rows import streams
from levada_server.storage.rows.streams import fetch_rows, stream_batches
from tests.support.typed_columns import NASTY_TEXTS, TABLES, Drawn, heading

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping

    from levada_server.operations.context import Engine
    from levada_server.storage.postgres.scope import Scope

_T = TypeVar("_T")
INT64 = AttributeType(Kind.INT64)
MANY = 300_000


class Runner:
    """A loop that hypothesis can use, with a pool that stays open from one example to the next."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self.database = self.run(Database.connect(url))

    def run(self, work: Coroutine[object, object, _T]) -> _T:
        return self._loop.run_until_complete(work)

    def close(self) -> None:
        self.run(self.database.close())
        self._loop.close()


@pytest.fixture
def runner(database_url: str) -> Iterator[Runner]:
    opened = Runner(database_url)
    yield opened
    opened.close()


def query(columns: Mapping[str, sql.Expression], types: list[AttributeType], source: sql.Source | None = None) -> Query:
    """A query whose columns are called as `heading` calls them."""
    named = zip(heading(types).names, columns.values(), strict=True)
    return Query(sql.Select(tuple(named), source), heading(types))


def numbers(count: int, expression: sql.Expression | None = None, type_: AttributeType = INT64) -> Query:
    """Count up, or give an expression of `n.n` for each number."""
    series = sql.Call("generate_series", (sql.Value(1, "bigint"), sql.Value(count, "bigint")))
    inner = sql.Select((("n", series),), None)
    return query({"n": expression or sql.Column("n", "n")}, [type_], sql.SubquerySource(inner, "n"))


async def streamed(scope: Scope, wanted: Query) -> pa.Table:
    async with stream_batches(scope, wanted) as batches:
        return pa.Table.from_batches([batch async for batch in batches], arrow_schema(wanted.heading))


async def fetched(scope: Scope, wanted: Query) -> pa.Table:
    rows = await fetch_rows(scope, wanted)
    return pa.Table.from_batches([record_batch(rows, wanted.heading, arrow_schema(wanted.heading))])


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(TABLES)
def test_a_stream_has_what_a_fetch_has(runner: Runner, drawn: Drawn) -> None:
    found = runner.run(streamed(runner.database, drawn.query()))
    found.validate(full=True)
    expected = runner.run(fetched(runner.database, drawn.query()))
    assert found.schema == expected.schema
    assert repr(found.to_pylist()) == repr(expected.to_pylist())


async def test_values_that_are_bound_mean_themselves(engine: Engine) -> None:
    texts = list(NASTY_TEXTS)
    columns: dict[str, sql.Expression] = {
        "array": sql.Call("to_jsonb", (sql.Value(texts, "text[]"),)),
        **{f"text{i}": sql.Value(text, "text") for i, text in enumerate(texts)},
        "bytes": sql.Value(bytes(range(256)), "bytea"),
        "float": sql.Value(0.1 + 0.2, "double precision"),
        "least": sql.Value(5e-324, "double precision"),
        "moment": sql.Value(dt.datetime(1, 1, 1, 0, 0, 0, 1), "timestamp"),
        "span": sql.Operation("+", (sql.Value(dt.date(2000, 1, 31), "date"), sql.Value(dt.timedelta(1), "interval"))),
        "none": sql.Value(None, "text"),
    }
    types = [AttributeType(Kind.JSON), *[AttributeType(Kind.TEXT)] * len(texts)]
    types += [parse_type(name) for name in ("bytes", "float64", "float64", "datetime", "datetime", "text")]
    wanted = query(columns, types)
    (row,) = (await streamed(engine.scope, wanted)).to_pylist()
    assert repr([row]) == repr((await fetched(engine.scope, wanted)).to_pylist())
    assert [row[f"c{i + 1}"] for i in range(len(texts))] == texts


async def test_more_values_than_a_select_has_columns(engine: Engine) -> None:
    wanted = query({"sum": sql.Operation("+", tuple(sql.Value(1, "bigint") for _ in range(2000)))}, [INT64])
    assert (await streamed(engine.scope, wanted)).to_pylist() == [{"c0": 2000}]


async def test_infinite_dates_are_the_first_and_the_last(engine: Engine) -> None:
    names = ("date", "datetime", "timestamptz")
    moments = ("-infinity", "infinity")
    columns = {
        f"{n}{m}": sql.Cast(sql.Value(m, "text"), n.replace("datetime", "timestamp")) for n in names for m in moments
    }
    wanted = query(columns, [parse_type(n) for n in names for _ in moments])
    found = (await streamed(engine.scope, wanted)).to_pylist()
    assert found == (await fetched(engine.scope, wanted)).to_pylist()
    assert list(found[0].values())[:4] == [dt.date.min, dt.date.max, dt.datetime.min, dt.datetime.max]


@pytest.mark.parametrize("way", [streamed, fetched])
@pytest.mark.parametrize(
    ("text", "type_", "stored"),
    [
        ("4000-01-01 BC", "date", "date"),
        ("12345-01-01", "datetime", "timestamp"),
        ("24:00", "time", "time"),
        ("NaN", "decimal(5,2)", "numeric"),
        ("70000", "uint16", "integer"),
    ],
)
async def test_a_value_that_nobody_can_hold_is_an_error(
    engine: Engine, way: Callable[[Scope, Query], Awaitable[pa.Table]], text: str, type_: str, stored: str
) -> None:
    wanted = query({"x": sql.Cast(sql.Value(text, "text"), stored)}, [parse_type(type_)])
    with pytest.raises(ValueOutOfRange):
        await way(engine.scope, wanted)


async def test_an_error_in_the_middle_reaches_the_reader(engine: Engine) -> None:
    inverse = sql.Operation(
        "/", (sql.Value(1, "bigint"), sql.Operation("-", (sql.Column("n", "n"), sql.Value(MANY, "bigint"))))
    )
    rows = 0
    with pytest.raises(WrongValue, match="divided by zero"):
        async with stream_batches(engine.scope, numbers(MANY, inverse)) as batches:
            async for batch in batches:
                rows += batch.num_rows
    assert 0 < rows < MANY
    await assert_usable(engine.scope)


async def assert_usable(scope: Scope) -> None:
    """Use every connection of the pool at once, and check that none still works for a reader that left."""
    async with AsyncExitStack() as held:
        for _ in range(POOL_SIZE):
            connection = await held.enter_async_context(scope.connection())
            assert await connection.fetchval("SELECT 7") == 7
    assert await working(scope) == 0


async def working(scope: Scope) -> int:
    """Count the statements that run for this test besides this one."""
    async with scope.connection() as connection:
        statement = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
        return int(await connection.fetchval(statement))


async def until_one_waits_for(event: str, scope: Scope) -> None:
    """Ask PostgreSQL, which sends no notice of it, until another statement of this test waits for something."""
    async with scope.connection() as connection:
        await connection.execute("SELECT set_config('test.event', $1, false)", event)
        await connection.execute(
            """
            DO $$ BEGIN
                WHILE NOT EXISTS (
                    SELECT FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event = current_setting('test.event')
                        AND pid <> pg_backend_pid()
                ) LOOP
                    PERFORM pg_sleep(0.01);
                    PERFORM pg_stat_clear_snapshot();
                END LOOP;
            END $$
            """,
            timeout=60,
        )


async def test_readers_that_leave_early_do_no_harm(engine: Engine) -> None:
    for batches_read in [0, 1, 2, 3] * 15:
        async with stream_batches(engine.scope, numbers(MANY)) as batches:
            for _ in range(batches_read):
                await anext(batches)
    await assert_usable(engine.scope)


async def test_readers_that_are_cancelled_do_no_harm(engine: Engine) -> None:
    async def read(begun: asyncio.Event, batches_read: int) -> None:
        async with stream_batches(engine.scope, numbers(MANY)) as batches:
            for _ in range(batches_read):
                await anext(batches)
            begun.set()
            await asyncio.Event().wait()

    for batches_read in [0, 1, 2] * 10:
        begun = asyncio.Event()
        task = asyncio.create_task(read(begun, batches_read))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await assert_usable(engine.scope)


async def test_a_query_that_has_no_rows_yet_is_stopped(engine: Engine) -> None:
    slow = sql.Test(sql.Call("pg_sleep", (sql.Value(60.0, "double precision"),)), "IS NULL")
    async with stream_batches(engine.scope, numbers(10, slow, AttributeType(Kind.BOOL))):
        await until_one_waits_for("PgSleep", engine.scope)
    await assert_usable(engine.scope)


async def test_postgresql_waits_while_the_reader_does(engine: Engine) -> None:
    taken = 0
    async with stream_batches(engine.scope, numbers(20 * MANY)) as batches:
        first = await anext(batches)
        await until_one_waits_for("ClientWrite", engine.scope)
        assert first.num_rows < MANY
        async for batch in batches:
            taken += batch.num_rows
    assert first.num_rows + taken == 20 * MANY


async def test_inside_of_a_transaction_its_own_writes_are_read_and_leaving_is_no_end(engine: Engine) -> None:
    inserted = query({"n": sql.Column("t", "n")}, [INT64], sql.TableSource("public", "numbers", "t"))
    async with Transactions(engine.scope.outside) as transactions:
        await transactions.begin("read_committed", read_only=False)
        async with transactions.scope.connection() as connection:
            await connection.execute("CREATE TABLE public.numbers AS SELECT generate_series(1, 300000)::bigint AS n")
        async with stream_batches(transactions.scope, inserted) as batches:
            await anext(batches)
        assert (await streamed(transactions.scope, inserted)).num_rows == MANY
        await transactions.commit()
    assert (await streamed(engine.scope, inserted)).num_rows == MANY


async def test_a_reader_that_leaves_when_postgresql_is_slow_does_not_end_its_transaction(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the stream is about to do when its reader has no more patience."""
    async with Transactions(engine.scope.outside) as transactions:
        await transactions.begin("read_committed", read_only=False)
        for patience_s in np.linspace(0, 0.01, 60):
            monkeypatch.setattr(streams, "LEAVE_S", patience_s)
            async with stream_batches(transactions.scope, numbers(MANY)) as batches:
                await anext(batches)
            async with transactions.scope.connection() as connection:
                assert await connection.fetchval("SELECT 7") == 7
        await transactions.commit()


async def test_a_stream_changes_nothing(engine: Engine) -> None:
    async with engine.scope.connection() as connection:
        await connection.execute("CREATE SEQUENCE public.counter")
    change = sql.Call("nextval", (sql.Value("public.counter", "regclass"),))
    with pytest.raises(PreconditionFailed):
        await streamed(engine.scope, query({"n": change}, [INT64]))
