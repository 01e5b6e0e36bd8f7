"""Expressions become the right SQL, bound values and type. Tests in query_meaning check the meaning."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from uuid import UUID

import pytest

from levada_server.model.spans import MAX_MICROSECONDS
from levada_server.query import sql
from levada_server.query.expression.computed import attribute_name, compute, condition, duplicate_name
from tests.support.expression_scope import AGGREGATE, FILTERED, PLAIN, written

COMPARISONS = [
    # Constants take the attribute's type, and the attribute stays bare, so that its index is used.
    ("number > 5", '(t."number" > $1::integer)', [5]),
    ("5 < number", '(t."number" > $1::integer)', [5]),
    ("number == 5", '(t."number" = $1::integer)', [5]),
    ("number != '5'", '(t."number" <> $1::integer)', [5]),
    ("`number` <> 5.0", '(t."number" <> $1::integer)', [5]),
    ("large >= -7", '(t."large" >= $1::bigint)', [-7]),
    ("single = 0.1", '(t."single" = $1::real)', [0.10000000149011612]),
    ("double = 0.1", '(t."double" = $1::double precision)', [0.1]),
    ("price = 1.10", '(t."price" = $1::numeric)', [Decimal("1.10")]),
    ("flag = 1", '(t."flag" = $1::boolean)', [True]),
    ("flag = FALSE", '(t."flag" = $1::boolean)', [False]),
    ("flag = 'true'", '(t."flag" = $1::boolean)', [True]),
    ('label = "it\'s"', '(t."label" = $1::text)', ["it's"]),
    ("label = 'it''s'", '(t."label" = $1::text)', ["it's"]),
    (r"label = 'it\'s\n'", '(t."label" = $1::text)', ["it's\n"]),
    ("label = 5", '(t."label" = $1::text)', ["5"]),
    ("side = 'middle'", '(t."side" = $1::text)', ["middle"]),
    ("day > '2020-01-31'", '(t."day" > $1::date)', [dt.date(2020, 1, 31)]),
    ("hour < '12:30'", '(t."hour" < $1::time)', [dt.time(12, 30)]),
    ("moment <= '2020-01-31'", '(t."moment" <= $1::timestamp)', [dt.datetime(2020, 1, 31)]),
    (
        "zoned = '2020-01-31T01:00:00+01:00'",
        '(t."zoned" = $1::timestamptz)',
        [dt.datetime(2020, 1, 31, tzinfo=dt.UTC)],
    ),
    ("id = '00000000-0000-0000-0000-000000000005'", '(t."id" = $1::uuid)', [UUID(int=5)]),
    # Past the attribute's type, and right all the same.
    ("tiny < 1000", '(t."tiny" < $1::smallint)', [1000]),
    ("number < 10000000000", '(t."number" < $1::bigint)', [10**10]),
    ("number < 1.5", '((t."number")::numeric < $1::numeric)', [Decimal("1.5")]),
    ("number < 1e30", '((t."number")::numeric < $1::numeric)', [Decimal("1e30")]),
    ("flag < 2", '(((t."flag")::integer)::bigint < $1::bigint)', [2]),
    ("single < 1e39", '((t."single")::double precision < $1::double precision)', [1e39]),
    ("single > 1e-60", '((t."single")::double precision > $1::double precision)', [1e-60]),
    ("day > '2020-01-31 12:00:00'", '(t."day" > $1::timestamp)', [dt.datetime(2020, 1, 31, 12)]),
    # Two attributes.
    ("tiny = number", '(t."tiny" = t."number")', []),
    ("number = price", '((t."number")::numeric = t."price")', []),
    ("number = double", '((t."number")::double precision = t."double")', []),
    ("flag = number", '(((t."flag")::integer)::bigint = (t."number")::bigint)', []),
    ("day = moment", '(t."day" = t."moment")', []),
    ("moment = zoned", '(t."moment" = timezone($1::text, t."zoned"))', ["UTC"]),
    # Lists.
    ("number IN (1, 2, 3)", '(t."number" = ANY($1::integer[]))', [[1, 2, 3]]),
    ("number in (5,)", '(t."number" = ANY($1::integer[]))', [[5]]),
    ("number in ()", '(t."number" = ANY($1::integer[]))', [[]]),
    ("number in (np.int64(5), np.float64(2.5), 10000000000)", '(t."number" = ANY($1::integer[]))', [[5]]),
    ("label NOT IN ('a', np.str_('b'))", '(NOT (t."label" = ANY($1::text[])))', [["a", "b"]]),
    ("flag in (0, 1, 2)", '(t."flag" = ANY($1::boolean[]))', [[False, True]]),
    ("number IN (1, order)", '((t."number" = $1::integer) OR (t."number" = t."order"))', [1]),
    ("number <=> 5", '((t."number" = $1::integer) IS TRUE)', [5]),
    ("number <=> NULL", '(t."number" IS NULL)', []),
    ("day <=> moment", '(((t."day" = t."moment") IS TRUE) OR ((t."day" IS NULL) AND (t."moment" IS NULL)))', []),
    ("flag XOR number", '(t."flag" <> (t."number" <> 0))', []),
    ("flag && number", '(t."flag" AND (t."number" <> 0))', []),
    # XOR is weaker than AND and stronger than OR.
    ("flag OR flag XOR flag AND flag", '(t."flag" OR (t."flag" <> (t."flag" AND t."flag")))', []),
    (
        r"label REGEXP '\\bx'",
        '(((t."label")::text COLLATE "default") ~ (($1::text COLLATE "C") COLLATE "default"))',
        [r"\yx"],
    ),
    ("number BETWEEN 1 AND 5", '((t."number" >= $1::integer) AND (t."number" <= $2::integer))', [1, 5]),
    # Words of the language as names, where they can be nothing else.
    ("end > order", '(t."end" > t."order")', []),
    ("interval > 3", '(t."interval" > $1::integer)', [3]),
    # Conditions.
    ("1=1", "$1::boolean", [True]),
    ("flag", 't."flag"', []),
    ("number", '(t."number" <> 0)', []),
    ("NULL", "(NULL)::boolean", []),
    ("not flag", '(NOT t."flag")', []),
    ("flag and number or flag", '((t."flag" AND (t."number" <> 0)) OR t."flag")', []),
    ("number IS NULL", '(t."number" IS NULL)', []),
    ("number IS NOT TRUE", '((t."number" <> 0) IS NOT TRUE)', []),
    ("image IS NOT NULL", '(t."image" IS NOT NULL)', []),
    ("note LIKE 'a%'", '(t."note" LIKE $1::text)', ["a%"]),
    ("note like 'a\\\\'", '(t."note" LIKE $1::text)', ["a\\\\"]),
]

PROJECTIONS = [
    ("number + 1", "int64", '((t."number")::bigint + $1::bigint)', [1]),
    ("tiny * tiny", "int64", '((t."tiny")::bigint * (t."tiny")::bigint)', []),
    ("large + 1", "int64", 'levada_functions.add(t."large", $1::bigint)', [1]),
    ("number % 0", "int64", '((t."number")::bigint % nullif($1::bigint, 0))', [0]),
    ("number / 2", "float64", '((t."number")::double precision / nullif($1::double precision, 0))', [2.0]),
    ("double / 2", "float64", 'levada_functions.divide(t."double", $1::double precision)', [2.0]),
    ("single * 2", "float64", '((t."single")::double precision * $1::double precision)', [2.0]),
    ("price * 1.5", "decimal(38,3)", '(t."price" * $1::numeric)', [Decimal("1.5")]),
    ("number * 1.5", "float64", '((t."number")::double precision * $1::double precision)', [1.5]),
    ("-number", "int64", '($1::bigint - (t."number")::bigint)', [0]),
    ("2 + 3 * 4", "int64", "($1::bigint + ($2::bigint * $3::bigint))", [2, 3, 4]),
    ("number MOD 2", "int64", '((t."number")::bigint % nullif($1::bigint, 0))', [2]),
    ("number DIV 2", "int64", 'levada_functions.quotient((t."number")::bigint, $1::bigint)', [2]),
    ("number - 1 - 2", "int64", '(((t."number")::bigint - $1::bigint) - $2::bigint)', [1, 2]),
    ("flag = flag = 1", "bool", '((t."flag" = t."flag") = $1::boolean)', [True]),
    ("flag + 1", "int64", '(((t."flag")::integer)::bigint + $1::bigint)', [1]),
    ("'text'", "text", '($1::text COLLATE "C")', ["text"]),
    ("5", "int64", "$1::bigint", [5]),
    ("ifnull(number, 0)", "int64", 'coalesce((t."number")::bigint, $1::bigint)', [0]),
    ("coalesce(number, order)", "int32", 'coalesce(t."number", t."order")', []),
    (
        "if(flag, 'yes', 'no')",
        "text",
        'CASE WHEN t."flag" THEN ($1::text COLLATE "C") ELSE ($2::text COLLATE "C") END',
        ["yes", "no"],
    ),
    (
        "CASE number WHEN 1 THEN 2 END",
        "int64",
        'CASE WHEN (t."number" = $1::integer) THEN $2::bigint ELSE (NULL)::bigint END',
        [1, 2],
    ),
    (
        "day + INTERVAL 1 DAY",
        "date",
        '(levada_functions.add_microseconds(levada_functions.to_moment(t."day"), $1::bigint))::date',
        [86_400_000_000],
    ),
    ("moment - interval 2 month", "datetime", 'levada_functions.add_months(t."moment", $1::bigint)', [-2]),
    ("now()", "datetime", "timezone($1::text, now())", ["UTC"]),
    ("current_timestamp", "datetime", "timezone($1::text, now())", ["UTC"]),
    ("CURDATE()", "date", "(timezone($1::text, now()))::date", ["UTC"]),
    ("car->'$.a'", "json", '(t."car" #> $1::text[])', [["a"]]),
    ("car.a[0]", "text", '((t."car" #>> $1::text[]) COLLATE "C")', [["a", "0"]]),
    (
        "timediff(moment, zoned)",
        "duration",
        'levada_functions.microseconds_between(timezone($1::text, t."zoned"), t."moment")',
        ["UTC"],
    ),
    (
        "addtime(span, '1 02:03:04')",
        "duration",
        'levada_functions.within(levada_functions.add(t."span", $1::bigint), $2::bigint, $3::bigint)',
        [93_784_000_000, -MAX_MICROSECONDS, MAX_MICROSECONDS],
    ),
    ("concat(span)", "text", '(levada_functions.span_text(t."span") COLLATE "C")', []),
]

AGGREGATES = [
    ("count(*)", "int64", "count(*)", []),
    ("COUNT(DISTINCT label)", "int64", 'count(DISTINCT t."label")', []),
    ("sum(tiny)", "int64", 'sum(t."tiny")', []),
    ("sum(large)", "int64", 'levada_functions.to_integer(sum(t."large"))', []),
    ('sum(label = "left")', "int64", 'sum(((t."label" = $1::text))::integer)', ["left"]),
    ("avg(single)", "float64", 'avg((t."single")::double precision)', []),
    ("max(flag)", "bool", 'bool_or(t."flag")', []),
    ("min(side)", "enum('left', 'right')", 'min(t."side")', []),
    ("max(id)", "uuid", '(max(((t."id")::text COLLATE "C")))::uuid', []),
    ("number + count(*)", "int64", 'levada_functions.add((t."number")::bigint, count(*))', []),
    (
        "group_concat(label ORDER BY day DESC, number SEPARATOR '; ')",
        "text",
        'string_agg((t."label")::text, $1::text ORDER BY t."day" DESC, t."number")',
        ["; "],
    ),
]


@pytest.mark.parametrize(("text", "expected", "values"), COMPARISONS)
def test_condition_becomes_sql(text: str, expected: str, values: list[object]) -> None:
    found, bound = written(condition(text, (), PLAIN))
    assert (found, list(bound)) == (expected, values)


@pytest.mark.parametrize(("text", "type_", "expected", "values"), PROJECTIONS)
def test_projection_becomes_typed_sql(text: str, type_: str, expected: str, values: list[object]) -> None:
    result = compute(text, (), PLAIN)
    found, bound = written(result.sql)
    assert (str(result.type), found, list(bound)) == (type_, expected, values)


@pytest.mark.parametrize(("text", "type_", "expected", "values"), AGGREGATES)
def test_aggregate_becomes_typed_sql(text: str, type_: str, expected: str, values: list[object]) -> None:
    result = compute(text, (), AGGREGATE)
    found, bound = written(result.sql)
    assert (str(result.type), found, list(bound)) == (type_, expected, values)


def test_every_aggregate_leaves_out_the_filtered_rows() -> None:
    for text in (
        "count(*)",
        "sum(number)",
        "avg(double)",
        "std(double)",
        "min(id)",
        "max(flag)",
        "group_concat(label)",
    ):
        found, _ = written(compute(text, (), FILTERED).sql)
        aggregates = found.count("FILTER (WHERE")
        assert aggregates == found.count('(m."key" IS NOT NULL)') >= 1, found


def test_values_stand_for_marks_in_their_order() -> None:
    found, bound = written(condition("number > ? AND label IN ? AND day = ?", (5, ["a"], dt.date(2020, 1, 1)), PLAIN))
    assert found == '((t."number" > $1::integer) AND (t."label" = ANY($2::text[])) AND (t."day" = $3::date))'
    assert list(bound) == [5, ["a"], dt.date(2020, 1, 1)]


def test_equal_shapes_have_equal_text() -> None:
    texts = {written(condition(f"number = {n} AND label = 'x{n}'", (), PLAIN))[0] for n in range(5)}
    assert len(texts) == 1


def test_an_attribute_may_be_any_sql() -> None:
    scope = type(PLAIN)({"x": (sql.Cast(sql.Column("t", "a"), "text"), PLAIN.columns["note"][1])})
    assert written(condition("x = 'a'", (), scope))[0] == '((t."a")::text = $1::text)'


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("old", "old"),
        (" `old` ", "old"),
        ("order", "order"),
        ("(old)", None),
        ("old + 1", None),
        ("null", None),
        ("current_timestamp", None),
        ("5", None),
        ("'old'", None),
        ("a.b", None),
    ],
)
def test_bare_names_are_told_from_expressions(text: str, name: str | None) -> None:
    assert attribute_name(text) == name
    assert duplicate_name(f"({text})") == name


def test_a_name_without_brackets_is_no_duplicate() -> None:
    assert duplicate_name("old") is None
