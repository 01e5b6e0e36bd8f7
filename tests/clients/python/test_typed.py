"""Expressions that are written in Python."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pytest

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada._query.terms import Columns, Term

TESTS = ("levada._query.terms",)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (lambda c: c.subject_id == 1, [1]),
        (lambda c: c["subject_id"] != 1, [2, 3]),
        (lambda c: c.weight > 20, [1]),
        (lambda c: np.float64(20.5) <= c.weight, [1]),
        (lambda c: c.subject_id < 3, [1, 2]),
        (lambda c: c.subject_id >= np.int32(2), [2, 3]),
        (lambda c: (c.name == "Ann") | (c.species == "rat"), [1, 2]),
        (lambda c: (c.subject_id > 1) & ~(c.subject_id > 2), [2]),
        (lambda c: (c.weight * 2 + 1 == 42) & (c.weight / 2 - 0.25 == 10), [1]),
        (lambda c: (1 + c.subject_id) % 2 == 0, [1, 3]),
        (lambda c: 10 - c.subject_id * 2 == 4, [3]),
        (lambda c: (2 * c.subject_id == 4) | (6 / c.subject_id == 2) | (5 % c.subject_id == 9), [2, 3]),
        (lambda c: -c.subject_id == -2, [2]),
        (lambda c: c.subject_id.isin([1, 3]), [1, 3]),
        (lambda c: c.subject_id.isin(np.array([2])), [2]),
        (lambda c: c.subject_id.isin([]), []),
        (lambda c: c.subject_id.between(2, 3), [2, 3]),
        (lambda c: c.name.like("%n%"), [1, 3]),
        (lambda c: c.weight.is_null(), [2, 3]),
        (lambda c: c.weight == None, [2, 3]),  # noqa: E711  # asks for NULL
        (lambda c: c.weight != None, [1]),  # noqa: E711  # as above
        (lambda c: [c.subject_id == 1, {"name": "Bob"}], [1, 2]),
        (lambda c: lv.Not(c.weight > 20), [2, 3]),
        (lambda c: c.name == "Ann' OR 1 = 1", []),
    ],
)
def test_conditions(lab: lv.VirtualModule, condition: Callable[[Columns], Term], expected: list[int]) -> None:
    restricted = lab.Subject & condition(lab.Subject.c)
    assert restricted.to_arrays("subject_id", order_by="KEY").tolist() == expected


def test_values_take_the_type_of_what_they_meet(lab: lv.VirtualModule) -> None:
    day = dt.date(2026, 1, 6)
    assert len(lab.Session & (lab.Session.c.day >= day)) == 2
    assert len(lab.Session & (lab.Session.c.day == "2026-01-06")) == 1


def test_attributes_are_computed(lab: lv.VirtualModule) -> None:
    c = lab.Subject().c
    assert (lab.Subject.proj(kg=c.weight / 1000) & {"subject_id": 1}).fetch1("kg") == pytest.approx(0.0205)
    counted = lab.Subject.aggr(lab.Session, n="count(*)")
    assert (counted & (counted.c.n > 1)).to_arrays("subject_id").tolist() == [1]
    assert set(dir(c)) == {"subject_id", "species", "name", "weight"}


def test_what_cannot_be_meant_is_told(lab: lv.VirtualModule) -> None:
    c = lab.Subject.c
    with pytest.raises(lv.errors.UnknownAttribute, match="wieght"):
        len(lab.Subject & (c.wieght > 3))
    with pytest.raises(lv.errors.UnknownAttribute, match="not the name"):
        c["weight) or (1"]
    wrong = (
        lambda: c.weight > 1 and c.weight < 3,
        lambda: 1 < c.weight < 3,
        lambda: c.weight in [1, 2],
        lambda: c.weight == [1, 2],
        lambda: c.weight > None,
        lambda: c.name.isin("Ann"),
    )
    for use in wrong:
        with pytest.raises(lv.errors.InvalidRequest):
            use()
