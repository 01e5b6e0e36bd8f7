"""The tables of kinds of attribute types in server, client, dashboard and tests have the same rows."""

from __future__ import annotations

import re
from pathlib import Path

from levada._moving.sql_tables import DUCKDB, POSTGRESQL
from levada._values.types import KINDS
from levada._values.types import parse_type as parsed_by_client
from levada_server.model.kinds import Kind
from levada_server.model.types import parse_type
from tests.clients.python.test_round_trip import GENERATORS
from tests.support.pipelines import POOLS

TESTS = ("levada._moving.sql_tables", "levada._values.types")
DASHBOARD = Path(__file__).parents[1] / "server/dashboard/src/api/kinds.ts"

IN_STORES = {Kind.ATTACH, Kind.OBJECT}
"""The kinds whose values are files or objects, which have tests of their own."""


def test_the_client_has_a_row_for_each_kind() -> None:
    assert set(KINDS) == {kind.value for kind in Kind}


def test_the_client_knows_the_kind_of_each_spelling() -> None:
    for spelling in GENERATORS:
        assert parsed_by_client(str(parse_type(spelling))).kind == parse_type(spelling).kind.value


def test_the_dashboard_has_a_row_for_each_kind() -> None:
    _, _, table = DASHBOARD.read_text(encoding="utf-8").partition("export const KINDS")
    rows = re.findall(r"^  (\w+): ", table.partition("\n};")[0], re.MULTILINE)
    assert sorted(rows) == sorted(kind.value for kind in Kind)


def test_exports_have_a_row_for_each_kind_but_arrays_which_are_lists() -> None:
    for dialect in (POSTGRESQL, DUCKDB):
        assert set(dialect.types) == {kind.value for kind in Kind} - {Kind.ARRAY.value}


def test_values_of_each_kind_are_drawn() -> None:
    assert {parse_type(word).kind for word in POOLS} == set(Kind) - IN_STORES - {Kind.ARRAY}
    assert {parse_type(word).kind for word in GENERATORS} == set(Kind) - IN_STORES
