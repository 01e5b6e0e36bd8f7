"""Hypothesis strategies: rows with NULLs and extremes, and typed expressions, each with its meaning in Python."""

from __future__ import annotations

import datetime as dt
import math
import re
import struct
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from levada_server.model.types import parse_type
from levada_server.query import sql
from levada_server.query.expression.operands import Scope
from levada_server.query.postgres_types import value_type
from tests.support import expression_oracle as oracle
from tests.support import expression_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.expression_oracle import Value

_ALSO = ("number", "large", "single", "double", "price", "flag", "label", "note", "day", "moment")
TYPES = {"small": parse_type("int8")} | {name: parse_type(expression_scope.TYPES[name]) for name in _ALSO}
"""The attributes of every row."""

SCOPE = Scope({name: (sql.Column("t", name), type_) for name, type_ in TYPES.items()})

LETTERS = "aAbB1é%_\\' \""
MAX_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Example:
    """An expression and its meaning."""

    text: str
    evaluate: oracle.Evaluate

    def __repr__(self) -> str:
        return self.text


def float32(number: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", number))[0])


DAY_PARTS: dict[str, Callable[[dt.date], Value]] = {
    "year": lambda day: day.year,
    "quarter": lambda day: (day.month + 2) // 3,
    "month": lambda day: day.month,
    "day": lambda day: day.day,
    "dayofyear": lambda day: day.timetuple().tm_yday,
    "weekday": dt.date.weekday,
    "dayofweek": lambda day: day.isoweekday() % 7 + 1,
    "weekofyear": lambda day: day.isocalendar().week,
    "to_days": lambda day: day.toordinal() + 365,
}

_integers = {
    bits: st.one_of(
        st.integers(-3, 3),
        st.sampled_from((-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)),
        st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1),
    )
    for bits in (8, 32, 64)
}
_doubles = st.one_of(
    st.sampled_from((0.0, -0.0, 0.1, 1.5, -2.5, 1e308, -1.7976931348623157e308, 5e-324, 1e-300, 1e155)), st.floats()
)
# The driver reads the very first and last of Python's dates and datetimes as infinities.
_FIRST, _LAST = dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30, 23, 59, 59, 999_999)
_moments = st.one_of(st.sampled_from((_FIRST, _LAST, dt.datetime(2024, 2, 29))), st.datetimes(_FIRST, _LAST))

ROW = st.fixed_dictionaries(
    {
        "small": st.none() | _integers[8],
        "number": st.none() | _integers[32],
        "large": st.none() | _integers[64],
        "single": st.none() | st.floats(width=32) | st.just(float32(0.1)),
        "double": st.none() | _doubles,
        "price": st.none() | st.decimals(-(10**8) + 1, 10**8 - 1, places=2),
        "flag": st.none() | st.booleans(),
        "label": st.none() | st.text(LETTERS, max_size=4),
        "note": st.none() | st.text(LETTERS, max_size=6) | st.sampled_from(("12", "-1.5", "1e400", "2020-02-30")),
        "day": st.none() | st.dates(_FIRST.date(), _LAST.date()),
        "moment": st.none() | _moments,
    }
)
ROWS = st.lists(ROW, min_size=1, max_size=5)


def source(rows: Sequence[oracle.Row]) -> sql.ArraySource:
    """Write rows as a source of the alias `t`."""
    return sql.ArraySource(
        tuple(
            (name, sql.Value([row[name] for row in rows], value_type(type_) + "[]")) for name, type_ in TYPES.items()
        ),
        "t",
    )


def column(name: str) -> Example:
    return Example(name, lambda row: row[name])


def columns(*names: str) -> st.SearchStrategy[Example]:
    return st.sampled_from([column(name) for name in names])


def literal(value: Value, text: str | None = None) -> Example:
    return Example(str(value) if text is None else text, lambda _: value)


