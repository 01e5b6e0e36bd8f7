"""A request that is too large is refused with a clear error or works, and the server answers other calls meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Callable

MANY = 1_000_000


def _deep(query: lv.Table, depth: int) -> lv.Relation:
    deep: lv.Relation = query
    for _ in range(depth):
        deep = deep.proj(...)
    return deep


WORKS: dict[str, Callable[[lv.Table], lv.Relation]] = {
    "depth 90": lambda t: _deep(t, 90),
    "thousands of conditions": lambda t: t & [f"subject_id = {i}" for i in range(9_900)],
    "a million mappings": lambda t: t & [{"subject_id": i} for i in range(MANY)],
    "a million values of a name": lambda t: t & {"subject_id": np.arange(MANY)},
    "a million rows of a table": lambda t: t & pa.table({"name": ["Ann", "Bob", "nameless"] * (MANY // 3)}),
    "a megabyte of text": lambda t: t - {"name": "x" * 2**20},
}


MEANWHILE = ("thousands of conditions", "a million mappings", "a million values of a name")


@pytest.mark.parametrize("case", [case for case in WORKS if case not in MEANWHILE])
def test_large_queries_are_answered(lab: lv.VirtualModule, case: str) -> None:
    assert len(WORKS[case](lab.Subject())) == 3


MILLIONS = {count: ", ".join(["repeat('n', 1000000)"] * count) for count in (16, 17)}
"""As many texts of a million characters."""

LONG_TEXTS = {
    "sixty that double": "replace(" * 60 + "name" + ", 'n', 'nn')" * 60,
    "one that multiplies": "replace(repeat('n', 1000000), 'n', 'eighteen letters..')",
    "some that multiply": "replace(" * 5 + "repeat('n', 1000)" + ", 'n', 'nnnnnnnnnn')" * 5,
    "many that are joined": f"concat({MILLIONS[17]})",
    "many with a separator": f"concat_ws(',', {MILLIONS[17]})",
}


@pytest.mark.parametrize("case", LONG_TEXTS)
def test_a_text_that_an_expression_would_make_too_long_is_refused(lab: lv.VirtualModule, case: str) -> None:
    with pytest.raises(lv.errors.LimitReached, match="more than 16,777,216 bytes; make it shorter"):
        lab.Subject().proj(bytes=f"length({LONG_TEXTS[case]})").to_arrays("bytes")


def test_a_text_may_have_sixteen_megabytes(lab: lv.VirtualModule) -> None:
    query = (lab.Subject & "subject_id = 1").proj(
        replaced="length(replace(repeat('n', 1000000), 'n', 'sixteen letters.'))",
        sparse="length(replace(concat(repeat('m', 1000000), 'n'), 'n', repeat('o', 1000000)))",
        joined=f"length(concat({MILLIONS[16]}))",
    )
    lengths = query.fetch1("replaced", "sparse", "joined")
    assert lengths == (16_000_000, 2_000_000, 16_000_000)


REFUSED: dict[str, tuple[Callable[[lv.Table], lv.Relation], type[lv.errors.LevadaError], str]] = {
    "depth 200": (lambda t: _deep(t, 200), lv.errors.QueryTooDeep, "more than 100 deep"),
    "depth 5 000": (lambda t: _deep(t, 4_999), lv.errors.QueryTooDeep, "more than 100 deep"),
    "more than 10 000 operators": (lambda t: _deep(t, 10_000), lv.errors.QueryTooDeep, "the limit is 10000"),
    "more than a million mappings": (
        lambda t: t & [{"subject_id": i} for i in range(MANY + 1)],
        lv.errors.QueryTooDeep,
        "the limit is 1000000",
    ),
    "more than a million values": (
        lambda t: t & {"subject_id": list(range(MANY + 1))},
        lv.errors.QueryTooDeep,
        "the limit is 1000000",
    ),
    "many tables of values": (
        lambda t: t & [pa.table({f"x{i}": np.zeros(MANY, np.int8)}) for i in range(5)],
        lv.errors.QueryTooDeep,
        "more than 4000000 values",
    ),
    "a megabyte of expression": (
        lambda t: t & f"name = '{'x' * 2**20}'",
        lv.errors.InvalidExpression,
        "longer than 65536 bytes",
    ),
    "10 000 parentheses": (
        lambda t: t & ("(" * 10_000 + "subject_id" + ")" * 10_000 + " = 1"),
        lv.errors.InvalidExpression,
        "nests deeper than 100 levels",
    ),
    "many words": (
        lambda t: t & " OR ".join(["subject_id=1"] * 4_000),
        lv.errors.InvalidExpression,
        "at most 10000 words",
    ),
    "a few operators that stand for a million": (
        lambda t: reduce(lambda query, _: query * query, range(20), t.proj()),
        lv.errors.QueryTooDeep,
        "more than 20000 operators",
    ),
    "more columns than PostgreSQL has": (
        lambda t: t.proj(**{f"x{i}": "subject_id + 1" for i in range(1_700)}) & lv.Top(1),
        lv.errors.LimitReached,
        "1664",
    ),
    "a long list in an expression": (
        lambda t: t & t.c.subject_id.isin(list(range(10_001))),
        lv.errors.WrongValue,
        "restrict by a mapping with the list",
    ),
    "a name for each of 20 000": (
        lambda t: lv.U(*(f"x{i}" for i in range(20_000))) & t,
        lv.errors.UnknownAttribute,
        "`x0`",
    ),
    "codes that stand for more than memory": (
        lambda t: t & pa.table({"name": pa.DictionaryArray.from_arrays(np.zeros(MANY, np.int8), ["x" * 2**20])}),
        lv.errors.QueryTooDeep,
        "128 MB",
    ),
    "nested values": (lambda t: t & pa.table({"name": [["x"]]}), lv.errors.InvalidRequest, "`name`.*cannot restrict"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_queries_that_are_too_large_are_refused(lab: lv.VirtualModule, case: str) -> None:
    make, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        len(make(lab.Subject()))
    assert len(lab.Subject()) == 3


def test_warnings_are_cut_to_what_an_answer_carries(lab: lv.VirtualModule) -> None:
    with pytest.warns(lv.LevadaWarning, match="names no attribute") as told:
        assert len(lab.Subject & {"y" * 2**20: 1} & {f"x{i}": i for i in range(20_000)}) == 3
    assert all(len(str(warning.message)) <= 1_001 for warning in told)


@pytest.mark.parametrize("case", MEANWHILE)
def test_other_calls_are_answered_meanwhile(lab: lv.VirtualModule, connection: lv.Connection, case: str) -> None:
    query = WORKS[case](lab.Subject())
    with lv.Connection(connection.address) as other, ThreadPoolExecutor(1) as threads:
        answered = 0
        large = threads.submit(len, query)
        while not large.done():
            assert other.is_connected
            answered += 1
    # With the loop held by the large one, this is one or two.
    assert answered > 10
    assert large.result() == 3
