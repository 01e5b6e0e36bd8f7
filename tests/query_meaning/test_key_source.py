"""The keys that an auto-populated table must still compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.model.table import TableName
from levada_server.query import ddl
from levada_server.query.key_source import default_key_source, new_keys, remaining_keys
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
