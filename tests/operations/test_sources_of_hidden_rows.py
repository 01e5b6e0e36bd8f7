"""A key source of a class has no row that its definer may not read, in whatever way its jobs are made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from levada_server.errors import InvalidRequest, PreconditionFailed
from levada_server.model.table import UNKNOWN_SOURCE, Ownership, Tier
from levada_server.operations import declarations, job_refresh, jobs, schemas, users
from levada_server.operations.access.gate import Gate
from levada_server.operations.completion import results
from levada_server.permissions.roles import Role
from levada_server.storage.catalog.cache import CatalogCache
from levada_server.storage.postgres.database import Database
from tests.operations.test_users import calling, refusal, user
from tests.support import make
from tests.support.make import ME, named
from tests.support.notation import Query, table

if TYPE_CHECKING:
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Relation

SUBJECT, CAGE, STAT = table("Subject"), table("Cage"), table("Stat")
SOURCES: dict[str, Query] = {
    "by a hidden row": CAGE & (SUBJECT & "secret > 5"),
    "by no hidden row": CAGE - (SUBJECT & "secret < 5"),
    "by what it computes": CAGE & (SUBJECT.proj(s="secret - 8") & "s > 0"),
    "by a result": CAGE & (STAT & "rate > 5"),
    "by a failure": CAGE & (SUBJECT & "if(secret > 5, cast(secret AS char) REGEXP '(', 0)"),
}
SHOWN = {"by no hidden row": [2, 3]}
"""The cages whose jobs each source makes for somebody who may read the subject 1 alone, other than none."""


@pytest_asyncio.fixture
async def lab(engine: Engine) -> Engine:
    """Subjects of two teams with results and cages, and the editors anna and bea of these teams."""
    sources: dict[bytes, Relation] = {name.encode(): source.relation for name, source in SOURCES.items()}
    assert isinstance(engine.scope, Database)
    engine = replace(engine, gate=Gate(CatalogCache(engine.scope), engine.gate.permissions, sources.__getitem__))
    await make.make_table(engine, "Subject", "subject : int32\n---\nteam : varchar(32)\nsecret : int32\n")
    await make.make_table(engine, "Stat", "-> Subject\n---\nrate : int32\n", Tier.COMPUTED)
    await make.make_table(engine, "Cage", "cage : int32\n---\n-> Subject\n")
    rows: list[dict[str, object]] = [{"subject": 1, "team": "a", "secret": 1}, {"subject": 2, "team": "b", "secret": 9}]
    await make.insert(engine, "Subject", [*rows, {"subject": 3, "team": "b", "secret": 1}])
    await make.insert(engine, "Cage", [{"cage": cage, "subject": cage} for cage in (1, 2, 3)])
    await schemas.set_ownership(engine, ME, named("Subject"), Ownership("team", hidden=True))
    for name, team in (("anna", "a"), ("bea", "b")):
        await user(engine, name, (Role.EDITOR, "lab"))
        await users.set_team(engine, ME, team, [name])
    await user(engine, "boss", (Role.OWNER, "lab"))
    return engine


async def declared(engine: Engine, name: str, source: str) -> Caller:
    """Declare a table that is computed from cages by a key source; return who did."""
    caller = await calling(engine, name)
    assert not (await declarations.declare_table(engine, caller, probe(source))).key_source_error
    return caller


def probe(source: str) -> declarations.Declaration:
    """Return the declaration of a table that is computed from cages by a key source."""
    return declarations.Declaration(
        named("Probe"), Tier.COMPUTED, "-> Cage\n", {}, has_make=True, key_source=source.encode()
    )


async def cages(engine: Engine) -> list[object]:
    """Return the cages that have a job."""
    found = (await jobs.list_jobs(engine, ME, named("Probe"), (), after=0, limit=10))[1]
    return sorted(row["cage"] for row in found)


async def refreshed(engine: Engine, caller: Caller) -> list[object]:
    """Refresh the jobs as a caller; return the cages that have a job."""
    await job_refresh.refresh(
        engine, caller, named("Probe"), None, priority=None, delay=make.NO_TIME, retry_errors=False
    )
    return await cages(engine)


@pytest.mark.parametrize("source", SOURCES)
async def test_its_jobs_tell_nothing_of_rows_hidden_from_its_definer(lab: Engine, source: str) -> None:
    anna = await declared(lab, "anna", source)
    for caller in (anna, ME):
        assert await refreshed(lab, caller) == SHOWN.get(source, [])
        assert (await jobs.progress(lab, caller, named("Probe"), None)).total == len(SHOWN.get(source, []))


@pytest.mark.parametrize("source", SOURCES)
async def test_a_token_that_reaches_fewer_rows_than_its_user_defines_no_source(lab: Engine, source: str) -> None:
    caller = await calling(lab, "boss", scopes=[(Role.EDITOR, named("", "lab"))])
    declared = await declarations.declare_table(lab, caller, probe(source))
    assert "a token without scopes" in declared.key_source_error
    assert declared.table.key_source == UNKNOWN_SOURCE
    assert (await refusal(refreshed(lab, ME)))[0] is InvalidRequest


async def test_a_token_that_reaches_what_its_user_does_defines_a_source(lab: Engine) -> None:
    caller = await calling(lab, "bea", scopes=[(Role.EDITOR, named("", "lab"))])
    assert not (await declarations.declare_table(lab, caller, probe("by a hidden row"))).key_source_error
    assert await refreshed(lab, ME) == [2]


async def computed(engine: Engine, subject: int) -> None:
    """Compute the result of a subject, and wait until the jobs below are made."""
    await make.refresh(engine, "Stat")
    session = await make.make_session(engine)
    for lease in await make.reserve(engine, session, "Stat", 3):
        if dict(lease.key)["subject"] == subject:
            rows = {"Stat": [{"subject": subject, "rate": 9}]}
            assert (await results.complete(engine, ME, [make.completed(lease, rows)])).outcomes == (None,)
    await engine.downstream.settled()


@pytest.mark.parametrize(("definer", "made"), [("anna", []), ("bea", [2]), ("boss", [2])])
async def test_a_commit_makes_jobs_only_of_rows_that_the_definer_may_read(
    lab: Engine, definer: str, made: list[object]
) -> None:
    await declared(lab, definer, "by a result")
    await computed(lab, 2)
    assert await cages(lab) == made
    assert await refreshed(lab, ME) == made


async def test_whoever_is_shown_a_source_must_reach_its_rows_too(lab: Engine) -> None:
    await declared(lab, "boss", "by a hidden row")
    totals = {
        name: (await jobs.progress(lab, await calling(lab, name), named("Probe"), None)).total
        for name in ("anna", "bea")
    }
    assert totals == {"anna": 0, "bea": 1}


async def test_a_source_follows_its_definer(lab: Engine) -> None:
    bea = await declared(lab, "bea", "by a hidden row")
    await declared(lab, "anna", "by a hidden row")  # which changes nothing
    assert await refreshed(lab, ME) == [2]
    await users.set_team(lab, ME, "b", [])
    assert await refreshed(lab, bea) == []
    await users.set_team(lab, ME, "b", ["bea"])
    assert await refreshed(lab, ME) == [2]
    await users.update_user(lab, ME, "bea", administrator=None, disabled=True, prefixes=None)
    kind, _ = await refusal(refreshed(lab, ME))
    assert kind is PreconditionFailed
    await declared(lab, "anna", "by a hidden row")  # whose source it is from now on
    assert await refreshed(lab, ME) == []
