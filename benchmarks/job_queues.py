"""Job queues: reserve and complete, among few and among many jobs."""

from __future__ import annotations

import asyncio
import io
import sys
import time
from typing import TYPE_CHECKING, Any

import asyncpg
import grpc.aio
import psycopg
import pyarrow as pa
from pgqueuer import AsyncpgDriver, PgQueuer, Queries
from pgqueuer.types import QueueExecutionMode

import levada as lv
from benchmarks.client import bare_target
from benchmarks.place import declare
from benchmarks.timing import Line, at_least, at_most, interleaved, seconds
from levada_api.v1 import job_pb2, job_service_pb2, job_service_pb2_grpc, schema_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.place import Place

JOBS = 8_000
BATCH = 50
WORKERS = 8
WORKERS_TRIED, BATCHES_TRIED = (1, 4, 8), (50, 250, 1000)
FEW_JOBS, MANY_JOBS, TAKEN_JOBS = 1_000, 1_000_000, 100_000
RESERVED = 100
ENTRY_POINT = "nothing"


def queue(place: Place) -> Iterator[Line]:
    """Reserve and complete jobs that do nothing, in batches, by several workers at once."""
    ours = keys_only(place, "queued", JOBS)
    refresh_jobs(place, "queued")
    # Levada's jobs each leave a row and the record of the job; pgqueuer's leave a line in its log.
    took: dict[str, dict[str, float]] = {"pgqueuer": {}, "Levada": {}}
    processor: dict[str, dict[str, str]] = {"pgqueuer": {}, "Levada": {}}
    for workers in WORKERS_TRIED:
        for batch in BATCHES_TRIED:
            way = f"{workers} workers, batches of {batch}"
            took["pgqueuer"][way], processor["pgqueuer"][way] = asyncio.run(_pgqueuer(place, workers, batch))
            ours().delete_quick()
            refresh_jobs(place, "queued")
            before = place.processor_s()
            took["Levada"][way] = asyncio.run(drain(place.server.address, "queued", workers=workers, batch=batch))
            processor["Levada"][way] = _each(before, place.processor_s())
            assert len(ours()) == JOBS
    best = {name: min(times, key=times.__getitem__) for name, times in took.items()}
    rates = {name: JOBS / took[name][best[name]] for name in took}
    detail = ", ".join(
        f"{name} {rates[name]:.0f} jobs/s by {best[name]} (a job: {processor[name][best[name]]})" for name in took
    )
    work = "reserve and complete, both at their best settings"
    yield at_least(work, rates["Levada"] / rates["pgqueuer"], 2, "as fast as pgqueuer", detail)


def _each(before: Mapping[str, float], after: Mapping[str, float]) -> str:
    """Format the processor time that a job took on each side."""
    taken = {name: (after[name] - before[name]) / JOBS for name in before}
    return ", ".join(f"{name} {each * 1e6:.0f} µs" for name, each in taken.items())


def reserve(place: Place) -> Iterator[Line]:
    """Reserve a job among few, among a million, and beside a reader who still sees all jobs taken since."""
    for schema, count in (("few", FEW_JOBS), ("many", MANY_JOBS)):
        keys_only(place, schema, count)
        refresh_jobs(place, schema)
    place.execute("ANALYZE")
    ways = {"few": reserving(place, "few"), "many": reserving(place, "many")}
    times = interleaved(ways, rounds=RESERVED)
    many = f"{MANY_JOBS:,} jobs".replace(",", " ")
    few = f"with {FEW_JOBS} jobs"
    yield at_most(f"reserve one of {many}", times["many"] / times["few"], 2, few, seconds(times))
    with psycopg.connect(place.dsn) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT count(*) FROM levada.table")  # from here on it sees the present state
        asyncio.run(drain(place.server.address, "many", TAKEN_JOBS))
        times = interleaved(ways, rounds=RESERVED)
        taken = f"{TAKEN_JOBS:,}".replace(",", " ")
        work = f"the same after {taken} of them, in sight of an open snapshot"
        yield at_most(work, times["many"] / times["few"], 2, few, seconds(times))


def reserving(place: Place, schema: str) -> Callable[[], object]:
    """Return a function that reserves one job of a table, under a session of its own."""
    worker = job_pb2.WorkerName(host="bench", user="bench")
    session = place.levada.call(
        "JobService/CreateWorkerSession",
        job_service_pb2.CreateWorkerSessionRequest(worker=worker),
        job_service_pb2.CreateWorkerSessionResponse,
    ).worker_session
    name = schema_pb2.TableName(schema=schema, table="Target")
    request = job_service_pb2.ReserveJobsRequest(worker_session=session, names=[name])

    def run() -> None:
        assert place.levada.call("JobService/ReserveJobs", request, job_service_pb2.ReserveJobsResponse).leases

    return run


