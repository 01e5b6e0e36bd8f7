"""The table of types in the documentation is the one that imports use."""

from __future__ import annotations

from pathlib import Path

import pytest

from levada._from_datajoint.defaults import write_default
from levada._from_datajoint.facts import MYSQL, POSTGRESQL, Column, StoredDefault
from levada._from_datajoint.stored_types import TRANSLATIONS, Way, translate
from tests.support.datajoint_types import table_of_types

TESTS = (
    "levada._from_datajoint.defaults",
    "levada._from_datajoint.facts",
    "levada._from_datajoint.stored_types",
)
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "import-datajoint.md"


def test_the_page_has_the_table_of_types() -> None:
    assert PAGE.read_text(encoding="utf-8").endswith(table_of_types())
    assert len({row.there for row in TRANSLATIONS}) == len(TRANSLATIONS)


@pytest.mark.parametrize(
    ("type_", "comment", "here", "way"),
    [
        ("int(10) unsigned", "", "uint32", Way.PLAIN),
        ("tinyint(1)", "", "bool", Way.BOOL),
        ("tinyint(4)", "", "int8", Way.PLAIN),
        ("mediumint(8) unsigned", "", "uint32", Way.PLAIN),
        ("bigint(20) unsigned", "", "uint64", Way.PLAIN),
        ("decimal(40,2)", "", "", Way.PLAIN),
        ("decimal(8,2)", "", "decimal(8,2)", Way.PLAIN),
        ("float", "", "float32", Way.PLAIN),
        ("year(4)", "", "int16", Way.PLAIN),
        ("time(3)", "", "duration", Way.PLAIN),
        ("datetime", "", "datetime", Way.PLAIN),
        ("datetime(3)", "", "datetime(3)", Way.PLAIN),
        ("timestamp(6)", "", "timestamp", Way.PLAIN),
        ("set('a','b')", "", "", Way.PLAIN),
        ("bit(3)", "", "uint8", Way.BITS),
        ("bit(1)", "", "bool", Way.BIT),
        ("uuid", "", "uuid", Way.UUID),
        ("multipolygon", "", "", Way.PLAIN),
        ("binary(16)", ":uuid:a token", "uuid", Way.UUID),
        ("binary(16)", "a digest", "bytes", Way.PLAIN),
        ("longblob", "", "<blob>", Way.BLOB),
        ("longblob", ":attach:", "<attach>", Way.ATTACHMENT),
        ("longblob", ":<graph>:", "<graph: <blob>>", Way.BLOB),
        ("binary(16)", ":blob@ext:", "<blob@{store}>", Way.STORED_BLOB),
        ("binary(16)", ":filepath@raw:", "<filepath@{store}>", Way.STORED_PATH),
        ("bigint(20)", ":int64:a comment: with colons", "int64", Way.PLAIN),
        ("enum('a','b')", ":enum('a','b'):", "enum('a','b')", Way.PLAIN),
        ("longtext", ":json:", "json", Way.JSON),
    ],
)
def test_types_of_mysql(type_: str, comment: str, here: str, way: Way) -> None:
    translation = translate(Column("x", type_, False, comment=comment), MYSQL)
    assert (translation.type, translation.way) == (here, way)


def test_a_type_of_the_users_own_over_a_store_is_known_by_its_hashes() -> None:
    translation = translate(Column("x", "binary(16)", False, comment=":<graph>:"), MYSQL, "~external_ext")
    assert (translation.type, translation.store) == ("<graph: <blob@{store}>>", "ext")


@pytest.mark.parametrize(
    ("type_", "comment", "here", "way"),
    [
        ("bigint", ":int64:", "int64", Way.PLAIN),
        ("timestamp(3) without time zone", ":datetime(3):", "datetime(3)", Way.PLAIN),
        ("timestamp without time zone", "", "datetime", Way.PLAIN),
        ("timestamp with time zone", "", "timestamptz", Way.PLAIN),
        ("time without time zone", "", "time", Way.PLAIN),
        ("character varying(20)", "", "varchar(20)", Way.PLAIN),
        ("numeric(8,2)", "", "decimal(8,2)", Way.PLAIN),
        ("numeric", "", "", Way.PLAIN),
        ("bytea", ":<blob>:", "<blob>", Way.BLOB),
        ("bytea", ":bytes:", "bytes", Way.PLAIN),
        ("jsonb", ":<npy@ext>:", "<npy@{store}>", Way.STORED_ARRAY),
        ("jsonb", "", "json", Way.PLAIN),
        ("jsonb", ":json:", "json", Way.PLAIN),
        ("point", "", "", Way.PLAIN),
    ],
)
def test_types_of_postgresql(type_: str, comment: str, here: str, way: Way) -> None:
    translation = translate(Column("x", type_, False, comment=comment), POSTGRESQL)
    assert (translation.type, translation.way) == (here, way)


@pytest.mark.parametrize(
    ("default", "type_", "written"),
    [
        (StoredDefault("U"), "enum('U')", '"U"'),
        (StoredDefault(""), "varchar(3)", '""'),
        (StoredDefault('a "b" \\'), "text", '"a \\"b\\" \\\\"'),
        (StoredDefault("0"), "int16", "0"),
        (StoredDefault("1.50"), "decimal(8,2)", "1.50"),
        (StoredDefault("1"), "bool", "true"),
        (StoredDefault("b'1'"), "bool", "true"),
        (StoredDefault("b'101'"), "uint8", "5"),
        (StoredDefault("current_timestamp()", expression=True), "datetime", "CURRENT_TIMESTAMP"),
        (StoredDefault("CURRENT_TIMESTAMP(3)", expression=True), "datetime(3)", "CURRENT_TIMESTAMP"),
        (StoredDefault("uuid()", expression=True), "varchar(36)", ""),
        (StoredDefault("{}"), "json", ""),
        (StoredDefault("a\nb"), "text", ""),
        (StoredDefault("0000-00-00"), "date", ""),
        (StoredDefault("2020-02-31 00:00:00"), "datetime(3)", ""),
        (StoredDefault("infinity"), "timestamptz", ""),
        (StoredDefault("2020-02-29 12:00:00.5"), "timestamp", '"2020-02-29 12:00:00.5"'),
        (StoredDefault("24:00:00"), "time", ""),
        (StoredDefault("NaN"), "decimal(8,2)", ""),
        (StoredDefault("1.239"), "decimal(8,2)", ""),
        (
            StoredDefault("12345678901234567890123456789012345678"),
            "decimal(38,0)",
            "12345678901234567890123456789012345678",
        ),
    ],
)
def test_defaults(default: StoredDefault, type_: str, written: str) -> None:
    found = write_default(default, type_)
    assert found.text == written
    assert bool(found.fault) == (not written)
