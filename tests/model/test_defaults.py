from __future__ import annotations

import datetime as dt

import pytest

from levada_server.errors import InvalidDefinition
from levada_server.model.defaults import parse_default
from levada_server.model.heading import Default
from levada_server.model.spans import spell_span
from levada_server.model.types import parse_type
from levada_server.model.values import coerce
from tests.support.entities import same
from tests.support.pipelines import KEY_WORDS, POOLS


@pytest.mark.parametrize(
    ("type_", "text", "expected"),
    [
        ("int8", "127", Default("127")),
        ("int8", "'+5'", Default("5")),
        ("int8", "-128", Default("-128")),
        ("int64", "9223372036854775807", Default("9223372036854775807")),
        ("float64", "1", Default("1")),
        ("float64", "0.1", Default("0.1")),
        ("float64", "1E-5", Default("1e-05")),
        ("float32", "0.1", Default("0.1")),
        ("float64", "nan", Default("NaN", quoted=True)),
        ("float32", "-inf", Default("-Infinity", quoted=True)),
        ("decimal(4,2)", "1.5", Default("1.50")),
        ("decimal(38,0)", "9" * 38, Default("9" * 38)),
        ("bool", "1", Default("true")),
        ("bool", "'False'", Default("false")),
        ("varchar(5)", "hello", Default("hello", quoted=True)),
        ("varchar(5)", '"hello"', Default("hello", quoted=True)),
        ("varchar(5)", "'null'", Default("null", quoted=True)),
        ("varchar(5)", "''", Default("", quoted=True)),
        ("varchar(5)", "5", Default("5", quoted=True)),
        ("varchar(5)", r"'it\'s'", Default("it's", quoted=True)),
        ("text", "'CURRENT_TIMESTAMP'", Default("CURRENT_TIMESTAMP", quoted=True)),
        ("enum('left','right')", "left", Default("left", quoted=True)),
        ("time", "'9:05'", Default("09:05:00", quoted=True)),
        ("date", "'2024-02-29'", Default("2024-02-29", quoted=True)),
        ("date", "2024-02-29", Default("2024-02-29", quoted=True)),
        ("time", "'12:30'", Default("12:30:00", quoted=True)),
        ("datetime", "'2024-02-29'", Default("2024-02-29 00:00:00", quoted=True)),
        ("datetime", "'2024-02-29T12:30:00.5'", Default("2024-02-29 12:30:00.500000", quoted=True)),
        ("timestamptz", "'2024-02-29 12:30:00+02:00'", Default("2024-02-29 10:30:00+00:00", quoted=True)),
        ("datetime", "current_timestamp", Default("CURRENT_TIMESTAMP")),
        ("timestamp", "NOW()", Default("CURRENT_TIMESTAMP")),
        ("datetime(3)", "CURRENT_TIMESTAMP(3)", Default("CURRENT_TIMESTAMP")),
        (
            "uuid",
            "'{12345678123456781234567812345678}'",
            Default("12345678-1234-5678-1234-567812345678", quoted=True),
        ),
        ("<blob>", "null", Default("null")),
        ("json", "NULL", Default("null")),
    ],
)
def test_a_default_in_one_spelling(type_: str, text: str, expected: Default) -> None:
    default = parse_default(text, text[0] in "'\"", parse_type(type_))
    assert default == expected
    assert parse_default(str(default), default.quoted, parse_type(type_)) == default


@pytest.mark.parametrize(
    ("type_", "text", "wrong"),
    [
        ("int8", "128", "outside -128"),
        ("uint8", "-1", "outside 0"),
        ("int32", "1.5", "not a whole number"),
        ("int32", "five", "not a number"),
        ("int32", "''", "not a number"),
        ("int32", "1_000", "not a number"),
        ("int32", "1e999999999", "not a number"),
        ("int32", "1" * 101, "not a number"),
        ("int32", "nan", "not a whole number"),
        ("float64", "1e999", "range of a float64"),
        ("float32", "1e39", "range of float32"),
        ("float64", "left", "not a number"),
        ("decimal(4,2)", "100", "before the point"),
        ("decimal(4,2)", "0.125", "2 digits after the point"),
        ("decimal(4,2)", "nan", "not a finite number"),
        ("bool", "2", "not a valid bool"),
        ("varchar(5)", "'too long'", "8 characters"),
        ("varchar(20)", "current_timestamp", "holds no time"),
        ("enum('left','right')", "'up'", "not one of"),
        ("date", "'2023-02-29'", "not a valid date"),
        ("date", "'soon'", "not a valid date"),
        ("time", "'25:00'", "not a time of day"),
        ("time", "'9:60'", "not a valid time"),
        ("datetime", "'0000-00-00 00:00:00'", "not a valid datetime"),
        ("timestamptz", "'0001-01-01 00:00:00+14:00'", "not a valid timestamptz"),
        ("int32", "now()", "holds no time"),
        ("uuid", "'1234'", "not a valid uuid"),
        ("json", "'{}'", "no default but null"),
        ("<blob>", "''", "no default but null"),
        ("<array uint8(3)>", "0", "no default but null"),
    ],
)
def test_no_such_default(type_: str, text: str, wrong: str) -> None:
    with pytest.raises(InvalidDefinition, match=wrong) as caught:
        parse_default(text, text[0] in "'\"", parse_type(type_))
    assert caught.value.details["expected"]


def _spelled(value: object) -> str:
    return spell_span(value) if isinstance(value, dt.timedelta) else str(value)


@pytest.mark.parametrize("word", KEY_WORDS)
def test_a_default_spells_the_values_of_every_type_that_keys_hold(word: str) -> None:
    type_ = parse_type(word)
    for value in POOLS[word]:
        default = parse_default(str(Default(_spelled(value), quoted=True)), True, type_)
        assert same(coerce(default.text, type_), value, type_)
