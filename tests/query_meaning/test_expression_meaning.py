"""The meaning of expressions: PostgreSQL's answers agree with the plain-Python oracle, and it never raises."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import json
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from levada_server.model.types import parse_type
from levada_server.query import sql
from levada_server.query.expression.computed import compute, condition
from levada_server.query.expression.operands import Scope
from levada_server.query.expression.tokens import MAX_DEPTH
from levada_server.query.postgres_types import value_type
from tests.support import expression_oracle as oracle
from tests.support.entities import read
from tests.support.expression_scope import TYPES
from tests.support.expression_strategies import EXPRESSIONS, ROWS, SCOPE, Example, booleans, source

Ask = Callable[[sql.Select], list[list[oracle.Value]]]

many = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture
def ask(database_url: str) -> Iterator[Ask]:
    """Run a query from a test that is not a coroutine, because a test that draws examples cannot be one."""
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(database_url, server_settings={"timezone": "UTC"}))

    def run(select: sql.Select) -> list[list[oracle.Value]]:
        statement = sql.render(select)
        return [list(row) for row in loop.run_until_complete(connection.fetch(statement.text, *statement.values))]

    yield run
    loop.run_until_complete(connection.close())
    loop.close()


def agrees(found: oracle.Value, expected: oracle.Value) -> bool:
    if found is None or expected is None:
        return found is expected
    if isinstance(expected, float):
        same = math.isnan(found) and math.isnan(expected)
        return same or found == expected or math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-320)
    if isinstance(expected, Decimal):
        return bool(found == expected)
    # True equals 1 in Python; the driver's UUID is a subclass of Python's.
    if isinstance(found, bool) is not isinstance(expected, bool) or not isinstance(found, type(expected)):
        return False
    return bool(found == expected)


@many
@given(st.lists(EXPRESSIONS, min_size=1, max_size=10), ROWS)
def test_expressions_mean_what_the_oracle_says(
    ask: Ask, examples: Sequence[Example], rows: Sequence[oracle.Row]
) -> None:
    columns = tuple((f"x{i}", compute(example.text, (), SCOPE).sql) for i, example in enumerate(examples))
    for row, values in zip(rows, ask(sql.Select(columns, source(rows))), strict=True):
        for example, value in zip(examples, values, strict=True):
            assert agrees(value, example.evaluate(row)), (example.text, row, value, example.evaluate(row))


@many
@given(booleans(3), ROWS)
def test_a_restriction_and_its_complement_part_the_rows(ask: Ask, example: Example, rows: Sequence[oracle.Row]) -> None:
    holds = condition(example.text, (), SCOPE)
    kept, dropped = (
        ask(sql.Select((("n", sql.Call("count", (sql.STAR,))),), source(rows), where=(where,)))[0][0]
        for where in (holds, sql.Test(holds, "IS NOT TRUE"))
    )
    assert kept == sum(oracle.truth(example.evaluate(row)) is True for row in rows)
    assert kept + dropped == len(rows)


AGGREGATE = Scope(SCOPE.columns, aggregates=True)


def close(found: float | None, expected: float | None, size: float) -> bool:
    """Compare two sums whose terms are at most `size`."""
    if found is None or expected is None:
        return found is expected
    if math.isnan(expected) or math.isinf(expected):
        return found == expected or (math.isnan(found) and math.isnan(expected))
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=size * 1e-13 + 1e-320)


EXTREMES = [
    [1e308, 1e308, -1e308],
    [1e308, 1e308],
    [1.7976931348623157e308],
    [1.7976931348623157e308, -1.7976931348623157e308],
    [1e308, 1e308, 1e308, 1.0],
    [1e291, 1e-300, -3e290],
    [1e-300, 3e-300],
    [5e-324, 5e-324],
    [1e200, -1e200],
    [1e150, -1e150],
    [3e140, 1e140, 7.0],
    [1e129, -1e129],
    [0.0, -0.0],
    [math.inf, 1e308],
    [math.inf, -math.inf],
    [math.nan, 1.0],
    [],
]


def test_sums_and_means_of_extremes(ask: Ask) -> None:
    for numbers in EXTREMES:
        check_floats(ask, [dict.fromkeys(SCOPE.columns) | {"double": number} for number in [None, *numbers]])


@many
@given(ROWS)
def test_sums_and_means_of_floats(ask: Ask, rows: Sequence[oracle.Row]) -> None:
    check_floats(ask, rows)


def check_floats(ask: Ask, rows: Sequence[oracle.Row]) -> None:
    """Check that sums and means neither overflow inside nor lose digits that they could keep."""
    columns = tuple((name, compute(f"{name}(double)", (), AGGREGATE).sql) for name in ("sum", "avg", "std", "variance"))
    ((total, mean, deviation, variance),) = ask(sql.Select(columns, source(rows), grouped=True))
    numbers = [row["double"] for row in rows if row["double"] is not None]
    if not numbers:
        assert [total, mean, deviation, variance] == [None] * 4
        return
    if not all(map(math.isfinite, numbers)):
        special = sum(x for x in numbers if not math.isfinite(x))
        assert close(total, special, 0)
        assert close(mean, special, 0)
        assert math.isnan(deviation)
        assert math.isnan(variance)
        return
    exact = [Fraction(x) for x in numbers]
    size = max(map(abs, numbers))
    assert close(total, as_float(sum(exact, Fraction())), size)
    average = sum(exact, Fraction()) / len(exact)
    assert close(mean, as_float(average), size)
    spread = sum(((x - average) ** 2 for x in exact), Fraction()) / len(exact)
    # The squares of numbers below 1e-120 vanish, and small differences beside the numbers are their rounding.
    if size > 1e-120 and spread > Fraction(size) ** 2 / 10**12:
        assert close(variance, as_float(spread), 0)
        assert math.isclose(deviation, root(spread), rel_tol=1e-6)


def as_float(number: Fraction) -> float | None:
    try:
        return float(number)
    except OverflowError:
        return None


def root(number: Fraction) -> float:
    """Take a square root that may be of a number past the largest float."""
    return math.sqrt(number / 2**1200) * 2.0**600 if number > 2**1000 else math.sqrt(number)


@many
@given(ROWS)
def test_aggregates_of_the_other_types(ask: Ask, rows: Sequence[oracle.Row]) -> None:
    def present(name: str) -> list[oracle.Value]:
        return [row[name] for row in rows if row[name] is not None]

    def reduced(function: Callable[[list[oracle.Value]], oracle.Value], name: str) -> oracle.Value:
        return function(present(name)) if present(name) else None

    expected = {
        "count(*)": len(rows),
        "count(label)": len(present("label")),
        "count(DISTINCT flag)": len(set(present("flag"))),
        "sum(small)": reduced(sum, "small"),
        "sum(large)": oracle.whole(sum(present("large"))) if present("large") else None,
        "sum(price)": reduced(sum, "price"),
        "sum(flag)": reduced(sum, "flag"),
        "sum(number > 0)": reduced(lambda numbers: sum(n > 0 for n in numbers), "number"),
        "min(flag)": reduced(min, "flag"),
        "max(flag)": reduced(max, "flag"),
        "min(label)": reduced(min, "label"),
        "max(day)": reduced(max, "day"),
        "min(double)": reduced(lambda numbers: min(numbers, key=oracle.order), "double"),
        "max(double)": reduced(lambda numbers: max(numbers, key=oracle.order), "double"),
        "group_concat(DISTINCT number ORDER BY number DESC SEPARATOR '/')": reduced(
            lambda numbers: "/".join(map(str, sorted(set(numbers), reverse=True))), "number"
        ),
        "bit_or(large)": reduced(lambda numbers: functools.reduce(operator.or_, numbers), "large"),
        "bit_and(number)": reduced(lambda numbers: functools.reduce(operator.and_, numbers), "number"),
    }
    columns = tuple((f"x{i}", compute(text, (), AGGREGATE).sql) for i, text in enumerate(expected))
    (found,) = ask(sql.Select(columns, source(rows), grouped=True))
    for (text, wanted), value in zip(expected.items(), found, strict=True):
        assert agrees(value, wanted), (text, value, wanted)


CAR = {
    "name": "Rever",
    "span": "-30:00",
    "length": 20.5,
    "inspected": True,
    "recalled": False,
    "tires": [32, 31],
    "lights": [{"side": "left", "white": None}],
    "big": 10**400,
    "made": "2020-01-31",
}

CASES = [
    # JSON, as in the tests of DataJoint.
    ("car.name = 'Rever'", True),
    ("car.length = 20.5", True),
    ("car.length", "20.5"),
    ("car.length > 20", True),
    ("car.length:decimal(4, 1)", Decimal("20.5")),
    ("car.length:float * 2", 41.0),
    ("car.length * 2", 41.0),
    ("json_value(`car`, '$.length' RETURNING float) - 15", 5.5),
    ("car.inspected", "true"),
    ("car.inspected = 'true'", True),
    ("car.inspected = TRUE", True),
    ("car.recalled = FALSE", True),
    ("car.inspected:unsigned", 1),
    ("car.inspected:unsigned = TRUE", True),
    ("JSON_VALUE(car, '$.recalled' RETURNING UNSIGNED) = 0", True),
    ("car.tires", "[32, 31]"),
    ("car.tires[1]", "31"),
    ("car->>'$.tires' = '[32, 31]'", True),
    ("car.lights[0].white IS NULL", True),
    ("car->>'$.lights[0].white' = 'null'", True),
    ("car->>'$.missing' IS NULL", True),
    ("`car`->>'$.name' LIKE '%ev%'", True),
    ("car->'$.tires[0]' = 32", True),
    ("car.big:float", None),
    ("car.big > 5", None),
    ("car.name > 5", None),
    ("car.name + 1", None),
    ("car.made:date", dt.date(2020, 1, 31)),
    ("car.made < day", True),
    ("car.made + INTERVAL 1 DAY", dt.datetime(2020, 2, 1)),
    ("coalesce(car.missing, car.name)", "Rever"),
    ("car.name IN ('Rever', 'x')", True),
    ("car.length IN (1, 20.5)", True),
    # Text that cannot be read as the requested type.
    ("CAST('12x' AS signed)", None),
    ("CAST('1e400' AS float)", None),
    ("CAST('1e-400' AS float)", 0.0),
    ("CAST(' 12.5 ' AS decimal(5,1))", Decimal("12.5")),
    ("CAST('123456' AS decimal(5,1))", None),
    ("CAST(1e300 AS signed)", None),
    ("CAST(300 AS uint8)", None),
    ("CAST(-1 AS unsigned)", None),
    ("CAST(2.5 AS signed)", 2),
    ("CAST('2020-02-30' AS date)", None),
    ("CAST('2020-02-29 24:00:00' AS datetime)", None),
    ("CAST('2020-02-29 23:59:59.5' AS datetime)", dt.datetime(2020, 2, 29, 23, 59, 59, 500_000)),
    ("CAST('2020-2-9' AS date)", dt.date(2020, 2, 9)),
    ("CAST('0000-00-00' AS date)", None),
    ("CAST('12:30' AS time)", dt.time(12, 30)),
    ("CAST('x' AS uuid)", None),
    ("CAST('{00000000-0000-0000-0000-000000000005}' AS uuid)", None),
    ("CAST('00000000-0000-0000-0000-000000000005' AS uuid)", UUID(int=5)),
    ("CAST('long text' AS char(4))", "long"),
    ("CAST(TRUE AS char)", "1"),
    ("date('2020-01-31 10:00:00')", dt.date(2020, 1, 31)),
    # Numbers at the ends of their ranges.
    ("-9223372036854775808 < large", False),
    ("-9223372036854775808 <= large", True),
    ("-9223372036854775808 > large", False),
    ("-9223372036854775808 >= large", True),
    ("large / 0", None),
    ("large % 0", None),
    ("-large", None),
    ("- -9223372036854775808", None),
    ("abs(large)", None),
    ("large % -1", 0),
    ("large - 1", None),
    ("1e308 * 10", None),
    ("1e-308 / 1e308", 0.0),
    ("0.1 / 5e-324", None),
    ("1.7976931348623157e308 + 0.1", 1.7976931348623157e308),
    ("0.9e308 * 2 / 2", None),
    ("0.89e308 * 2 / 2", 0.89e308),
    ("1e-200 * 1e-200", 0.0),
    ("1e308 + 1e308", None),
    ("exp(1000)", None),
    ("exp(-1000)", 0.0),
    ("sqrt(-1)", None),
    ("ln(0)", None),
    ("log10(-5)", None),
    ("power(0, -1)", None),
    ("power(-8, 1.0 / 3)", None),
    ("power(10, 400)", None),
    ("power(10, -400)", 0.0),
    ("power(2, 10)", 1024.0),
    ("round(2.5)", 2.0),
    ("round(-1.7e308, -300)", -1.7e308),
    ("round(CAST(2.5 AS decimal(3,1)))", Decimal("3")),
    ("floor(-0.5)", -1.0),
    ("7 / 2", 3.5),
    ("-7 % 4", -3),
    ("1 = 1.0", True),
    ("'10' > 9", True),
    # Text.
    ("substr('abcdef', 0)", ""),
    ("substr('abcdef', -3, 2)", "de"),
    ("substr('abcdef', 2, -5)", ""),
    ("substr('abcdef', 5, 9223372036854775807)", "ef"),
    ("upper('aé')", "AÉ"),
    ("length('é')", 1),
    ("concat('a', NULL)", None),
    ("replace('aXbX', 'X', '')", "ab"),
    ("'100%' LIKE '100\\%'", True),
    ("'100x' LIKE '100\\%'", False),
    ("'abc' ILIKE 'A_C'", True),
    ("'abc' LIKE 'A_C'", False),
    ("'a\\\\' LIKE 'a\\\\'", True),
    ("'B' < 'a'", True),
    ("day LIKE '2024-02%'", True),
    ("moment LIKE '%:30:00'", True),
    ("concat(day, ' ', hour, ' ', flag)", "2024-02-29 10:00:00 1"),
    # Choosing.
    ("greatest(1, NULL)", None),
    ("least('b', 'a', 'c')", "a"),
    ("greatest(day, '2030-01-01')", dt.date(2030, 1, 1)),
    ("if(NULL, 1, 2)", 2),
    ("ifnull(NULL, 5)", 5),
    ("nullif(5, 5)", None),
    ("CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END", "b"),
    ("CASE WHEN flag THEN 1 ELSE 2.5 END", 1.0),
    ("NULL IN (1, 2)", None),
    ("5 NOT IN (1, NULL)", None),
    ("NULL IN ()", False),
    # Dates and times.
    ("day + INTERVAL 1 YEAR", dt.date(2025, 2, 28)),
    ("day + INTERVAL 12 HOUR", dt.datetime(2024, 2, 29, 12)),
    ("day - INTERVAL 1 DAY", dt.date(2024, 2, 28)),
    ("moment - INTERVAL 1 MONTH", dt.datetime(2024, 1, 29, 10, 30)),
    ("day - INTERVAL 9999 YEAR", None),
    ("INTERVAL 2 DAY + day", dt.date(2024, 3, 2)),
    ("moment + INTERVAL 0.5 SECOND", dt.datetime(2024, 2, 29, 10, 30, 0, 500_000)),
    ("hour + INTERVAL 90 MINUTE", dt.time(11, 30)),
    ("hour + INTERVAL 1 DAY", None),
    ("zoned + INTERVAL 1 MONTH", dt.datetime(2024, 3, 29, 10, tzinfo=dt.UTC)),
    ("timediff(moment, day)", dt.timedelta(hours=10, minutes=30)),
    ("timediff(day, moment)", -dt.timedelta(hours=10, minutes=30)),
    ("timediff(day + INTERVAL 400 DAY, day)", dt.timedelta(days=400)),
    ("timediff(span, '-0:00:01')", dt.timedelta(days=40, seconds=1)),
    ("timediff(hour, span)", dt.timedelta(days=-40, hours=10)),
    ("addtime(span, hour)", dt.timedelta(days=40, hours=10)),
    ("span > hour", True),
    ("span BETWEEN '39 23:59:59' AND '960:00'", True),
    ("car.span:duration", dt.timedelta(hours=-30)),
    ("timediff(day, moment) = '-10:30:00'", True),
    ("timediff(day + INTERVAL 5 DAY, day) = '120:00:00'", True),
    ("timediff(hour, '09:30')", dt.timedelta(minutes=30)),
    ("timestampdiff(minute, day, moment)", 630),
    ("timestampdiff(month, '2024-01-31', day)", 0),
    ("timestampdiff(year, day, '2025-02-28')", 0),
    ("timestampdiff(hour, moment, zoned)", 0),
    ("moment > zoned", True),
    ("zoned = '2024-02-29 10:00:00'", True),
    ("day = zoned", False),
    ("day < '2024-02-29 00:00:01'", True),
    ("now() > moment", True),
    ("timestampdiff(SECOND, moment, UTC_TIMESTAMP()) > 0", True),
    ("utc_timestamp() = now() AND utc_date() = curdate() AND curtime() = time(now())", True),
    ("year(zoned)", 2024),
    ("date_format(zoned, '%H')", "10"),
    ("rand() >= 0 AND rand() < 1", True),
    ("car.name REGEXP '^Re'", True),
    ("year(car.made)", 2020),
    ("'a' REGEXP car.name", False),
    ("'a' REGEXP concat(car.name, '(')", None),
    ("1 REGEXP '1'", True),
    ("repeat('ab', 1000000000)", None),
    ("lpad('a', 1000000000, 'b')", None),
    ("tan(1e-310)", 1e-310),
    ("atan(1e-310, 1e10)", 0.0),
    ("sin(1e308 * 10)", None),
    ("radians(5e-324)", 0.0),
    ("degrees(1.7e308)", None),
    ("large DIV -1", None),
    ("1e300 DIV 1", None),
    ("truncate(1.5e308, -300)", 1.5e308),
    ("curdate() = date(now())", True),
    ("date(moment) = day", True),
]

ROW: dict[str, object] = {
    "car": json.dumps(CAR),
    "large": -(2**63),
    "flag": True,
    "day": dt.date(2024, 2, 29),
    "hour": dt.time(10),
    "span": dt.timedelta(days=40),
    "moment": dt.datetime(2024, 2, 29, 10, 30),
    "zoned": dt.datetime(2024, 2, 29, 10, tzinfo=dt.UTC),
}


DEEPEST = [
    "number" + " + 1" * (MAX_DEPTH - 2),
    "large" + " * 2" * (MAX_DEPTH - 2),
    "double" + " / 2.5" * (MAX_DEPTH - 2),
    "lower(" * (MAX_DEPTH - 2) + "label" + ")" * (MAX_DEPTH - 2),
    "CAST(" * (MAX_DEPTH - 2) + "note" + " AS decimal)" * (MAX_DEPTH - 2),
    "day" + " + INTERVAL 1 DAY" * (MAX_DEPTH - 2),
    "if(flag, 1, " * (MAX_DEPTH - 2) + "0" + ")" * (MAX_DEPTH - 2),
    "greatest(1, " * (MAX_DEPTH - 2) + "0" + ")" * (MAX_DEPTH - 2),
    "number = 1 OR " * 2_000 + "flag",
    "((((((((number BETWEEN 0 AND 1) BETWEEN 0 AND 1) BETWEEN 0 AND 1) BETWEEN 0 AND 1) BETWEEN 0 AND 1)"
    " BETWEEN 0 AND 1) BETWEEN 0 AND 1) BETWEEN 0 AND 1)",
]


def test_the_deepest_expressions_run(ask: Ask) -> None:
    row = dict.fromkeys(SCOPE.columns) | {"number": 1, "large": 1, "double": 1.0, "label": "A", "note": "1"}
    for text in DEEPEST:
        assert len(ask(sql.Select((("x", compute(text, (), SCOPE).sql),), source([row])))) == 1


def test_cases_give_what_is_expected(ask: Ask) -> None:
    scope = Scope({name: (sql.Column("t", name), parse_type(TYPES[name])) for name in ROW})
    arrays = tuple((name, sql.Value([value], value_type(scope.columns[name][1]) + "[]")) for name, value in ROW.items())
    wrong = {}
    for text, expected in CASES:
        computed = compute(text, (), scope)
        ((driven,),) = ask(sql.Select((("x", computed.sql),), sql.ArraySource(arrays, "t")))
        found = read(driven, computed.type)
        if not agrees(found, expected):
            wrong[text] = (found, expected)
    assert not wrong
