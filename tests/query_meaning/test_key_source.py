"""The keys that an auto-populated table must still compute."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from levada_server.model.table import TableName
from levada_server.query import ddl
from levada_server.query.algebra import TableOperand
from levada_server.query.key_source import default_key_source, has_row_for_key, keys_of, new_keys, remaining_keys
from tests.support.lab import lab
from tests.support.notation import jobs

if TYPE_CHECKING:
    from levada_server.model.table import Table
    from tests.support.pipeline_in_postgres import Postgres


def _table(name: str) -> Table:
    return lab().catalog().table(TableName("lab", name))


def test_keys_to_compute_are_those_of_the_parents_without_a_row_and_without_a_job(postgres: Postgres) -> None:
    spectrum = _table("Spectrum")
    source = default_key_source(spectrum)
    job = f"INSERT INTO {ddl.job_table_name(spectrum)} (subject_id, session) VALUES (1, 2)"  # noqa: S608  # no input
    with postgres.holding(lab()) as held:
        assert sorted(held.fetch(remaining_keys(source, spectrum))[1]) == [(1, 2), (2, 1)]
        postgres.run(postgres.connection.execute(job))
        assert held.fetch(jobs("Spectrum").proj("state", "priority").relation)[1] == [(1, 2, "pending", 5)]
        assert held.fetch(new_keys(source, spectrum))[1] == [(2, 1)]


def test_renamed_parents_are_joined_under_their_new_names(postgres: Postgres) -> None:
    pairing = _table("Pairing")
    with postgres.holding(lab()) as held:
        heading, rows = held.fetch(new_keys(default_key_source(pairing), pairing))
    assert heading.primary_key == ("first", "second")
    assert sorted(rows) == [(a, b) for a in (1, 2, 3) for b in (1, 2, 3)]


def test_keys_left_are_the_keys_less_the_rows_where_each_row_is_that_of_one_key(postgres: Postgres) -> None:
    with postgres.holding(lab()) as held:
        for name in ("Spectrum", "Pairing"):
            table = _table(name)
            source = default_key_source(table)
            assert has_row_for_key(table)
            keys, left = (held.fetch(made(source, table))[1] for made in (keys_of, remaining_keys))
            assert len(left) == len(keys) - len(held.fetch(TableOperand(table.name))[1])


def test_a_table_with_several_rows_for_a_key_or_keys_of_its_own_is_not_counted_by_rows() -> None:
    spectrum = _table("Spectrum")
    assert not has_row_for_key(replace(spectrum, key_source=b"own"))
    channel = replace(spectrum.heading.attributes[1], name="channel")
    heading = replace(spectrum.heading, attributes=(channel, *spectrum.heading.attributes))
    assert not has_row_for_key(replace(spectrum, heading=heading))