def quoted(text: str) -> Example:
    return literal(text, "'" + text.replace("\\", "\\\\").replace("'", "''") + "'")


def call(text: str, function: Callable[..., Value], *parts: Example) -> Example:
    """Make an expression of others; `{}` in the text stands for each."""
    return Example(text.format(*(part.text for part in parts)), lambda row: function(*(p.evaluate(row) for p in parts)))


def _arithmetic(operator: str) -> Callable[[Example, Example], Example]:
    return lambda a, b: call(f"({{}} {operator} {{}})", lambda x, y: oracle.calculate(operator, x, y), a, b)


def _choose(condition: Example, a: Example, b: Example) -> Example:
    return call("if({}, {}, {})", lambda c, x, y: x if oracle.truth(c) else y, condition, a, b)


@cache
def integers(depth: int) -> st.SearchStrategy[Example]:
    simple = columns("small", "number", "large") | st.builds(
        literal, st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 9)
    )
    if depth == 0:
        return simple
    inner = st.deferred(lambda: integers(depth - 1))
    other = st.deferred(lambda: booleans(depth - 1))
    texts_inside = st.deferred(lambda: texts(depth - 1))
    moments_inside = st.deferred(lambda: moments(depth - 1))
    return st.one_of(
        simple,
        *(st.builds(_arithmetic(operator), inner, inner) for operator in ("+", "-", "*", "%", "DIV")),
        st.builds(_arithmetic("DIV"), st.deferred(lambda: floats(depth - 1)), inner),
        st.builds(_arithmetic("DIV"), columns("price"), st.just(literal(Decimal("0.3")))),
        st.builds(lambda a: call("sign({})", oracle.sign, a), st.deferred(lambda: floats(depth - 1)) | inner),
        st.builds(lambda a: call("truncate({}, -2)", lambda x: oracle.truncated(x, -2), a), inner),
        st.builds(
            lambda a, b, n: call("locate({}, {}, {})", lambda x, y, z: oracle.place(y, x, z), a, b, n),
            texts_inside | st.just(quoted("a")),
            texts_inside,
            st.builds(literal, st.integers(-1, 5)),
        ),
        st.builds(lambda a: call("find_in_set('a', {})", lambda x: oracle.place_in_list("a", x), a), texts_inside),
        st.builds(
            lambda a, b: call("field({}, 1, {}, 5)", lambda x, y: oracle.place_among(x, 1, y, 5), a, b), inner, inner
        ),
        *(
            st.builds(
                lambda a, name=name, function=function: call(f"{name}({{}})", oracle.day_part(function), a),
                moments_inside,
            )
            for name, function in DAY_PARTS.items()
        ),
        *(
            st.builds(
                lambda a, part=part: call(f"{part}({{}})", lambda x: oracle.clock_part(x, part), a), moments_inside
            )
            for part in ("hour", "minute", "second", "microsecond")
        ),
        st.builds(
            lambda a, mode: call(f"week({{}}, {mode})", lambda x: oracle.week(x, mode), a),
            moments_inside,
            st.integers(0, 7),
        ),
        st.builds(
            lambda a, b: call(
                "datediff({}, {})",
                oracle.strict(lambda x, y: oracle.day_of(x).toordinal() - oracle.day_of(y).toordinal()),
                a,
                b,
            ),
            moments_inside,
            moments_inside,
        ),
        st.builds(
            lambda a, b: call("({} + {})", lambda x, y: oracle.calculate("+", x, None if y is None else int(y)), a, b),
            inner,
            other,
        ),
        st.builds(lambda a: call("(- {})", lambda x: oracle.calculate("-", 0, x), a), inner),
        st.builds(lambda a: call("abs({})", oracle.absolute, a), inner),
        st.builds(lambda a: call("round({}, -1)", lambda x: oracle.rounded(x, -1), a), inner),
        st.builds(_choose, other, inner, inner),
        st.builds(lambda a, b: call("ifnull({}, {})", lambda x, y: y if x is None else x, a, b), inner, inner),
        st.builds(lambda a, b: call("nullif({}, {})", lambda x, y: None if x == y else x, a, b), inner, inner),
        st.builds(lambda a, b: call("greatest({}, {})", lambda x, y: oracle.extreme(max, x, y), a, b), inner, inner),
        st.builds(lambda a, b: call("least({}, {})", lambda x, y: oracle.extreme(min, x, y), a, b), inner, inner),
        st.builds(lambda a: call("length({})", oracle.strict(len), a), texts_inside),
        st.builds(lambda a: call("CAST({} AS signed)", oracle.to_integer, a), st.deferred(lambda: floats(depth - 1))),
        st.just(call("CAST({} AS signed)", lambda x: oracle.to_integer(oracle.to_number(x)), column("note"))),
        st.builds(
            lambda unit, a, b: call(
                f"timestampdiff({unit}, {{}}, {{}})", lambda x, y: oracle.difference(unit, x, y), a, b
            ),
            st.sampled_from((*oracle.SPANS, *oracle.MONTHS)),
            moments_inside,
            moments_inside,
        ),
    )


