"""Checking rows before they are inserted: each fault is named, and nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from levada_server import errors
from levada_server.model.table import Tier
from levada_server.operations.inserts import InsertOptions
from levada_server.operations.row_checks import MAX_FAULTS, MAX_ROWS, check_rows
from tests.support import make
from tests.support.make import ME, named
from tests.support.roles import make_caller

if TYPE_CHECKING:
    from levada_server.operations.context import Engine


async def check(engine: Engine, table: str, rows: list[dict[str, object]]) -> dict[int, errors.LevadaError]:
    content = make.arrow(rows).getvalue()
    return {fault.row: fault.error for fault in await check_rows(engine, ME, named(table), InsertOptions(), content)}


async def test_each_row_at_fault_is_named_and_nothing_is_inserted(engine: Engine) -> None:
    await make.make_table(engine, "Subject", "subject : int32\n---\nsex = null : enum('M', 'F')\nborn = null : date\n")
    await make.make_table(engine, "Session", "-> Subject\nsession : int32\n")
    await make.insert(engine, "Subject", [{"subject": 1}])
    rows: list[dict[str, object]] = [
        {"subject": "2", "sex": "M", "born": "2026-01-31"},
        {"subject": "1", "sex": "M", "born": None},
        {"subject": "three", "sex": None, "born": None},
        {"subject": "4", "sex": "x", "born": None},
        {"subject": "2", "sex": None, "born": None},
        {"subject": "6", "sex": None, "born": "2026-02-31"},
    ]
    found = await check(engine, "Subject", rows)
    assert {row: (type(error), error.details.get("attribute")) for row, error in found.items()} == {
        1: (errors.DuplicateEntity, None),
        2: (errors.WrongValue, "subject"),
        3: (errors.ValueOutOfRange, "sex"),
        4: (errors.DuplicateEntity, None),
        5: (errors.WrongValue, "born"),
    }
    missing = await check(engine, "Session", [{"subject": 1, "session": 1}, {"subject": 9, "session": 1}])
    assert {row: type(error) for row, error in missing.items()} == {1: errors.MissingParent}
    assert await make.fetch(engine, "Subject") == [{"subject": 1, "sex": None, "born": None}]
    async with engine.scope.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM levada.audit WHERE method = 'CheckRows'") == 0


async def test_only_the_first_faults_are_looked_for(engine: Engine) -> None:
    await make.make_table(engine, "Subject", "subject : int32\n")
    found = await check(engine, "Subject", [{"subject": "x"} for _ in range(MAX_FAULTS + 5)])
    assert sorted(found) == list(range(MAX_FAULTS))


async def test_too_many_rows_are_not_checked(engine: Engine) -> None:
    await make.make_table(engine, "Subject", "subject : int32\n")
    with pytest.raises(errors.LimitReached, match="20000 rows"):
        await check(engine, "Subject", [{"subject": number} for number in range(MAX_ROWS + 1)])
    with pytest.raises(errors.LimitReached, match="64 MB"):
        await check(engine, "Subject", [{"subject": "x" * 2**20} for _ in range(40)])


async def test_rows_without_fault_have_none(engine: Engine) -> None:
    await make.make_table(engine, "Subject", "subject : int32\n")
    assert await check(engine, "Subject", [{"subject": 1}, {"subject": 2}]) == {}
    assert await make.fetch(engine, "Subject") == []


async def test_a_fault_of_all_rows_is_refused(engine: Engine) -> None:
    await make.make_table(engine, "Subject", "subject : int32\n")
    await make.make_table(engine, "Stat", "-> Subject\n", Tier.COMPUTED)
    with pytest.raises(errors.UnknownAttribute):
        await check(engine, "Subject", [{"subject": 1, "other": 2}])
    with pytest.raises(errors.PermissionDenied, match="come from its make"):
        await check(engine, "Stat", [{"subject": 1}])


async def test_asking_for_a_hidden_table_is_on_record(engine: Engine) -> None:
    await make.make_table(engine, "Subject", "subject : int32\n")
    eve, _ = await make_caller(engine, "eve")
    content = make.arrow([{"subject": 1}]).getvalue()
    with pytest.raises(errors.NotFound):
        await check_rows(engine, eve, named("Subject"), InsertOptions(), content)
    assert eve.traces.hidden == "lab.Subject"
