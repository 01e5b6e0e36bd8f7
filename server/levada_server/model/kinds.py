"""The kinds of attribute types: the only table of their spellings and of the properties of their values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Family(Enum):
    """Families of kinds whose values behave alike; the enum's value is the word for messages."""

    INTEGER = "whole number"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOL = "bool"
    TEXT = "text"
    DATE = "date"
    TIME = "time"
    MOMENT = "datetime"
    ZONED = "timestamptz"
    SPAN = "duration"
    UUID = "uuid"
    JSON = "json"
    OPAQUE = "opaque value"
    """No expression computes with such values."""


NUMBERS = frozenset({Family.INTEGER, Family.FLOAT, Family.DECIMAL})
NUMERIC = NUMBERS | {Family.BOOL}
"""Families whose values count as numbers; bools count as 0 and 1."""
MOMENTS = frozenset({Family.DATE, Family.MOMENT, Family.ZONED})
TIMES = MOMENTS | {Family.TIME}


@dataclass(frozen=True, slots=True)
class Traits:
    """The properties of a kind.

    Args:
        family: The family of kinds that behave like it.
        names: All spellings without arguments, in lower case; older databases use other words than Levada.
        limits: The smallest and the largest whole number.
        keyable: Whether an attribute may be part of a key, and have a default other than null.
        comparable: Whether a restriction may compare an attribute's value.
        heavy: Whether values may be large, so that they are left out unless needed.
        store_codec: The codec that holds such values in a store.
    """

    family: Family
    names: tuple[str, ...] = ()
    limits: tuple[int, int] | None = None
    keyable: bool = True
    comparable: bool = True
    heavy: bool = False
    store_codec: str = "blob"


def _integer(low: int, high: int, *names: str) -> Traits:
    return Traits(Family.INTEGER, names, (low, high))


def _heavy(*names: str, comparable: bool = False, store_codec: str = "blob") -> Traits:
    return Traits(Family.OPAQUE, names, keyable=False, comparable=comparable, heavy=True, store_codec=store_codec)


_DOUBLES = ("real", "double", "double precision")


class Kind(Enum):
    """The kinds of attribute types; the enum's value is the word of the definition language."""

    _value_: str
    traits: Traits

    INT8 = "int8", _integer(-(2**7), 2**7 - 1, "int8", "tinyint")
    INT16 = "int16", _integer(-(2**15), 2**15 - 1, "int16", "smallint", "year")
    INT32 = "int32", _integer(-(2**31), 2**31 - 1, "int32", "mediumint", "int", "integer")
    INT64 = "int64", _integer(-(2**63), 2**63 - 1, "int64", "bigint", "serial")
    UINT8 = "uint8", _integer(0, 2**8 - 1, "uint8", "tinyint unsigned")
    UINT16 = "uint16", _integer(0, 2**16 - 1, "uint16", "smallint unsigned")
    UINT32 = "uint32", _integer(0, 2**32 - 1, "uint32", "mediumint unsigned", "int unsigned", "integer unsigned")
    # Past int64 PostgreSQL computes with decimals.
    UINT64 = "uint64", Traits(Family.DECIMAL, ("uint64", "bigint unsigned"), (0, 2**64 - 1))
    FLOAT32 = "float32", Traits(Family.FLOAT, ("float32", "float", "float unsigned"))
    FLOAT64 = "float64", Traits(Family.FLOAT, ("float64", *_DOUBLES, *(f"{name} unsigned" for name in _DOUBLES)))
    BOOL = "bool", Traits(Family.BOOL, ("bool", "boolean"))
    DECIMAL = "decimal", Traits(Family.DECIMAL, ("decimal", "numeric", "decimal unsigned", "numeric unsigned"))
    CHAR = "char", Traits(Family.TEXT, ("char",))
    VARCHAR = "varchar", Traits(Family.TEXT)
    TEXT = "text", Traits(Family.TEXT, ("text", "tinytext", "mediumtext", "longtext"))
    ENUM = "enum", Traits(Family.TEXT)
    DATE = "date", Traits(Family.DATE, ("date",))
    TIME = "time", Traits(Family.TIME, ("time",))
    DATETIME = "datetime", Traits(Family.MOMENT, ("datetime",))
    TIMESTAMP = "timestamp", Traits(Family.MOMENT, ("timestamp",))
    TIMESTAMPTZ = "timestamptz", Traits(Family.ZONED, ("timestamptz",))
    DURATION = "duration", Traits(Family.SPAN, ("duration",))
    UUID = "uuid", Traits(Family.UUID, ("uuid",))
    JSON = "json", Traits(Family.JSON, ("json",), keyable=False)
    BYTES = "bytes", _heavy("bytes", "binary", "varbinary", comparable=True)
    BLOB = "blob", _heavy("blob", "tinyblob", "mediumblob", "longblob")
    ATTACH = "attach", _heavy("attach", store_codec="attach")
    ARRAY = "array", _heavy(store_codec="npy")
    OBJECT = "object", _heavy()

    def __new__(cls, word: str, traits: Traits) -> Kind:
        """Return the kind of a word."""
        kind = object.__new__(cls)
        kind._value_ = word
        kind.traits = traits
        return kind
