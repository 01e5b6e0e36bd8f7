"""Attribute types accept and refuse the right single values."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from levada_server.errors import ValueOutOfRange, WrongValue
from levada_server.model.types import parse_type
from levada_server.model.values import coerce, show_key


@pytest.mark.parametrize(
    ("given", "type_", "held"),
    [
        ("5", "int8", 5),
        (3.0, "int32", 3),
        (Decimal("1E+3"), "int32", 1000),
        (True, "int8", 1),
        (0.1, "float32", 0.10000000149011612),
        ("nan", "float64", pytest.approx(float("nan"), nan_ok=True)),
        (1, "bool", True),
        ("false", "bool", False),
        (0.1, "decimal(5,2)", Decimal("0.1")),
        (12, "varchar(3)", "12"),
        ("2020-01-02", "date", dt.date(2020, 1, 2)),
        (dt.datetime(2020, 1, 2), "date", dt.date(2020, 1, 2)),
        ("12:30:00.5", "time", dt.time(12, 30, 0, 500_000)),
        ("2020-01-02 03:04", "datetime", dt.datetime(2020, 1, 2, 3, 4)),
        ("2020-01-02T03:04:05Z", "datetime", dt.datetime(2020, 1, 2, 3, 4, 5)),
        ("2020-01-02T03:04:05+02:00", "timestamptz", dt.datetime(2020, 1, 2, 1, 4, 5, tzinfo=dt.UTC)),
        (bytes(16), "uuid", UUID(int=0)),
        ({"a": [1]}, "json", '{"a": [1]}'),
        (b"[1, 1.50]", "json", "[1, 1.50]"),
    ],
)
def test_a_value_is_brought_to_its_type(given: object, type_: str, held: object) -> None:
    assert coerce(given, parse_type(type_)) == held


@pytest.mark.parametrize(
    ("given", "type_"),
    [
        (128, "int8"),
        pytest.param(10**5_000, "int64", id="a long number"),
        (-1, "uint8"),
        (1.5, "int32"),
        (float("nan"), "int32"),
        ("1e999999999", "int64"),
        (Decimal("-1e999999999"), "int64"),
        (1e39, "float32"),
        (2, "bool"),
        (1000, "decimal(3,0)"),
        (float("inf"), "decimal(3,0)"),
        ("abcd", "varchar(3)"),
        ("a\0b", "text"),
        ("C", "enum('A', 'B')"),
        (dt.datetime(2020, 1, 2, 3), "date"),
    ],
)
def test_what_no_entity_can_have_is_out_of_range(given: object, type_: str) -> None:
    with pytest.raises(ValueOutOfRange):
        coerce(given, parse_type(type_))


@pytest.mark.parametrize(
    ("given", "type_"),
    [
        ("many", "int8"),
        ([], "float64"),
        ("maybe", "bool"),
        ([1], "text"),
        ("soon", "date"),
        (5, "date"),
        ("x", "uuid"),
        (b"{", "json"),
        (b"[NaN]", "json"),
        (b"\xff", "json"),
    ],
)
def test_what_reads_like_no_value_is_wrong(given: object, type_: str) -> None:
    with pytest.raises(WrongValue) as caught:
        coerce(given, parse_type(type_))
    assert type(caught.value) is WrongValue


def test_a_key_is_shown_as_a_reader_expects() -> None:
    assert show_key([("a", 1), ("b", "x"), ("c", dt.date(2020, 1, 2))]) == "a=1, b='x', c='2020-01-02'"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (dt.datetime(2020, 1, 2, 3, tzinfo=ZoneInfo("UTC")), "'2020-01-02 03:00:00+00:00'"),
        (dt.time(3, 4), "'03:04:00'"),
        (dt.timedelta(hours=1), "'01:00:00'"),
        (UUID(int=5), "'00000000-0000-0000-0000-000000000005'"),
        (Decimal("1.50"), "1.50"),
        pytest.param(10**5_000, "a number of more than a hundred digits", id="a long number"),
    ],
)
def test_a_refusal_shows_the_value_and_no_class_of_python(value: object, shown: str) -> None:
    with pytest.raises((WrongValue, ValueOutOfRange), match=f"^{re.escape(shown)} "):
        coerce(value, parse_type("bytes"))
    assert show_key([("a", value)]) == f"a={shown}"
