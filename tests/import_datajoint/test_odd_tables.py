"""Tables of MySQL that ask for decisions, or change, in a real MariaDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.mariadb import MariaDB

ODD = """
DROP DATABASE IF EXISTS odd; CREATE DATABASE odd; USE odd;
SET SESSION sql_mode = '', foreign_key_checks = 0;
CREATE TABLE `parent` (p int NOT NULL, code int NOT NULL, PRIMARY KEY (p), UNIQUE KEY (code));
INSERT INTO parent VALUES (1, 10);
CREATE TABLE `child` (c int NOT NULL, p int NOT NULL, code int NOT NULL, boss int DEFAULT NULL, PRIMARY KEY (c),
  CONSTRAINT to_parent FOREIGN KEY (p) REFERENCES parent (p),
  CONSTRAINT to_code FOREIGN KEY (code) REFERENCES parent (code),
  CONSTRAINT to_boss FOREIGN KEY (boss) REFERENCES child (c));
INSERT INTO child VALUES (1, 1, 10, NULL), (2, 99, 10, 1);
CREATE TABLE `mixed` (m int NOT NULL, xmin int NOT NULL, b longblob, PRIMARY KEY (m));
INSERT INTO mixed VALUES (1, 7, CONCAT(x'6D596D0041020000000000000001000000000000000100',
  x'0000000000000600000000000000000000000000F03F')),
  (2, 8, x'0011'), (3, 9, NULL);
CREATE TABLE `broken` (m int NOT NULL, b longblob, PRIMARY KEY (m));
INSERT INTO broken VALUES (1, x'6D596D004102'), (2, x'646A30000A010005');
CREATE TABLE `broken_too` (m int NOT NULL, b longblob, PRIMARY KEY (m));
INSERT INTO broken_too VALUES (1, x'6D596D004102'), (2, x'0011');
CREATE TABLE `~external_ext` (hash binary(16) NOT NULL COMMENT ':uuid:', size bigint NOT NULL,
  attachment_name varchar(255) DEFAULT NULL, filepath varchar(1000) DEFAULT NULL, PRIMARY KEY (hash));
CREATE TABLE `broken_file` (m int NOT NULL, b binary(16) NOT NULL COMMENT ':blob@ext:', PRIMARY KEY (m),
  CONSTRAINT to_file FOREIGN KEY (b) REFERENCES `~external_ext` (hash));
