from __future__ import annotations

import pytest

from levada_server.errors import InvalidRequest
from levada_server.model.table import TableName, check_schema_name, check_table_name
from tests.model.pipeline import declared


@pytest.mark.parametrize(
    ("table", "stored"),
    [
        ("Subject", "subject"),
        ("SpikeTrain", "spike_train"),
        ("ABC", "a_b_c"),
        ("Fit2D", "fit2_d"),
        ("Session.Trial", "session__trial"),
        ("Session.Trial.VideoFrame", "session__trial__video_frame"),
    ],
)
def test_stored_name(table: str, stored: str) -> None:
    assert TableName("lab", table).stored == stored


def test_the_master_of_a_part() -> None:
    assert TableName("lab", "Session.Trial.Frame").master == TableName("lab", "Session.Trial")
    assert TableName("lab", "Session").master is None


@pytest.mark.parametrize(
    "table", ["subject", "Spike_Train", "", "Session.", ".Trial", "Session.trial", "Größe", "A" * 33]
)
def test_refused_table_names(table: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_table_name(TableName("lab", table))
    assert caught.value.details["field"] == "name"


def test_a_stored_name_has_at_most_63_bytes() -> None:
    assert check_table_name(TableName("lab", "A" + "b" * 62)).stored == "a" + "b" * 62
    with pytest.raises(InvalidRequest, match="longer than 63 bytes"):
        check_table_name(TableName("lab", "A" + "b" * 63))


@pytest.mark.parametrize(
    "name", ["Lab", "1lab", "", "la-b", "pg_lab", "levada", "levada_x", "information_schema", "a" * 64]
)
def test_refused_schema_names(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_schema_name(name)
    assert caught.value.details["field"] == "name"


@pytest.mark.parametrize("name", ["lab", "my_lab_2", "public", "a" * 63])
def test_schema_names(name: str) -> None:
    assert check_schema_name(name) == name


def test_a_foreign_key_knows_whether_it_renames() -> None:
    plain, renamed = declared("-> lab.Subject\n-> lab.Subject.proj(mother='subject_id')").foreign_keys
    assert not plain.renamed and plain.child_columns == ("subject_id",)
    assert renamed.renamed and renamed.child_columns == ("mother",)
