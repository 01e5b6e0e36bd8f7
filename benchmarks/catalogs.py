"""Deletes over many tables, and large catalogs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import levada as lv
from benchmarks.place import declare, serving
from benchmarks.timing import Line, at_least, interleaved, seconds, shown
from levada_api.v1 import schema_pb2, schema_service_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.place import Place

GENERATIONS = 5
CHILDREN = 3
ROOTS = DELETED = 20
TABLES = 1_000


def cascade(place: Place) -> Iterator[Line]:
    """Delete a few entities with everything that depends on them over several tables."""
    ours = _generations(lv, lv.Schema("cascade", connection=place.levada))
    theirs = _generations(place.datajoint, place.datajoint.Schema("cascade"))

    def fill() -> None:
        _fill(ours)
        _fill(theirs)

    times = interleaved(
        {
            "Levada": lambda: (ours[0] & f"a0 < {DELETED}").delete(prompt=False),
            "DataJoint": lambda: (theirs[0] & f"a0 < {DELETED}").delete(prompt=False),
        },
        before=fill,
    )
    yield at_least(
        f"cascade delete over {GENERATIONS} tables",
        times["DataJoint"] / times["Levada"],
        5,
        "as fast as DataJoint",
        seconds(times),
    )


def _generations(dj: Any, schema: Any) -> list[Any]:  # Any: either package and its classes
    tables: list[Any] = []
    for number in range(GENERATIONS):
        parent = f"-> Generation{number - 1}\n" if number else ""
        context = {table.__name__: table for table in tables}
        definition = f"{parent}a{number} : int64\n---\nx : float64\n"
        tables.append(declare(schema, dj.Manual, f"Generation{number}", definition, context))
    return tables


def _fill(tables: list[Any]) -> None:
    rows: list[dict[str, int]] = [{"a0": root} for root in range(ROOTS)]
    for number, table in enumerate(tables):
        if number:
            rows = [{**row, f"a{number}": child} for row in rows for child in range(CHILDREN)]
        there = [{**row, "x": 0.5} for row in rows if row["a0"] < DELETED]
        table.insert(there, skip_duplicates=True)


def many_tables(place: Place) -> Iterator[Line]:
    """Declare many tables, describe one, and start a server on them."""
    schema = lv.Schema("many", connection=place.levada)
    declared: dict[str, Any] = {}
    began = time.perf_counter()
    for number in range(TABLES):
        parent = f"-> Table{number // 2}\n" if number else ""
        definition = f"id : int64\n---\n{parent}x = null : float64\n".replace("id", f"id{number}")
        name = f"Table{number}"
        declared[name] = declare(schema, lv.Manual, name, definition, declared)
    rate = TABLES / (time.perf_counter() - began)
    yield Line(f"declare {TABLES} tables", "≥ 50 a second", f"{rate:.0f} a second", rate >= 50, "")
    request = schema_service_pb2.DescribeTableRequest(name=schema_pb2.TableName(schema="many", table="Table500"))

    def describe() -> None:
        place.levada.call("SchemaService/DescribeTable", request, schema_service_pb2.DescribeTableResponse)

    times = interleaved({"Levada": describe}, rounds=50)
    yield Line(
        f"describe one of {TABLES} tables", "< 5 ms", shown(times["Levada"]), times["Levada"] < 0.005, seconds(times)
    )
    with serving(place.dsn) as another:
        took = another.start_seconds
        yield Line(f"start with {TABLES} tables", "< 3 s", shown(took), took < 3, "")
