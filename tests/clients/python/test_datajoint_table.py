"""The table of DataJoint's names in the documentation says what is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import datajoint_table
from tests.support.datajoint_table import (
    ARGUMENTS,
    CHANGED,
    HOLDERS,
    MADE,
    PAGE,
    REFUSED,
    RENAMED,
    Missing,
    page,
    rows,
    stand_in,
)

if TYPE_CHECKING:
    import pytest


def test_every_name_is_decided() -> None:
    assert [row for row in rows() if row.verdict == "undecided"] == []


def test_the_page_has_the_table() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run python -m tests.support.datajoint_table"


def test_every_decision_is_about_a_name_or_an_argument_of_datajoint() -> None:
    arguments = {row.place: [name.strip("*") for name in (row.arguments or "").split(", ")] for row in rows()}
    assert [place for place in (*CHANGED, *REFUSED, *MADE, *HOLDERS) if place not in arguments] == []
    for decided in (*ARGUMENTS, *RENAMED):
        place, _, name = decided.rpartition(".")
        assert name in arguments[place], decided


def test_a_name_or_an_argument_that_nobody_decided_on_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datajoint_table, "ARGUMENTS", {})
    monkeypatch.setattr(datajoint_table, "RENAMED", {})
    undecided = {row.place: row.note for row in rows() if row.verdict == "undecided"}
    assert undecided["codecs.Codec.encode"] == "? key; ? store_name"
    assert set(undecided) == {decided.rpartition(".")[0] for decided in (*ARGUMENTS, *RENAMED)}
    assert stand_in("table.Table.nonsense") is stand_in("nonsense.names") is Missing
