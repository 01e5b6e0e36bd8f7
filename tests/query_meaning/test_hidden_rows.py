"""A caller who may not read some rows gets the answers of a database without them, whatever the relation."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from levada_server.model.table import Ownership
from levada_server.query.ownership import Insight
from tests.support.agreement import assert_agreement, examples
from tests.support.entities import Entities, same
from tests.support.oracle import Oracle
from tests.support.pipelines import TEAM, Pipeline, random_pipeline
from tests.support.strategies import random_relation

if TYPE_CHECKING:
    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import Table
    from tests.support.entities import Entity
    from tests.support.pipeline_in_postgres import Postgres

RELATIONS = 20
"""For each pipeline."""


@examples(100, shrink=False)
@given(seed=st.integers(0, 2**32 - 1))
def test_relations_mean_the_same_as_without_hidden_rows(postgres: Postgres, seed: int) -> None:
    chance = Random(seed)
    pipeline = _owned(chance, random_pipeline(chance, teams=True))
    insight = Insight(tuple(chance.sample(("", "a", "A", "b", "é"), 3)))
    shown = replace(pipeline, oracle=_visible(pipeline, insight))
    with postgres.holding(pipeline) as held:
        for _ in range(RELATIONS):
            assert_agreement(replace(held, insight=insight), shown, random_relation(chance, shown.oracle))


def _owned(chance: Random, pipeline: Pipeline) -> Pipeline:
    """Let the rows of some tables belong to the teams that they name, and be hidden from others."""
    tables = [
        replace(table, ownership=Ownership(owner, hidden=True))
        if (owner := f"{TEAM}_{table.name.table[-1].lower()}") in table.heading and chance.randint(0, 2)
        else table
        for table in pipeline.tables
    ]
    return replace(pipeline, tables=tuple(tables))


def _visible(pipeline: Pipeline, insight: Insight) -> Oracle:
    """Return an oracle that knows only the rows that somebody may read."""
    catalog = pipeline.catalog()
    tables = {table.name: _rows_of(table, pipeline, catalog, insight) for table in pipeline.tables}
    return Oracle(tables)


def _rows_of(table: Table, pipeline: Pipeline, catalog: Catalog, insight: Insight) -> Entities:
    rows = pipeline.oracle.tables[table.name]
    ways = [
        (
            belonging.columns,
            [
                row
                for row in pipeline.oracle.tables[belonging.table.name]
                if row[belonging.ownership.attribute] in insight.teams
            ],
        )
        for belonging in catalog.belongings(table)
    ]

    def seen(row: Entity) -> bool:
        return all(
            any(all(same(row[own], other[name], table.heading[own].type) for own, name in columns) for other in above)
            for columns, above in ways
        )

    kept = zip(rows.rows, rows, strict=True)
    return Entities(rows.heading, tuple(values for values, row in kept if seen(row)))
