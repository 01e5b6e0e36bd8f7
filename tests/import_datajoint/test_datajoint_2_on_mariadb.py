"""A database that DataJoint 2.3 wrote into MariaDB, which it does not support, but works with: it comes like others."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from tests.import_datajoint.conftest import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.mariadb import MariaDB

RENAMED = '[schemas]\nanimal = "animal_m"\nlab2 = "lab_m"\n'


@pytest.fixture
def lab_2_3_mariadb(lab_0_14: MariaDB) -> Iterator[MariaDB]:
    """The MariaDB with the schemas of 2.3 too, for the length of a test."""
    lab_0_14.run((SAMPLES / "lab_2_3_mariadb.sql").read_text(encoding="utf-8"))
    yield lab_0_14
    lab_0_14.run("DROP DATABASE lab2; DROP DATABASE animal;")


def test_all_tables_are_equal_on_both_sides(
    bring: Callable[..., tuple[int, Any]], lab_2_3_mariadb: MariaDB, decisions: Path, connection: lv.Connection
) -> None:
    decisions.write_text(decisions.read_text(encoding="utf-8") + RENAMED, encoding="utf-8")
    code, told = bring(lab_2_3_mariadb.url, "animal", "lab2", "--yes", "--decisions", decisions)
    assert "report" in told, told
    assert (code, told["report"]["equal"]) == (0, True)
    rows = {table["table"]: table["rows_here"] for table in told["report"]["tables"]}
    assert rows == {
        **{"animal_m.Species": 2, "animal_m.Animal": 2, "lab_m.Setting": 1, "lab_m.Session": 2},
        **{"lab_m.Session.Trial": 2, "lab_m.Rate": 1, "lab_m.Values": 2, "lab_m.Stored": 0},
    }
    assert told["report"]["jobs"] == {"lab2.~~rate": 1}
    assert told["report"]["hidden"] == {"lab2.__rate": 1}
    animal = (lv.FreeTable(connection, "animal_m.Animal") & "animal_id = 2").fetch1()
    assert (animal["price"], animal["nick"]) == (Decimal("-3.25"), "Ünï'\"\\")
    assert lv.FreeTable(connection, "lab_m.Setting").fetch1() == {"gain": 1.5}
    value = (lv.FreeTable(connection, "lab_m.Values") & "value_id = 1").fetch1()
    assert value["inline"]["x"].tolist() == [0, 1, 2, 3, 4]
    assert lv.FreeTable(connection, "lab_m.Stored").heading["trace"].type == "<npy@main>"
