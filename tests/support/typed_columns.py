"""Hypothesis strategies for attribute types and columns of values, as the driver binds them, NULLs included."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import strategies as st

from levada_server.arrow.copy.binary import MARK
from levada_server.model.heading import Attribute, Heading
from levada_server.model.kinds import Kind, Traits
from levada_server.model.types import AttributeType, parse_type
from levada_server.query import sql
from levada_server.query.postgres_types import value_type
from levada_server.query.query import Query

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

Values: TypeAlias = "list[object]"

START_OF_ROW = b"\x00\x04" + b"\x00\x00\x00\x04" + MARK.to_bytes(4, "big", signed=True)
"""The first bytes of a row of three columns."""
NASTY_TEXTS = (
    "",
    "'",
    "''",
    "\\",
    "\\'; DROP TABLE t; --",
    "$1",
    "$2::text",
    "{a,b}",
    '"',
    "NULL",
    "null",
    "E'\\n'",
    "a\nb\tc",
    "naïve ✓ 𝄞",
    ",",
    " ",
)


@dataclass(frozen=True)
class Drawn:
    """A heading and its columns."""

    heading: Heading
    columns: tuple[Values, ...]

    def query(self) -> Query:
        """A query that has these rows: its values are bound as arrays."""
        attributes = self.heading.attributes
        arrays = tuple(
            (a.name, sql.Value(values, f"{value_type(a.type)}[]"))
            for a, values in zip(attributes, self.columns, strict=True)
        )
        columns = tuple((a.name, sql.Column("v", a.name)) for a in attributes)
        return Query(sql.Select(columns, sql.ArraySource(arrays, "v")), self.heading)


def heading(types: Sequence[AttributeType], nullable: Sequence[bool] | None = None) -> Heading:
    """Make a heading of attributes `c0`, `c1` and so on, nullable by default."""
    told = nullable or [True] * len(types)
    return Heading(
        tuple(Attribute(f"c{i}", type_, nullable=n) for i, (type_, n) in enumerate(zip(types, told, strict=True)))
    )


TYPES: st.SearchStrategy[AttributeType] = st.sampled_from(
    [
        *(AttributeType(kind) for kind in Kind if kind.traits.limits),
        *(AttributeType(kind) for kind in (Kind.FLOAT32, Kind.FLOAT64, Kind.BOOL, Kind.TEXT, Kind.DATE, Kind.TIME)),
        AttributeType(Kind.DURATION),
        *(AttributeType(kind) for kind in (Kind.DATETIME, Kind.TIMESTAMPTZ, Kind.UUID, Kind.JSON, Kind.BYTES)),
        *map(
            parse_type, ("varchar(20)", "<blob>", "enum('a', 'b', 'it''s')", "<array int16(2, 3)>", "<array bool(1,)>")
        ),
        *map(parse_type, ("<array complex64(2,)>", "decimal(38,0)", "decimal(38,38)", "decimal(9,2)", "decimal(4,4)")),
        *map(parse_type, ("decimal(1,0)", "decimal(20,7)")),
    ]
)

_LARGE = st.builds(
    lambda unit, count: (unit * count)[:count],
    st.sampled_from([b"\0", b"\xff", b"\xf7", START_OF_ROW]),
    st.sampled_from([0, 1, 100, 900, 5_000, 300_000, 3_000_000]),
)
MAX_SPAN = dt.timedelta(days=106_751_991)
_MOMENTS = st.datetimes() | st.sampled_from([dt.datetime.min, dt.datetime.max, dt.datetime(2000, 1, 1)])


_BY_KIND: dict[Kind, st.SearchStrategy[object]] = {
    Kind.FLOAT32: st.floats(width=32),
    Kind.FLOAT64: st.floats(),
    Kind.BOOL: st.booleans(),
    Kind.DATE: st.dates() | st.sampled_from([dt.date.min, dt.date.max]),
    Kind.TIME: st.times() | st.sampled_from([dt.time.min, dt.time.max]),
    Kind.DATETIME: _MOMENTS,
    Kind.TIMESTAMPTZ: _MOMENTS.map(lambda moment: moment.replace(tzinfo=dt.UTC)),
    Kind.DURATION: st.timedeltas(-MAX_SPAN, MAX_SPAN) | st.sampled_from([-MAX_SPAN, dt.timedelta(0), MAX_SPAN]),
    Kind.UUID: st.uuids(),
    Kind.BYTES: st.binary(max_size=20) | _LARGE,
    Kind.BLOB: st.binary(max_size=20) | _LARGE,
}


def values_of(type_: AttributeType) -> st.SearchStrategy[object]:
    """Draw values of a type."""
    match type_.kind:
        case Kind(traits=Traits(limits=(low, high))):
            return st.integers(low, high) | st.sampled_from(
                [v for v in (low, 0, -1, 4, MARK, high) if low <= v <= high]
            )
        case Kind.DECIMAL:
            assert type_.precision is not None and type_.scale is not None
            limit, scale = 10**type_.precision - 1, type_.scale
            return (st.integers(-limit, limit) | st.sampled_from([limit, -limit, 0])).map(lambda n: _exact(n, scale))
        case Kind.VARCHAR:
            return _texts(type_.length)
        case Kind.TEXT:
            return _texts() | st.builds(lambda text, count: text * count, _texts(), st.sampled_from([2, 100, 10_000]))
        case Kind.ENUM:
            return st.sampled_from(type_.labels)
        case Kind.JSON:
            scalars = st.none() | st.booleans() | st.integers() | _texts()
            values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(_texts(), scalars, max_size=2)
            return values.map(json.dumps)
        case Kind.ARRAY:
            return st.binary(min_size=type_.item_bytes, max_size=type_.item_bytes)
        case kind:
            return _BY_KIND[kind]


def _exact(number: int, scale: int) -> Decimal:
    """Make a decimal of more digits than the arithmetic of decimals keeps."""
    return Decimal((int(number < 0), tuple(map(int, str(abs(number)))), -scale))


def _texts(max_size: int | None = None) -> st.SearchStrategy[str]:
    drawn = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=max_size)
    return drawn | st.sampled_from([text for text in NASTY_TEXTS if max_size is None or len(text) <= max_size])


@st.composite
def _drawn(draw: st.DrawFn, max_rows: int, kinds: Collection[Kind] = frozenset(Kind)) -> Drawn:
    types = draw(st.lists(TYPES.filter(lambda type_: type_.kind in kinds), min_size=1, max_size=5))
    count = draw(st.integers(0, max_rows))
    columns = [
        draw(st.lists(st.none() | values_of(type_), min_size=count, max_size=count))
        if draw(st.booleans())
        else draw(st.lists(values_of(type_), min_size=count, max_size=count))
        for type_ in types
    ]
    # A NULL may come although the heading promises none, and be absent although the heading allows it.
    nullable = draw(st.lists(st.booleans(), min_size=len(types), max_size=len(types)))
    return Drawn(heading(types, nullable), tuple(columns))


TABLES: st.SearchStrategy[Drawn] = _drawn(max_rows=6)


def drawn_of(kinds: Collection[Kind]) -> st.SearchStrategy[Drawn]:
    """Draw columns of only some kinds."""
    return _drawn(max_rows=6, kinds=kinds)
