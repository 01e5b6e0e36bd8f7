"""Every mistake in an expression is reported at its place."""

from __future__ import annotations

from decimal import Decimal

import pytest

from levada_server.errors import InvalidExpression, LevadaError, UnknownAttribute, WrongValue
from levada_server.query.expression.computed import compute, condition
from levada_server.query.expression.functions import COMMON, ELSEWHERE, FUNCTIONS
from tests.support.expression_scope import AGGREGATE, PLAIN

SYNTAX = [
    # text, column, part of the message
    ("", 1, "empty"),
    ("   ", 4, "empty"),
    ("number >", 9, "ends here"),
    ("number > > 5", 10, "found `>`"),
    ("number 5", 8, "expected an operator"),
    ("(number = 1", 12, "expected an operator or )"),
    ("number = 1)", 11, "found `)`"),
    ("number = 'abc", 10, "quote is not closed"),
    ("`number = 1", 1, "backtick is not closed"),
    ("number = 1; DROP TABLE x", 11, "without `;`"),
    ("number = 1 -- all", 12, "comment"),
    ("number = 1 /* all */", 12, "comment"),
    ("number # all", 8, "comment"),
    ("number - --5", 10, "comment"),
    ("label || 'a'", 7, "concat"),
    ("number @ 5", 8, "does not belong"),
    ("number & 5", 8, "does not belong"),
    ("number IN (SELECT id FROM x)", 12, "subqueries are not part of the expression language"),
    ("(SELECT 1)", 2, "restrict by a query instead"),
    ("EXISTS (SELECT 1)", 1, "subqueries"),
    ("SELECT * FROM x", 1, "subqueries"),
    ("number IN 5", 11, "a list in brackets"),
    ("number IN (1 2)", 14, "or )"),
    ("number BETWEEN 1", 17, "expected AND"),
    ("number BETWEEN 1 OR 2", 18, "expected AND"),
    ("number IS 5", 11, "NULL, TRUE or FALSE"),
    ("trim(BOTH label)", 16, "FROM and a text after BOTH"),
    ("extract(year, day) = 'x' 5", 26, "an operator"),
    ("number NOT 5", 12, "IN, LIKE, ILIKE, REGEXP or BETWEEN"),
    ("number = NOT flag", 10, "brackets"),
    ("CASE END", 9, "WHEN"),
    ("CASE WHEN flag THEN 1", 22, "expected END"),
    ("CASE WHEN flag 1 END", 16, "expected THEN"),
    ("CAST(number)", 12, "AS and a type"),
    ("CAST(number AS blob)", 16, "signed"),
    ("CAST(number AS decimal(99,1))", 16, "signed"),
    ("day + INTERVAL 1", 17, "a unit after INTERVAL"),
    ("day + INTERVAL 1 fortnight", 18, "a unit after INTERVAL"),
    ("car->'$.*'", 6, "a path such as"),
    ("car->number", 6, "a path such as"),
    ("car.", 5, "a key"),
    ("car[-1]", 5, "an index"),
    ("car.a:image", 7, "signed"),
    ("number.a", 7, "no parts"),
    ("and", 1, "backticks"),
    ("group_concat(label separator 5)", 30, "a text after SEPARATOR"),
    ("label = '\\0'", 9, "NUL"),
    ("label = '\ud800'", 10, "Unicode"),
    ("number = 1e400", 10, "a number is at most"),
    ("number = " + "9" * 401, 10, "digits"),
    ("np.array(5)", 4, "np.int64(5)"),
    ("np.int64(number)", 4, "not a single value"),
]

