"""The cost of digests: `python -m benchmarks.read_digests` compares reads with and without one, in half a minute."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pyarrow as pa

import levada as lv
from benchmarks.timing import Line, at_most, seconds
from levada_api.v1 import query_service_pb2, relation_pb2, schema_pb2
from levada_server.embedded import embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROWS = 100_000
BLOBS = 20
BLOB_FLOATS = 2**17
SMALL_READS = 150
ROUNDS = 9
MOST = 1.05
"""The most that a read with a digest may take, as a multiple of one without."""
SERVE = [sys.executable, "-m", "levada_server", "serve", "--listen", "127.0.0.1:0", "--log-level", "WARNING"]


def main() -> int:
    """Print a line for each kind of read; return 1 if one takes too long."""
    with _served() as (address, server), lv.Connection(address) as connection:
        lines = list(measure(connection, server))
    for line in lines:
        print(f"{line.work}: {line.measured}, target {line.target} ({line.detail})")
    return 0 if all(line.met for line in lines) else 1


def measure(connection: lv.Connection, server: psutil.Process) -> Iterator[Line]:
    """Read many rows, large values, and single rows."""
    schema = lv.Schema("digests", connection=connection)

    @schema
    class Number(lv.Manual):
        definition = "a : int64\n---\nb : float64\nc : int32\nd : varchar(20)\n"

    @schema
    class Trace(lv.Manual):
        definition = "a : int32\n---\nx : <blob>\n"

    places = np.arange(ROWS)
    names = [f"name {place % 777}" for place in places]
    columns = {"a": places, "b": np.sqrt(places), "c": pa.array(places % 1000, pa.int32()), "d": names}
    Number.insert(pa.table(columns))
    Trace.insert([{"a": place, "x": np.sqrt(np.arange(BLOB_FLOATS) + place)} for place in range(BLOBS)])
    number, trace = (_table(kind.__name__) for kind in (Number, Trace))
    one = relation_pb2.Relation(
        nodes=[*number.nodes, relation_pb2.RelationNode(restrict=relation_pb2.Restrict(operand=0, condition=0))],
        conditions=[relation_pb2.Condition(expression=relation_pb2.Expression(text="a = 7"))],
    )
    for work, relation, count in (
        (f"{ROWS} rows", number, 1),
        (f"{BLOBS} arrays of 1 MB", trace, 1),
        ("one row", one, SMALL_READS),
    ):
        ways = {
            "plain": partial(_read, connection, relation, count, digest=False),
            "with a digest": partial(_read, connection, relation, count, digest=True),
        }
        times = _work(server, ways)
        yield at_most(work, times["with a digest"] / times["plain"], MOST, "a read without", seconds(times))


def _work(server: psutil.Process, ways: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Run the ways in turn; return the seconds of a processor that server and client spend on each.

    PostgreSQL does the same for both. The time on a clock would count whatever else the machine does.
    """
    work = dict.fromkeys(ways, 0.0)
    for _ in range(ROUNDS):
        for name, way in ways.items():
            before = time.process_time() + sum(server.cpu_times()[:2])
            way()
            work[name] += time.process_time() + sum(server.cpu_times()[:2]) - before
    return work


def _table(name: str) -> relation_pb2.Relation:
    operand = relation_pb2.TableOperand(name=schema_pb2.TableName(schema="digests", table=name))
    return relation_pb2.Relation(nodes=[relation_pb2.RelationNode(table=operand)])


def _read(connection: lv.Connection, relation: relation_pb2.Relation, count: int, *, digest: bool) -> None:
    request = query_service_pb2.FetchRelationRequest(relation=relation, digest=digest)
    for _ in range(count):
        if count == 1:
            for _answer in connection.receive(
                "QueryService/FetchRelation", request, query_service_pb2.FetchRelationResponse
            ):
                pass
        else:
            few = query_service_pb2.FetchFewRowsRequest(fetch=request)
            connection.call("QueryService/FetchFewRows", few, query_service_pb2.FetchFewRowsResponse)


@contextmanager
def _served() -> Iterator[tuple[str, psutil.Process]]:
    """Run a server on a PostgreSQL of its own; yield its address and its process."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o711)  # for root, PostgreSQL runs as another user, who must have access
    postgres = embedded.start(folder)
    process = subprocess.Popen(
        [*SERVE, "--database-url", postgres.dsn], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[4], psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()
        postgres.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
