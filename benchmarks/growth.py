"""How the time of each operation grows with the rows, tables, jobs, keys, users and sessions there are."""

from __future__ import annotations

import asyncio
import gc
import math
import statistics
import sys
import time
from contextlib import ExitStack
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pyarrow as pa

import levada as lv
from benchmarks.client import bare_target
from benchmarks.job_queues import drain, keys_only, refresh_jobs, reserving
from benchmarks.place import declare, serving
from benchmarks.timing import Line, shown
from levada_api.v1 import access_pb2, access_service_pb2, schema_pb2, schema_service_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.place import Place

SIZES: dict[str, tuple[int, ...]] = {
    "rows": (10**3, 10**4, 10**5, 10**6),
    "tables": (10, 10**2, 10**3),
    "jobs": (10**3, 10**4, 10**5),
    "keys": (10**2, 10**3, 10**4, 10**5),
    "users": (10, 10**2, 10**3),
    "sessions": (1, 10, 10**2),
}
FLAT, LINEAR = 0.15, 1.1
"""The exponents that operations on one thing, and on all, may have over the largest two decades."""
_SHORT_S = 0.5
"""An operation is repeated until it has taken this long, at least three and at most thirty times."""

_DEFINITION = """
id : int64
---
number : int32
name : varchar(40)
index(number)
"""
_Operations = dict[str, "Callable[[], object]"]


def growth(place: Place) -> Iterator[Line]:
    """Let each grow by decades, and report the exponents."""
    grown: tuple[tuple[str, Callable[[Place, Sequence[int]], Iterator[tuple[int, _Operations]]]], ...] = (
        ("rows", _rows),
        ("tables", _tables),
        ("jobs", _jobs),
        ("keys", _keys),
        ("users", _users),
        ("sessions", _sessions),
    )
    for name, grow in grown:
        if not (sizes := _sizes(name, place.grow)):
            continue
        times: dict[str, dict[int, float]] = {}
        for size, operations in grow(place, sizes):
            for operation, work in operations.items():
                times.setdefault(operation, {})[size] = shortest = _shortest(work)
                print(f"-- {size} {name}: {operation} {shown(shortest)}", file=sys.stderr, flush=True)
        for operation, taken in times.items():
            yield _line(name, operation, taken)


def _sizes(name: str, grow: Mapping[str, int]) -> tuple[int, ...]:
    """Return the sizes of one thing: those of its own, or if some are named, decades up to the size that is named."""
    if not grow:
        return SIZES[name]
    return tuple(
        SIZES[name][0] * 10**decade for decade in range(12) if SIZES[name][0] * 10**decade <= grow.get(name, 0)
    )


def _shortest(work: Callable[[], object]) -> float:
    """Return the shortest time of several, in seconds: an exponent of two sizes shows each disturbance of one."""
    work()
    gc.collect()
    times: list[float] = []
    while len(times) < 3 or (sum(times) < _SHORT_S and len(times) < 30):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def _line(name: str, operation: str, times: Mapping[int, float]) -> Line:
    """Compare the exponent over the last two decades with what the operation may have."""
    sizes = sorted(times)[-3:]
    xs, ys = [math.log(size) for size in sizes], [math.log(times[size]) for size in sizes]
    exponent = statistics.linear_regression(xs, ys).slope
    most = LINEAR if operation.startswith("all: ") else FLAT
    detail = ", ".join(f"{size:,}: {shown(taken)}".replace(",", " ") for size, taken in times.items())
    return Line(
        f"{operation.removeprefix('all: ')}, by {name}",
        f"exponent ≤ {most:g}",
        f"{exponent:.2f}",
        exponent <= most,
        detail,
    )


