"""PostgreSQL answers compiled relations as the oracle does: attributes, key, rows and their order, and refusals."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.support.agreement import assert_agreement, examples
from tests.support.pipelines import random_pipeline
from tests.support.strategies import random_relation

if TYPE_CHECKING:
    from tests.support.pipeline_in_postgres import Postgres

RELATIONS = 20
"""For each pipeline."""

# A seed has nothing to shrink: the smallest part of the relation is shown instead.
_seeds = given(seed=st.integers(0, 2**32 - 1))


@examples(150, shrink=False)
@_seeds
def test_relations_mean_what_the_oracle_says(postgres: Postgres, seed: int) -> None:
    _check(postgres, Random(seed), wild=False)


@examples(75, shrink=False)
@_seeds
def test_invalid_relations_are_refused_before_postgresql_sees_them(postgres: Postgres, seed: int) -> None:
    _check(postgres, Random(seed), wild=True)


def _check(postgres: Postgres, chance: Random, *, wild: bool) -> None:
    pipeline = random_pipeline(chance)
    with postgres.holding(pipeline) as held:
        for _ in range(RELATIONS):
            assert_agreement(held, pipeline, random_relation(chance, pipeline.oracle, wild=wild))
