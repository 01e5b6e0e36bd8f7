"""Diagrams show what the caller may see, and count the rows that the caller may reach."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from levada_server.errors import LimitReached, UnknownTable
from levada_server.jobs.lease import Failure
from levada_server.model.table import Ownership, TableName, Tier
from levada_server.operations import diagrams, schemas, users
from levada_server.operations.completion import results
from levada_server.operations.diagrams import Asked, lay_out_graph
from levada_server.permissions.roles import Role
from tests.operations.test_users import calling
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine

ALL = [named("Subject"), named("Session"), named("Session.Trial"), named("Stat")]


@pytest.fixture
async def pipeline(engine: Engine) -> Engine:
    await make.make_table(engine, "Subject", "subject : int32\n---\nteam = '' : varchar(32)\n")
    await make.make_table(engine, "Session", "-> Subject\nsession : int32\n")
    await make.make_table(engine, "Session.Trial", "-> master\ntrial : int32\n", Tier.PART)
    await make.make_table(engine, "Stat", "-> Session\n---\nrate : int32\n", Tier.COMPUTED)
    await make.insert(engine, "Subject", [{"subject": 1, "team": "a"}, {"subject": 2, "team": "b"}])
    await make.insert(engine, "Session", [{"subject": s, "session": n} for s in (1, 2) for n in range(s)])
    return engine


async def member(engine: Engine, name: str, role: Role, *tables: TableName) -> Caller:
    await users.create_user(engine, ME, name, (), administrator=False)
    for table in tables:
        await users.grant_role(engine, ME, name, role, table)
    return await calling(engine, name)


async def test_rows_and_jobs_are_counted(pipeline: Engine) -> None:
    await make.refresh(pipeline, "Stat")
    session = await make.make_session(pipeline)
    done, failed = await make.reserve(pipeline, session, "Stat", 2)
    await make.complete(pipeline, done, {"Stat": [{**dict(done.key), "rate": 1}]})
    failure = Failure("ValueError", "boom", "")
    await results.fail(
        pipeline,
        ME,
        failed.table,
        failed.job_id,
        failed.token,
        failure,
        duration=timedelta(seconds=1),
        code_version="",
    )
    found = await lay_out_graph(pipeline, ME, Asked(ALL, counted=True))
    assert [(str(count.table), count.rows) for count in found.counts] == [
        ("lab.Subject", 2),
        ("lab.Session", 3),
        ("lab.Session.Trial", 0),
        ("lab.Stat", 1),
    ]
    (progress,) = [count.progress for count in found.counts if count.progress is not None]
    assert (progress.total, progress.remaining) == (3, 2)
    assert progress.states == {"success": 1, "error": 1, "pending": 1}


async def test_hidden_tables_neither_appear_nor_move_others(pipeline: Engine) -> None:
    shown = [named("Session"), named("Stat")]
    viewer = await member(pipeline, "vera", Role.VIEWER, *shown)
    with pytest.raises(UnknownTable):
        await lay_out_graph(pipeline, viewer, Asked(ALL))
    asked = Asked([*shown, named("Session.Trial")], counted=True)
    assert await lay_out_graph(pipeline, viewer, asked) == await lay_out_graph(pipeline, ME, asked)
    await make.make_table(pipeline, "Hidden", "-> Session\n---\n-> Subject\n")
    again = await lay_out_graph(pipeline, viewer, asked)
    assert again == await lay_out_graph(pipeline, ME, asked)
    assert not any("Subject" in name or "Hidden" in name for name in again.graph.boxes)


async def test_rows_of_other_teams_are_not_counted(pipeline: Engine) -> None:
    await schemas.set_ownership(pipeline, ME, named("Subject"), Ownership("team", hidden=True))
    viewer = await member(pipeline, "bea", Role.EDITOR, TableName("lab", ""))
    await users.set_team(pipeline, ME, "b", ["bea"])
    found = await lay_out_graph(pipeline, viewer, Asked(ALL, counted=True))
    assert {str(count.table): count.rows for count in found.counts} == {
        "lab.Subject": 1,
        "lab.Session": 2,
        "lab.Session.Trial": 0,
        "lab.Stat": 0,
    }
    assert [count.progress.total for count in found.counts if count.progress is not None] == [2]


async def test_only_tables_from_which_the_caller_may_fetch_are_counted(pipeline: Engine) -> None:
    referrer = await member(pipeline, "rita", Role.REFERENCE, TableName("lab", ""))
    await users.grant_role(pipeline, ME, "rita", Role.VIEWER, named("Subject"))
    found = await lay_out_graph(pipeline, referrer, Asked(ALL, counted=True))
    assert set(found.graph.boxes) == {"lab.Subject", "lab.Session", "lab.Stat"}
    assert [str(count.table) for count in found.counts] == ["lab.Subject"]


async def test_equal_diagrams_are_worked_out_once(pipeline: Engine) -> None:
    first, second = [await lay_out_graph(pipeline, ME, Asked(order)) for order in (ALL, ALL[::-1])]
    assert first.picture is not None
    assert second.picture is first.picture
    turned = await lay_out_graph(pipeline, ME, replace(Asked(ALL), sideways=True))
    assert turned.picture != first.picture
    assert (await lay_out_graph(pipeline, ME, Asked(ALL, placed=False))).picture is None


async def test_what_is_too_large_is_refused(pipeline: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagrams, "MAX_COUNTED", 3)
    with pytest.raises(LimitReached, match="counts the rows of at most 3 tables, and this one has 4"):
        await lay_out_graph(pipeline, ME, Asked(ALL, counted=True))
    monkeypatch.setattr(diagrams, "MAX_TABLES", 3)
    with pytest.raises(LimitReached, match="shows at most 3 tables, and this one has 4"):
        await lay_out_graph(pipeline, ME, Asked(ALL))


async def test_a_table_with_a_key_source_at_fault_has_no_progress(pipeline: Engine) -> None:
    await make.make_table(pipeline, "Lone", "lone : int32\n", Tier.COMPUTED)
    found = await lay_out_graph(pipeline, ME, Asked([named("Lone")], counted=True))
    assert [(count.rows, count.progress) for count in found.counts] == [(0, None)]