@cache
def floats(depth: int) -> st.SearchStrategy[Example]:
    """Floats computed by operations that are exact, or rounded once, everywhere."""
    simple = columns("single", "double") | st.builds(
        lambda x: literal(x, f"{x!r}" if "." in repr(x) or "e" in repr(x) else f"{x!r}.0"),
        st.sampled_from((0.0, 0.5, -1.5, 1e-3, 2.0, 1e300, 1e-300, 5e-324, 1.7976931348623157e308)),
    )
    if depth == 0:
        return simple
    inner = st.deferred(lambda: floats(depth - 1))
    whole = st.deferred(lambda: integers(depth - 1))
    return st.one_of(
        simple,
        *(st.builds(_arithmetic(operator), inner, inner) for operator in "+-*/%"),
        *(st.builds(_arithmetic(operator), inner, whole) for operator in "+*/"),
        st.builds(_arithmetic("/"), whole, whole),
        st.builds(lambda a: call("abs({})", oracle.absolute, a), inner),
        st.builds(lambda a: call("floor({})", oracle.floor, a), inner),
        st.builds(lambda a: call("ceil({})", oracle.ceil, a), inner),
        st.builds(
            lambda a, n: call(f"round({{}}, {n})", lambda x: oracle.rounded(x, n), a),
            inner,
            st.sampled_from((0, 2, -2, 300)),
        ),
        st.builds(
            lambda a, n: call(f"truncate({{}}, {n})", lambda x: oracle.truncated(x, n), a),
            inner,
            st.sampled_from((0, 2, -2)),
        ),
        st.builds(
            lambda a: call("unix_timestamp({})", oracle.seconds_since_1970, a),
            columns("moment"),
        ),
        st.builds(lambda a: call("sqrt({})", lambda x: oracle.of_float(math.sqrt, x), a), inner),
        st.builds(_choose, st.deferred(lambda: booleans(depth - 1)), inner, inner),
        st.builds(lambda a, b: call("greatest({}, {})", lambda x, y: oracle.extreme(max, x, y), a, b), inner, inner),
    )


@cache
def inexact_floats(depth: int) -> st.SearchStrategy[Example]:
    """Floats by functions whose last digit depends on the library."""
    inner = floats(depth)
    return st.one_of(
        st.builds(lambda a: call("exp({})", lambda x: oracle.of_float(math.exp, x), a), inner),
        st.builds(lambda a: call("ln({})", lambda x: oracle.of_float(math.log, x), a), inner),
        st.builds(lambda a: call("log10({})", lambda x: oracle.of_float(math.log10, x), a), inner),
        st.builds(lambda a, b: call("power({}, {})", oracle.power, a, b), inner, inner),
    )


