"""The heartbeat of worker sessions."""

from __future__ import annotations

import os
from datetime import timedelta

import levada as lv
from levada._jobs import job_calls, worker_session
from levada_api.v1 import job_service_pb2 as pb
from levada_api.v1 import schema_pb2

TESTS = ("levada._jobs.job_calls",)


def test_heartbeat_keeps_a_lease_alive(connection: lv.Connection) -> None:
    schema = lv.Schema("bench", connection=connection)

    @schema
    class Number(lv.Lookup):
        definition = "n : int32"
        contents = ((n,) for n in range(5))

    @schema
    class Square(lv.Computed):
        definition = "-> Number"

        def make(self, key: dict[str, int]) -> None:
            raise NotImplementedError

    Square.jobs.refresh()
    square = schema_pb2.TableName(schema="bench", table="Square")
    lease = timedelta(seconds=1)
    with worker_session.Heartbeat(connection, lease) as heartbeat:
        kept, silent = (worker_session.open_session(connection, lease) for _ in range(2))
        heartbeat.add(kept, os.getpid())
        held = job_calls.reserve(connection, kept, [square], 1)
        dropped = job_calls.reserve(connection, silent, [square], 4)
        # The wait ends when the silent session's lease does; by then the other has had to be renewed.
        tokens = [lease.token for lease in held]
        wait = timedelta(seconds=30)
        found = job_calls.reserve(connection, kept, [square], 5, wait=wait, held=tokens)
        # Which job of a batch had begun is not known, so its jobs come one by one.
        assert [lease.job_id for lease in found] == [dropped[0].job_id]
        assert held[0].job_id not in {lease.job_id for lease in found}
        # Each beat also reports the memory of the process.
        listed = connection.call("JobService/ListWorkers", pb.ListWorkersRequest(), pb.ListWorkersResponse).workers
        (living,) = [worker for worker in listed if worker.held_jobs]
        assert (living.worker.process, living.held_jobs[0].job_count) == (os.getpid(), 2)
        assert living.memory_bytes > 2**20
