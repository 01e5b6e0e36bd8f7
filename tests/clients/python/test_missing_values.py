"""NULL stays NULL, NaN stays NaN and a float32 keeps its digits, in whatever form rows leave and come back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Callable

DEFINITION = """
id : int32
---
single = null : float32
double = null : float64
whole = null : int32
text = null : varchar(9)
"""
ROWS: list[dict[str, Any]] = [
    {"id": 1, "single": 15.3, "double": 0.1, "whole": 5, "text": "a"},
    {"id": 2, "single": None, "double": None, "whole": None, "text": None},
    {"id": 3, "single": math.nan, "double": math.nan, "whole": 7, "text": "c"},
]

FORMS: dict[str, Callable[[lv.Table], Any]] = {
    "dictionaries": lambda t: t.to_dicts(),
    "tuples": lambda t: [tuple(row.values()) for row in t],
    "fetch": lambda t: t.fetch(),
    "fetch as_dict": lambda t: t.fetch(as_dict=True),
    "fetch array": lambda t: t.fetch(format="array"),
    "fetch frame": lambda t: t.fetch(format="frame"),
    "fetch frame without index": lambda t: t.fetch(format="frame").reset_index(),
    "records": lambda t: t.to_arrays(),
    "single records": lambda t: list(t.to_arrays()),
    "a slice of records": lambda t: t.to_arrays()[::-1].copy(),
    "arrays": lambda t: list(zip(*t.to_arrays(*t.heading.names), strict=True)),
    "a frame of arrays": lambda t: pd.DataFrame({name: t.fetch(name) for name in t.heading.names}),
    "a frame of dictionaries": lambda t: pd.DataFrame(t.to_dicts()),
    "narrowed records": lambda t: t.to_arrays().astype(
        [("id", "i4"), ("single", "f4"), ("double", "f8"), ("whole", "O"), ("text", "O")]
    ),
    "pandas": lambda t: t.to_pandas(),
    "the records of pandas": lambda t: t.to_pandas().reset_index().to_dict("records"),
    "polars": lambda t: t.to_polars(),
    "the rows of polars": lambda t: t.to_polars().rows(named=True),
    "arrow": lambda t: t.to_arrow(),
    "one by one": lambda t: [(t & key).fetch1() for key in t.to_dicts("id")],
    "a query": lambda t: t & True,
}


@pytest.fixture
def tables(connection: lv.Connection) -> tuple[type[lv.Manual], type[lv.Manual]]:
    """Two tables alike, the first with rows of NULL, NaN and neither."""
    schema = lv.Schema("lab", connection=connection)
    made: list[type[lv.Manual]] = [
        schema(type(name, (lv.Manual,), {"definition": DEFINITION})) for name in ("First", "Second")
    ]
    made[0].insert(ROWS)
    return made[0], made[1]


def kinds(table: type[lv.Manual], name: str) -> tuple[list[int], list[int]]:
    """Return the ids with NULL and those with NaN."""
    null, nan = (table & {name: value} for value in (None, math.nan))
    return null.fetch("id", order_by="id").tolist(), nan.fetch("id", order_by="id").tolist()


def test_null_and_nan_survive_every_form(tables: tuple[type[lv.Manual], type[lv.Manual]]) -> None:
    first, second = tables
    for form, fetch in FORMS.items():
        second.insert(fetch(first()))
        for name in ("single", "double"):
            assert kinds(second, name) == ([2], [3]), f"{form}: {name}"
        for name in ("whole", "text"):
            assert (second & {name: None}).fetch("id").tolist() == [2], f"{form}: {name}"
        assert (second & {"id": 1}).fetch1() == ROWS[0], form
        second.delete_quick()


def test_fetched_values_restrict_to_their_row_again(tables: tuple[type[lv.Manual], type[lv.Manual]]) -> None:
    table = tables[0]
    for row in table.to_dicts():
        assert (table & row).fetch1("id") == row["id"]
    for name in ("single", "double"):
        for id_, value in zip(*table.fetch("id", name), strict=True):
            assert (table & {name: value}).fetch1("id") == id_
            assert (table & [{name: value}]).fetch1("id") == id_
    for records in (table.fetch(), table.to_pandas(), table.to_polars(), table.to_arrow()):
        assert len(table & records) == 3
    for record in table.fetch():
        assert (table & record).fetch1("id") == record["id"]


def test_a_float32_is_given_by_its_shortest_digits(tables: tuple[type[lv.Manual], type[lv.Manual]]) -> None:
    table = tables[0] & {"single": 15.3}
    assert table.fetch1("single") == table.to_dicts()[0]["single"] == table.fetch("single").tolist()[0] == 15.3
    assert table.to_pandas()["single"].dtype == np.float32
    assert table.fetch(format="frame")["single"].tolist() == [15.3]
    assert next(iter(table))["single"] == 15.3
    assert "15.3 " in table.preview()
    assert "15.3<" in table._repr_html_()
    assert table.to_arrow()["single"].to_pylist() == [np.float32(15.3)]
    assert table.to_polars()["single"].dtype == pl.Float32
    numbers = [0.1, 1e-45, 3.4028235e38, -1.1754944e-38, 16777216.0, 1 / 3]
    table = tables[1]
    table.insert([{"id": n, "single": number} for n, number in enumerate(numbers)])
    found = table.fetch("single", order_by="id")
    assert found[:5].tolist() == numbers[:5]
    assert found.astype(np.float32).tolist() == np.array(numbers, np.float32).tolist()
    assert found.tolist() == [float(str(np.float32(number))) for number in numbers]


def test_nan_of_pandas_records_is_missing(tables: tuple[type[lv.Manual], type[lv.Manual]]) -> None:
    first, second = tables
    first.delete_quick()
    frame = pd.DataFrame(
        {"id": [1, 2, 3], "single": [np.nan, 1.5, np.nan], "whole": [1, np.nan, 3], "text": ["a", "b", np.nan]}
    ).astype({"text": object})
    first.insert(frame)
    second.insert(frame.to_dict("records"))
    assert second.to_dicts() == first.to_dicts()
    assert [row["single"] for row in second.to_dicts()] == [None, 1.5, None]
    second.delete_quick()
    second.insert([{"id": 1, "double": np.nan}, {"id": 2, "double": None}])
    assert kinds(second, "double") == ([2], [1])


def test_times_that_are_none_are_missing(connection: lv.Connection) -> None:
    @lv.Schema("lab", connection=connection)
    class Moment(lv.Manual):
        definition = "id : int32\n---\nmoment = null : datetime\nday = null : date\ncount = null : int32"

    Moment.insert1({"id": np.array(1), "moment": np.datetime64("NaT"), "day": pd.NaT, "count": np.array(5)})
    Moment.insert1({"id": np.int8(2), "moment": np.array("2026-01-02", "M8[s]"), "day": np.array(None)})
    first, second = Moment.to_dicts()
    assert first == {"id": 1, "moment": None, "day": None, "count": 5}
    assert (second["moment"].year, second["day"], second["count"]) == (2026, None, None)
    assert (Moment & {"count": np.array(5), "moment": np.datetime64("NaT")}).fetch1("id") == 1
