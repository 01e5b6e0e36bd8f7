"""The number of an operation's statements grows with the tables that it touches, not with rows or paths."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from levada_server.model.table import PartIntegrity, Tier
from levada_server.operations import deletes, queries, schemas, updates
from levada_server.operations.transactions import open_transaction_session
from levada_server.query.algebra import Equalities, Join, Project, Restrict, TableOperand
from levada_server.storage.deletion import deletion
from tests.support import make
from tests.support.make import ME, named
from tests.support.statements import log_statements

if TYPE_CHECKING:
    from levada_server.operations.context import Engine


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[str]:
    """The statements that the engine of this test sends."""
    statements = log_statements(monkeypatch)
    request.getfixturevalue("engine")  # opened only now, so that its connections are logged
    return statements


@pytest.fixture
def step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make deletes act as if one statement were too large."""
    monkeypatch.setattr(deletion, "MAX_TABLES_AT_ONCE", 0)


async def _delete(engine: Engine, sent: list[str], key: int) -> int:
    """Delete an entity with all its dependents; return the number of statements."""
    sent.clear()
    relation = Restrict(TableOperand(named("T0")), Equalities((("t0", key),)))
    doomed = await deletes.delete(engine, ME, relation, PartIntegrity.ENFORCE, digest="", quick=False)
    assert doomed.counts
    return len(sent)


async def _fill(engine: Engine, table: str, count: int) -> None:
    heading = (await schemas.describe_table(engine, ME, named(table))).heading
    records = [{name: (0 if name == "t0" else i) for name in heading.names} for i in range(count)]
    await make.insert(engine, table, records, skip_duplicates=True, allow_direct_insert=True)


@pytest.mark.usefixtures("step_by_step")
async def test_a_delete_takes_statements_with_the_tables_and_not_with_the_rows(sent: list[str], engine: Engine) -> None:
    await make.make_table(engine, "T0", "t0 : int32\n")
    counts = {}
    for number in range(1, 9):
        tier = Tier.COMPUTED if number % 2 else Tier.MANUAL
        await make.make_table(engine, f"T{number}", f"-> T0\nt{number} : int32\n", tier, has_make=False)
        for rows_in_each in (1, 40):
            for table in range(number + 1):
                await _fill(engine, f"T{table}", rows_in_each)
            counts[number, rows_in_each] = await _delete(engine, sent, 0)
    assert all(counts[number, 1] == counts[number, 40] for number in range(1, 9))
    growth = [counts[number + 2, 1] - counts[number, 1] for number in range(1, 7)]
    assert max(growth) == min(growth), counts


@pytest.mark.usefixtures("step_by_step")
async def test_a_delete_takes_statements_with_the_references_and_not_with_the_paths(
    sent: list[str], engine: Engine
) -> None:
    await make.make_table(engine, "T0", "t0 : int32\n")
    counts = []
    for level in range(1, 6):
        # Two tables, and one that refers to both: the paths double with every level.
        above = "T0" if level == 1 else f"T{level - 1}"
        await make.make_table(engine, f"L{level}", f"-> {above}\n")
        await make.make_table(engine, f"R{level}", f"-> {above}\n")
        await make.make_table(engine, f"T{level}", f"-> L{level}\n-> R{level}\n")
        for table in ["T0", *(f"{kind}{i}" for i in range(1, level + 1) for kind in "LRT")]:
            await _fill(engine, table, 1)
        counts.append(await _delete(engine, sent, 0))
    growth = [after - before for before, after in pairwise(counts)]
    assert max(growth) == min(growth), counts


@pytest.mark.usefixtures("step_by_step")
async def test_what_nobody_lost_rows_of_costs_no_statement(sent: list[str], engine: Engine) -> None:
    await make.make_table(engine, "T0", "t0 : int32\n")
    await make.make_table(engine, "T1", "-> T0\nt1 : int32\n")
    await _fill(engine, "T0", 1)
    before = await _delete(engine, sent, 0)
    for number in range(2, 6):
        await make.make_table(engine, f"T{number}", f"-> T{number - 1}\n")
    await _fill(engine, "T0", 1)
    assert await _delete(engine, sent, 0) == before


async def test_a_delete_over_few_tables_collects_and_deletes_by_one_statement(sent: list[str], engine: Engine) -> None:
    await make.make_table(engine, "T0", "t0 : int32\n")
    counts = set()
    for number in range(1, 5):
        await make.make_table(engine, f"T{number}", f"-> T{number - 1}\nt{number} : int32\n")
        for table in range(number + 1):
            await _fill(engine, f"T{table}", 3)
        counts.add(await _delete(engine, sent, 0))
        assert len([statement for statement in sent if "DELETE" in statement]) == 1
    assert len(counts) == 1


