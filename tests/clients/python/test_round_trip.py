"""Two thousand rows of every type, NULLs and extremes included, come out as they went in, in every form of fetch."""

from __future__ import annotations

import datetime as dt
import math
import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 2_000
UTC = dt.UTC
MAX_SPAN = 106_751_991 * 86_400 * 10**6
FIRST_DAY, LAST_DAY = dt.date(1, 1, 1).toordinal(), dt.date(9999, 12, 31).toordinal()


def integers(low: int, high: int) -> Callable[[random.Random], int]:
    return lambda r: r.choice((low, high, 0, r.randint(low, high)))


def text(length: int) -> Callable[[random.Random], str]:
    alphabet = "aB0 _'\"\\,\t\n%{}ß鷗𝄞🐬\u200d"
    return lambda r: "".join(r.choices(alphabet, k=r.randint(0, length)))


def day(r: random.Random) -> dt.date:
    return dt.date.fromordinal(r.choice((FIRST_DAY, LAST_DAY, r.randint(FIRST_DAY, LAST_DAY))))


def clock(r: random.Random) -> dt.time:
    return r.choice((dt.time.min, dt.time.max, dt.time(r.randrange(24), r.randrange(60), 7, r.randrange(10**6))))


def moment(r: random.Random) -> dt.datetime:
    return dt.datetime.combine(day(r), clock(r))


def span(r: random.Random) -> dt.timedelta:
    return dt.timedelta(microseconds=r.choice((-MAX_SPAN, MAX_SPAN, -1, 0, r.randint(-(10**13), 10**13))))


def single(r: random.Random) -> float:
    return r.choice((0.0, -0.0, math.nan, math.inf, -math.inf, float(str(np.float32(r.gauss(0, 1e6))))))


def double(r: random.Random) -> float:
    return r.choice((0.0, -0.0, math.nan, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, r.gauss(0, 1e9)))


def tree(r: random.Random) -> object:
    return r.choice(({"a": [1, 2.5, None, {"b": "ü"}]}, [], "text", 5, True, {"": {}}, r.random()))


def anything(r: random.Random) -> object:
    return r.choice(
        (
            np.arange(r.randrange(9), dtype=np.float32).reshape(-1, 1),
            {"nested": [1, (2, "three"), {"x": None}]},
            b"\0\xff",
            "text\0with NUL",
            2**200,
            3 + 4j,
        )
    )


GENERATORS: dict[str, Callable[[random.Random], object]] = {
    "int8": integers(-(2**7), 2**7 - 1),
    "int16": integers(-(2**15), 2**15 - 1),
    "int32": integers(-(2**31), 2**31 - 1),
    "int64": integers(-(2**63), 2**63 - 1),
    "uint8": integers(0, 2**8 - 1),
    "uint16": integers(0, 2**16 - 1),
    "uint32": integers(0, 2**32 - 1),
    "uint64": integers(0, 2**64 - 1),
    "float32": single,
    "float64": double,
    "bool": lambda r: r.random() < 0.5,
    "decimal(20,5)": lambda r: Decimal(r.randint(-(10**20) + 1, 10**20 - 1)).scaleb(-5),
    "char(7)": text(7),
    "varchar(30)": text(30),
    "text": text(200),
    "enum('a', 'B b', 'ü''\"')": lambda r: r.choice(("a", "B b", "ü'\"")),
    "date": day,
    "time": clock,
    "datetime": moment,
    "timestamp": moment,
    "timestamptz": lambda r: moment(r).replace(tzinfo=UTC),
    "duration": span,
    "uuid": lambda r: UUID(int=r.getrandbits(128)),
    "json": tree,
    "bytes": lambda r: r.randbytes(r.randrange(40)),
    "<blob>": anything,
    "<array float32(2, 3)>": lambda r: np.array([r.gauss(0, 1) for _ in range(6)], np.float32).reshape(2, 3),
}


def same(left: object, right: object) -> bool:
    """Return whether two values are equal in value and type; NaN equals NaN, and 0.0 does not equal -0.0."""
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
    if isinstance(left, float) and isinstance(right, float):
        return math.isnan(left) == math.isnan(right) and repr(left) == repr(right)
    return type(left) is type(right) and left == right


@pytest.fixture
def table(connection: lv.Connection) -> type[lv.Manual]:
    """A table with an attribute of every type, each nullable, and the rows' number as key."""
    schema = lv.Schema("lab", connection=connection)
    lines = [f"a{number} = null : {spelling}" for number, spelling in enumerate(GENERATORS)]
    definition = "\n".join(("row : int32", "---", *lines))
    cls: type[lv.Manual] = schema(type("Everything", (lv.Manual,), {"definition": definition}))
    return cls


def rows() -> list[dict[str, Any]]:
    r = random.Random(20261122)
    names = {f"a{number}": generate for number, generate in enumerate(GENERATORS.values())}
    return [
        {"row": row, **{name: None if r.random() < 0.1 else generate(r) for name, generate in names.items()}}
        for row in range(ROWS)
    ]


def test_two_thousand_rows_in_and_the_same_rows_out(table: type[lv.Manual]) -> None:
    sent = rows()
    table.insert(sent)
    got = table.to_dicts(order_by="row")
    assert len(got) == ROWS
    for before, after in zip(sent, got, strict=True):
        assert list(before) == list(after)
        for name, value in before.items():
            assert same(value, after[name]), f"row {before['row']}, {name}: {value!r} came back as {after[name]!r}"


def test_an_arrow_table_goes_in_as_it_came_out(table: type[lv.Manual]) -> None:
    table.insert(rows())
    first = table.to_arrow(order_by="row")
    table.delete(prompt=False)
    table.insert(first)
    second = table.to_arrow(order_by="row")
    assert second.schema.equals(first.schema, check_metadata=True)
    for before, after in zip(first.columns, second.columns, strict=True):
        if pa.types.is_floating(before.type):  # Arrow treats NaN as different from NaN
            assert before.is_null().equals(after.is_null())
            assert np.array_equal(before.to_numpy(), after.to_numpy(), equal_nan=True)
        else:
            assert before.equals(after)


def test_an_empty_result_has_full_types(table: type[lv.Manual]) -> None:
    empty = table.to_arrow()
    table.insert(rows()[:3])
    assert empty.num_rows == 0
    assert empty.schema.equals(table.to_arrow().schema, check_metadata=True)
    assert empty.schema.field("a0").type == pa.int8()
    assert table.to_dicts(limit=0) == []
    assert (table & "row > 5").to_pandas().shape == (0, len(GENERATORS))
