"""Limits on an expression are checked before it can cost anything, and reported plainly."""

from __future__ import annotations

import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levada_server.errors import InvalidExpression, LevadaError
from levada_server.query.expression.computed import Computed, compute, condition
from levada_server.query.expression.cursor import OTHER_STATEMENTS
from levada_server.query.expression.functions import FUNCTIONS
from levada_server.query.expression.parser import MAX_ITEMS
from levada_server.query.expression.tokens import MAX_BYTES, MAX_DEPTH, MAX_TOKENS
from tests.support.expression_scope import AGGREGATE, PLAIN, TYPES, written

TOO_LARGE = [
    ("number = '" + "x" * 2**20 + "'", f"longer than {MAX_BYTES} bytes"),
    ("label = '" + "é" * 40_000 + "'", f"longer than {MAX_BYTES} bytes"),
    ("(" * 10_000 + "number" + ")" * 10_000, "nests deeper than"),
    ("number" + " + number" * 4_000, "levels"),
    ("number" + " = number" * 4_000, "levels"),
    ("not " * 5_000 + "flag", "deeper"),
    ("- " * 5_000 + "number", "deeper"),
    ("abs(" * 5_000 + "number" + ")" * 5_000, "deeper"),
    ("case when flag then " * 1_000 + "1" + " end" * 1_000, "deeper"),
    ("number IN (" * 3_000 + "1" + ")" * 3_000, "deeper"),
    ("car" + ".a" * 200, None),
    ("number IN (" + ",".join(["1"] * (MAX_ITEMS // 2 + 1)) + ")", f"{MAX_TOKENS} words"),
    ("number = 1 OR " * 4_000 + "flag", f"{MAX_TOKENS} words"),
    ("concat(" + ",".join(["label"] * 101) + ") = 'a'", "cannot take 101"),
]


@pytest.mark.parametrize(("text", "message"), TOO_LARGE, ids=[text[:12] for text, _ in TOO_LARGE])
def test_too_large_is_refused(text: str, message: str | None) -> None:
    if message is None:
        assert written(compute(text, (), PLAIN).sql)
        return
    with pytest.raises(InvalidExpression) as caught:
        condition(text, (), PLAIN)
    assert message in caught.value.message
    assert len(caught.value.message) < 2_000


@pytest.mark.parametrize(
    "text",
    [
        "number" + " + 1" * (MAX_DEPTH - 1) + " > 0",
        "(" * (MAX_DEPTH - 2) + "flag" + ")" * (MAX_DEPTH - 2),
        "not " * (MAX_DEPTH - 2) + "flag",
        "number = 1 OR " * 2_000 + "flag",
        "number IN (" + ",".join(["1"] * 4_000) + ")",
        "lower(" * (MAX_DEPTH - 2) + "label" + ")" * (MAX_DEPTH - 2) + " = 'a'",
        "CAST(" * (MAX_DEPTH - 2) + "note" + " AS decimal)" * (MAX_DEPTH - 2) + " = 1",
        "day" + " + INTERVAL 1 DAY" * (MAX_DEPTH - 2) + " > day",
        "if(flag, 1, " * (MAX_DEPTH - 2) + "0" + ")" * (MAX_DEPTH - 2) + " = 1",
    ],
    ids=lambda text: text[:12],
)
def test_what_the_limits_allow_compiles(text: str) -> None:
    assert written(condition(text, (), PLAIN))


def test_repeated_operands_do_not_multiply() -> None:
    nested = "number"
    for _ in range(30):
        nested = f"({nested} BETWEEN 0 AND number)"
    with pytest.raises(InvalidExpression, match="too large once its repeated parts"):
        condition(nested, (), PLAIN)


def test_a_list_given_as_a_value_has_a_limit() -> None:
    _, bound = written(condition("number IN ?", (list(range(MAX_ITEMS)),), PLAIN))
    assert bound[0] == list(range(MAX_ITEMS))
    with pytest.raises(LevadaError, match="at most"):
        condition("number IN ?", (list(range(MAX_ITEMS + 1)),), PLAIN)


def test_a_nearly_used_stack_is_told_plainly() -> None:
    text = "(" * 90 + "number" + ")" * 90 + " = 1"
    outcome: list[BaseException] = []

    def fall(levels: int) -> None:
        if levels:
            fall(levels - 1)
        else:
            condition(text, (), PLAIN)

    def run() -> None:
        try:
            fall(sys.getrecursionlimit() - 150)
        except LevadaError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert "nests too deep" in str(outcome[0])


WORDS = [
    *TYPES,
    *FUNCTIONS,
    *OTHER_STATEMENTS,
    *[
        "(",
        ")",
        "(",
        ")",
        ",",
        ",",
        "+",
        "-",
        "*",
        "/",
        "%",
        "=",
        "<>",
        "<",
        ">=",
        "==",
        "AND",
        "OR",
        "NOT",
        "IN",
        "LIKE",
        "ILIKE",
        "BETWEEN",
        "IS",
        "NULL",
        "TRUE",
        "FALSE",
    ],
    *[
        "1",
        "2.5",
        "-3",
        "'x'",
        "'5'",
        '"y"',
        "'2020-01-01'",
        "'00:10'",
        "`number`",
        "?",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "CAST",
        "AS",
        "signed",
        "char",
    ],
    *[
        "INTERVAL",
        "DAY",
        "MONTH",
        "SECOND",
        "DISTINCT",
        "ORDER",
        "BY",
        "SEPARATOR",
        "DESC",
        ".",
        "[",
        "]",
        "->",
        "->>",
        ":",
        "'$.a'",
        "np.int64(5)",
        "json_value",
    ],
]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.decimals(),
    st.dates(),
    st.times(),
    st.datetimes(),
    st.uuids(),
    st.binary(max_size=3),
    st.lists(st.integers(), max_size=3),
)


def compiles_or_tells(text: str, values: list[object]) -> None:
    for scope in (PLAIN, AGGREGATE):
        for compile_ in (compute, condition):
            try:
                result = compile_(text, values, scope)
            except LevadaError as error:
                assert error.message
                continue
            written(result.sql if isinstance(result, Computed) else result)


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_any_text_compiles_or_is_told(text: str) -> None:
    compiles_or_tells(text, [])


@settings(max_examples=700, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), st.lists(VALUES, min_size=12, max_size=12))
def test_any_words_compile_or_are_told(text: str, values: list[object]) -> None:
    compiles_or_tells(text, values[: text.count("?")])
