"""Digests of rows: equal for equal values, in any order, and different for any other value."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from levada._moving.digests import Total, digest, token, tokens


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Decimal("1.50"), Decimal("1.5")),
        (0.0, -0.0),
        (float("nan"), float("nan")),
        (dt.datetime(2020, 1, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))), dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
        (np.arange(3, dtype=">i4"), np.arange(3, dtype="<i4")),
        ({1, 2, 3}, {3, 2, 1}),
    ],
)
def test_equal_values_have_equal_tokens(first: Any, second: Any) -> None:  # noqa: ANN401  # any values
    assert token(first) == token(second)


VALUES: list[Any] = [  # Any: of every kind
    None, True, False, 0, 1, 2**70, 1.0, 1.5, "", "1", b"", b"1", Decimal(1), Decimal(f"1.{'1' * 37}"),
    Decimal(f"1.{'1' * 36}2"), dt.date(2020, 1, 1), dt.time(1),
    dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.timedelta(1), UUID(int=1),
    [], (), {}, set(), [1], (1,), [[1]],
    {"a": 1}, {"a": "1"}, np.arange(3), np.arange(3.0), np.arange(3).reshape(1, 3), np.float32(1), 1j,
    np.array(["a"]), np.array([{"a": 1}, None], dtype=object), np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
]  # fmt: skip


def test_different_values_have_different_tokens() -> None:
    assert len({token(value) for value in VALUES}) == len(VALUES)


def test_floats_of_four_bytes_are_compared_as_such() -> None:
    assert token(0.1) != token(float(np.float32(0.1)))
    assert token(0.1, float32=True) == token(float(np.float32(0.1)), float32=True)


@pytest.mark.parametrize("float32", [False, True])
@pytest.mark.parametrize("json", [False, True])
@pytest.mark.parametrize(
    "column",
    [
        VALUES,
        [1, 2**70, -3],
        [1, None],
        [None, None],
        ["a", None, ""],
        [True, False],
        [0.1, -0.0, float("nan"), float("inf"), 1e-310, 3.0],
        [0.1, None],
        [1, 1.0],
        [Decimal(1), Decimal("1.10")],
        [],
    ],
)
def test_tokens_of_a_column_are_those_of_its_values(column: list[Any], *, float32: bool, json: bool) -> None:
    assert tokens(column, float32=float32, json=json) == [token(value, float32=float32, json=json) for value in column]


def test_json_has_one_kind_of_numbers_and_no_order_of_keys() -> None:
    assert token({"a": 1.0, "b": 2}, json=True) == token({"b": 2, "a": 1}, json=True)


def test_the_order_of_rows_does_not_count_but_each_row_does() -> None:
    totals = [Total() for _ in range(3)]
    for total, rows in zip(totals, (["a", "b"], ["b", "a"], ["a", "a"]), strict=True):
        total.add([digest([token(row), token(1)]) for row in rows])
    assert totals[0] == totals[1]
    assert totals[0].text != totals[2].text
