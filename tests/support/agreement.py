"""Compare PostgreSQL's answer to a relation with the oracle's, and find the smallest part on which they differ."""

from __future__ import annotations

import math
import os
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import asyncpg
from hypothesis import HealthCheck, Phase, settings

from levada_server.errors import LevadaError
from levada_server.query.algebra import Relation, UniversalSet, nodes
from levada_server.query.compile import compile_relation
from tests.support.entities import Ambiguous, seen
from tests.support.oracle_operators import compare_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from levada_server.model.heading import Heading
    from levada_server.model.types import AttributeType
    from tests.support.entities import Entities
    from tests.support.oracle import Oracle
    from tests.support.pipeline_in_postgres import Held
    from tests.support.pipelines import Pipeline

_Test = TypeVar("_Test", bound="Callable[..., None]")

DIGITS = 12
"""The digits to which floats are compared: PostgreSQL rounds an average differently in the last of 16."""


def examples(count: int, *, shrink: bool = True) -> Callable[[_Test], _Test]:
    """Run a hypothesis test with a number of examples, the same ones every time.

    With LEVADA_TEST_EXAMPLES=20 in the environment there are twenty times as many, and different ones every time.
    """
    phases = tuple(Phase) if shrink else (Phase.generate,)
    factor = int(os.environ.get("LEVADA_TEST_EXAMPLES", "1"))
    return settings(
        max_examples=count * factor,
        derandomize=factor == 1,
        database=None,
        deadline=None,
        phases=phases,
        # Each example rolls back its changes to the database.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def multiset(rows: Iterable[Sequence[object]], heading: Heading) -> Counter[tuple[object, ...]]:
    """Count rows, each in its form for comparison."""
    return Counter(tuple(_seen(v, a.type) for v, a in zip(row, heading, strict=True)) for row in rows)


def _seen(value: object, type_: AttributeType) -> tuple[object, ...]:
    if isinstance(value, float) and math.isfinite(value):
        value = float(f"{value:.{DIGITS}g}")
    return seen(value, type_)


def disagreement(held: Held, oracle: Oracle, relation: Relation) -> str:
    """Describe how PostgreSQL's answer differs from the oracle's; return an empty text if it does not."""
    wanted: Entities | LevadaError
    try:
        wanted = oracle.evaluate(relation)
    except LevadaError as error:
        wanted = error
    except Ambiguous:
        return ""
    try:
        heading, rows = held.fetch(relation)
    except LevadaError as error:
        return "" if isinstance(wanted, LevadaError) else f"refused: {error}"
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return f"PostgreSQL raised {error!r}"
    if isinstance(wanted, LevadaError):
        return f"not refused, though {wanted}"
    if _shape(heading) != _shape(wanted.heading):
        return f"the heading is\n    {_shape(heading)}\nand not\n    {_shape(wanted.heading)}"
    if multiset(rows, heading) != multiset(wanted.rows, heading):
        return f"the rows are\n    {rows}\nand not\n    {list(wanted.rows)}"
    compare = compare_rows(wanted, wanted.order)
    if any(compare(first, second) > 0 for first, second in pairwise(rows)):
        return f"the rows are not in order: {rows}"
    return ""


def _shape(heading: Heading) -> list[tuple[object, ...]]:
    return [(a.name, a.primary_key, a.origin and a.origin.label, str(a.type)) for a in heading]


def assert_agreement(held: Held, pipeline: Pipeline, relation: Relation) -> None:
    """Fail unless PostgreSQL's answer equals the oracle's; show the smallest part of the relation that differs.

    PostgreSQL's errors end the transaction, so a relation that raised one is shown as it is.
    """
    problem = disagreement(held, pipeline.oracle, relation)
    if not problem:
        return
    if not problem.startswith("PostgreSQL"):
        for part in sorted(parts(relation), key=lambda part: len(repr(part))):
            if part_problem := disagreement(held, pipeline.oracle, part):
                problem, relation = part_problem, part
                break
    try:
        statement: object = compile_relation(relation, held.catalog, insight=held.insight).fetch()
    except LevadaError as error:
        statement = error
    raise AssertionError(f"{problem}\n\n{relation}\n\n{statement}\n{pipeline!r}")


def parts(relation: Relation) -> Iterator[Relation]:
    """Yield a relation and all relations within it that have rows."""
    return (node for node in nodes(relation) if isinstance(node, Relation) and not isinstance(node, UniversalSet))
