"""CompleteFewJobs over a real channel: jobs that share streams of rows, and the outcome of each."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc.aio
import pyarrow as pa
import pytest
import pytest_asyncio

from levada_api.v1 import job_pb2, job_service_pb2_grpc, schema_pb2
from levada_api.v1 import job_service_pb2 as pb
from levada_server.model.table import Tier
from levada_server.query.ddl import job_table_name
from tests.support import make

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import asyncpg

    from levada_server.operations.context import Engine

SESSIONS = 6
STAT, BIN = "Stat", "Stat.Bin"


@dataclass
class Worker:
    """A client that has reserved jobs of `Stat`, by the number of their session."""

    stub: job_service_pb2_grpc.JobServiceStub
    session: str
    leases: dict[int, job_pb2.Lease]

    async def complete(self, *groups: pb.JobGroup) -> list[str]:
        """Complete jobs; return for each the reason why it was not committed, or nothing."""
        answer = await self.stub.CompleteFewJobs(pb.CompleteFewJobsRequest(groups=groups))
        return [outcome.error.message if outcome.HasField("error") else "" for outcome in answer.outcomes]

    def group(self, sessions: Sequence[int], *inserts: pb.SharedRows) -> pb.JobGroup:
        """Make a group of the jobs of some sessions."""
        name = schema_pb2.TableName(schema="lab", table=STAT)
        jobs = [
            pb.JobHeader(name=name, job_id=lease.job_id, lease_token=lease.lease_token)
            for lease in (self.leases[session] for session in sessions)
        ]
        return pb.JobGroup(jobs=jobs, inserts=inserts)


def shared(table: str, counts: Sequence[int], **columns: Sequence[object]) -> pb.SharedRows:
    """Make an insert of some jobs."""
    content = io.BytesIO()
    batch = pa.record_batch({name: pa.array(values) for name, values in columns.items()})
    with pa.ipc.new_stream(content, batch.schema) as writer:
        writer.write_batch(batch)
    rows = pb.JobRows(name=schema_pb2.TableName(schema="lab", table=table), location="pipeline.py:7")
    return pb.SharedRows(rows=rows, arrow_ipc=content.getvalue(), row_counts=counts)


def stats(sessions: Sequence[int]) -> pb.SharedRows:
    """Make the insert of the row that each job owes."""
    return shared(STAT, [1] * len(sessions), session=sessions, mean=[session / 2 for session in sessions])


@pytest_asyncio.fixture
async def worker(engine: Engine, server_address: str) -> AsyncIterator[Worker]:
    """A client that holds all jobs of a table with a part."""
    await make.make_table(engine, "Session", "session : int32\n")
    await make.make_table(engine, STAT, "-> Session\n---\nmean : float64\n", Tier.COMPUTED)
    await make.make_table(engine, BIN, "-> master\nbin : int32\n", Tier.PART)
    await make.insert(engine, "Session", [{"session": i} for i in range(SESSIONS)])
    await make.refresh(engine, STAT)
    async with grpc.aio.insecure_channel(server_address) as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)
        name = schema_pb2.TableName(schema="lab", table=STAT)
        # The server read its catalog before the tables were made.
        seen = (("levada-catalog-version", str(await engine.gate.version())),)
        await stub.ListJobs(pb.ListJobsRequest(name=name), metadata=seen)
        user = job_pb2.WorkerName(host="h", process=1, user="u")
        session = (await stub.CreateWorkerSession(pb.CreateWorkerSessionRequest(worker=user))).worker_session
        reserve = pb.ReserveJobsRequest(worker_session=session, names=[name], max_jobs=SESSIONS)
        leases = (await stub.ReserveJobs(reserve)).leases
        yield Worker(stub, session, {lease.key[0].value.integer: lease for lease in leases})


async def jobs(engine: Engine, connection: asyncpg.Connection[asyncpg.Record]) -> dict[int, tuple[str, str | None]]:
    """Return the state of each job and its rows."""
    name = job_table_name((await make.catalog(engine)).table(make.named(STAT)))
    rows = await connection.fetch(f"SELECT session, _state, _writes FROM {name}")  # noqa: S608
    return {row["session"]: (row["_state"], row["_writes"]) for row in rows}


async def sessions_in(engine: Engine, table: str) -> list[int]:
    """Return the session of each row of a table."""
    return sorted(int(str(row["session"])) for row in await make.fetch(engine, table))


async def test_jobs_share_streams_and_each_is_recorded_with_its_own_rows(
    worker: Worker, engine: Engine, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    bins = shared(BIN, [2, 0, 1], session=[0, 0, 2], bin=[1, 2, 1])
    assert await worker.complete(worker.group([0, 1, 2], stats([0, 1, 2]), bins)) == [""] * 3
    assert {row["session"]: row["mean"] for row in await make.fetch(engine, STAT)} == {0: 0.0, 1: 0.5, 2: 1.0}
    assert len(await make.fetch(engine, BIN)) == 3
    found = await jobs(engine, connection)
    assert [found[session][0] for session in range(SESSIONS)] == ["success"] * 3 + ["reserved"] * 3
    assert found[0][1] == '{"lab.Stat": 1, "lab.Stat.Bin": 2}'
    assert found[1][1] == '{"lab.Stat": 1}'


async def test_a_bad_job_of_a_group_fails_alone(worker: Worker, engine: Engine) -> None:
    twice = shared(BIN, [1, 2, 1], session=[0, 1, 1, 2], bin=[1, 1, 1, 1])
    outcomes = await worker.complete(worker.group([0, 1, 2], stats([0, 1, 2]), twice))
    assert [bool(outcome) for outcome in outcomes] == [False, True, False]
    assert "row 1" in outcomes[1]
    assert "pipeline.py:7" in outcomes[1]
    assert await sessions_in(engine, STAT) == [0, 2]
    assert await sessions_in(engine, BIN) == [0, 2]


async def test_a_job_of_a_group_that_did_not_insert_its_key_fails_alone(worker: Worker, engine: Engine) -> None:
    rows = shared(STAT, [1, 1, 1], session=[0, SESSIONS - 1, 2], mean=[0.5, 0.5, 0.5])
    outcomes = await worker.complete(worker.group([0, 1, 2], rows))
    assert [bool(outcome) for outcome in outcomes] == [False, True, False]
    assert "did not insert its key" in outcomes[1]
    assert await sessions_in(engine, STAT) == [0, 2]


async def test_a_job_of_a_group_that_inserted_nothing_waits_alone(
    worker: Worker, engine: Engine, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    some = shared(STAT, [1, 0, 1], session=[0, 2], mean=[0.5, 0.5])
    assert await worker.complete(worker.group([0, 1, 2], some)) == [""] * 3
    assert await sessions_in(engine, STAT) == [0, 2]
    found = await jobs(engine, connection)
    assert [found[session][0] for session in range(3)] == ["success", "pending", "success"]


async def test_a_lost_lease_of_a_group_undoes_only_its_own_job(
    worker: Worker, engine: Engine, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    name = job_table_name((await make.catalog(engine)).table(make.named(STAT)))
    await connection.execute(f"UPDATE {name} SET _lease_token = gen_random_uuid() WHERE session = 1")  # noqa: S608
    outcomes = await worker.complete(worker.group([0, 1, 2], stats([0, 1, 2])))
    assert [bool(outcome) for outcome in outcomes] == [False, True, False]
    assert "another worker's lease" in outcomes[1]
    assert await sessions_in(engine, STAT) == [0, 2]
    assert (await jobs(engine, connection))[1] == ("reserved", None)


async def test_a_group_that_is_repeated_succeeds_and_changes_nothing(
    worker: Worker, engine: Engine, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    group = worker.group([0, 1], stats([0, 1]))
    assert await worker.complete(group) == ["", ""]
    before = await jobs(engine, connection)
    assert await worker.complete(group) == ["", ""]
    # Some of it is new.
    assert await worker.complete(worker.group([0, 2, 1, 3], stats([0, 2, 1, 3]))) == [""] * 4
    after = await jobs(engine, connection)
    assert {session: after[session] for session in (0, 1)} == {session: before[session] for session in (0, 1)}
    assert await sessions_in(engine, STAT) == [0, 1, 2, 3]


async def test_groups_of_one_call_stand_for_themselves(worker: Worker, engine: Engine) -> None:
    wrong = worker.group([0], shared(BIN, [1], session=[0], bin=[1]))
    assert [bool(error) for error in await worker.complete(wrong, worker.group([1], stats([1])))] == [True, False]
    assert await sessions_in(engine, STAT) == [1]


@pytest.mark.parametrize("counts", [[1], [2, -1], [1, 1, 0]])
async def test_row_counts_that_are_not_those_of_the_jobs_are_refused(worker: Worker, counts: list[int]) -> None:
    rows = shared(STAT, counts, session=[0, 1], mean=[0.5, 0.5])
    with pytest.raises(grpc.aio.AioRpcError, match="row_counts") as refused:
        await worker.complete(worker.group([0, 1], rows))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("counts", [[1, 0], [2, 1]])
async def test_row_counts_that_are_not_those_of_the_stream_fail_the_jobs(
    worker: Worker, engine: Engine, counts: list[int]
) -> None:
    rows = shared(STAT, counts, session=[0, 1], mean=[0.5, 0.5])
    outcomes = await worker.complete(worker.group([0, 1], rows))
    assert "its jobs should have" in outcomes[0]
    assert await make.fetch(engine, STAT) == []


async def test_a_stream_that_is_cut_off_fails_the_jobs(worker: Worker, engine: Engine) -> None:
    rows = stats([0, 1])
    rows.arrow_ipc = rows.arrow_ipc[:-8]
    outcomes = await worker.complete(worker.group([0, 1], rows))
    assert all("cut off" in outcome for outcome in outcomes)
    assert await make.fetch(engine, STAT) == []


async def test_too_many_jobs_are_refused(worker: Worker) -> None:
    job = worker.group([0]).jobs[0]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await worker.complete(pb.JobGroup(jobs=[job] * 1001))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
