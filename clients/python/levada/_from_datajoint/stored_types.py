"""Types of DataJoint's databases as types of ours, and how their values travel.

`TRANSLATIONS` is the table of the documentation. A type that is not in it is asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum

from levada._from_datajoint.facts import MYSQL, Column


class Way(Enum):
    """How a value that the database returns becomes one to insert."""

    PLAIN = "as it is"
    BOOL = "a number as a bool"
    UUID = "16 bytes as a UUID"
    JSON = "text as JSON"
    WORDS = "comma-separated words as a list"
    HEX = "bytes as hexadecimal digits"
    BIT = "a bit as a bool"
    BITS = "bits as a number"
    SHAPE = "a shape as well-known text"
    BLOB = "a blob of DataJoint, decoded"
    BLOB_OR_BYTES = "a blob of DataJoint, decoded; other bytes as they are"
    ATTACHMENT = "name, NUL, content, as a file"
    STORED_BLOB = "the content of its file in the store, decoded"
    STORED_BYTES = "the content of its file in the store"
    STORED_FILE = "the file in the store, with the name that it was attached with"
    STORED_PATH = "the path in the store"
    STORED_ARRAY = "the array in the store"
    STORED_OBJECT = "the file or folder in the store"


DECODED = frozenset({Way.BLOB, Way.BLOB_OR_BYTES, Way.STORED_BLOB})
"""The ways of blobs that are decoded, so that one of them may fail."""


@dataclass(frozen=True, slots=True)
class Translation:
    """The type and the way of a column.

    Args:
        type: As a definition of ours spells it; `{store}` for the store here. Empty: only a decision can say it.
        store: The name of the store in DataJoint.
        codec: The name of the user's own type.
        note: The difference afterwards; empty if there is none.
    """

    type: str
    way: Way = Way.PLAIN
    store: str = ""
    codec: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the documentation: a type there and here."""

    there: str
    here: str
    remark: str = ""


_MYSQL_PLAIN = {
    "tinyint": "int8", "smallint": "int16", "mediumint": "int32", "int": "int32", "integer": "int32", "bigint": "int64",
    "tinyint unsigned": "uint8", "smallint unsigned": "uint16", "mediumint unsigned": "uint32",
    "int unsigned": "uint32", "integer unsigned": "uint32", "bigint unsigned": "uint64",
    "float": "float32", "double": "float64", "double precision": "float64", "real": "float64",
    "float unsigned": "float32", "double unsigned": "float64", "year": "int16", "date": "date", "time": "duration",
    "tinytext": "text", "text": "text", "mediumtext": "text", "longtext": "text", "json": "json",
}  # fmt: skip
_POSTGRES_PLAIN = {
    "smallint": "int16", "integer": "int32", "bigint": "int64", "real": "float32", "double precision": "float64",
    "boolean": "bool", "date": "date", "time without time zone": "time", "text": "text", "character varying": "text",
    "timestamp with time zone": "timestamptz", "uuid": "uuid", "json": "json", "jsonb": "json", "bytea": "bytes",
}  # fmt: skip
_CORE = frozenset(
    {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "bool", "date"}
    | {"datetime", "json", "uuid", "bytes", "text"}
)

