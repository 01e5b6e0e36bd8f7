"""A query compiled for other values and bound to new ones equals the query compiled for the new ones."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from levada_server.errors import LevadaError
from levada_server.query.algebra import Equalities, Parameter
from levada_server.query.compile import compile_relation
from tests.support.agreement import examples
from tests.support.pipelines import random_pipeline
from tests.support.strategies import random_relation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from levada_server.model.dependencies import Catalog
    from levada_server.query.algebra import Relation
    from levada_server.query.query import Query

RELATIONS = 10
"""For each pipeline."""
PLAIN = (bool, int, float, str, bytes)


@examples(60, shrink=False)
@given(seed=st.integers(0, 2**32 - 1))
def test_bound_values_give_the_query_that_is_compiled_for_them(seed: int) -> None:
    chance = Random(seed)
    pipeline = random_pipeline(chance)
    catalog = pipeline.catalog()
    for _ in range(RELATIONS):
        relation = random_relation(chance, pipeline.oracle, wild=chance.randint(0, 3) == 0)
        values: list[object] = []

        plan = _compiled(_with_values(relation, partial(_parameter, values)), catalog)
        _check_the_same(plan, _compiled(relation, catalog))
        if isinstance(plan, str) or plan.fixed:
            continue
        for _ in range(3):
            others = [_other(chance, value) for value in values]
            bound = plan.bound(others)
            if bound is not None:
                changed = _with_values(relation, partial(_next, iter(others)))
                _check_the_same(bound, _compiled(changed, catalog))


def _parameter(values: list[object], value: object) -> Parameter:
    values.append(value)
    return Parameter(len(values) - 1, value)


def _next(values: Iterator[object], _: object) -> object:
    return next(values)


def _with_values(part: Any, put: Callable[[object], object]) -> Any:  # noqa: ANN401  # a relation or a part of one
    """Replace every plain value of a mapping, in order."""
    if isinstance(part, Equalities):
        return Equalities(tuple((name, put(v) if isinstance(v, PLAIN) else v) for name, v in part.entries))
    if isinstance(part, tuple):
        return tuple(_with_values(item, put) for item in part)
    if is_dataclass(part) and not isinstance(part, type):
        return replace(part, **{f.name: _with_values(getattr(part, f.name), put) for f in fields(part)})
    return part


def _other(chance: Random, value: object) -> object:
    """Return a value of the same kind."""
    match value:
        case bool():
            return chance.choice((True, False))
        case int():
            return chance.choice((value, value + 1, 0, -1, 2**70))
        case float():
            return chance.choice((value, -value, 0.5, 1e300, float("inf"), float("nan")))
        case str():
            return chance.choice((value, "", "1", "2024-01-01", "much too long for most", value + "x"))
        case _:
            return chance.choice((value, b"", b"\0", b"0123456789abcdef"))


def _compiled(relation: Relation, catalog: Catalog) -> Query | str:
    """Compile a relation; return the message of its refusal."""
    try:
        return compile_relation(relation, catalog)
    except LevadaError as error:
        return error.message


def _check_the_same(found: Query | str, expected: Query | str) -> None:
    if isinstance(found, str) or isinstance(expected, str):
        assert found == expected
        return
    assert (found.heading, found.warnings) == (expected.heading, expected.warnings)
    for query in ("fetch", "count", "exists", "literals"):
        mine, others = getattr(found, query)(), getattr(expected, query)()
        assert (mine and mine.text) == (others and others.text)
        assert repr(mine and mine.values) == repr(others and others.values)  # of NaN too
    literals = [f"l{index}" for index in range(100)]
    assert found.bulk_fetch(1, literals) == expected.bulk_fetch(1, literals)
