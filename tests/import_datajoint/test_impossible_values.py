"""Values of PostgreSQL that cannot be here are seen by the plan, and asked for."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TESTS = ("levada._from_datajoint.postgresql",)

ODD = r"""
CREATE SCHEMA impossible;
CREATE TABLE impossible.reading (r integer PRIMARY KEY, price numeric(8,2) NOT NULL, free numeric,
    clock time without time zone NOT NULL, clocks time without time zone[], day date NOT NULL, days daterange,
    seen timestamp without time zone NOT NULL, told timestamp with time zone NOT NULL, facts json NOT NULL, more jsonb,
    level double precision NOT NULL, rate numeric(8,2) NOT NULL DEFAULT 'NaN', shut time NOT NULL DEFAULT '24:00:00',
    noted timestamp without time zone NOT NULL DEFAULT CURRENT_TIMESTAMP, at timestamptz NOT NULL DEFAULT now());
INSERT INTO impossible.reading (r, price, free, clock, clocks, day, days, seen, told, facts, level, rate, shut) VALUES
    (1, 'NaN', 'NaN', '24:00:00', NULL, 'infinity', NULL, '-infinity', 'infinity', '{"a": "b\u0000c"}', 'NaN', 1,
     '1:00'),
    (2, 1.5, 'Infinity', '23:59:59.999999', '{24:00:00}', '2020-02-29', '[2020-01-01,infinity)',
     '9999-12-31 23:59:59.999999', '2020-01-01 12:00:00+02', '{"a": 1, "a": 2}', '-Infinity', 1, '1:00');
"""


@pytest.fixture
def odd(lab_2_3: str) -> Iterator[str]:
    """The laboratory with one more schema, and a zone for all sessions, for the length of a test."""
    with psycopg.connect(lab_2_3, autocommit=True) as database:
        name = database.info.dbname
        database.execute(ODD)
        database.execute(f"ALTER DATABASE {name} SET timezone = 'Europe/London'")
        yield lab_2_3
        database.execute(f"ALTER DATABASE {name} RESET timezone")
        database.execute("DROP SCHEMA impossible CASCADE")


def test_values_that_cannot_be_here_are_asked_for(
    bring: Callable[..., tuple[int, Any]], odd: str, tmp_path: Path, connection: lv.Connection
) -> None:
    _, told = bring(odd, "impossible", "--plan")
    assert {question["id"] for question in told["questions"]} == {
        *(f"zero-date:impossible.reading.{name}" for name in ("day", "seen", "told")),
        *(f"type:impossible.reading.{name}" for name in ("free", "clocks", "days")),
        "nan:impossible.reading.price",
        "late-time:impossible.reading.clock",
        "nul:impossible.reading.facts",
        *(f"default:impossible.reading.{name}" for name in ("rate", "shut")),
    }
    assert told["lone"] == {}
    changes = " ".join(told["tables"][0]["changes"])
    assert "`facts`: the order of keys, and keys that occur twice, are not kept; its numbers" in changes
    assert "`more`: its numbers have the digits of a float64, as DataJoint reads them" in changes
    assert "`noted` is by default the time in UTC; there it is the time of sessions, whose zone is Europe" in changes
    assert "`at` is by default" not in changes

    file = tmp_path / "decisions.toml"
    nulls = "".join(f'"{kind}:*" = "null"\n' for kind in ("zero-date", "nan", "late-time"))
    file.write_text(f'[decisions]\n{nulls}"type:*" = "text"\n"default:*" = "none"\n"nul:*" = "strip"\n', "utf-8")
    code, told = bring(odd, "impossible", "--yes", "--decisions", file)
    assert (code, told["report"]["equal"]) == (0, True)
    one, two = lv.FreeTable(connection, "impossible.Reading").to_dicts(order_by="r")
    assert [one[name] for name in ("price", "clock", "day", "seen", "told")] == [None] * 5
    assert (one["free"], one["facts"], two["facts"], two["free"]) == ("NaN", {"a": "bc"}, {"a": 2}, "Infinity")
    assert (two["price"], two["clock"]) == (Decimal("1.50"), dt.time(23, 59, 59, 999999))
    assert (two["seen"], two["day"]) == (dt.datetime(9999, 12, 31, 23, 59, 59, 999999), dt.date(2020, 2, 29))
    assert two["level"] == float("-inf")