TRANSLATIONS = (
    *(Row(there, here) for there, here in _MYSQL_PLAIN.items() if there not in ("time", "json", "year")),
    Row("tinyint(1)", "bool", "int8 if a value is neither 0 nor 1"),
    Row("year", "int16"),
    Row("bit(1)", "bool"),
    Row("bit(n)", "uint8, uint16, uint32, uint64", "the number that its bits write"),
    Row(
        "point, polygon, geometry …",
        "a decision",
        "text as ST_AsText writes it, or hexadecimal digits of the stored bytes",
    ),
    Row("decimal(p,s)", "decimal(p,s)", "more than 38 digits: a decision"),
    Row("char(n), varchar(n)", "char(n), varchar(n)", "compared exactly: case and blanks at the end count"),
    Row("enum(…)", "enum(…)"),
    Row("set(…)", "a decision", "text as it is, or a JSON list"),
    Row("time (MySQL)", "duration", "it holds spans such as 30 h, and negative ones"),
    Row("time without time zone", "time"),
    Row("datetime, datetime(n)", "datetime, datetime(n)", "days that do not exist: a decision"),
    Row("timestamp, timestamp(n) (MySQL)", "timestamp", "a decision, if the session's zone is not UTC"),
    Row("timestamp without time zone", "datetime, datetime(n)"),
    Row("timestamp with time zone", "timestamptz"),
    Row("json; longtext that MariaDB checks", "json"),
    Row("binary(16) with `:uuid:`; uuid", "uuid"),
    Row("tinyblob, blob, mediumblob, longblob", "<blob>", "bytes if no value is DataJoint's; a decision if some are"),
    Row("other binary(n), varbinary(n); bytea", "bytes", "in a key: a decision"),
    Row(
        "PostgreSQL's smallint, integer, bigint, real, double precision, boolean, text",
        "int16, int32, int64, float32, float64, bool, text",
    ),
    Row("`:attach:`, `:<attach>:`", "<attach>"),
    Row("`:blob@s:`, `:<blob@s>:`", "<blob@store>", "decoded and inserted"),
    Row("`:attach@s:`, `:<attach@s>:`", "<attach@store>", "copied"),
    Row("`:filepath@s:`, `:<filepath@s>:`", "<filepath@store>", "stays in its place, and is registered"),
    Row("`:<hash@s>:`", "<hash@store>", "copied"),
    Row("`:<npy@s>:`, `:<object@s>:`", "<npy@store>, <object@store>", "copied"),
    Row("`:<graph>:`, a type of your own", "<graph: <blob>>", "the stored value stays; your codec reads it"),
    Row("`:int64:`, `:enum(…):` and other types of 2.x", "the same"),
)
"""The rows of the documentation."""

_DIGITS = "its numbers have the digits of a float64, as DataJoint reads them"
_KEYS = f"the order of keys, and keys that occur twice, are not kept; {_DIGITS}"
_WIDTH = re.compile(r"\(\d+(?:,\d+)?\)")
_SHAPE = re.compile(r"(multi)?(point|linestring|polygon)|geom(etry|etrycollection|collection)")
_ZEROFILL = re.compile(r"\s*zerofill")
_ARGUMENTS = re.compile(r"([a-z ]+)\(([\d,\s]+)\)(.*)")
_MARKED = re.compile(r"(?s):([^:]+?(?:\((?:[^()']|'[^']*')*\))?[^:]*):(.*)")
_CODEC = re.compile(r"<?\s*([A-Za-z_]\w*)\s*(?:@\s*([\w-]*))?\s*>?")
_BUILT_IN = {
    # The codec, and whether its value is in a store: the type here, and the way.
    ("blob", False): ("<blob>", Way.BLOB),
    ("attach", False): ("<attach>", Way.ATTACHMENT),
    ("blob", True): ("<blob@{store}>", Way.STORED_BLOB),
    ("attach", True): ("<attach@{store}>", Way.STORED_FILE),
    ("filepath", True): ("<filepath@{store}>", Way.STORED_PATH),
    ("hash", True): ("<hash@{store}>", Way.STORED_BYTES),
    ("npy", True): ("<npy@{store}>", Way.STORED_ARRAY),
    ("object", True): ("<object@{store}>", Way.STORED_OBJECT),
}


def split_comment(comment: str) -> tuple[str, str]:
    """Split the type that DataJoint writes before a comment from the comment; the type is empty if there is none."""
    match = _MARKED.fullmatch(comment)
    return (match[1].strip(), match[2].strip()) if match else ("", comment)


def translate(column: Column, dialect: str, hashes: str = "") -> Translation:
    """Return what a column becomes, before its values are looked at.

    Args:
        hashes: The table of hashes that the column refers to, in 0.14: `~external_raw`.
    """
    marked, _ = split_comment(column.comment)
    plain = _plain(column, dialect)
    if not marked:
        return plain
    if marked.lower() == "uuid":
        return Translation("uuid", Way.UUID if dialect == MYSQL and column.type.startswith("binary") else Way.PLAIN)
    if (match := _CODEC.fullmatch(marked)) and (marked.startswith("<") or match[1] in ("attach", "blob", "filepath")):
        return _of_codec(match[1], match[2], plain, hashes)
    core = re.sub(r"\s+", " ", marked)
    word = core.partition("(")[0].strip().lower()
    if word == "bool":
        return Translation("bool", Way.BOOL if dialect == MYSQL else Way.PLAIN)
    if word == "json":
        return plain if plain.type == word else Translation(word, Way.JSON)
    if word in _CORE and word != "datetime":
        return Translation(word)
    if word in ("datetime", "decimal", "char", "varchar", "enum"):
        return Translation(core)
    return plain


