"""Spans of time: exact in any length, from declarations to conditions and jobs."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import levada as lv
from levada import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = dt.timedelta(hours=838, minutes=59, seconds=59)
HALF = dt.timedelta(hours=12, minutes=30)
LONGEST = dt.timedelta(days=106_751_991)
SPANS = (-LONGEST, -LONG, -HALF, dt.timedelta(microseconds=-1), dt.timedelta(0), HALF, LONG, LONGEST)


class Delay(lv.Manual):
    definition = """
    id : int32
    ---
    span = null : duration
    other = '-1 02:03:04.5' : duration
    """


class Pause(lv.Manual):
    definition = """
    span : duration
    ---
    start : datetime
    unique index (span, start)
    """


class Event(lv.Manual):
    definition = """
    -> Pause
    n : int32
    """


class Doubled(lv.Computed):
    definition = """
    -> Pause
    ---
    twice : duration
    """

    def make(self, key: dict[str, Any]) -> None:
        assert isinstance(key["span"], dt.timedelta)
        self.insert1({**key, "twice": 2 * key["span"]})


@pytest.fixture(autouse=True)
def schema(connection: lv.Connection) -> Iterator[lv.Schema]:
    schema = lv.Schema("lab", connection=connection)
    for table in (Delay, Pause, Event, Doubled):
        schema(table, context=globals())
    yield schema


def fill() -> None:
    Delay.insert([{"id": number, "span": span} for number, span in enumerate(SPANS)] + [{"id": 99}])


def test_values_come_back_in_every_form() -> None:
    fill()
    rows = Delay().to_dicts(order_by="id")
    assert [row["span"] for row in rows] == [*SPANS, None]
    assert rows[0]["other"] == -dt.timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=500)
    assert list(Delay().to_arrays("span", order_by="id")) == [*SPANS, None]
    frame = Delay().to_pandas(order_by="id")["span"]
    assert frame.dtype == np.dtype("timedelta64[us]") and frame.isna().tolist() == [False] * len(SPANS) + [True]
    assert [span.to_pytimedelta() for span in frame.iloc[1:-2]] == list(SPANS[1:-1])
    polars = Delay().to_polars(order_by="id")["span"]
    assert polars.dtype == pl.Duration("us") and polars.to_list() == [*SPANS, None]
    assert Delay().to_arrow(order_by="id").schema.field("span").type == pa.duration("us")


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ("-12:30:00", -HALF),
        ("838:59:59", LONG),
        ("9:05", dt.timedelta(hours=9, minutes=5)),
        ("1 02:03:04", dt.timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("-1 02:03:04", -dt.timedelta(days=1, hours=2, minutes=3, seconds=4)),
        (" 12:30:00.5 ", HALF + dt.timedelta(milliseconds=500)),
        (dt.time(9, 5), dt.timedelta(hours=9, minutes=5)),
        (np.timedelta64(-90, "m"), -dt.timedelta(minutes=90)),
        (np.timedelta64("NaT"), None),
        (pd.Timedelta("2 days"), dt.timedelta(days=2)),
    ],
)
def test_a_span_has_many_spellings(given: object, held: dt.timedelta | None) -> None:
    Delay.insert1({"id": 1, "span": given})
    assert Delay.fetch1("span") == held
    assert len(Delay & {"span": given}) == 1
    Delay.update1({"id": 1, "other": given})
    assert Delay.fetch1("other") == (held or -dt.timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=500))
    if isinstance(given, str):
        assert len(Delay & f"span = '{given}'") == len(Delay & f"span IN ('0:00', '{given}')") == 1


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(pd.to_timedelta([90, None], "min")),
        pl.Series([dt.timedelta(minutes=90), None]),
        pa.array([90 * 60, None], pa.duration("s")),
        np.array([90, "NaT"], "timedelta64[m]"),
    ],
    ids=["pandas", "polars", "arrow", "numpy"],
)
def test_columns_of_every_library_go_in(column: object) -> None:
    if isinstance(column, pa.Array):
        Delay.insert(pa.table({"id": [1, 2], "span": column}))
    elif isinstance(column, pl.Series):
        Delay.insert(pl.DataFrame({"id": [1, 2], "span": column}))
    else:
        Delay.insert(pd.DataFrame({"id": [1, 2], "span": column}))
    assert list(Delay().to_arrays("span", order_by="id")) == [dt.timedelta(minutes=90), None]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (5, "is not a span of time; use a timedelta"),
        (1.5, "is not a span of time"),
        (float("inf"), "is not a span of time"),
        ("1 month", "is not a span of time"),
        ("P1M", "is not a span of time"),
        ("12:60", "is not a span of time"),
        ("1 day, 2:03:04", "is not a span of time"),
        ("soon", "is not a span of time"),
        (dt.timedelta.max, "longer than 106751991 days"),
        (-LONGEST - dt.timedelta(microseconds=1), "longer than 106751991 days"),
        ("9999999999:00", "longer than 106751991 days"),
        (dt.datetime(2026, 1, 1), "is not a span of time"),
        (True, "is not a span of time"),
    ],
)
def test_what_is_no_span_is_refused(wrong: object, says: str) -> None:
    with pytest.raises((errors.WrongValue, errors.ValueOutOfRange), match=says):
        Delay.insert1({"id": 1, "span": wrong})
    assert not len(Delay())


@pytest.mark.parametrize(
    "column", [pa.array([5]), pa.array([0.5]), pa.array(["soon"]), pa.array([2**62], pa.duration("s"))]
)
def test_the_server_refuses_a_column_that_holds_no_spans(column: pa.Array) -> None:
    with pytest.raises((errors.WrongValue, errors.ValueOutOfRange), match="attribute `span`"):
        Delay.insert(pa.table({"id": [1], "span": column}))


@pytest.mark.parametrize("condition", ["span > 5", "span = 'soon'", "span < '1 month'", "span = 1.5", "span"])
def test_a_condition_compares_spans_with_spans(condition: str) -> None:
    with pytest.raises((errors.WrongValue, errors.InvalidExpression)):
        len(Delay & condition)


def test_a_definition_needs_a_span_as_default(schema: lv.Schema) -> None:
    for default in ("5", "'1 month'", "'9999999999:00'", "CURRENT_TIMESTAMP"):
        cls = type("Wrong", (lv.Manual,), {"definition": f"id : int\n---\na = {default} : duration"})
        with pytest.raises(errors.InvalidDefinition):
            schema(cls)


def test_spans_are_ordered_and_equal_by_their_length() -> None:
    fill()
    assert len(Delay & "span < '0:00'") == 4
    assert len(Delay & "span BETWEEN '-838:59:59' AND '838:59:59'") == 6
    assert len(Delay & "span IS NULL") == len(Delay & {"span": None}) == 1
    assert list((Delay & "span IS NOT NULL" & lv.Top(2, order_by="span DESC")).to_arrays("span")) == [LONGEST, LONG]
    assert list(Delay().to_arrays("span", order_by="span"))[:8] == list(SPANS)
    assert len(Delay & [{"span": HALF}, {"span": -HALF}]) == 2
    assert len(Delay & pd.DataFrame({"span": pd.to_timedelta(["12:30:00", "1h"])})) == 1


def test_a_key_a_reference_and_a_job_have_spans() -> None:
    start = dt.datetime(2026, 1, 1)
    Pause.insert([(span, start) for span in SPANS[1:-1]])
    Event.insert([(LONG, 1), (-HALF, 1), (-HALF, 2)])
    with pytest.raises(errors.MissingParent, match="00:00:05"):
        Event.insert1((dt.timedelta(seconds=5), 1))
    with pytest.raises(errors.DuplicateEntity, match="838:59:59"):
        Pause.insert1((LONG, start))
    assert len(Pause * Event) == 3
    assert (Pause & (Event & "n = 2")).fetch1("span") == -HALF
    counted = Pause.aggr(Event, n="count(*)").to_dicts(order_by="span")
    assert [row["span"] for row in counted if row["n"]] == [-HALF, LONG]
    assert len(lv.U("span") & Event) == 2
    Doubled.populate()
    assert dict(zip(*Doubled().to_arrays("span", "twice"), strict=True)) == {s: 2 * s for s in SPANS[1:-1]}
    assert not Doubled.progress(display=False)[0]
    assert (Event & {"span": LONG}).delete(prompt=False) == 1


def test_a_sum_a_mean_and_the_extremes_are_spans() -> None:
    Delay.insert([(1, LONG, HALF), (2, -HALF, HALF), (3, dt.timedelta(microseconds=1), LONG), (4, None, LONG)])
    found = lv.U().aggr(
        Delay, total="sum(span)", mean="avg(span)", low="min(span)", high="max(span)", once="sum(DISTINCT other)",
        texts="group_concat(DISTINCT other ORDER BY other)", n="count(span)",
    ).fetch1()  # fmt: skip
    total = LONG - HALF + dt.timedelta(microseconds=1)
    assert found == {
        "total": total,
        "mean": dt.timedelta(microseconds=round(total / dt.timedelta(microseconds=3))),
        "low": -HALF,
        "high": LONG,
        "once": HALF + LONG,
        "texts": "12:30:00,838:59:59",
        "n": 3,
    }
    Delay.insert1({"id": 9, "span": LONGEST})
    assert lv.U().aggr(Delay, total="sum(span)").fetch1("total") is None
    with pytest.raises(errors.InvalidExpression, match="takes numbers"):
        lv.U().aggr(Delay, n="stddev(span)").fetch1()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("timediff('2026-02-05 00:00:00', '2026-01-01 00:00:00')", dt.timedelta(days=35)),
        ("timediff('2026-01-01 00:00:00', '2026-01-01 00:00:01')", -dt.timedelta(seconds=1)),
        ("timediff(span, '838:00:00')", dt.timedelta(minutes=59, seconds=59)),
        ("addtime(span, '1 00:00:00.000001')", LONG + dt.timedelta(days=1, microseconds=1)),
        ("subtime('1:00', span)", dt.timedelta(hours=1) - LONG),
        ("addtime('2026-01-01', span)", dt.datetime(2026, 1, 1) + LONG),
        ("timestamp('2026-01-01', span)", dt.datetime(2026, 1, 1) + LONG),
        ("span + INTERVAL 2 DAY", LONG + dt.timedelta(days=2)),
        ("span - INTERVAL 1 HOUR", LONG - dt.timedelta(hours=1)),
        ("time_to_sec(span)", 838 * 3600 + 59 * 60 + 59),
        ("sec_to_time(-90000)", -dt.timedelta(hours=25)),
        ("hour(span)", 838),
        ("timestampdiff(hour, '0:00', span)", 838),
        ("concat(span, ' ', addtime('-0:00:01', '-0:00:00.25'))", "838:59:59 -00:00:01.25"),
        ("CAST('-1 02:03:04' AS duration)", -dt.timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("CAST('soon' AS duration)", None),
        ("CAST(span AS time)", None),
        ("CAST(CAST('12:30:00' AS time) AS duration)", HALF),
        ("addtime(CAST('106751991 00:00' AS duration), '0:01')", None),
        ("coalesce(NULL, span, '0:00')", LONG),
        ("greatest(span, '839:00:00')", dt.timedelta(hours=839)),
        ("if(span > '838:00:00', span, other)", LONG),
        ("time('2026-01-01 12:30:00')", HALF),
        ("time(CAST('2026-01-01 12:30:00' AS datetime))", dt.time(12, 30)),
    ],
)
def test_expressions_compute_spans(expression: str, expected: object) -> None:
    Delay.insert1({"id": 1, "span": LONG})
    found = Delay.proj(found=expression).fetch1("found")
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize("expression", ["span + 1", "span * 2", "span + INTERVAL 1 MONTH", "sqrt(span)", "date(span)"])
def test_a_span_is_not_a_number_and_has_no_months(expression: str) -> None:
    with pytest.raises(errors.InvalidExpression):
        Delay.proj(found=expression).to_dicts()


def test_a_time_of_day_becomes_a_duration_and_back(schema: lv.Schema) -> None:
    first = type("Clock", (lv.Manual,), {"definition": "id : int32\n---\nat : time\nnote : varchar(20)"})
    table: Any = schema(first)
    table.insert1((1, dt.time(9, 5), "-1 02:03:04"))
    table.definition = "id : int32\n---\nat : duration\nnote : duration"
    table.alter(prompt=False)
    assert table.fetch1("at", "note") == (
        dt.timedelta(hours=9, minutes=5),
        -dt.timedelta(days=1, hours=2, minutes=3, seconds=4),
    )
    table.definition = "id : int32\n---\nat : time\nnote : varchar(20)"
    table.alter(prompt=False)
    assert table.heading["at"].type == "duration" and table.fetch1("note") == "-26:03:04"


def test_a_time_of_day_says_what_to_declare_for_spans(schema: lv.Schema) -> None:
    table: Any = schema(type("Clock", (lv.Manual,), {"definition": "id : int32\n---\nat : time"}))
    with pytest.raises(errors.WrongValue, match="declare `duration`"):
        table.insert1((1, dt.timedelta(hours=30)))
