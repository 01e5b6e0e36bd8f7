"""Rows that are easy to lose or to change, moved in every form and compared with what was there."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import duckdb
import numpy as np
import pytest

import levada as lv
from levada_server.embedded.postgres_programs import caller, find_programs
from tests.conftest import cloned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.moving.conftest import Lab

    Levada = Callable[..., tuple[int, Any]]

TESTS = ("levada._moving.sql_tables", "levada._moving.closing")
COUNTS = {
    "hostile.Setting": 1,
    "hostile.Odd": 18,
    "hostile.Child": 3,
    "hostile.Child.Part": 1,
    "hostile.Empty": 0,
}
TEXTS = [
    "",
    " ",
    "a ",
    "NULL",
    "\\N",
    "\\.",
    "é",
    "e\N{COMBINING ACUTE ACCENT}",
    "\t\n\r\\",
    "\N{MOUSE FACE}'\"`",
    "nan",
]
FACTS = "SELECT k, facts::text AS facts FROM hostile.odd WHERE k IN ('none', 'low', 'high', 'nan')"
NAMES = "k, n, f, big, tiny, short, long, seen, clock, day, span, yes, token, kind, raw, u"
ROWS = f"SELECT {NAMES} FROM hostile.odd"  # noqa: S608  # ours
BIG = Decimal("99999999999999999999999999999999999999")


@pytest.fixture
def empty_database() -> Iterator[str]:
    """The address of a database of PostgreSQL that has never met Levada."""
    with cloned("/template0") as url:
        yield url


@pytest.fixture
def hostile(bare: Lab, tmp_path: Path) -> Lab:
    """A server with the tables and rows."""
    (tmp_path / "empty ü.txt").touch()
    with bare.connection as connection:
        schema = lv.Schema("hostile", connection=connection)

        @schema
        class Odd(lv.Manual):
            definition = """
            k : varchar(40)
            n : int64
            ---
            f = null : float64
            g = null : float32
            big = null : decimal(38,0)
            tiny = null : decimal(38,38)
            short = null : char(9)
            long = null : text
            seen = null : datetime
            at = null : timestamptz
            clock = null : time
            day = null : date
            span = null : duration
            yes = null : bool
            token = null : uuid
            kind = null : enum('', 'it''s', 'a,b', '"', '\\\\', 'null')
            raw = null : bytes
            facts = null : json
            value = null : <blob>
            note = null : <attach>
            u = null : uint64
            unique index (token, yes)
            """

        @schema
        class Child(lv.Manual):
            definition = """
            -> Odd.proj(first='k', second='n')
            ---
            -> [nullable, unique] Odd.proj(other='k', number='n')
            """

            class Part(lv.Part):
                definition = """
                -> master
                part : date
                ---
                matrix : <array float32(2,2)>
                flags : <array bool(3)>
                waves : <array complex64(2)>
                half : <array float16(2)>
                """

        @schema
        class Empty(lv.Manual):
            definition = """
            -> Child
            ---
            facts : json
            large : <blob@main>
            """

        @schema
        class Setting(lv.Manual):
            definition = """
            ---
            word : varchar(20)
            -> Odd
            """

        Odd.insert([{"k": text, "n": 0, "short": text[:9], "long": text} for text in TEXTS])
        Odd.insert1({"k": "none", "n": 0})
        Setting.insert1({"word": "", "k": "none", "n": 0})
        Odd.insert(
            [
                {
                    "k": "low", "n": -(2**63), "f": float("-inf"), "g": float("-inf"), "big": BIG.copy_negate(),
                    "tiny": Decimal("-0.99999999999999999999999999999999999999"), "seen": dt.datetime(1, 1, 1),
                    "at": dt.datetime(1, 1, 1, tzinfo=dt.UTC), "clock": dt.time(0), "day": dt.date(1, 1, 1),
                    "span": -dt.timedelta(days=99_999, microseconds=1), "yes": False, "token": UUID(int=0), "kind": "",
                    "raw": b"", "facts": {"": None, "a": [[], {}, "\\u0041", 1e-300, 2**70, True]}, "value": b"",
                    "note": tmp_path / "empty ü.txt", "u": 0,
                },
                {
                    "k": "high", "n": 2**63 - 1, "f": float("inf"), "g": 3.4028234663852886e38, "big": BIG,
                    "tiny": Decimal("1e-38"), "seen": dt.datetime(9999, 12, 31, 23, 59, 59, 999_999),
                    "at": dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC),
                    "clock": dt.time(23, 59, 59, 999_999), "day": dt.date(9999, 12, 31),
                    "span": dt.timedelta(days=99_999, microseconds=1), "yes": True, "token": UUID(int=2**128 - 1),
                    "kind": "\\", "raw": bytes(range(256)), "facts": "null", "value": {"": np.array([np.nan, -0.0])},
                    "u": 2**64 - 1,
                },
                {"k": "nan", "n": 1, "f": float("nan"), "g": 1e-45, "kind": "it's", "yes": True, "facts": []},
                {"k": "zero", "n": 0, "f": -0.0, "g": 5e-324, "tiny": Decimal("0E-38"), "kind": '"', "facts": 0},
                {"k": "zero", "n": 1, "f": 5e-324, "kind": "a,b", "facts": ""},
                {"k": "zero", "n": 2, "kind": "null", "value": np.zeros((0, 3))},
            ]
        )  # fmt: skip
        Child.insert(
            [
                {"first": "é", "second": 0, "other": "e\N{COMBINING ACUTE ACCENT}", "number": 0},
                {"first": "", "second": 0, "other": None, "number": None},
                {"first": " ", "second": 0, "other": None, "number": None},
            ]
        )
        Child.Part.insert1(
            {
                "first": "é", "second": 0, "part": dt.date(1, 1, 1), "flags": np.array([True, False, True]),
                "matrix": np.array([[np.nan, np.inf], [-0.0, 1e-45]], "f4"), "waves": np.array([1j, np.nan], "c8"),
                "half": np.array([0.5, -65504], "f2"),
            }
        )  # fmt: skip
    return bare


def test_folder_comes_back_with_equal_digests(hostile: Lab, other: Lab, levada: Levada, tmp_path: Path) -> None:
    code, before = levada("export", "hostile", "--to", tmp_path / "out", "--url", hostile.address)
    assert code == 0, before
    code, told = levada("import", tmp_path / "out", "--url", other.address)
    assert code == 0, told
    _, after = levada("export", "hostile", "--to", tmp_path / "again", "--url", other.address)
    assert after["tables"] == before["tables"]
    with hostile.connection as here, other.connection as there:
        for name in ("Setting", "Odd", "Child", "Child.Part"):
            one, two = (lv.FreeTable(side, f"hostile.{name}") for side in (here, there))
            plain = [name for name in one.heading.names if name not in ("note", "value")]
            assert repr(one.to_dicts(*plain, order_by="KEY")) == repr(two.to_dicts(*plain, order_by="KEY"))


def test_slice_has_every_row_that_was_read(hostile: Lab, other: Lab, levada: Levada, tmp_path: Path) -> None:
    with hostile.connection as connection, lv.recording("all", connection=connection):
        for name in ("Odd", "Setting", "Child", "Child.Part", "Empty"):
            len(lv.FreeTable(connection, f"hostile.{name}"))
    code, told = levada("export", "--slice", "all", "--to", tmp_path / "out", "--url", hostile.address)
    assert code == 0, told
    assert {one["table"]: one["rows"] for one in told["tables"]} == COUNTS
    code, told = levada("import", tmp_path / "out", "--url", other.address)
    assert code == 0, told
    assert {one["table"]: one["rows"] for one in told["tables"]} == COUNTS
    (tmp_path / "one").mkdir()
    _, one = levada("export", "hostile", "--to", tmp_path / "one" / "out", "--url", hostile.address)
    _, two = levada("export", "hostile", "--to", tmp_path / "two", "--url", other.address)
    assert one["tables"] == two["tables"]


def test_copy_is_equal(hostile: Lab, other: Lab, levada: Levada) -> None:
    code, told = levada("copy", "hostile", "--to", other.address, "--url", hostile.address, "--yes")
    assert code == 0, told
    assert levada("copy", "hostile", "--to", other.address, "--url", hostile.address, "--yes")[0] == 0


def load(database_url: str, file: Path) -> None:
    """Run a file of SQL."""
    program = find_programs(caller()).folder / "psql"
    words = [str(program), "-X", "-q", "-d", database_url, "-1", "-v", "ON_ERROR_STOP=1", "-f", str(file)]
    subprocess.run(words, check=True, capture_output=True)


def expected(lab: Lab) -> list[tuple[object, ...]]:
    with lab.connection as connection:
        rows = lv.FreeTable(connection, "hostile.Odd").to_dicts(*NAMES.split(", "))
    return sorted((tuple(row.values()) for row in rows), key=repr)


def expected_facts(lab: Lab) -> dict[str, object]:
    with lab.connection as connection:
        rows = (lv.FreeTable(connection, "hostile.Odd") & "k IN ('none', 'low', 'high', 'nan')").to_dicts("k", "facts")
    return {row["k"]: row["facts"] for row in rows}


def test_database_of_duckdb_has_the_same_values(hostile: Lab, levada: Levada, tmp_path: Path) -> None:
    code, told = levada("export", "hostile", "--to", tmp_path / "x.duckdb", "--url", hostile.address)
    assert code == 0, told
    with closing(duckdb.connect(str(tmp_path / "x.duckdb"), read_only=True)) as database:
        found = database.execute(ROWS).fetchall()
        assert repr(sorted(found, key=repr)) == repr(expected(hostile))
        facts = database.execute(FACTS).fetchall()
        assert {k: text and json.loads(text) for k, text in facts} == expected_facts(hostile)
        (arrays,) = database.execute("SELECT matrix, flags, half FROM hostile.child__part").fetchall()
        assert repr(arrays) == repr(
            ([np.nan, np.inf, -0.0, 1.401298464324817e-45], [True, False, True], [0.5, -65504.0])
        )
        assert database.execute("SELECT count(*), count(other) FROM hostile.child").fetchone() == (3, 1)
        assert database.execute("SELECT word FROM hostile.setting").fetchall() == [("",)]


async def test_file_of_sql_has_the_same_values(
    hostile: Lab, levada: Levada, tmp_path: Path, empty_database: str
) -> None:
    code, told = levada("export", "hostile", "--to", tmp_path / "x.sql", "--url", hostile.address)
    assert code == 0, told
    load(empty_database, tmp_path / "x.sql")
    database = await asyncpg.connect(empty_database)
    try:
        found = [
            (*tuple(row)[:-1], None if row["u"] is None else int(row["u"]))  # it has no unsigned numbers
            for row in await database.fetch(ROWS)
        ]
        assert repr(sorted(found, key=repr)) == repr(expected(hostile))
        facts = {row["k"]: row["facts"] and json.loads(row["facts"]) for row in await database.fetch(FACTS)}
        assert facts == expected_facts(hostile)
        (part,) = await database.fetch("SELECT matrix, flags, half FROM hostile.child__part")
        assert repr(tuple(part)) == repr(
            ([np.nan, np.inf, -0.0, 1.401298464324817e-45], [True, False, True], [0.5, -65504.0])
        )
        assert await database.fetchval("SELECT word FROM hostile.setting") == ""
    finally:
        await database.close()