def _rows(place: Place, sizes: Sequence[int]) -> Iterator[tuple[int, _Operations]]:
    """Grow the rows of one table."""
    schema = lv.Schema("growth_rows", connection=place.levada)
    table = declare(schema, lv.Manual, "Row", _DEFINITION)
    there, spare = 0, count(10**12)
    for size in sizes:
        place.execute(
            'INSERT INTO "growth_rows"."row" (id, number, name) SELECT i, i / 10, \'name \' || i % 1000 '  # noqa: S608  # numbers
            f"FROM generate_series({there}, {size - 1}) AS i"
        )
        place.execute('VACUUM ANALYZE "growth_rows"."row"')
        there = size
        middle = size // 2

        def insert() -> None:
            table.insert1({"id": next(spare), "number": -1, "name": "new"})

        def delete() -> None:
            table.insert1({"id": -1, "number": -1, "name": "new"})
            (table & {"id": -1}).delete(prompt=False)

        yield (
            size,
            {
                "fetch1": (table & {"id": middle}).fetch1,
                "fetch of ten by an index": (table & {"number": middle // 10}).to_dicts,
                "count of ten by an index": (table & {"number": middle // 10}).__len__,
                "head": table.head,
                "existence": table().__bool__,
                "all: preview in a notebook, which counts up to 10⁶": table()._repr_html_,
                "insert1": insert,
                "update1": partial(table.update1, {"id": middle, "name": "changed"}),
                "insert1 and delete": delete,
                "all: count": table().__len__,
            },
        )
    schema.drop(prompt=False)


def _tables(place: Place, sizes: Sequence[int]) -> Iterator[tuple[int, _Operations]]:
    """Grow the tables of a catalog, each with foreign keys to another."""
    schema = lv.Schema("growth_tables", connection=place.levada)
    tables: dict[str, Any] = {}
    names = count()

    def grow() -> Any:  # Any: each table's class has its own type
        number = next(names)
        parent = f"-> Table{number // 2}\n" if number else ""
        definition = f"id{number} : int64\n---\n{parent}x = null : float64\n"
        tables[f"Table{number}"] = declare(schema, lv.Manual, f"Table{number}", definition, tables)
        return tables[f"Table{number}"]

    def passing() -> None:
        declare(schema, lv.Manual, "Passing", "id : int64\n")().drop(prompt=False)

    def cascade() -> None:
        tables["Table0"].insert1({"id0": 1})
        (tables["Table0"] & "id0 = 1").delete(prompt=False)

    def start() -> None:
        with serving(place.dsn):
            pass

    def connect() -> None:
        with lv.Connection(place.server.address) as connection:
            len(lv.FreeTable(connection, "growth_tables.Table0"))

    described = schema_service_pb2.DescribeTableRequest(
        name=schema_pb2.TableName(schema="growth_tables", table="Table5")
    )
    graph = schema_service_pb2.GetGraphRequest(schemas=["growth_tables"])
    for size in sizes:
        while len(tables) < size:
            grow()
        last = tables[f"Table{size - 1}"]
        yield (
            size,
            {
                "declare and drop": passing,
                "describe": lambda: place.levada.call(
                    "SchemaService/DescribeTable", described, schema_service_pb2.DescribeTableResponse
                ),
                "count": last().__len__,
                "connect and count": connect,
                "ancestors": last().ancestors,
                "all: the graph": lambda: place.levada.call(
                    "SchemaService/GetGraph", graph, schema_service_pb2.GetGraphResponse
                ),
                "all: delete over all tables": cascade,
                "all: list the tables": schema.list_tables,
                "all: start of a server": start,
            },
        )
    schema.drop(prompt=False)


def _jobs(place: Place, sizes: Sequence[int]) -> Iterator[tuple[int, _Operations]]:
    """Grow the jobs of a table, nearly all of them pending."""
    name = "growth_jobs"
    target = keys_only(place, name, 0)
    there, spare = 0, count(10**12)
    for size in sizes:
        place.execute(f'INSERT INTO "{name}"."source" (id) SELECT generate_series({there}, {size - 1})')
        place.execute(f'VACUUM ANALYZE "{name}"."source"')
        there = size
        refresh_jobs(place, name)
        place.execute("ANALYZE")

        def add() -> None:
            place.execute(f'INSERT INTO "{name}"."source" (id) VALUES ({next(spare)})')  # noqa: S608  # a number
            refresh_jobs(place, name)

        yield (
            size,
            {
                "reserve one": reserving(place, name),
                "reserve and complete 50": lambda: asyncio.run(drain(place.server.address, name, most=50, workers=1)),
                "the first ten pending": lambda: target().jobs.pending.head(10),
                "all: progress": target().progress,
                "all: counts of jobs": target().jobs.progress,
                "all: refresh without a new key": lambda: refresh_jobs(place, name),
                "all: refresh with a new key": add,
            },
        )
    lv.Schema(name, connection=place.levada).drop(prompt=False)


def _keys(place: Place, sizes: Sequence[int]) -> Iterator[tuple[int, _Operations]]:
    """Grow what one call inserts, restricts by and deletes."""
    schema = lv.Schema("growth_keys", connection=place.levada)
    parent = declare(schema, lv.Manual, "Parent", "id : int64\n")
    child = declare(schema, lv.Manual, "Child", "-> Parent\n---\nx : float64\n", {"Parent": parent})
    for size in sizes:
        keys = pa.table({"id": range(size)})
        rows = keys.append_column("x", pa.array([0.5] * size))

        def delete(keys: pa.Table = keys, rows: pa.Table = rows) -> None:
            parent.insert(keys)
            child.insert(rows)
            assert (parent & "id >= 0").delete(prompt=False) == len(keys)

        parent.insert({"id": -1 - number} for number in range(10))
        yield (
            size,
            {
                "all: insert and delete with children": delete,
                "all: count by a list of keys": (parent & keys).__len__,
                "all: count by a list of dicts": (parent & keys.to_pylist()).__len__,
            },
        )
        parent.delete(prompt=False)
    schema.drop(prompt=False)


def _users(place: Place, sizes: Sequence[int]) -> Iterator[tuple[int, _Operations]]:
    """Grow the users, each with a role in a schema."""
    schema = lv.Schema("growth_users", connection=place.levada)
    table = declare(schema, lv.Manual, "Row", "id : int64\n")
    names, ids = count(), count()

    def grow() -> None:
        name = f"growth{next(names)}"
        place.levada.call(
            "AccessService/CreateUser",
            access_service_pb2.CreateUserRequest(name=name),
            access_service_pb2.CreateUserResponse,
        )
        grant = access_pb2.Grant(grantee=name, schema="growth_users", role=access_pb2.ROLE_VIEWER)
        place.levada.call(
            "AccessService/GrantRole",
            access_service_pb2.GrantRoleRequest(grant=grant),
            access_service_pb2.GrantRoleResponse,
        )

    there = 0
    for size in sizes:
        while there < size:
            grow()
            there += 1
        yield (
            size,
            {
                "count": table().__len__,
                "insert1": lambda: table.insert1({"id": next(ids)}),
                "add a user with a role": grow,
            },
        )
    schema.drop(prompt=False)


def _sessions(place: Place, sizes: Sequence[int]) -> Iterator[tuple[int, _Operations]]:
    """Grow the connections of clients that each keep a stream open."""
    schema = lv.Schema("growth_sessions", connection=place.levada)
    table = declare(schema, lv.Manual, "Row", "id : int64\n")
    ids = count()
    with ExitStack() as stack:
        opened = 0
        for size in sizes:
            while opened < size:
                connection = stack.enter_context(lv.Connection(bare_target(place.server.address)))
                for _ in range(2):  # the second call opens the stream
                    len(lv.FreeTable(connection, "growth_sessions.Row"))
                opened += 1
            yield size, {"count": table().__len__, "insert1": lambda: table.insert1({"id": next(ids)})}
    schema.drop(prompt=False)