def _of_codec(name: str, store: str | None, plain: Translation, hashes: str) -> Translation:
    # A type of the user's own over a store says nothing of the store, but refers to its table of hashes.
    in_store = store is not None or bool(hashes)
    store = store or hashes.removeprefix("~external_")
    known = _BUILT_IN.get((name.lower(), in_store))
    if known is not None:
        type_, way = known
        return Translation(type_, way, store if in_store else "")
    if in_store:
        type_, way = _BUILT_IN["blob", True]
        return Translation(f"<{name}: {type_}>", way, store, name)
    type_, way = (plain.type, plain.way) if plain.type not in ("", "bytes") else ("<blob>", Way.BLOB)
    return Translation(f"<{name}: {type_}>", way, codec=name)


def _plain(column: Column, dialect: str) -> Translation:
    type_ = column.type
    if type_.startswith("enum"):
        return Translation("enum" + type_[4:])
    return _mysql(column) if dialect == MYSQL else _postgresql(type_)


def _mysql(column: Column) -> Translation:
    if column.type.startswith("set"):
        return Translation("")
    type_ = _ZEROFILL.sub("", column.type)
    match = _ARGUMENTS.fullmatch(type_)
    word = (match[1] + match[3]).strip() if match else type_
    arguments = match[2].replace(" ", "") if match else ""
    if type_ == "tinyint(1)":
        return Translation("bool", Way.BOOL)
    if column.holds_json or word == "json":
        return Translation("json", Way.JSON, note=_KEYS)
    if word == "uuid":
        return Translation("uuid", Way.UUID)
    if word == "bit":
        length = int(arguments or 1)
        return Translation("bool", Way.BIT) if length == 1 else Translation(_bits_type(length), Way.BITS)
    if word in ("decimal", "decimal unsigned", "numeric"):
        return _decimal(arguments, word)
    if word in ("char", "varchar"):
        return Translation(f"{word}({arguments})") if arguments != "0" else Translation("text")
    if word in ("datetime", "timestamp"):
        return Translation(f"datetime({arguments})" if word == "datetime" and arguments else word)
    if word.endswith("blob"):
        return Translation("<blob>", Way.BLOB)
    if word in ("binary", "varbinary"):
        return Translation("bytes")
    found = _MYSQL_PLAIN.get(word)
    if found is None:
        return Translation("")
    note = "negative values are no longer refused" if "float" in found and "unsigned" in word else ""
    if "zerofill" in column.type:
        note = "numbers are no longer shown with zeros in front"
    if word in ("float", "double") and arguments:
        note = f"values are no longer rounded to ({arguments})"
    return Translation(found, note=note)


def _bits_type(length: int) -> str:
    return next(f"uint{size}" for size in (8, 16, 32, 64) if length <= size)


def _decimal(arguments: str, word: str) -> Translation:
    precision, _, scale = (arguments or "10").partition(",")
    if int(precision) > 38:
        return Translation("")
    note = "negative values are no longer refused" if "unsigned" in word else ""
    return Translation(f"decimal({precision},{scale or 0})", note=note)


def _postgresql(type_: str) -> Translation:
    match = _ARGUMENTS.fullmatch(type_)
    word = match[1].strip() + match[3] if match else type_
    arguments = match[2].replace(" ", "") if match else ""
    if word == "numeric" and arguments:
        return _decimal(arguments, word)
    if word in ("character varying", "character") and arguments:
        return Translation(("varchar" if "varying" in word else "char") + f"({arguments})")
    if word == "timestamp without time zone":
        return Translation(f"datetime({arguments})" if arguments and arguments != "6" else "datetime")
    found = _POSTGRES_PLAIN.get(word)
    return Translation(found or "", Way.PLAIN, note={"json": _KEYS, "jsonb": _DIGITS}.get(word, ""))


def is_shape(type_: str) -> bool:
    """Return whether a type of MySQL is one of shapes."""
    return _SHAPE.fullmatch(type_.partition("(")[0]) is not None


def in_key(translation: Translation) -> Translation:
    """Return the type of an attribute of a key, which cannot be bytes or JSON."""
    return replace(translation, type="") if translation.type in ("bytes", "json", "<blob>") else translation