@cache
def decimals(depth: int) -> st.SearchStrategy[Example]:
    simple = columns("price")
    if depth == 0:
        return simple
    inner = st.deferred(lambda: decimals(depth - 1))
    whole = st.deferred(lambda: integers(depth - 1))
    number = st.builds(lambda x: literal(x, f"{x:f}"), st.decimals(-100, 100, places=3))
    return st.one_of(
        simple,
        *(st.builds(_arithmetic(operator), inner, inner | whole) for operator in "+-*%"),
        *(st.builds(_arithmetic(operator), inner, number) for operator in "+-*%"),
        st.builds(lambda a: call("abs({})", oracle.absolute, a), inner),
        st.builds(lambda a: call("floor({})", oracle.floor, a), inner),
        st.builds(
            lambda a, n: call(f"round({{}}, {n})", lambda x: oracle.rounded(x, n), a),
            inner,
            st.sampled_from((0, 1, -3)),
        ),
    )


_OPERATORS = st.sampled_from(("=", "<>", "!=", "<", "<=", ">", ">="))


def _comparison(operator: str, a: Example, b: Example) -> Example:
    return call(f"({{}} {operator} {{}})", lambda x, y: oracle.compare(operator, x, y), a, b)


@cache
def booleans(depth: int) -> st.SearchStrategy[Example]:
    simple = columns("flag")
    if depth == 0:
        return simple
    inner = st.deferred(lambda: booleans(depth - 1))
    whole = st.deferred(lambda: integers(depth - 1))
    float_ = st.deferred(lambda: floats(depth - 1))
    exact = st.deferred(lambda: decimals(depth - 1))
    text = st.deferred(lambda: texts(depth - 1))
    moment = st.deferred(lambda: moments(depth - 1))
    return st.one_of(
        simple,
        *(st.builds(_comparison, _OPERATORS, kind, kind) for kind in (whole, float_, exact, text, inner)),
        st.builds(_comparison, _OPERATORS, whole, exact),
        st.builds(_comparison, _OPERATORS, columns("day"), columns("day")),
        st.builds(_comparison, _OPERATORS, columns("moment"), columns("moment")),
        st.builds(_constant_comparison, _OPERATORS, st.sampled_from(tuple(TYPES)), st.data()),
        st.builds(
            lambda a, b: call("({} AND {})", lambda *x: oracle.conjunction(map(oracle.truth, x)), a, b),
            inner,
            inner | whole,
        ),
        st.builds(
            lambda a, b: call("({} OR {})", lambda *x: oracle.disjunction(map(oracle.truth, x)), a, b), inner, inner
        ),
        st.builds(lambda a: call("(NOT {})", lambda x: oracle.negation(oracle.truth(x)), a), inner | whole),
        st.builds(lambda a: call("({} IS NULL)", lambda x: x is None, a), st.one_of(whole, float_, text, moment)),
        st.builds(lambda a: call("isnull({})", lambda x: x is None, a), st.one_of(whole, float_, text, moment)),
        *(st.builds(lambda a, b: call("({} <=> {})", oracle.same, a, b), kind, kind) for kind in (whole, float_, text)),
        st.builds(
            lambda a, b: call("({} XOR {})", lambda x, y: oracle.different(oracle.truth(x), oracle.truth(y)), a, b),
            inner,
            inner | whole,
        ),
        st.builds(
            lambda a, pattern: call(
                f"({{}} REGEXP '{pattern}')", oracle.strict(lambda x: re.search(pattern, x) is not None), a
            ),
            text,
            st.sampled_from(("a", "^[ab]+$", "é|%", "[^a]", "a.?b", "^$", "(aa)+")),
        ),
        st.builds(lambda a: call("({} IS NOT TRUE)", lambda x: oracle.truth(x) is not True, a), inner),
        st.builds(
            lambda a, b, c: call(
                "({} BETWEEN {} AND {})",
                lambda x, y, z: oracle.conjunction((oracle.compare(">=", x, y), oracle.compare("<=", x, z))),
                a,
                b,
                c,
            ),
            whole,
            whole,
            whole,
        ),
        st.builds(
            lambda a, b: call("({} IN ({}, 1, 2.5))", lambda x, y: oracle.among(x, (y, 1, 2.5)), a, b), whole, whole
        ),
        st.builds(lambda a: call("({} IN (1, 2.5, -1))", lambda x: oracle.among(x, (1, 2.5, -1)), a), whole),
        st.builds(
            lambda a: call(
                "({} NOT IN (1, NULL, 9999999999))",
                lambda x: oracle.negation(oracle.among(x, (1, None, 9999999999))),
                a,
            ),
            whole,
        ),
        st.builds(lambda a: call("({} IN ('a', '', 'bB'))", lambda x: oracle.among(x, ("a", "", "bB")), a), text),
        st.builds(
            lambda a, b: call("({} LIKE {})", oracle.like, a, b),
            text,
            text | st.builds(quoted, st.text(LETTERS, max_size=4)),
        ),
    )


