"""One call answers reads of many jobs, within limits that do not depend on what it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from levada_api.v1 import relation_pb2, schema_pb2, value_pb2
from levada_server.jobs.signing import lease_content
from levada_server.model.table import Tier
from levada_server.operations.prefetch import ANSWER_BYTES, PatternedRead, prefetch
from levada_server.rpc.decoding.relation_shape import asked_relation
from tests.support import make
from tests.support.make import ME

if TYPE_CHECKING:
    from levada_server.jobs.signing import LeaseContent
    from levada_server.operations.context import Engine

JOBS = 40
LETTERS = 2**20


@pytest_asyncio.fixture
async def leases(engine: Engine) -> list[LeaseContent]:
    """The leases of the jobs of `Stat`, computed from `Session`, whose rows have long notes."""
    await make.make_table(engine, "Session", "session : int32\n---\nnotes : varchar(2000000)\n")
    await make.make_table(engine, "Stat", "-> Session\n", Tier.COMPUTED)
    await make.insert(engine, "Session", [{"session": i, "notes": str(i) * LETTERS} for i in range(10)])
    await make.insert(engine, "Session", [{"session": i, "notes": str(i)} for i in range(10, JOBS)])
    await make.refresh(engine, "Stat")
    session = await make.make_session(engine)
    return [lease_content(lease) for lease in await make.reserve(engine, session, "Stat", JOBS)]


def read_of(sessions: list[int]) -> PatternedRead:
    """Return a read of one row by each job, of the session that is given for it."""

    def message(job: int) -> relation_pb2.Relation:
        relation = relation_pb2.Relation()
        relation.nodes.add().table.name.CopyFrom(schema_pb2.TableName(schema="lab", table="Session"))
        relation.conditions.add().mapping.entries.add(name="session", value=value_pb2.Value(integer=sessions[job]))
        relation.nodes.add().restrict.CopyFrom(relation_pb2.Restrict(operand=0, condition=0))
        return relation

    return PatternedRead(
        asked_relation("relation", message(0)),
        "rows",
        digest=False,
        recorded=False,
        relation=lambda job: message(job).SerializeToString(deterministic=True),
        values=[(session,) for session in sessions],
    )


async def test_a_content_that_all_jobs_share_counts_for_each(engine: Engine, leases: list[LeaseContent]) -> None:
    answers = [answer for (answer,) in await prefetch(engine, ME, leases, [read_of([0] * JOBS)])]
    sent = sum(len(answer.content) for answer in answers if answer is not None and isinstance(answer.content, bytes))
    assert LETTERS < sent < ANSWER_BYTES + 2 * LETTERS
    assert answers[0] is not None
    assert answers[-1] is None


async def test_large_rows_end_the_answers(engine: Engine, leases: list[LeaseContent]) -> None:
    answers = [answer for (answer,) in await prefetch(engine, ME, leases, [read_of(list(range(JOBS)))])]
    sent = sum(len(answer.content) for answer in answers if answer is not None and isinstance(answer.content, bytes))
    assert LETTERS < sent < ANSWER_BYTES + 2 * LETTERS
    assert answers[-1] is None


async def test_small_rows_are_answered_for_all(engine: Engine, leases: list[LeaseContent]) -> None:
    chosen = [10 + number % 30 for number in range(JOBS)]
    answers = await prefetch(engine, ME, leases, [read_of(chosen), read_of(chosen)])
    assert all(answer is not None for of_job in answers for answer in of_job)