async def test_a_warm_describe_sends_no_statement(sent: list[str], engine: Engine) -> None:
    await make.make_table(engine, "T0", "t0 : int32\n---\nname : varchar(8)\n")
    await make.make_table(engine, "T1", "-> T0\nt1 : int32\n")
    await schemas.describe_table(engine, ME, named("T1"))
    await asyncio.sleep(0)  # the last statement of the declaration is logged in the loop's next round
    sent.clear()
    await schemas.describe_table(engine, ME, named("T1"))
    await schemas.list_tables(engine, ME, "lab")
    await schemas.get_graph(engine, ME, ["lab"], [], ancestor_steps=-1, descendant_steps=-1)
    relation = Join(TableOperand(named("T1")), Project(TableOperand(named("T0")), ()))
    query = await make.query(engine, relation)
    assert query.heading.names == ("t0", "t1")
    assert sent == []
    await query.count(engine.scope)
    await asyncio.sleep(0)  # the driver calls the logger in the loop's next round
    assert len(sent) == 1
    assert "levada." not in sent[0]


async def test_a_fetch_by_a_whole_key_sends_one_statement(sent: list[str], engine: Engine) -> None:
    await make.make_table(engine, "T0", "t0 : int32\n---\nname : varchar(8)\n")
    await make.make_table(engine, "T1", "-> T0\nt1 : int32\n---\nsize : int32\n")
    for table in ("T0", "T1"):
        await make.insert(engine, table, [{"t0": 0, "name": "a"} if table == "T0" else {"t0": 0, "t1": 1, "size": 2}])
    joined = Join(TableOperand(named("T1")), TableOperand(named("T0")))
    counts = []
    for key in ((("t0", 0), ("t1", 1)), (("t0", 0),)):
        query = await make.query(engine, Restrict(joined, Equalities(key)))
        await asyncio.sleep(0)  # the driver calls the logger in the loop's next round
        sent.clear()
        pieces = [piece async for piece in queries.fetch(engine, query)]
        await asyncio.sleep(0)
        assert pieces
        counts.append(len(sent))
    assert counts[0] == 1
    assert counts[1] > 1  # any number of rows: COPY in a transaction


async def test_jobs_with_few_rows_are_completed_by_one_statement(sent: list[str], engine: Engine) -> None:
    await make.make_table(engine, "T0", "t0 : int32\n")
    await make.make_table(engine, "T1", "-> T0\n", Tier.COMPUTED)
    await make.insert(engine, "T0", [{"t0": number} for number in range(5)])
    await make.refresh(engine, "T1")
    first, *others = await make.reserve(engine, await make.make_session(engine), "T1", 5)
    await make.complete(engine, first, {"T1": [dict(first.key)]})  # the driver learns of types
    for lease in others:
        sent.clear()
        await make.complete(engine, lease, {"T1": [dict(lease.key)]})
        assert len(sent) == 1


async def test_the_statement_of_a_small_insert_is_written_once_for_each_version_of_its_table(
    sent: list[str], engine: Engine
) -> None:
    await make.make_table(engine, "T0", "t0 : int32\n---\nname : varchar(8)\n")

    async def statement(key: int, **options: bool) -> str:
        sent.clear()
        await make.insert(engine, "T0", [{"t0": key, "name": "a"}], **options)
        await asyncio.sleep(0)  # the driver logs in the next round of the loop
        (text,) = (text for text in sent if 'INTO "lab"' in text)
        return text

    first = await statement(1)
    assert await statement(2) is first
    assert await statement(3, skip_duplicates=True) != first
    assert await statement(4) is first
    await make.make_table(engine, "T1", "-> T0\n")
    assert await statement(5) == first  # another version of the catalog, the same table
    assert await statement(6) is not first


async def test_the_statement_of_an_update_is_written_once_for_each_version_of_its_table(
    sent: list[str], engine: Engine
) -> None:
    await make.make_table(engine, "T0", "t0 : int32\n---\nname = '' : varchar(8)\nnote = '' : varchar(8)\n")
    await make.insert(engine, "T0", [{"t0": 1}])

    async def statement(**changes: str | None) -> str:
        sent.clear()
        await updates.update(engine, ME, named("T0"), {"t0": 1, **changes})
        await asyncio.sleep(0)  # the driver logs in the next round of the loop
        (text,) = (text for text in sent if 'UPDATE "lab"' in text)
        return text

    first = await statement(name="a")
    assert await statement(name="b") is first
    assert len({first, await statement(name=None), await statement(note="a"), await statement(name="a", note="a")}) == 4
    await make.make_table(engine, "T1", "-> T0\n")
    assert await statement(name="c") == first  # another version of the catalog, the same table
    assert await statement(name="d") is not first


async def test_a_connection_plans_a_small_insert_once(engine: Engine) -> None:
    """PostgreSQL tries five plans for known values; after that it keeps one, unless it expects many rows."""
    await make.make_table(engine, "T0", "t0 : int32\n---\nname = '' : varchar(8)\n")
    async with open_transaction_session(engine) as session:  # all on one connection
        await session.begin("read_committed", read_only=False, lease_token="")
        for number in range(10):
            await make.insert(session.engine, "T0", [{"t0": number}])
        async with session.engine.scope.connection() as connection:
            plans = await connection.fetchrow(
                "SELECT custom_plans, generic_plans FROM pg_prepared_statements WHERE strpos(statement, $1) > 0",
                'INTO "lab"',
            )
    assert plans is not None
    assert tuple(plans) == (5, 5)
