"""Schemas of a real MariaDB with all that no class of DataJoint makes: each thing comes, or the plan says why not."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import psycopg
import pymysql
import pytest

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.mariadb import MariaDB

    Bring = Callable[..., tuple[int, Any]]

SAMPLE = Path(__file__).parents[1] / "samples" / "import_datajoint" / "strange.sql"
DECISIONS = """
[decisions]
"foreign-key:strange.child.to_code" = "plain"
"type:strange.extreme.wide" = "text"
"type:strange.extreme.address" = "text"
"type:strange.extreme.spot" = "hex"
"type:strange.extreme.area" = "text"
"set:strange.extreme.words" = "json"
"zero-date:strange.extreme.bad_day" = "null"
"nul:strange.*" = "strip"
"default:strange.child.a" = "none"
"timestamp-zone" = "utc"
"""


@pytest.fixture
def strange(lab_0_14: MariaDB) -> Iterator[MariaDB]:
    """The laboratory with two more schemas, for the length of a test."""
    try:
        lab_0_14.run(SAMPLE.read_text(encoding="utf-8"))
        yield lab_0_14
    finally:
        lab_0_14.run("DROP DATABASE IF EXISTS strange; DROP DATABASE IF EXISTS hopeless;")
        lab_0_14.run("DROP USER IF EXISTS guest@localhost;")


@pytest.fixture
def decided(tmp_path: Path) -> Path:
    file = tmp_path / "decisions.toml"
    file.write_text(DECISIONS, encoding="utf-8")
    return file


def all_of(server: MariaDB, schema: str) -> tuple[set[str], set[tuple[str, str]]]:
    """Return the names of everything in a schema, and the columns of its tables, as the catalog has them."""
    asked = [
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s",
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = %s",
        "SELECT routine_name FROM information_schema.routines WHERE routine_schema = %s",
        "SELECT event_name FROM information_schema.events WHERE event_schema = %s",
    ]
    with pymysql.connect(unix_socket=str(server.socket), user="root") as connection, connection.cursor() as cursor:
        names: set[str] = set()
        for statement in asked:
            cursor.execute(statement, (schema,))
            names |= {name for (name,) in cursor.fetchall()}
        statement = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s"
        cursor.execute(statement, (schema,))
        return names, set(cursor.fetchall())


def test_nothing_is_left_out_without_a_word(bring: Bring, strange: MariaDB, decided: Path) -> None:
    code, told = bring(strange.url, "strange", "--plan", "--decisions", decided)
    assert (code, told["problems"], told["questions"]) == (0, [], [])
    names, columns = all_of(strange, "strange")
    stays = {one["place"].partition(".")[2]: one["why"] for one in told["not_brought"]}
    tables = {table["there"].partition(".")[2]: table for table in told["tables"]}
    assert names == {*stays, *tables}
    assert stays["watch"].startswith("a trigger of sliced")
    assert stays["numbers"].startswith("a sequence")
    for table, column in columns:
        if table in tables:
            definition = tables[table]["definition"]
            assert f"\n{column} " in f"\n{definition}" or (table, column) in {("child", "a"), ("child", "b")}
    assert "-> [nullable] Parent" in tables["child"]["definition"]
    assert "unique index (code)" in tables["parent"]["definition"]


def test_only_row_of_a_table_without_key_comes_once(bring: Bring, strange: MariaDB, connection: lv.Connection) -> None:
    strange.run(
        "DROP DATABASE hopeless; CREATE DATABASE hopeless; USE hopeless; CREATE TABLE `setup` (`_singleton` tinyint "
        "NOT NULL DEFAULT 1, label varchar(8) NOT NULL, PRIMARY KEY (`_singleton`)); INSERT INTO setup VALUES (1, 'a');"
    )
    for new in (1, 0):
        code, told = bring(strange.url, "hopeless", "--yes")
        assert "report" in told, told
        (table,) = told["report"]["tables"]
        assert (code, table["inserted"], table["rows_here"]) == (0, new, 1)
    assert lv.FreeTable(connection, "hopeless.Setup").to_dicts() == [{"label": "a"}]


def test_all_that_changes_is_told(bring: Bring, strange: MariaDB, decided: Path) -> None:
    _, told = bring(strange.url, "strange", "--plan", "--decisions", decided)
    changes = {table["there"].partition(".")[2]: " ".join(table["changes"]) for table in told["tables"]}
    for table, words in (
        ("formula", "The condition `n` > 0 is no longer checked."),
        ("formula", "The condition `share` between 0 and 1 is no longer checked."),
        ("formula", "`twice` is no longer computed as `n` * 2; its values come."),
        ("sliced", "without its 3 partitions"),
        ("past", "Past versions of its rows do not come"),
        ("child", "no longer does CASCADE"),
        ("child", "`a` may be NULL"),
        ("child", "not 'not that of the parent'"),
        ("extreme", "no longer shown with zeros in front"),
        ("extreme", "The index spots, SPATIAL (spot(32)), is not brought."),
        ("extreme", "`seen` is no longer set by every update"),
    ):
        assert words in changes[table]
    assert "`n` > 0" not in changes["words"]
    assert "`n` > 5" not in changes["formula"]
    assert [command for command in told["grants"] if "guest" in command] == [
        "levada users add guest",
        "levada grants add viewer strange.Sliced guest",
    ]
    assert any("Text is compared exactly here" in change for change in told["changes"])


def test_every_question_and_problem_is_in_the_plan(bring: Bring, strange: MariaDB) -> None:
    code, told = bring(strange.url, "strange", "--plan")
    assert (code, {question["id"] for question in told["questions"]}) == (
        1,
        {
            "type:strange.extreme.wide",
            "type:strange.extreme.address",
            "type:strange.extreme.spot",
            "type:strange.extreme.area",
            "set:strange.extreme.words",
            "zero-date:strange.extreme.bad_day",
            "nul:strange.extreme.nul",
            "nul:strange.extreme.doc",
            "timestamp-zone",
            "foreign-key:strange.child.to_code",
            "default:strange.child.a",
        },
    )
    assert told["lone"] == {}
    code, told = bring(strange.url, "hopeless", "--plan")
    assert code == 1
    assert len(told["problems"]) == 6
    for words in ("hopeless.dated.day", "hopeless.nul_key.name", "'Two Words'", "'größe'", "'an_attribute", "a_table"):
        assert any(words in problem for problem in told["problems"]), words


POSTGRESQL = """
CREATE SCHEMA strange_too; SET search_path = strange_too;
CREATE EXTENSION vector;
CREATE TABLE parent (a integer PRIMARY KEY);
CREATE TABLE child (c integer, a integer REFERENCES parent ON DELETE CASCADE,
    twice integer GENERATED ALWAYS AS (c * 2) STORED,
    PRIMARY KEY (c), CONSTRAINT positive CHECK (c > 0)) PARTITION BY RANGE (c);