TYPES = [
    ("numbr > 5", UnknownAttribute, 1, "did you mean `number`"),
    ("flag AND Number > 5", UnknownAttribute, 10, "did you mean `number`"),
    ("t.number = 1", UnknownAttribute, 1, "no attribute `t`"),
    ("`no such` = 1", UnknownAttribute, 1, "no such"),
    ("number = 'abc'", WrongValue, 10, "'abc' is not a valid number"),
    ("'abc' < number", WrongValue, 1, "'abc' is not a valid number"),
    ("number IN (1, 'abc')", WrongValue, 15, "'abc'"),
    ("number BETWEEN 1 AND 'z'", WrongValue, 22, "'z'"),
    ("day > 'soon'", WrongValue, 7, "'soon' is not a valid date"),
    ("day > 20200101", WrongValue, 7, "is not a valid date"),
    ("hour = '25:00'", WrongValue, 8, "is not a valid time"),
    ("id = 'abc'", WrongValue, 6, "is not a valid uuid"),
    ("flag = 'maybe'", WrongValue, 8, "is not a valid bool"),
    ("label = TRUE", WrongValue, 9, "is not a valid text"),
    ("number + 'abc'", WrongValue, 10, "is not a valid number"),
    ("'abc'", WrongValue, 1, "condition"),
    ("day", InvalidExpression, 1, "is used as a condition"),
    ("label", InvalidExpression, 1, "is used as a condition"),
    ("flag AND day", InvalidExpression, 10, "is used as a condition"),
    ("label = number", InvalidExpression, 7, "cannot be compared"),
    ("day = hour", InvalidExpression, 5, "cannot be compared"),
    ("1 = day", WrongValue, 1, "is not a valid date"),
    ("label + 1 = 2", InvalidExpression, 1, "CAST"),
    ("day + 1 = day", InvalidExpression, 1, "INTERVAL"),
    ("moment - day = 1", InvalidExpression, 1, "timestampdiff"),
    ("number + INTERVAL 1 DAY = day", InvalidExpression, 1, "not a date or time"),
    ("INTERVAL 1 DAY = day", InvalidExpression, 1, "an INTERVAL stands alone"),
    ("hour + INTERVAL 1 MONTH = hour", InvalidExpression, 8, "cannot move by a month"),
    ("day + INTERVAL 'x' DAY = day", WrongValue, 16, "is not a valid number"),
    ("day + INTERVAL 1e30 DAY = day", WrongValue, 16, "span of time"),
    ("timediff(moment, moment) > 5", WrongValue, 28, "'-12:30:00'"),
    ("timediff(hour, day) > '1:00'", InvalidExpression, 1, "cannot be subtracted"),
    ("timestampdiff(days, day, day) = 1", InvalidExpression, 15, "begins with a unit"),
    ("image = 'a'", InvalidExpression, 7, "cannot be compared"),
    ("car = 'a'", InvalidExpression, 5, "a path"),
    ("nosuch(number)", InvalidExpression, 1, "there is no function `nosuch`"),
    ("round()", InvalidExpression, 1, "round(x[, digits])"),
    ("abs(number, 1)", InvalidExpression, 1, "abs(x)"),
    ("abs(DISTINCT number)", InvalidExpression, 1, "DISTINCT"),
    ("abs(*)", InvalidExpression, 1, "means nothing"),
    ("yaer(day) = 2024", InvalidExpression, 1, "expected year"),
    ("truncate(double, number)", InvalidExpression, 18, "fixed number of digits"),
    ("date_add(day, 5) = day", InvalidExpression, 15, "INTERVAL n unit"),
    ("date_format(day, label) = 'a'", InvalidExpression, 18, "a fixed text"),
    ("str_to_date(label, '%W') = day", InvalidExpression, 20, "`%W` cannot be read"),
    ("str_to_date(label, '%Y %Y') = day", InvalidExpression, 20, "occurs twice"),
    ("week(day, 8) = 1", InvalidExpression, 11, "0 to 7"),
    ("week(day, number) = 1", InvalidExpression, 11, "a fixed mode"),
    ("extract(decade FROM day) = 1", InvalidExpression, 9, "begins with a unit"),
    ("year(number) = 1", InvalidExpression, 6, "not a date or time"),
    ("year(hour) = 1", InvalidExpression, 6, "no months"),
    ("rand() BETWEEN 0.2 AND 0.4", InvalidExpression, 1, "more than once"),
    ("rand() IN (1, number)", InvalidExpression, 1, "more than once"),
    ("nullif(rand(), 1) = 1", InvalidExpression, 8, "more than once"),
    ("CASE rand() WHEN 1 THEN 2 END = 1", InvalidExpression, 6, "more than once"),
    ("rand(5) > 0", InvalidExpression, 1, "rand()"),
    ("left(label, 1.5) = 'a'", WrongValue, 13, "int64"),
    ("round(double, number)", InvalidExpression, 15, "fixed number of digits"),
    ("sum(number) > 5", InvalidExpression, 1, "aggregate function"),
    ("if(flag, 1, day)", InvalidExpression, 13, "no common type"),
    ("if(flag, number, 'none')", WrongValue, 18, "'none' is not a valid number"),
    ("greatest(car, car)", InvalidExpression, 10, "no order"),
    ("CAST(day AS signed)", InvalidExpression, 6, "whole number"),
    ("find_in_set('a', car)", InvalidExpression, 18, "x LIKE '%\"word\"%'"),
    ("find_in_set(car, 'a,b') > 0", InvalidExpression, 13, "takes a text apart, and this is a json"),
    ("substring_index(car, ',', 1) = 'a'", InvalidExpression, 17, "takes a text apart"),
    ("length(image) LIKE image", InvalidExpression, 20, "has no text"),
]

