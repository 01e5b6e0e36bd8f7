"""A commit makes jobs for all keys that a class's own key source gains, whatever that source does with the keys."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from levada_server.model.table import Tier
from levada_server.operations import declarations, jobs
from levada_server.operations.access.gate import Gate
from levada_server.operations.completion import results
from levada_server.storage.catalog.cache import CatalogCache
from levada_server.storage.postgres.database import Database
from tests.support import make
from tests.support.make import ME, named
from tests.support.notation import Query, U, table

if TYPE_CHECKING:
    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Relation

SESSION, STAT, SUBJECT = table("Session"), table("Stat"), table("Subject")
MEASURED = SUBJECT.aggr(STAT, count="count(*)") & "count >= 2"
WHOLE = SUBJECT - (SESSION - STAT)

SOURCES: dict[str, tuple[str, Query]] = {
    "restricted": ("-> Stat", STAT & "rate > 0"),
    "of a part": ("-> Stat.Bin", table("Stat.Bin") & "bin > 1"),
    "of one attribute": ("-> Subject", SUBJECT & STAT),
    "renamed": ("(other) -> Stat(session)", STAT.proj(other="session")),
    "pairs": ("(other) -> Stat(session)\n-> Stat", STAT.proj(other="session") * STAT.proj()),
    "pairs with what is computed by no job": (
        "(other) -> Stat(session)\n-> Session",
        STAT.proj(other="session") * SESSION,
    ),
    "aggregated": ("-> Subject", MEASURED),
    "all where enough are there": ("-> Session", SESSION * MEASURED.proj()),
    "where none is missing": ("-> Subject", WHOLE),
    "all where none is missing": ("-> Session", SESSION * WHOLE),
    "counted by a name that the key has": (
        "-> Subject\n---\nsession : int32",
        SUBJECT.aggr(STAT, session="count(*)") & "session >= 2",
    ),
    "distinct": ("-> Subject", U("subject") & STAT),
    "united": ("-> Session", (SESSION & "session = 9").proj() + STAT.proj()),
    "first ones": ("-> Stat", STAT.top(3, "KEY DESC")),
}


@pytest_asyncio.fixture
async def pipeline(engine: Engine) -> Engine:
    """Two subjects with two sessions each, and `Stat` with a part, computed from sessions."""
    sources: dict[bytes, Relation] = {name.encode(): source.relation for name, (_, source) in SOURCES.items()}
    assert isinstance(engine.scope, Database)
    engine = replace(engine, gate=Gate(CatalogCache(engine.scope), engine.gate.permissions, sources.__getitem__))
    await make.make_table(engine, "Subject", "subject : int32\n")
    await make.make_table(engine, "Session", "-> Subject\nsession : int32\n")
    await make.make_table(engine, "Stat", "-> Session\n---\nrate : int32\n", Tier.COMPUTED)
    await make.make_table(engine, "Stat.Bin", "-> master\nbin : int32\n", Tier.PART)
    await make.insert(engine, "Subject", [{"subject": i} for i in (1, 2)])
    await make.insert(engine, "Session", [{"subject": i, "session": j} for i in (1, 2) for j in (1, 2)])
    await make.refresh(engine, "Stat")
    return engine


@pytest.mark.parametrize("name", SOURCES)
async def test_nothing_is_left_to_a_full_refresh(pipeline: Engine, name: str) -> None:
    definition, _ = SOURCES[name]
    declaration = declarations.Declaration(
        named("Own"), Tier.COMPUTED, definition, {}, has_make=True, key_source=name.encode()
    )
    await declarations.declare_table(pipeline, ME, declaration)
    await make.refresh(pipeline, "Own")
    session = await make.make_session(pipeline)
    for count in (2, 1, 1):
        for lease in await make.reserve(pipeline, session, "Stat", count):
            key = dict(lease.key)
            rows = {"Stat": [{**key, "rate": 1}], "Stat.Bin": [{**key, "bin": bin_} for bin_ in (1, 2)]}
            assert (await results.complete(pipeline, ME, [make.completed(lease, rows)])).outcomes == (None,)
        await pipeline.downstream.settled()
        assert (await make.refresh(pipeline, "Own")).added == 0
    assert (await jobs.list_jobs(pipeline, ME, named("Own"), (), after=0, limit=100))[1]