CREATE TABLE child_low PARTITION OF child FOR VALUES FROM (0) TO (10);
CREATE TABLE child_high PARTITION OF child FOR VALUES FROM (10) TO (20);
INSERT INTO parent VALUES (1); INSERT INTO child (c, a) VALUES (5, 1), (15, 1);
CREATE VIEW seen AS SELECT c FROM child;
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER watcher BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION watch();
"""


def test_postgresql_loses_nothing_without_a_word_either(bring: Bring, lab_2_3: str) -> None:
    with psycopg.connect(lab_2_3, autocommit=True) as database:
        database.execute(POSTGRESQL)
        try:
            code, told = bring(lab_2_3, "strange_too", "--plan")
        finally:
            database.execute("DROP SCHEMA strange_too CASCADE")
    assert (code, told["problems"], told["questions"]) == (0, [], [])
    assert {table["there"]: table["rows"] for table in told["tables"]} == {
        "strange_too.child": 2,
        "strange_too.parent": 1,
    }
    assert {one["place"].partition(".")[2] for one in told["not_brought"]} == {"seen", "watch", "watcher"}
    (child,) = (" ".join(table["changes"]) for table in told["tables"] if table["there"] == "strange_too.child")
    for words in ("without its 2 partitions", "CHECK ((c > 0))", "computed as (c * 2)", "no longer does CASCADE"):
        assert words in child


def test_shapes_of_postgresql_come_as_its_text(
    bring: Bring, lab_2_3: str, connection: lv.Connection, tmp_path: Path
) -> None:
    decisions = tmp_path / "decisions.toml"
    with psycopg.connect(lab_2_3, autocommit=True) as database:
        database.execute("CREATE SCHEMA shapes")
        try:
            database.execute("CREATE TABLE shapes.place (n integer PRIMARY KEY, spot point)")
            database.execute("INSERT INTO shapes.place VALUES (1, '(1.5,-2)')")
            decisions.write_text('[decisions]\n"type:shapes.place.spot" = "hex"\n', encoding="utf-8")
            code, told = bring(lab_2_3, "shapes", "--plan", "--decisions", decisions)
            assert (code, "hex" in str(told)) == (1, True)  # an answer that this question does not have
            decisions.write_text('[decisions]\n"type:shapes.place.spot" = "text"\n', encoding="utf-8")
            code, told = bring(lab_2_3, "shapes", "--yes", "--decisions", decisions)
        finally:
            database.execute("DROP SCHEMA shapes CASCADE")
    assert (code, told["report"]["equal"]) == (0, True)
    assert lv.FreeTable(connection, "shapes.Place").to_dicts() == [{"n": 1, "spot": "(1.5,-2)"}]


def test_texts_that_are_the_whole_of_a_json_stay_texts(bring: Bring, lab_2_3: str, connection: lv.Connection) -> None:
    with psycopg.connect(lab_2_3, autocommit=True) as database:
        database.execute("CREATE SCHEMA texts")
        try:
            database.execute("CREATE TABLE texts.note (n integer PRIMARY KEY, doc jsonb)")
            database.execute("COMMENT ON COLUMN texts.note.doc IS ':json:'")
            database.execute("""INSERT INTO texts.note VALUES (1, '"123"'), (2, '"hello"'), (3, '[1]')""")
            code, told = bring(lab_2_3, "texts", "--yes")
        finally:
            database.execute("DROP SCHEMA texts CASCADE")
    assert "report" in told, told
    assert (code, told["report"]["equal"]) == (0, True)
    assert [row["doc"] for row in lv.FreeTable(connection, "texts.Note").to_dicts(order_by="n")] == [
        "123",
        "hello",
        [1],
    ]


def test_values_at_the_ends_of_their_types_stay(
    bring: Bring, strange: MariaDB, decided: Path, connection: lv.Connection
) -> None:
    code, told = bring(strange.url, "strange", "--yes", "--decisions", decided)
    assert "report" in told, told
    assert (code, told["report"]["equal"]) == (0, True)
    low, high = lv.FreeTable(connection, "strange.Extreme").to_dicts(order_by="id")
    whole = (
        "id",
        "i8",
        "u8",
        "i16",
        "u16",
        "i24",
        "u24",
        "i32",
        "u32",
        "i64",
        "u64",
        "filled",
        "bits",
        "all_bits",
        "y",
    )
    assert [high[name] for name in whole] == [
        2**64 - 1, -(2**7), 2**8 - 1, -(2**15), 2**16 - 1, -(2**23), 2**24 - 1, -(2**31), 2**32 - 1, -(2**63),
        2**64 - 1, 12, 31, 2**64 - 1, 2155,
    ]  # fmt: skip
    assert [low[name] for name in whole] == [
        0, 2**7 - 1, 0, 2**15 - 1, 0, 2**23 - 1, 0, 2**31 - 1, 0, 2**63 - 1, 0, 0, 0, 0, 0
    ]  # fmt: skip
    assert (np.float32(high["f"]), high["d"], low["d"]) == (np.float32(-3.4028234e38), 1.7976931348623157e308, 5e-324)
    assert (high["exact"], low["exact"]) == (Decimal("-9999999999999999999999999999.9999999999"), Decimal("1E-10"))
    assert high["wide"] == f"{'9' * 35}.{'9' * 30}"
    assert (high["one"], low["one"], high["words"], low["words"]) == (False, True, ["a", "c"], [])
    assert high["span"] == dt.timedelta(hours=838, minutes=59, seconds=59, microseconds=999999)
    assert (high["day"], high["moment"]) == (dt.date(9999, 12, 31), dt.datetime(9999, 12, 31, 23, 59, 59, 999999))
    assert (high["seen"], low["seen"]) == (dt.datetime(2038, 1, 19, 3, 14, 7, 999999), dt.datetime(1970, 1, 1, 0, 0, 1))
    assert (high["bad_day"], low["bad_day"]) == (None, None)
    assert (high["label"], low["label"]) == ("a,b", "\\")
    assert (high["token"], high["address"]) == (UUID("123e4567-e89b-12d3-a456-426614174000"), "2001:db8::ff00:42:8329")
    assert (high["spot"][:8], high["area"], low["area"]) == ("e6100000", "POLYGON((0 0,1 0,1 1,0 0))", None)
    assert (high["packed"], high["long_text"], high["nul"]) == (5, "long", "ab")
    assert json.dumps(high["doc"]["a"]) == '"xy"'
    assert (high["none"], high["hidden"], low["hidden"]) == ("", -1, 3)
    formula = lv.FreeTable(connection, "strange.Formula").to_dicts("twice", "thrice", order_by="n")
    assert formula == [{"twice": 2, "thrice": 3}, {"twice": 4, "thrice": 6}]
    (words,) = lv.FreeTable(connection, "strange.Words").to_dicts()
    assert words == {"n": 6, "doc": {"code": "u0000"}, "wide": "wide", "choice": "x /*n*/"}
    assert lv.FreeTable(connection, "strange.Past").to_dicts() == [{"n": 1, "t": "néw"}]
    table = lv.FreeTable(connection, "strange.Extreme")
    assert table.heading["one"].default == "true"
    assert table.heading["bits"].default == "5"