INSERT INTO `~external_ext` VALUES (x'000102030405060708090a0b0c0d0e0f', 6, NULL, NULL);
INSERT INTO broken_file VALUES (1, x'000102030405060708090a0b0c0d0e0f');
CREATE TABLE `many` (k binary(2) NOT NULL, bits bit(3) NOT NULL, big decimal(40,1) NOT NULL, e enum('a','b') NOT NULL,
  small float(7,2) NOT NULL, n int DEFAULT 5, t tinyint(1) NOT NULL,
  touched timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp() COMMENT 'two
lines', note varchar(50) NOT NULL DEFAULT 'x', PRIMARY KEY (k), FULLTEXT KEY words (note), KEY part (note(5)));
INSERT INTO many VALUES (x'00FF', b'101', '123456789012345678901234567890123456789.5', '', 1.25, NULL, 7,
  '2020-01-01', 'x');
"""

BROKEN = bytes.fromhex("6D596D004102")

ANSWERS = {
    "orphans:odd.child.to_parent": "plain",
    "foreign-key:odd.child.*": "plain",
    "blob:odd.mixed.b": "mixed",
    "blob:odd.broken_too.b": "mixed",
    **dict.fromkeys((f"undecodable:odd.{name}.b" for name in ("broken", "broken_too", "broken_file")), "bytes"),
    "type:odd.many.k": "hex",
    "type:odd.many.b*": "text",
    "label:odd.many.e": "label",
    "default:odd.many.n": "null",
    "timestamp-zone": "utc",
}


@pytest.fixture
def odd(lab_0_14: MariaDB) -> Iterator[MariaDB]:
    """The laboratory with one more schema, for the length of a test."""
    lab_0_14.run(ODD)
    yield lab_0_14
    lab_0_14.run("DROP DATABASE odd;")


def written(answers: dict[str, str], file: Path) -> Path:
    """Write decisions."""
    stored = file.with_name("ext") / "odd/00/01/000102030405060708090a0b0c0d0e0f"
    stored.parent.mkdir(parents=True, exist_ok=True)
    stored.write_bytes(BROKEN)
    lines = ["[decisions]", *(f'"{id_}" = "{answer}"' for id_, answer in answers.items())]
    lines += ["[attributes]", '"odd.mixed.xmin" = "x_min"']
    lines += ["[stores]", f'ext = {{ folder = "{file.with_name("ext")}", to = "main" }}', ""]
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def test_every_odd_column_is_asked_for(bring: Callable[..., tuple[int, Any]], odd: MariaDB, tmp_path: Path) -> None:
    _, told = bring(odd.url, "odd", "--plan")
    assert {question["id"] for question in told["questions"]} == {
        "blob:odd.broken_too.b",
        "blob:odd.mixed.b",
        "default:odd.many.n",
        "foreign-key:odd.child.to_boss",
        "foreign-key:odd.child.to_code",
        "orphans:odd.child.to_parent",
        "timestamp-zone",
        "type:odd.many.big",
        "type:odd.many.k",
    }
    assert told["lone"] == {"label:odd.many.e": "label"}  # which changes nothing
    assert any("'xmin'" in problem and "[attributes]" in problem for problem in told["problems"])
    answers = {**ANSWERS, "blob:odd.mixed.b": "perhaps"}
    code, told = bring(odd.url, "odd", "--plan", "--decisions", written(answers, tmp_path / "d.toml"))
    assert (code, "it can be 'bytes' or 'mixed'" in told["message"]) == (1, True)


@pytest.mark.parametrize("name", ["broken", "broken_too", "broken_file"])
def test_a_blob_that_cannot_be_decoded_stops_the_table_until_somebody_decides(
    bring: Callable[..., tuple[int, Any]], odd: MariaDB, tmp_path: Path, connection: lv.Connection, name: str
) -> None:
    answers = dict(ANSWERS)
    del answers[f"undecodable:odd.{name}.b"]
    file = tmp_path / "d.toml"
    code, told = bring(odd.url, "odd", "--yes", "--decisions", written(answers, file))
    assert code == 1
    assert f'decide "undecodable:odd.{name}.b" = "bytes"' in told["message"]
    code, told = bring(odd.url, "odd", "--yes", "--decisions", written(ANSWERS, file))
    assert (code, told["report"]["equal"]) == (0, True)
    kept = {table["there"]: table["kept_as_bytes"] for table in told["report"]["tables"]}
    assert kept[f"odd.{name}"] == {"b": 1}
    rows = {
        there: [row["b"] for row in lv.FreeTable(connection, f"odd.{class_}").to_dicts(order_by="m")]
        for there, class_ in (("broken", "Broken"), ("broken_too", "BrokenToo"), ("broken_file", "BrokenFile"))
    }
    assert rows == {"broken": [BROKEN, 5], "broken_too": [BROKEN, b"\x00\x11"], "broken_file": [BROKEN]}


def test_decided_tables_keep_every_value(
    bring: Callable[..., tuple[int, Any]], odd: MariaDB, tmp_path: Path, connection: lv.Connection
) -> None:
    code, told = bring(odd.url, "odd", "--yes", "--decisions", written(ANSWERS, tmp_path / "d.toml"))
    assert code == 0
    many = lv.FreeTable(connection, "odd.Many").fetch1()
    assert (many["k"], many["bits"], many["e"], many["small"], many["n"], many["t"]) == (
        "00ff",
        5,
        "",
        1.25,
        None,
        7,
    )
    assert many["big"] == "123456789012345678901234567890123456789.5"
    mixed = lv.FreeTable(connection, "odd.Mixed").to_dicts(order_by="m")
    assert [row["x_min"] for row in mixed] == [7, 8, 9]
    assert (mixed[0]["b"].tolist(), mixed[1]["b"], mixed[2]["b"]) == ([[1.0]], b"\x00\x11", None)
    child = lv.FreeTable(connection, "odd.Child")
    assert [row["p"] for row in child.to_dicts(order_by="c")] == [1, 99]
    assert child.parents() == []
    changes = " ".join(next(table["changes"] for table in told["tables"] if table["there"] == "odd.many"))
    assert "no longer set by every update" in changes
    assert "no longer rounded to (7,2)" in changes
    assert "The index words, FULLTEXT (note), is not brought." in changes
    assert "The index part, BTREE (note(5)), is not brought." in changes
    assert "`touched` is now 'two lines'" in changes
