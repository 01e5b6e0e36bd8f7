from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levada_server.errors import InvalidDefinition
from levada_server.model.kinds import Kind
from levada_server.model.types import (
    ARRAY_DTYPES,
    MAX_LABELS,
    AttributeType,
    parse_type,
    quote_label,
    unquote,
)

DECIMAL_10 = AttributeType(Kind.DECIMAL, precision=10, scale=0)
SIDES = AttributeType(Kind.ENUM, labels=("left", "right"))

SPELLINGS = [
    *[(kind.value, AttributeType(kind)) for kind in Kind if kind.traits.limits],
    ("float32", AttributeType(Kind.FLOAT32)),
    ("float64", AttributeType(Kind.FLOAT64)),
    ("bool", AttributeType(Kind.BOOL)),
    ("boolean", AttributeType(Kind.BOOL)),
    ("decimal(5,2)", AttributeType(Kind.DECIMAL, precision=5, scale=2)),
    ("DECIMAL ( 5 , 2 )", AttributeType(Kind.DECIMAL, precision=5, scale=2)),
    ("decimal(5,2) unsigned", AttributeType(Kind.DECIMAL, precision=5, scale=2)),
    ("numeric(38,38)", AttributeType(Kind.DECIMAL, precision=38, scale=38)),
    ("decimal(7)", AttributeType(Kind.DECIMAL, precision=7, scale=0)),
    ("decimal", DECIMAL_10),
    ("numeric unsigned", DECIMAL_10),
    ("char", AttributeType(Kind.CHAR, length=1)),
    ("char(16)", AttributeType(Kind.CHAR, length=16)),
    ("varchar(255)", AttributeType(Kind.VARCHAR, length=255)),
    ("VarChar ( 255 )", AttributeType(Kind.VARCHAR, length=255)),
    ("text", AttributeType(Kind.TEXT)),
    ("longtext", AttributeType(Kind.TEXT)),
    ("enum('left','right')", SIDES),
    ("ENUM (\"left\", 'right')", SIDES),
    (
        "enum('it''s', 'a,b', 'c)', 'd\\'', '#:')",
        AttributeType(Kind.ENUM, labels=("it's", "a,b", "c)", "d'", "#:")),
    ),
    ("enum('Left')", AttributeType(Kind.ENUM, labels=("Left",))),
    ("date", AttributeType(Kind.DATE)),
    ("time", AttributeType(Kind.TIME)),
    ("time(3)", AttributeType(Kind.TIME)),
    ("datetime", AttributeType(Kind.DATETIME)),
    ("datetime(3)", AttributeType(Kind.DATETIME, length=3)),
    ("datetime(6)", AttributeType(Kind.DATETIME)),
    ("timestamp", AttributeType(Kind.TIMESTAMP)),
    ("timestamp(6)", AttributeType(Kind.TIMESTAMP)),
    ("timestamptz", AttributeType(Kind.TIMESTAMPTZ)),
    ("year", AttributeType(Kind.INT16)),
    ("year(4)", AttributeType(Kind.INT16)),
    ("uuid", AttributeType(Kind.UUID)),
    ("json", AttributeType(Kind.JSON)),
    ("bytes", AttributeType(Kind.BYTES)),
    ("varbinary(64)", AttributeType(Kind.BYTES)),
    *[(word, AttributeType(Kind.BLOB)) for word in ("<blob>", "< Blob >", "tinyblob", "blob", "LONGBLOB")],
    ("tinyint", AttributeType(Kind.INT8)),
    ("tinyint(1)", AttributeType(Kind.INT8)),
    ("smallint", AttributeType(Kind.INT16)),
    ("mediumint", AttributeType(Kind.INT32)),
    ("int", AttributeType(Kind.INT32)),
    ("int(11)", AttributeType(Kind.INT32)),
    ("bigint", AttributeType(Kind.INT64)),
    ("tinyint  unsigned", AttributeType(Kind.UINT8)),
    ("smallint(5) Unsigned", AttributeType(Kind.UINT16)),
    ("int unsigned", AttributeType(Kind.UINT32)),
    ("bigint unsigned", AttributeType(Kind.UINT64)),
    ("float", AttributeType(Kind.FLOAT32)),
    ("float unsigned", AttributeType(Kind.FLOAT32)),
    ("double", AttributeType(Kind.FLOAT64)),
    ("double(10,2)", AttributeType(Kind.FLOAT64)),
    ("double precision", AttributeType(Kind.FLOAT64)),
    ("serial", AttributeType(Kind.INT64)),
    ("<array float32(128, 3)>", AttributeType(Kind.ARRAY, dtype="float32", shape=(128, 3))),
    ("<array uint8 (4,)>", AttributeType(Kind.ARRAY, dtype="uint8", shape=(4,))),
    ("<attach>", AttributeType(Kind.ATTACH)),
    ("attach", AttributeType(Kind.ATTACH)),
    ("<attach@>", AttributeType(Kind.OBJECT, codec="attach")),
    ("<attach@raw>", AttributeType(Kind.OBJECT, codec="attach", store="raw")),
    ("attach@raw-2", AttributeType(Kind.OBJECT, codec="attach", store="raw-2")),
    ("blob@raw", AttributeType(Kind.OBJECT, codec="blob", store="raw")),
    ("<blob@raw>", AttributeType(Kind.OBJECT, codec="blob", store="raw")),
    ("<blob@>", AttributeType(Kind.OBJECT, codec="blob")),
    ("filepath@raw", AttributeType(Kind.OBJECT, codec="filepath", store="raw")),
    *[
        (f"<{codec}@raw>", AttributeType(Kind.OBJECT, codec=codec, store="raw"))
        for codec in ("filepath", "object", "npy", "hash")
    ],
]


