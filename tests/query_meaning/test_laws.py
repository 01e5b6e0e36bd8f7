"""The laws of the algebra, asked of PostgreSQL: they hold whatever the relations and the rows are."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import assume, given

from levada_server.query.algebra import (
    Aggregate,
    AllOf,
    AnyOf,
    Complement,
    Drop,
    ExpressionText,
    Join,
    Named,
    Project,
    Remaining,
    Restrict,
    Top,
    Union,
    UniversalSet,
)
from tests.support.agreement import examples, multiset
from tests.support.entities import Entities, has_unique_keys
from tests.support.pipelines import random_pipeline
from tests.support.strategies import chances, matching, random_condition, random_relation

if TYPE_CHECKING:
    from random import Random

    from levada_server.query.algebra import Condition, Relation
    from tests.support.pipeline_in_postgres import Held, Postgres
    from tests.support.pipelines import Pipeline

DEPTH = 3
Rows: TypeAlias = Counter[tuple[object, ...]]


def _rows(held: Held, relation: Relation, order: tuple[str, ...] = ()) -> Rows:
    """Fetch the rows of a relation, their values in an order of names if one is given."""
    heading, rows = held.fetch(relation)
    positions = [heading.names.index(name) for name in order] or range(len(heading.names))
    found: Rows = Counter()
    for row, times in multiset(rows, heading).items():
        found[tuple(row[position] for position in positions)] += times
    return found


def _drawn(chance: Random) -> tuple[Pipeline, Relation]:
    """Draw a pipeline and a relation over it."""
    pipeline = random_pipeline(chance)
    return pipeline, random_relation(chance, pipeline.oracle, DEPTH)


def _condition(chance: Random, pipeline: Pipeline, relation: Relation) -> Condition:
    return random_condition(chance, pipeline.oracle, pipeline.oracle.evaluate(relation))


@examples(60)
@given(chance=chances())
def test_restriction_and_antirestriction_partition_a_relation(postgres: Postgres, chance: Random) -> None:
    pipeline, a = _drawn(chance)
    c = _condition(chance, pipeline, a)
    with postgres.holding(pipeline) as held:
        assert _rows(held, Restrict(a, c)) + _rows(held, Restrict(a, c, negated=True)) == _rows(held, a)


@examples(40)
@given(chance=chances())
def test_antirestriction_is_restriction_by_the_complement(postgres: Postgres, chance: Random) -> None:
    pipeline, a = _drawn(chance)
    c = _condition(chance, pipeline, a)
    with postgres.holding(pipeline) as held:
        without = _rows(held, Restrict(a, c, negated=True))
        assert without == _rows(held, Restrict(a, Complement(c)))
        assert _rows(held, Restrict(a, c)) == _rows(held, Restrict(a, Complement(Complement(c))))


@examples(40)
@given(chance=chances())
def test_restrictions_commute_and_are_idempotent(postgres: Postgres, chance: Random) -> None:
    pipeline, a = _drawn(chance)
    c, d = _condition(chance, pipeline, a), _condition(chance, pipeline, a)
    with postgres.holding(pipeline) as held:
        both = _rows(held, Restrict(Restrict(a, c), d))
        assert both == _rows(held, Restrict(Restrict(a, d), c))
        assert both == _rows(held, Restrict(Restrict(Restrict(a, c), d), c))
        assert both == _rows(held, Restrict(a, AllOf((c, d))))


@examples(40)
@given(chance=chances())
def test_a_list_of_conditions_gives_what_any_of_them_gives(postgres: Postgres, chance: Random) -> None:
    pipeline, a = _drawn(chance)
    c, d = _condition(chance, pipeline, a), _condition(chance, pipeline, a)
    with postgres.holding(pipeline) as held:
        either = _rows(held, Restrict(a, AnyOf((c, d))))
        assert either == _rows(held, Restrict(a, c)) | _rows(held, Restrict(a, d))


@examples(40)
@given(chance=chances())
def test_join_has_the_same_rows_in_either_order(postgres: Postgres, chance: Random) -> None:
    pipeline, a = _drawn(chance)
    b = _partner(chance, pipeline, a)
    names = pipeline.oracle.evaluate(Join(a, b)).heading.names
    with postgres.holding(pipeline) as held:
        assert _rows(held, Join(a, b), names) == _rows(held, Join(b, a), names)


def _partner(chance: Random, pipeline: Pipeline, a: Relation) -> Relation:
    """Make a relation that can be joined with another."""
    b = random_relation(chance, pipeline.oracle, 1)
    return matching(chance, pipeline.oracle, b, pipeline.oracle.evaluate(a).heading, unchecked=False)


@examples(40)
@given(chance=chances())
def test_join_keeps_the_first_entities_of_its_operand(postgres: Postgres, chance: Random) -> None:
    pipeline, a = _drawn(chance)
    b = _partner(chance, pipeline, a)
    first = Top(a, chance.randint(1, 3), ("KEY DESC",))
    assume(has_unique_keys(pipeline.oracle.evaluate(a)))
    with postgres.holding(pipeline) as held:
        names = held.fetch(a)[0].names
        chosen = _rows(held, first)
        whole = _rows(held, Join(a, b), (*names, *_added(held, a, b)))
        expected = Counter({row: times for row, times in whole.items() if row[: len(names)] in chosen})
        assert _rows(held, Join(first, b), (*names, *_added(held, a, b))) == expected
        assert _rows(held, Join(b, first), (*names, *_added(held, a, b))) == expected


@examples(40)
@given(chance=chances())
def test_limits_of_an_ordered_relation_are_slices_of_it(postgres: Postgres, chance: Random) -> None:
    pipeline, a = _drawn(chance)
    assume(has_unique_keys(pipeline.oracle.evaluate(a)))
    traits = {x.name: x.type.kind.traits for x in pipeline.oracle.evaluate(a).heading}
    names = [name for name, one in traits.items() if one.comparable and not one.heavy]
    order = (f"{chance.choice(names)} DESC", "KEY") if names else ("KEY",)
    first, second, skipped = chance.randint(0, 5), chance.randint(0, 5), chance.randint(0, 2)
    with postgres.holding(pipeline) as held:

        def rows(relation: Relation) -> list[str]:
            return [repr(row) for row in held.fetch(relation)[1]]  # as text, NaN equals NaN

        everything, top = Top(a, None, order), Top(a, first, order)
        whole = rows(everything)
        assert rows(top) == rows(Top(top, None)) == rows(Top(everything, first)) == whole[:first]
        assert rows(Top(top, second, (), skipped)) == whole[:first][skipped : skipped + second]
        assert rows(Top(Project(top, ()), second)) == rows(Project(everything, ()))[:first][:second]


def _added(held: Held, a: Relation, b: Relation) -> tuple[str, ...]:
    own = held.fetch(a)[0].names
    return tuple(name for name in held.fetch(b)[0].names if name not in own)


@examples(80)
@given(chance=chances())
def test_the_key_of_every_result_is_unique_in_its_rows(postgres: Postgres, chance: Random) -> None:
    pipeline = random_pipeline(chance)
    a = random_relation(chance, pipeline.oracle)
    with postgres.holding(pipeline) as held:
        heading, rows = held.fetch(a)
        whole = [row for row in rows if None not in row[: len(heading.primary_key)]]
        assert has_unique_keys(Entities(heading, tuple(whole)))
        # A NULL in a key of U is an ordinary value there, except in a union, in which it matches nothing.
        if has_unique_keys(pipeline.oracle.evaluate(a)):
            assert has_unique_keys(Entities(heading, tuple(rows)))


@examples(50)
@given(chance=chances())
def test_count_and_existence_agree_with_the_rows(postgres: Postgres, chance: Random) -> None:
    pipeline = random_pipeline(chance)
    a = random_relation(chance, pipeline.oracle)
    with postgres.holding(pipeline) as held:
        rows = held.fetch(a)[1]
        assert held.count(a) == len(rows)
        assert held.exists(a) is bool(rows)


@examples(40)
@given(chance=chances())
def test_left_join_and_aggregation_keep_every_entity_once(postgres: Postgres, chance: Random) -> None:
    pipeline, a = _drawn(chance)
    entities = pipeline.oracle.evaluate(a)
    assume(has_unique_keys(entities))
    assume(all(attribute.origin for attribute in entities.heading if attribute.primary_key))
    b = Join(Project(a, ()), _partner(chance, pipeline, a))
    counted = Aggregate(a, b, (Remaining(), Named("counted", ExpressionText("count(*)"))))
    added = Join(a, counted, left_join=True, unchecked=True)
    with postgres.holding(pipeline) as held:
        assert _rows(held, Project(counted, (Remaining(), Drop("counted")))) == _rows(held, a)
        assert _rows(held, Project(added, (Remaining(), Drop("counted")))) == _rows(held, a)
        total = Aggregate(UniversalSet(()), counted, (Named("total", ExpressionText("sum(counted)")),))
        assert (held.fetch(total)[1][0][0] or 0) == held.count(Join(a, b))


@examples(40)
@given(chance=chances())
def test_union_has_the_entities_of_both_sides_and_each_once(postgres: Postgres, chance: Random) -> None:
    pipeline, a = _drawn(chance)
    assume(has_unique_keys(pipeline.oracle.evaluate(a)))
    c, d = _condition(chance, pipeline, a), _condition(chance, pipeline, a)
    left, right = Project(Restrict(a, c), ()), Project(Restrict(a, d), ())
    heading = pipeline.oracle.evaluate(left).heading
    assume(all(attribute.origin for attribute in heading))
    with postgres.holding(pipeline) as held:
        united = Counter({row: 1 for row in _rows(held, Union(left, right)) if (2,) not in row})
        either = _rows(held, left) | _rows(held, right)
        assert united == Counter({row: times for row, times in either.items() if (2,) not in row})