def _constant_comparison(operator: str, name: str, data: st.DataObject) -> Example:
    """Compare an attribute with a constant that may be past its type."""
    found: Value
    match TYPES[name].kind.value:
        case "bool":
            found = data.draw(st.sampled_from((0, 1, 2, -1)))
            return _comparison(operator, column(name), literal(found))
        case "varchar" | "text":
            return _comparison(operator, column(name), quoted(data.draw(st.text(LETTERS, max_size=4))))
        case "date":
            found = data.draw(_moments)
            return call(
                f"({{}} {operator} '{found.isoformat(' ')}')",
                lambda x: oracle.compare(operator, None if x is None else dt.datetime.combine(x, dt.time()), found),
                column(name),
            )
        case "datetime":
            found = data.draw(_moments)
            return _comparison(operator, column(name), literal(found, f"'{found.isoformat()}'"))
        case "float32":
            number = data.draw(st.sampled_from((0.1, 1.5, -3.25, 0.30000001192092896)))
            return _comparison(operator, column(name), literal(float32(number), repr(number)))
        case "float64":
            found = data.draw(st.floats(allow_nan=False, allow_infinity=False))
            return _comparison(operator, column(name), literal(found, f"{found!r}"))
        case _:
            found = data.draw(
                st.one_of(
                    st.integers(-(10**25), 10**25),
                    st.integers(-300, 300),
                    st.decimals(-1000, 1000, places=2),
                    st.just(Decimal("0.5")),
                )
            )
            return _comparison(
                operator, column(name), literal(found, f"{found:f}" if isinstance(found, Decimal) else None)
            )