AGGREGATES = [
    ("tiny", 1, "can differ between the rows"),
    ("sum(tiny) + tiny", 13, "min(tiny)"),
    ("sum(max(tiny))", 5, "inside another"),
    ("sum(label)", 5, "takes numbers"),
    ("sum(*)", 1, "means nothing"),
    ("max(car)", 5, "no order"),
    ("bit_or(double)", 8, "whole number"),
    ("group_concat(DISTINCT label ORDER BY number)", 38, "ordered by themselves"),
]


@pytest.mark.parametrize(("text", "column", "message"), SYNTAX)
def test_syntax_errors_point_at_the_place(text: str, column: int, message: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        condition(text, (), PLAIN)
    assert caught.value.details["column"] == str(column)
    assert message in caught.value.message


@pytest.mark.parametrize(("text", "error", "column", "message"), TYPES)
def test_type_errors_point_at_the_place(text: str, error: type[LevadaError], column: int, message: str) -> None:
    with pytest.raises(error) as caught:
        condition(text, (), PLAIN)
    assert type(caught.value) is error
    assert caught.value.details["column"] == str(column)
    assert message in caught.value.message


@pytest.mark.parametrize(("text", "column", "message"), AGGREGATES)
def test_mistakes_in_aggregates_point_at_the_place(text: str, column: int, message: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        compute(text, (), AGGREGATE)
    assert caught.value.details["column"] == str(column)
    assert message in caught.value.message


def test_the_message_quotes_the_text_with_a_caret() -> None:
    with pytest.raises(UnknownAttribute) as caught:
        condition("number > 5 AND numbr < 3", (), PLAIN)
    assert caught.value.details["attribute"] == "numbr"
    *_, quoted, caret = caught.value.message.splitlines()
    assert quoted == "    number > 5 AND numbr < 3"
    assert caret.index("^") == quoted.index("numbr")


def test_a_long_text_is_quoted_around_the_place() -> None:
    text = "number = 1 OR " * 500 + "\n numbr = 2 OR " + "number = 1 OR " * 500 + "flag"
    with pytest.raises(UnknownAttribute) as caught:
        condition(text, (), PLAIN)
    *_, quoted, caret = caught.value.message.splitlines()
    assert len(quoted) < 100
    assert quoted[caret.index("^") :].startswith("numbr")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mean(number)", "avg"),
        ("len(note)", "length"),
        ("sbstr(note, 1)", "substr or substring"),
        ("sleep(10)", "another"),
    ],
)
def test_an_unknown_function_names_those_that_may_be_meant(text: str, expected: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        condition(text, (), PLAIN)
    assert expected in caught.value.details["expected"]
    assert len(caught.value.details["expected"]) < 120


def test_functions_that_are_named_exist() -> None:
    assert {name for names in ELSEWHERE.values() for name in names} - {"count(DISTINCT x)"} <= FUNCTIONS.keys()
    assert set(COMMON) - {"another function"} <= FUNCTIONS.keys()


def test_a_text_without_quotes_is_doubted() -> None:
    with pytest.raises(UnknownAttribute, match="a text needs quotes: 'Ann'"):
        condition("note = Ann", (), PLAIN)
    with pytest.raises(UnknownAttribute, match="did you mean `number`") as caught:
        condition("numbr = 1", (), PLAIN)
    assert "quotes" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("number = ?", (), "1 marks `?` and was given 0 values"),
        ("number = 1", (1,), "0 marks `?` and was given 1 values"),
        ("number IN ?", (5,), "not a list"),
        ("number = ?", ("abc",), "not a valid number"),
        ("number = ?", (object(),), "not a valid number"),
        ("number = ?", (10**400,), "past the largest number"),
        ("label = ?", ("a\0b",), "NUL"),
        ("label IN ?", (["a", "\0"],), "NUL"),
        ("day = ?", (b"abc",), "is not a valid date"),
        ("? = ?", (1, "x"), "not a valid number"),
        ("coalesce(?, 1)", ({},), "common type"),
    ],
)
def test_wrong_values_are_told(text: str, values: tuple[object, ...], message: str) -> None:
    with pytest.raises((WrongValue, InvalidExpression)) as caught:
        condition(text, values, PLAIN)
    assert message in caught.value.message


def test_a_value_that_the_type_cannot_hold_is_no_mistake() -> None:
    for value in (10**30, -1.5, float("nan"), float("inf"), Decimal("0.5"), Decimal("NaN"), True, None):
        condition("tiny = ? OR tiny IN (?, ?)", (value, value, 1), PLAIN)
