"""Moments and defaults of a database whose zone has summer time, and is UTC in winter."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from levada._from_datajoint.facts import StoredDefault
from levada._from_datajoint.mysql import _read_default

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.mariadb import MariaDB

TESTS = ("levada._from_datajoint.mysql", "levada._from_datajoint.defaults", "levada._from_datajoint.facts")

ZONES = """
USE mysql;
INSERT INTO time_zone VALUES (1, 'N');
INSERT INTO time_zone_name VALUES ('Test/London', 1);
INSERT INTO time_zone_transition_type VALUES (1, 0, 0, 0, 'GMT'), (1, 1, 3600, 1, 'BST');
INSERT INTO time_zone_transition VALUES (1, 1585443600, 1), (1, 1603587600, 0);
CREATE DATABASE zones; USE zones;
SET GLOBAL time_zone = 'Test/London'; SET SESSION time_zone = 'Test/London', sql_mode = '';
CREATE TABLE `moment` (m int NOT NULL, seen timestamp NOT NULL DEFAULT '2020-07-01 12:00:00',
  noted datetime NOT NULL DEFAULT current_timestamp(), touched timestamp NOT NULL DEFAULT current_timestamp(),
  PRIMARY KEY (m));
INSERT INTO moment (m) VALUES (1);
INSERT INTO moment (m, seen) VALUES (2, '2020-01-01 12:00:00');
CREATE TABLE `never` (m int NOT NULL, seen timestamp NOT NULL DEFAULT '0000-00-00 00:00:00',
  noted datetime NOT NULL DEFAULT '0000-00-00 00:00:00', day date NOT NULL DEFAULT '2020-00-00', PRIMARY KEY (m));
"""
UNDONE = """
SET GLOBAL time_zone = '+02:00'; DROP DATABASE zones; USE mysql;
DELETE FROM time_zone; DELETE FROM time_zone_name; DELETE FROM time_zone_transition_type;
DELETE FROM time_zone_transition; FLUSH TABLES;
"""


@pytest.fixture
def zones(lab_0_14: MariaDB) -> Iterator[MariaDB]:
    """The laboratory with one more schema, and with a zone, for the length of a test."""
    try:
        lab_0_14.run(ZONES)
        yield lab_0_14
    finally:
        lab_0_14.run(UNDONE)


@pytest.fixture
def decide(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write decisions for the zone and for a schema's name."""

    def write(zone: str, schema: str) -> Path:
        file = tmp_path / f"{schema}.toml"
        text = f'[decisions]\n"timestamp-zone" = "{zone}"\n"default:*" = "none"\n[schemas]\nzones = "{schema}"\n'
        file.write_text(text, encoding="utf-8")
        return file

    return write


def test_zone_is_decided_by_its_rule_and_not_by_its_offset_now(
    bring: Callable[..., tuple[int, Any]],
    zones: MariaDB,
    decide: Callable[[str, str], Path],
    connection: lv.Connection,
) -> None:
    _, told = bring(zones.url, "zones", "--plan")
    (question,) = (question for question in told["questions"] if question["id"] == "timestamp-zone")
    assert "in the zone of the session, Test/London (+00:00 to +01:00), and" in question["text"]
    assert question["text"].endswith("those of zones.moment and 1 other table.")
    for zone, hour in (("utc", 11), ("as shown", 12)):
        name = f"zones_{hour}"
        code, told = bring(zones.url, "zones", "--yes", "--decisions", decide(zone, name))
        assert (code, told["report"]["equal"]) == (0, True)
        moment = lv.FreeTable(connection, f"{name}.Moment")
        assert [row["seen"] for row in moment.to_dicts("seen", order_by="m")] == [
            dt.datetime(2020, 7, 1, hour),
            dt.datetime(2020, 1, 1, 12),
        ]
        moment.insert1({"m": 3})  # the default is shifted as the values are
        assert (moment & {"m": 3}).fetch1("seen") == dt.datetime(2020, 7, 1, hour)
        changes = " ".join(next(table["changes"] for table in told["tables"] if table["there"] == "zones.moment"))
        assert "`noted` is by default the time in UTC; there it is the time of sessions, whose zone is Test" in changes
        assert ("`touched` is by default" in changes) == (zone == "as shown")


def test_default_that_does_not_exist_is_left_out_if_decided(
    bring: Callable[..., tuple[int, Any]],
    zones: MariaDB,
    decide: Callable[[str, str], Path],
    connection: lv.Connection,
) -> None:
    _, told = bring(zones.url, "zones", "--plan")
    asked = {question["id"] for question in told["questions"]}
    assert asked >= {f"default:zones.never.{name}" for name in ("seen", "noted", "day")}
    assert bring(zones.url, "zones", "--yes", "--decisions", decide("utc", "zones_never"))[0] == 0
    assert "0000" not in lv.FreeTable(connection, "zones_never.Never").describe()


@pytest.mark.parametrize(
    ("text", "extra", "type_", "expression"),
    [
        ("CURRENT_TIMESTAMP", "", "datetime", True),  # as MySQL 5.7 shows it
        ("CURRENT_TIMESTAMP(6)", "on update CURRENT_TIMESTAMP(6)", "timestamp(6)", True),
        ("CURRENT_TIMESTAMP", "", "varchar(20)", False),
        ("CURRENT_TIMESTAMP", "DEFAULT_GENERATED", "datetime", True),
        ("uuid()", "DEFAULT_GENERATED", "varchar(36)", True),
        ("2020-01-01 00:00:00", "", "datetime", False),
    ],
)
def test_default_of_every_mysql_is_known_to_be_computed(text: str, extra: str, type_: str, expression: bool) -> None:
    assert _read_default(text, extra, type_, mariadb=False) == StoredDefault(text, expression)
