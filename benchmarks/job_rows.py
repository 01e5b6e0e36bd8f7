"""Jobs: populate, reserve and complete, refresh."""

from __future__ import annotations

import asyncio
import io
import time
from typing import TYPE_CHECKING, Any

import asyncpg
import grpc.aio
import pyarrow as pa
from pgqueuer import AsyncpgDriver, PgQueuer, Queries
from pgqueuer.types import QueueExecutionMode

import levada as lv
from benchmarks.place import declare
from benchmarks.timing import Line, at_least, interleaved, seconds, shown
from levada_api.v1 import job_pb2, job_service_pb2, job_service_pb2_grpc, schema_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.place import Place

KEYS, THEIR_KEYS = 500, 200
JOBS = 8_000
BATCH = 50
WORKERS = 8
REFRESHED, IDLE_REFRESHED = 100_000, 1_000_000
ENTRY_POINT = "nothing"


def populate(place: Place) -> Iterator[Line]:
    """Compute with a make that fetches one row and inserts one, by one worker."""
    ours = _pipeline(lv, lv.Schema("populated", connection=place.levada), KEYS)
    theirs = _pipeline(place.datajoint, place.datajoint.Schema("populated"), THEIR_KEYS)
    took = {}
    for name, table, count in (("DataJoint", theirs, THEIR_KEYS), ("Levada", ours, KEYS)):
        began = time.perf_counter()
        table.populate(reserve_jobs=True)
        took[name] = (time.perf_counter() - began) / count
        assert len(table()) == count
    detail = ", ".join(f"{name} {shown(each)} a key" for name, each in took.items())
    yield at_least("populate, one worker", took["DataJoint"] / took["Levada"], 4, "as fast as DataJoint", detail)


def _pipeline(dj: Any, schema: Any, count: int) -> Any:  # Any: either package, and its classes
    source = declare(schema, dj.Manual, "Source", "id : int64\n---\nx : float64\n")

    def make(self: Any, key: dict[str, object]) -> None:
        x = (source & key).fetch1("x")
        self.insert1(dict(key, y=float(x) ** 2))

    square = declare(schema, dj.Computed, "Square", "-> Source\n---\ny : float64\n", {"Source": source}, make=make)
    source.insert([{"id": number, "x": float(number)} for number in range(count)])
    return square


def queue(place: Place) -> Iterator[Line]:
    """Reserve and complete jobs that do nothing, in batches, by several workers at once."""
    ours = _keys_only(place, "queued", JOBS)
    _refresh(place, "queued")
    # The jobs of Levada leave a row each and the record of the job; those of pgqueuer a line in its log.
    took = {
        "pgqueuer": asyncio.run(_pgqueuer(place.dsn)),
        "Levada": asyncio.run(_drain(place.server.address, "queued")),
    }
    assert len(ours()) == JOBS
    rates = {name: JOBS / value for name, value in took.items()}
    detail = ", ".join(f"{name} {rate:.0f} jobs/s" for name, rate in rates.items())
    work = f"{WORKERS} workers reserve and complete, batches of {BATCH}"
    yield at_least(work, rates["Levada"] / rates["pgqueuer"], 1, "as fast as pgqueuer", detail)


def _keys_only(place: Place, name: str, count: int) -> Any:  # Any: a table's class is of its own type
    schema = lv.Schema(name, connection=place.levada)

    source = declare(schema, lv.Manual, "Source", "id : int64\n")
    source.insert(pa.table({"id": range(count)}))
    return declare(schema, lv.Computed, "Target", "-> Source\n", {"Source": source}, make=lambda *_: None)


async def _drain(address: str, schema: str) -> float:
    """Reserve and complete until nothing is left; give the seconds."""
    name = schema_pb2.TableName(schema=schema, table="Target")
    async with grpc.aio.insecure_channel(address) as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)

        async def work(number: int) -> None:
            worker = job_pb2.WorkerName(host="bench", process=number, user="bench")
            created = await stub.CreateWorkerSession(job_service_pb2.CreateWorkerSessionRequest(worker=worker))
            reserve = job_service_pb2.ReserveJobsRequest(
                worker_session=created.worker_session, names=[name], max_jobs=BATCH
            )
            while leases := (await stub.ReserveJobs(reserve)).leases:
                answer = await stub.CompleteFewJobs(_completion(name, leases))
                assert not any(outcome.HasField("error") for outcome in answer.outcomes), answer

        began = time.perf_counter()
        await asyncio.gather(*map(work, range(WORKERS)))
        return time.perf_counter() - began


def _completion(name: schema_pb2.TableName, leases: Sequence[job_pb2.Lease]) -> job_service_pb2.CompleteFewJobsRequest:
    """Write what a worker hands in whose jobs inserted their key each."""
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


async def _pgqueuer(dsn: str) -> float:
    """Fill a queue of pgqueuer and drain it; give the seconds that draining took."""
    connection = await asyncpg.connect(dsn)
    queries = Queries(AsyncpgDriver(connection))
    await queries.install()
    for _ in range(JOBS // 1000):
        await queries.enqueue([ENTRY_POINT] * 1000, [None] * 1000, [0] * 1000)
    await connection.execute("ANALYZE")
    connections = [await asyncpg.connect(dsn) for _ in range(WORKERS)]

    async def work(own: asyncpg.Connection[Any]) -> None:
        worker = PgQueuer.from_asyncpg_connection(own)

        @worker.entrypoint(ENTRY_POINT)  # type: ignore[untyped-decorator]  # checked as if it was not there
        async def nothing(_job: object) -> None:
            pass

        await worker.qm.run(batch_size=BATCH, mode=QueueExecutionMode.drain)

    began = time.perf_counter()
    await asyncio.gather(*map(work, connections))
    took = time.perf_counter() - began
    await queries.uninstall()
    for opened in (connection, *connections):
        await opened.close()
    return took


def refresh(place: Place) -> Iterator[Line]:
    """Make jobs of many keys, and find that there are none to make."""
    _keys_only(place, "refreshed", REFRESHED)
    place.execute("ANALYZE")
    began = time.perf_counter()
    _refresh(place, "refreshed")
    took = time.perf_counter() - began
    yield Line(f"refresh of {REFRESHED:,} keys".replace(",", " "), "< 2 s", shown(took), took < 2, "")
    source = lv.FreeTable(place.levada, "refreshed.Source")
    source.insert(pa.table({"id": range(REFRESHED, IDLE_REFRESHED)}))
    _refresh(place, "refreshed")
    place.execute("ANALYZE")
    times = interleaved({"Levada": lambda: _refresh(place, "refreshed")}, rounds=3)
    work = f"refresh of {IDLE_REFRESHED:,} keys that all have jobs".replace(",", " ")
    yield Line(work, "< 3 s", shown(times["Levada"]), times["Levada"] < 3, seconds(times))


def _refresh(place: Place, schema: str) -> None:
    request = job_service_pb2.RefreshJobsRequest(name=schema_pb2.TableName(schema=schema, table="Target"))
    place.levada.call("JobService/RefreshJobs", request, job_service_pb2.RefreshJobsResponse)