@pytest.mark.parametrize(("text", "expected"), SPELLINGS)
def test_spelling(text: str, expected: AttributeType) -> None:
    assert parse_type(text) == expected


@pytest.mark.parametrize("type_", dict.fromkeys(type_ for _, type_ in SPELLINGS))
def test_a_type_reads_back_as_itself(type_: AttributeType) -> None:
    assert parse_type(str(type_)) == type_


@pytest.mark.parametrize(
    ("text", "wrong", "expected"),
    [
        ("int33", "`int33` is not a type", "int32, or another type"),
        ("varchar", "says too little", "varchar(40)"),
        ("enum", "says too little", "enum('first', 'second')"),
        ("varchar(0)", "takes one length", "from 1 to"),
        ("varchar(1,2)", "takes one length", "from 1 to"),
        ("varchar(99999999)", "takes one length", "from 1 to"),
        ("varchar(5) unsigned", "no arguments", "a type"),
        ("varchar(x)", "is not a type", "whole numbers"),
        ("varchar()", "is not a type", "whole numbers"),
        ("varchar(1 2)", "is not a type", "whole numbers"),
        ("varchar(\N{ARABIC-INDIC DIGIT THREE})", "is not a type", "whole numbers"),
        ("decimal(39,2)", "does not exist", "1 to 38 digits"),
        ("decimal(3,4)", "does not exist", "1 to 38 digits"),
        ("decimal(0)", "does not exist", "1 to 38 digits"),
        ("datetime(7)", "digits of a second", "0 to 6"),
        ("int8(3)", "takes no arguments", "a type"),
        ("enum()", "in quotes", "enum("),
        ("enum(left)", "in quotes", "enum("),
        ("enum('a',)", "in quotes", "enum("),
        ("enum('a' 'b')", "in quotes", "enum("),
        ("enum('a', 'a')", "comes twice", "other labels"),
        ("<array float32>", "is not a type", "a type"),
        ("<array text(3)>", "not a dtype", "float32"),
        ("<array float32()>", "fixed shape", "(128, 3)"),
        ("<array float32(0, 2)>", "fixed shape", "(128, 3)"),
        ("<array float32(-1)>", "fixed shape", "(128, 3)"),
        ("<array float32(1 2)>", "fixed shape", "(128, 3)"),
        ("<array float64(99999, 99999)>", "bytes", "at most"),
        ("<pickle>", "`<pickle>` is not a type", "<blob>"),
        ("hash@raw", "is not a type", "a type"),
        ("\N{KELVIN SIGN}", "is not a type", "a type"),
        ("", "is not a type", "a type"),
    ],
)
def test_no_type(text: str, wrong: str, expected: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        parse_type(text)
    assert wrong in caught.value.message
    assert expected in caught.value.details["expected"]


def test_an_enum_has_a_limit() -> None:
    labels = [f"'{number}'" for number in range(MAX_LABELS + 1)]
    assert len(parse_type(f"enum({','.join(labels[1:])})").labels) == MAX_LABELS
    with pytest.raises(InvalidDefinition, match=f"{MAX_LABELS + 1} labels"):
        parse_type(f"enum({','.join(labels)})")


@settings(deadline=None)
@given(st.text())
def test_quoting_a_label_can_be_undone(label: str) -> None:
    assert unquote(quote_label(label)) == label


def test_a_backslash_before_a_letter_stands_for_itself() -> None:
    assert unquote(r"'C:\data'") == r"C:\data"


@pytest.mark.parametrize("quoted", [r"'a\'b'", "'a''b'", '"a\'b"'])
def test_quotes_within_quotes(quoted: str) -> None:
    assert unquote(quoted) == "a'b"


def test_the_other_quote_is_not_doubled() -> None:
    assert unquote("'a\"\"b'") == 'a""b'


def test_bytes_of_an_array() -> None:
    assert parse_type("<array complex128(10, 3)>").item_bytes == 10 * 3 * ARRAY_DTYPES["complex128"]


@pytest.mark.parametrize(
    ("text", "codecs", "spelled"),
    [
        ("<graph>", {"graph": "<blob>"}, "<graph: <blob>>"),
        ("<Graph>", {"Graph": "longblob"}, "<Graph: <blob>>"),
        ("< a >", {"a": "<b>", "b": "varchar(4)"}, "<a: <b: varchar(4)>>"),
        ("<a@s>", {"a@s": "<blob@s>"}, "<a: <blob@s>>"),
        ("<a@>", {"a@": "<blob@>"}, "<a: <blob@>>"),
        ("<a: enum('x>', 'y: <z>')>", {}, "<a: enum('x>', 'y: <z>')>"),
        ("<a:<array int8 (3)>>", {}, "<a: <array int8(3,)>>"),
    ],
)
def test_the_codecs_of_clients_are_read_and_spelled(text: str, codecs: dict[str, str], spelled: str) -> None:
    type_ = parse_type(text, codecs)
    assert str(type_) == spelled
    assert parse_type(spelled) == type_
    assert str(type_.stored) in spelled
    assert type_.stored.client_codecs == ()
