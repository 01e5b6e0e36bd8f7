"""Fetched rows are right in every form."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import levada as lv

EVERY_TYPE = """
id : int32
---
i8 = null : int8
u32 = null : uint32
i64 = null : int64
f32 = null : float32
f64 = null : float64
ok = null : bool
number = null : decimal(8,3)
word = null : varchar(20)
letters = null : text
side = null : enum('left', 'right')
day = null : date
clock = null : time
moment = null : datetime
instant = null : timestamptz
ident = null : uuid
tree = null : json
raw = null : bytes
thing = null : <blob>
image = null : <array float32(2, 3)>
"""


@pytest.fixture
def everything(connection: lv.Connection) -> type[lv.Manual]:
    schema = lv.Schema("every", connection=connection)

    @schema
    class Everything(lv.Manual):
        definition = EVERY_TYPE

    return Everything


def full_row() -> dict[str, Any]:
    from decimal import Decimal

    return {
        "id": 1,
        "i8": -128,
        "u32": 2**32 - 1,
        "i64": -(2**63),
        "f32": 0.5,
        "f64": 0.1,
        "ok": True,
        "number": Decimal("12345.678"),
        "word": "größe",
        "letters": 'it\'s "quoted" \\ `%` — 漢字 🐭',
        "side": "left",
        "day": dt.date(1, 1, 1),
        "clock": dt.time(23, 59, 59, 999999),
        "moment": dt.datetime(2026, 1, 2, 3, 4, 5, 678901),
        "instant": dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC),
        "ident": UUID(int=2**100),
        "tree": {"a": [1, 2.5, None, True], "b": {"c": "x"}},
        "raw": bytes(range(256)),
        "thing": {"a": (1, 2), "b": {3, 4}, "c": None},
        "image": np.arange(6, dtype=np.float32).reshape(2, 3),
    }


def test_every_type_comes_back_as_it_went(everything: type[lv.Manual]) -> None:
    row = full_row()
    everything.insert1(row)
    everything.insert1({"id": 2})
    found, missing = everything.to_dicts(order_by="KEY")
    assert list(found) == list(row)
    image, expected = found.pop("image"), row.pop("image")
    assert found == row
    assert [type(value) for value in found.values()] == [type(value) for value in row.values()]
    assert image.dtype == expected.dtype
    assert np.array_equal(image, expected)
    assert set(missing.values()) == {2, None}


def test_every_key_finds_its_row(everything: type[lv.Manual]) -> None:
    row = full_row()
    everything.insert1(row)
    for name in set(row) - {"tree", "raw", "thing", "image", "f32"}:
        assert len(everything & {name: row[name]}) == 1, name


def test_nan_and_infinities_stay(everything: type[lv.Manual]) -> None:
    everything.insert([{"id": i, "f64": value} for i, value in enumerate([np.nan, np.inf, -np.inf, None])])
    values = [row["f64"] for row in everything.to_dicts("f64", order_by="KEY")]
    assert np.isnan(values[0])
    assert values[1:] == [np.inf, -np.inf, None]


def test_the_largest_whole_numbers_stay_exact(connection: lv.Connection) -> None:
    @lv.Schema("large", connection=connection)
    class Counter(lv.Manual):
        definition = """
        counter : bigint unsigned
        ---
        hash = null : uint64
        """

    largest = 2**64 - 1
    Counter.insert([(3, largest), (largest, None)])
    Counter.insert(pd.DataFrame({"counter": np.array([2**63], np.uint64), "hash": np.array([5], np.uint64)}))
    counters = Counter.fetch("counter", order_by="KEY")
    assert (counters.tolist(), counters.dtype) == ([3, 2**63, largest], np.uint64)
    assert Counter.fetch("hash", order_by="KEY").tolist() == [largest, 5, None]
    assert Counter.to_pandas(order_by="KEY")["hash"].tolist() == [largest, 5, pd.NA]
    assert Counter.heading.attributes["counter"].dtype == np.uint64
    for one in (
        Counter & {"counter": largest},
        Counter & f"counter > {2**63}",
        Counter & {"counter": np.uint64(largest)},
    ):
        assert one.fetch1("counter") == largest
    assert lv.U().aggr(Counter, total="sum(counter)", most="max(counter)").fetch1("total", "most") == (
        3 + 2**63 + largest,
        largest,
    )
    cast = {
        "text": "cast(counter as char)",
        "whole": f"cast('{largest}' as bigint unsigned)",
        "past": "cast(-1 as uint64)",
    }
    cast |= {"rounded": "cast(2.5 as uint64)", "self": "cast(counter as uint64)"}
    assert (Counter & {"counter": largest}).proj(**cast).fetch1() == {
        **{"counter": largest, "text": str(largest), "whole": largest, "past": None, "rounded": 3, "self": largest}
    }
    Counter.update1({"counter": 3, "hash": largest - 1})
    assert (Counter & {"counter": 3}).fetch1("hash") == largest - 1
    for wrong in (-1, largest + 1):
        with pytest.raises(lv.errors.ValueOutOfRange, match="0 … 18446744073709551615"):
            Counter.insert1((wrong, 0))


def test_jobs_have_the_largest_whole_numbers_as_keys(connection: lv.Connection) -> None:
    schema = lv.Schema("large", connection=connection)
    largest = 2**64 - 1

    @schema
    class Counter(lv.Lookup):
        definition = "counter : uint64"
        contents = ((3,), (2**63,), (largest,))

    @schema
    class Half(lv.Computed):
        definition = """
        -> Counter
        ---
        half : uint64
        """

        def make(self, key: dict[str, int]) -> None:
            if key["counter"] == 3:
                raise ValueError("odd")
            self.insert1({**key, "half": key["counter"] // 2})

    told = Half.populate(reserve_jobs=True, suppress_errors=True)
    assert told["error_list"] == [({"counter": 3}, "ValueError: odd")]
    assert [type(error[0]["counter"]) for error in told["error_list"]] == [int]
    assert Half.fetch("half", order_by="KEY").tolist() == [2**62, largest // 2]
    assert [job["counter"] for job in Half.jobs.to_dicts(order_by="KEY")] == [3, 2**63, largest]
    assert (Half.jobs & {"counter": largest}).fetch1("state") == "success"


def test_every_form_has_the_same_rows(lab: lv.VirtualModule) -> None:
    session = lab.Session()
    dicts = session.to_dicts(order_by="KEY")
    assert dicts[0] == {"subject_id": 1, "session": 1, "day": dt.date(2026, 1, 5)}
    arrow = session.to_arrow(order_by="KEY")
    assert isinstance(arrow, pa.Table)
    assert arrow.schema.field("session").type == pa.int16()
    assert arrow.to_pylist() == dicts
    frame = session.to_pandas(order_by="KEY")
    assert isinstance(frame, pd.DataFrame)
    assert frame.reset_index().astype({"day": object}).to_dict("records") == [
        {**row, "day": pd.Timestamp(row["day"])} for row in dicts
    ]
    polars = session.to_polars(order_by="KEY")
    assert isinstance(polars, pl.DataFrame)
    assert polars.to_dicts() == dicts
    records = session.to_arrays(order_by="KEY")
    assert [dict(zip(records.dtype.names, record, strict=True)) for record in records] == dicts
    assert list(session) == session.to_dicts()


def test_attributes_are_chosen(lab: lv.VirtualModule) -> None:
    subject = lab.Subject()
    assert subject.to_dicts("weight", "name", limit=1, order_by="KEY") == [{"name": "Ann", "weight": 20.5}]
    assert subject.to_arrow("name").schema.names == ["name"]
    assert list(subject.to_pandas("name").columns) == ["name"]
    assert subject.to_pandas("name").index.names == ["subject_id"]
    assert subject.to_polars("name").columns == ["name"]
    weight, name = subject.to_arrays("weight", "name", order_by="KEY")
    assert name.tolist() == ["Ann", "Bob", "nameless"]
    assert weight.dtype == np.float64
    keys, name = subject.to_arrays("name", include_key=True, order_by="KEY")
    assert keys[0] == {"subject_id": 1}


def test_rows_are_ordered_limited_and_passed_over(lab: lv.VirtualModule) -> None:
    subject = lab.Subject()
    assert subject.to_arrays("name", order_by="name DESC").tolist() == ["nameless", "Bob", "Ann"]
    assert subject.to_arrays("subject_id", order_by="weight, subject_id DESC").tolist() == [1, 3, 2]
    assert subject.to_arrays("subject_id", limit=1, offset=1).tolist() == [2]
    with pytest.warns(lv.LevadaWarning, match="offset without a limit"):
        assert subject.to_arrays("subject_id", order_by="KEY", offset=1).tolist() == [2, 3]
    assert subject.head(2) == subject.to_dicts(order_by="KEY", limit=2)
    assert subject.tail(2) == subject.to_dicts(order_by="KEY")[1:]
    assert subject.head(1, format="frame").index.tolist() == [1]
    assert subject.tail(2, format="array")["subject_id"].tolist() == [2, 3]


def test_keys_are_those_of_the_primary_key(lab: lv.VirtualModule) -> None:
    assert lab.Session.keys(order_by="KEY", limit=1) == [{"subject_id": 1, "session": 1}]
    assert len(lab.Session & lab.Session.keys()) == 3


def test_exactly_one_entity(lab: lv.VirtualModule) -> None:
    ann = lab.Subject & {"name": "Ann"}
    assert ann.fetch1() == {"subject_id": 1, "species": "mouse", "name": "Ann", "weight": 20.5}
    assert ann.fetch1("weight") == 20.5
    assert ann.fetch1("weight", "KEY", "name") == (20.5, {"subject_id": 1}, "Ann")
    assert ann.fetch1("KEY") == {"subject_id": 1}
    with pytest.raises(lv.errors.NotFound, match="exactly one"):
        (lab.Subject & False).fetch1()
    with pytest.raises(lv.errors.InvalidRequest, match="several"):
        lab.Subject.fetch1("name")


def test_the_older_fetch(lab: lv.VirtualModule) -> None:
    subject = lab.Subject()
    assert subject.fetch("name", order_by="KEY").tolist() == ["Ann", "Bob", "nameless"]
    keys, weight = subject.fetch("KEY", "weight", order_by="KEY")
    assert keys == [{"subject_id": 1}, {"subject_id": 2}, {"subject_id": 3}]
    assert weight[0] == 20.5
    assert subject.fetch("KEY", order_by="KEY") == keys
    assert subject.fetch("KEY", "name", as_dict=True, order_by="KEY", limit=1) == [{"subject_id": 1, "name": "Ann"}]
    assert subject.fetch(as_dict=True, order_by="KEY") == subject.to_dicts(order_by="KEY")
    assert subject.fetch(order_by="KEY")["name"].tolist() == ["Ann", "Bob", "nameless"]
    assert subject.fetch(format="frame").index.names == ["subject_id"]
    with lv.config.override(fetch_format="frame"):
        assert isinstance(subject.fetch(), pd.DataFrame)
    with pytest.raises(lv.LevadaError, match="'array' and 'frame'"):
        subject.fetch(format="xml")


def test_an_empty_result_keeps_its_columns(lab: lv.VirtualModule) -> None:
    nothing = lab.Subject & False
    assert nothing.to_dicts() == []
    assert nothing.to_arrow().schema.names == lab.Subject.heading.names
    assert nothing.to_pandas()["weight"].dtype == np.float64
    assert nothing.to_arrays("weight").shape == (0,)


def test_a_large_result_comes_in_batches(connection: lv.Connection) -> None:
    schema = lv.Schema("large", connection=connection)

    @schema
    class Sample(lv.Manual):
        definition = """
        sample : int32
        ---
        trace : <array float64(100,)>
        """

    count = 20_000
    traces = np.arange(count * 100, dtype=np.float64).reshape(count, 100)
    Sample.insert({"sample": i, "trace": trace} for i, trace in enumerate(traces))
    assert np.array_equal(Sample.to_arrays("trace", order_by="KEY"), traces)
    rows = iter(Sample & lv.Top(None, "KEY"))
    assert next(rows)["sample"] == 0
    rows.close()  # the call is given up
    assert len(Sample()) == count


@pytest.fixture
def typed(connection: lv.Connection) -> type[lv.Manual]:
    schema = lv.Schema("typed", connection=connection)

    @schema
    class Typed(lv.Manual):
        definition = r"""
        name : varchar(5)
        ---
        whole : int16
        maybe = null : int16
        single = null : float32
        day = null : date
        sex = null : enum('F', 'M', 'isn\'t')
        ok : bool
        """

    Typed.insert(
        [
            ("c", 1, 2, 0.5, "2026-01-05", "M", True),
            ("a", 2, 3, 1.5, "1582-10-14", "isn't", False),
            ("b", 3, None, None, None, None, True),
        ]
    )
    return Typed


def test_the_types_of_a_data_frame_are_those_of_the_attributes(typed: type[lv.Manual]) -> None:
    expected = {
        "whole": "int64",
        "maybe": "Int64",
        "single": "float32",
        "day": "datetime64[us]",
        "sex": pd.CategoricalDtype(["F", "M", "isn't"]),
        "ok": "bool",
    }
    for query in (typed, typed & {"name": "c"}, typed & False):
        frame = query.to_pandas()
        assert {name: dtype == expected[name] for name, dtype in frame.dtypes.items()} == dict.fromkeys(expected, True)
    assert typed.to_pandas().loc["a", "day"] == pd.Timestamp("1582-10-14")
    assert typed.to_polars().schema["sex"] == pl.Enum(["F", "M", "isn't"])
    assert typed.to_polars().schema["day"] == pl.Date
    assert typed.fetch(format="frame").loc["a", "day"] == dt.date(1582, 10, 14)


def test_data_frames_come_in_the_order_of_the_key_or_of_a_top(typed: type[lv.Manual]) -> None:
    assert typed.to_pandas().index.tolist() == ["a", "b", "c"]
    assert typed.to_polars("whole")["whole"].to_list() == [2, 3, 1]
    assert (typed & lv.Top(None, "whole")).to_pandas().index.tolist() == ["c", "a", "b"]
    assert typed.to_pandas(order_by="whole DESC").index.tolist() == ["b", "a", "c"]


def test_data_frames_can_be_inserted_and_restrict(typed: type[lv.Manual]) -> None:
    before = typed.to_dicts(order_by="KEY")
    for frame in (typed.to_pandas(), typed.to_polars(), typed.to_arrow(), typed.fetch(format="frame")):
        assert len(typed & frame) == 3
        assert len(typed & (frame.reset_index() if isinstance(frame, pd.DataFrame) else frame)[:1]) == 1
        typed.insert(frame, replace=True)
        assert typed.to_dicts(order_by="KEY") == before
