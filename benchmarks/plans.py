"""`python -m benchmarks.plans`: the blocks that each operation's statements touch, among few and among many jobs.

The number of blocks that a statement touches does not depend on how busy the machine is.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import asyncpg

import levada as lv
from benchmarks.drills import databases
from benchmarks.job_queues import drain, refresh_jobs
from benchmarks.place import Place, declare
from levada_api.v1 import schema_pb2, schema_service_pb2
from levada_server.app import running
from levada_server.config import Settings
from levada_server.storage.postgres.moments import bind_moments_as_they_are

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME = "plans"
LARGEST_SPAN = 1000
"""How many times more jobs there are at the second look."""
PATIENCE_SECONDS = 120.0
_READS = re.compile(r"(Seq Scan|Index Scan|Index Only Scan|Bitmap Heap Scan)")

Statement = tuple[str, tuple[Any, ...]]  # Any: values that it binds


class Explained:
    """A server in this process whose statements are noted, and then explained.

    Args:
        database_url: An empty database.
        folder: An empty folder.
    """

    def __init__(self, database_url: str, folder: Path) -> None:
        self._database_url = database_url
        self._folder = folder
        self._sent: list[Statement] = []

    async def measure(self, sizes: tuple[int, ...]) -> None:
        """Print each operation's statements at some numbers of jobs."""

        async def prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
            await bind_moments_as_they_are(connection)
            connection.add_query_logger(lambda record: self._sent.append((record.query, tuple(record.args))))

        with mock.patch("levada_server.storage.postgres.database.bind_moments_as_they_are", prepare):
            async with running(Settings(self._database_url, self._folder)) as (_, address):
                place = await asyncio.to_thread(Place, self._database_url, {})
                try:
                    await self._grow(place, address, sizes)
                finally:
                    await asyncio.to_thread(place.close)

    async def _grow(self, place: Place, address: str, sizes: tuple[int, ...]) -> None:
        place.__dict__["levada"] = await asyncio.to_thread(lv.connect, address)  # in place of a server of its own
        target = await asyncio.to_thread(_pipeline, place)
        there = 0
        spare = itertools.count(10**12)
        for size in sizes:
            await asyncio.to_thread(_fill, place, there, size)
            there = size
            for name, work in _operations(place, address, target, spare).items():
                self._sent.clear()
                await asyncio.to_thread(work)
                await self._show(size, name, list(self._sent))

    async def _show(self, size: int, name: str, sent: list[Statement]) -> None:
        connection = await asyncpg.connect(self._database_url)
        blocks, scans = 0, dict[str, int]()
        try:
            await bind_moments_as_they_are(connection)
            for statement, values in sent:
                plan = await _explain(connection, statement, values)
                if plan is not None:
                    blocks += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
                    _gather(plan, scans)
        finally:
            await connection.close()
        shown = ", ".join(f"{scan}: {rows}" for scan, rows in sorted(scans.items(), key=lambda each: -each[1])[:4])
        print(f"{size:>9} jobs | {name:<28} | {len(sent):>3} statements | {blocks:>8} blocks | {shown}", flush=True)


async def _explain(
    connection: asyncpg.Connection[Any], statement: str, values: tuple[Any, ...]
) -> dict[str, Any] | None:
    """Run a statement once more, and undo it; return its plan, None if it has none."""
    if statement.split(None, 1)[0].upper() not in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "--"):
        return None
    transaction = connection.transaction()
    await transaction.start()
    try:
        text = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *values)
        plan: dict[str, Any] = json.loads(text)[0]["Plan"]
        return plan
    except asyncpg.PostgresError:  # what it changed is changed already, or its temporary table is gone
        return None
    finally:
        await transaction.rollback()


def _gather(plan: dict[str, Any], scans: dict[str, int]) -> None:
    """Add the rows that each scan of a plan reads, by the kind of scan and what it reads."""
    kind = plan["Node Type"]
    if _READS.fullmatch(kind):
        name = f"{kind} of {plan.get('Relation Name', '')} {plan.get('Index Name', '')}".strip()
        rows = plan["Actual Loops"] * (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0))
        scans[name] = scans.get(name, 0) + int(rows)
    for part in plan.get("Plans", ()):
        _gather(part, scans)


def _pipeline(place: Place) -> Any:  # Any: each table's class has its own type
    schema = lv.Schema(NAME, connection=place.levada)
    source = declare(schema, lv.Manual, "Source", "id : int64\n")
    target = declare(schema, lv.Computed, "Target", "-> Source\n", {"Source": source}, make=lambda *_: None)
    declare(schema, lv.Computed, "Next", "-> Target\n", {"Target": target}, make=lambda *_: None)
    return target


def _fill(place: Place, there: int, size: int) -> None:
    place.execute(f'INSERT INTO "{NAME}"."source" (id) SELECT generate_series({there}, {size - 1})')  # numbers
    refresh_jobs(place, NAME)
    # A tenth is computed.
    done = f'INSERT INTO "{NAME}"."target" (id) SELECT generate_series({there}, {there + (size - there) // 10})'
    place.execute(done)
    refresh_jobs(place, NAME)
    place.execute("VACUUM ANALYZE")


def _operations(
    place: Place,
    address: str,
    target: Any,
    spare: Iterator[int],  # Any: as of `_pipeline`
) -> dict[str, Callable[[], object]]:
    described = schema_service_pb2.DescribeTableRequest(name=schema_pb2.TableName(schema=NAME, table="Target"))
    graph = schema_service_pb2.GetGraphRequest(schemas=[NAME])
    source = lv.FreeTable(place.levada, f"{NAME}.Source")

    def add() -> None:
        source.insert1({"id": next(spare)})
        refresh_jobs(place, NAME)

    def complete_and_go_on() -> None:
        before = place.postgres.execute(_count_of_next(place)).fetchone()
        asyncio.run(drain(address, NAME, most=1, workers=1, batch=1))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while place.postgres.execute(_count_of_next(place)).fetchone() == before:
            if time.monotonic() > deadline:
                raise TimeoutError(f"No job of {NAME}.Next comes.")
            time.sleep(0.05)

    def cascade() -> None:
        key = (source & "id < 1000").fetch("id", limit=1)[0]
        (source & {"id": key}).delete(prompt=False)

    return {
        "reserve, complete, next jobs": complete_and_go_on,
        "refresh with one new key": add,
        "progress": target.progress,
        "delete a key and its results": cascade,
        "describe": lambda: place.levada.call(
            "SchemaService/DescribeTable", described, schema_service_pb2.DescribeTableResponse
        ),
        "graph": lambda: place.levada.call("SchemaService/GetGraph", graph, schema_service_pb2.GetGraphResponse),
    }


def _count_of_next(place: Place) -> bytes:
    found = place.postgres.execute(b"SELECT id FROM levada.table WHERE stored_name = 'next'").fetchone()
    assert found is not None
    return f"SELECT count(*) FROM levada_jobs.t{found[0]}".encode()  # noqa: S608  # a number


def main() -> int:
    """Print the plans."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plans", description=__doc__)
    parser.add_argument("--jobs", type=int, default=10**6, help="how many jobs at the last look (default: 10⁶)")
    arguments = parser.parse_args()
    sizes = (max(arguments.jobs // LARGEST_SPAN, 10), arguments.jobs)
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(databases())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="levada-plans-")))
        asyncio.run(Explained(database(), folder).measure(sizes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