def keys_only(place: Place, name: str, count: int) -> Any:  # Any: each table's class has its own type
    """Declare a table that computes only the keys of its source, and fill the source."""
    schema = lv.Schema(name, connection=place.levada)
    source = declare(schema, lv.Manual, "Source", "id : int64\n")
    source.insert(pa.table({"id": range(count)}))
    return declare(schema, lv.Computed, "Target", "-> Source\n", {"Source": source}, make=lambda *_: None)


async def drain(
    address: str, schema: str, most: int = sys.maxsize, *, workers: int = WORKERS, batch: int = BATCH
) -> float:
    """Reserve and complete until nothing is left, or until a number of jobs is done; return the seconds."""
    taken = 0
    name = schema_pb2.TableName(schema=schema, table="Target")
    async with grpc.aio.insecure_channel(bare_target(address)) as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)

        async def work(number: int) -> None:
            nonlocal taken
            worker = job_pb2.WorkerName(host="bench", process=number, user="bench")
            created = await stub.CreateWorkerSession(job_service_pb2.CreateWorkerSessionRequest(worker=worker))
            reserve = job_service_pb2.ReserveJobsRequest(
                worker_session=created.worker_session, names=[name], max_jobs=batch
            )
            while taken < most and (leases := (await stub.ReserveJobs(reserve)).leases):
                taken += len(leases)
                answer = await stub.CompleteFewJobs(_completion(name, leases))
                assert not any(outcome.HasField("error") for outcome in answer.outcomes), answer

        began = time.perf_counter()
        await asyncio.gather(*map(work, range(workers)))
        return time.perf_counter() - began


def _completion(name: schema_pb2.TableName, leases: Sequence[job_pb2.Lease]) -> job_service_pb2.CompleteFewJobsRequest:
    """Build the completion of jobs that each inserted their key."""
    content = io.BytesIO()
    rows = pa.record_batch({"id": pa.array([lease.key[0].value.integer for lease in leases], pa.int64())})
    with pa.ipc.new_stream(content, rows.schema) as writer:
        writer.write_batch(rows)
    group = job_service_pb2.JobGroup(
        jobs=[
            job_service_pb2.JobHeader(name=name, job_id=lease.job_id, lease_token=lease.lease_token) for lease in leases
        ],
        inserts=[
            job_service_pb2.SharedRows(
                rows=job_service_pb2.JobRows(name=name), arrow_ipc=content.getvalue(), row_counts=[1] * len(leases)
            )
        ],
    )
    return job_service_pb2.CompleteFewJobsRequest(groups=[group])


async def _pgqueuer(place: Place, workers: int, batch: int) -> tuple[float, str]:
    """Fill a pgqueuer queue and drain it; return the seconds that draining took, and the processor time of a job."""
    dsn = place.dsn
    connection = await asyncpg.connect(dsn)
    queries = Queries(AsyncpgDriver(connection))
    await queries.install()
    for _ in range(JOBS // 1000):
        await queries.enqueue([ENTRY_POINT] * 1000, [None] * 1000, [0] * 1000)
    await connection.execute("ANALYZE")
    connections = [await asyncpg.connect(dsn) for _ in range(workers)]

    async def work(own: asyncpg.Connection[Any]) -> None:
        worker = PgQueuer.from_asyncpg_connection(own)

        @worker.entrypoint(ENTRY_POINT)  # type: ignore[untyped-decorator]  # checked as if it was not there
        async def nothing(_job: object) -> None:
            pass

        await worker.qm.run(batch_size=batch, mode=QueueExecutionMode.drain)

    before = place.processor_s()
    began = time.perf_counter()
    await asyncio.gather(*map(work, connections))
    took = time.perf_counter() - began
    processor = _each(before, place.processor_s())
    await queries.uninstall()
    for opened in (connection, *connections):
        await opened.close()
    return took, processor


def refresh_jobs(place: Place, schema: str) -> None:
    """Create the jobs of such a table."""
    request = job_service_pb2.RefreshJobsRequest(name=schema_pb2.TableName(schema=schema, table="Target"))
    place.levada.call("JobService/RefreshJobs", request, job_service_pb2.RefreshJobsResponse)