@cache
def texts(depth: int) -> st.SearchStrategy[Example]:
    simple = columns("label", "note")
    if depth == 0:
        return simple
    inner = st.deferred(lambda: texts(depth - 1))
    whole = st.deferred(lambda: integers(depth - 1))
    given = st.builds(quoted, st.text(LETTERS, max_size=4))
    small_number = st.builds(literal, st.integers(-3, 9))
    return st.one_of(
        simple,
        st.builds(lambda a, b: call("concat({}, {})", oracle.strict(lambda x, y: x + y), a, b), inner, inner | given),
        st.builds(lambda a: call("concat({}, '')", oracle.strict(str), a), whole),
        st.builds(lambda a: call("lower({})", oracle.strict(str.lower), a), inner),
        st.builds(lambda a: call("upper({})", oracle.strict(str.upper), a), inner),
        st.builds(
            lambda a, b: call("replace({}, 'a', {})", oracle.strict(lambda x, y: x.replace("a", y)), a, b), inner, inner
        ),
        st.builds(lambda a, b, c: call("substr({}, {}, {})", oracle.part, a, b, c), inner, whole, whole),
        st.builds(lambda a, b: call("left({}, {})", oracle.first, a, b), inner, whole | small_number),
        st.builds(lambda a, b: call("right({}, {})", oracle.last, a, b), inner, whole | small_number),
        *(
            st.builds(
                lambda a, n, b, name=name, before=before: call(
                    f"{name}({{}}, {{}}, {{}})", lambda x, y, z: oracle.padded(x, y, z, before), a, n, b
                ),
                inner,
                small_number,
                inner | given,
            )
            for name, before in (("lpad", True), ("rpad", False))
        ),
        st.builds(lambda a, b: call("repeat({}, {})", oracle.repeated, a, b), inner, small_number),
        st.builds(lambda a: call("reverse({})", oracle.strict(lambda x: x[::-1]), a), inner),
        st.builds(
            lambda a, b, ends: call(f"trim({ends} {{}} FROM {{}})", lambda x, y: oracle.trimmed(y, x, ends), a, b),
            given,
            inner,
            st.sampled_from(("both", "leading", "trailing")),
        ),
        st.builds(lambda a, b, c: call("concat_ws({}, {}, {})", oracle.joined, a, b, c), inner | given, inner, inner),
        st.builds(
            lambda a, b, c: call("substring_index({}, {}, {})", oracle.before_separator, a, b, c),
            inner,
            given,
            small_number,
        ),
        st.builds(lambda a, b, c: call("elt({}, {}, {})", oracle.chosen, a, b, c), small_number, inner, inner),
        st.builds(
            lambda a: call("date_format({}, '%Y-%m-%d')", oracle.day_part(dt.date.isoformat), a),
            st.deferred(lambda: moments(depth - 1)),
        ),
        st.builds(lambda a, b: call("coalesce({}, {})", lambda x, y: y if x is None else x, a, b), inner, given),
        st.builds(_choose, st.deferred(lambda: booleans(depth - 1)), inner, given),
        st.builds(
            lambda a: call(
                "CASE {} WHEN 'a' THEN 'first' WHEN '' THEN NULL ELSE {} END",
                lambda x, y: "first" if x == "a" else None if x == "" else y,
                a,
                a,
            ),
            inner,
        ),
    )


@cache
def moments(depth: int) -> st.SearchStrategy[Example]:
    simple = columns("day", "moment")
    if depth == 0:
        return simple
    inner = st.deferred(lambda: moments(depth - 1))
    whole = st.builds(literal, st.integers(-100_000, 100_000)) | columns("small")
    return st.one_of(
        simple,
        st.builds(
            lambda a: call("date({})", oracle.strict(lambda x: x.date() if isinstance(x, dt.datetime) else x), a), inner
        ),
        st.builds(lambda a: call("last_day({})", oracle.day_part(oracle.last_day), a), inner),
        st.builds(
            lambda a: call("str_to_date(date_format({}, '%d/%m/%Y'), '%d/%m/%Y')", oracle.day_part(lambda day: day), a),
            inner,
        ),
        st.builds(
            lambda a, n, unit: call(
                f"date_sub({{}}, INTERVAL {{}} {unit})",
                lambda x, y: oracle.shifted(x, None if y is None else -y, unit),
                a,
                n,
            ),
            inner,
            whole,
            st.sampled_from((*oracle.SPANS, *oracle.MONTHS)),
        ),
        st.builds(
            lambda a, n, unit: call(f"({{}} + INTERVAL {{}} {unit})", lambda x, y: oracle.shifted(x, y, unit), a, n),
            inner,
            whole,
            st.sampled_from((*oracle.SPANS, *oracle.MONTHS)),
        ),
    )


EXPRESSIONS = st.one_of(
    integers(MAX_DEPTH - 1),
    floats(MAX_DEPTH - 1),
    inexact_floats(2),
    decimals(MAX_DEPTH - 1),
    booleans(MAX_DEPTH),
    texts(MAX_DEPTH - 1),
    moments(MAX_DEPTH - 1),
)
