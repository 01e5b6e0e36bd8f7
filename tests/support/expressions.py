"""Random texts of the expression language, each with its meaning."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from levada_server.model.kinds import Family, Kind
from levada_server.model.spans import MAX_MICROSECONDS
from levada_server.model.types import AttributeType
from tests.support.entities import Entities, Entity, same, seen
from tests.support.oracle_operators import Aggregated, Computed
from tests.support.pipelines import values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

_INT64 = AttributeType(Kind.INT64)
_FLOAT64 = AttributeType(Kind.FLOAT64)
_BOOL = AttributeType(Kind.BOOL)
_TEXT = AttributeType(Kind.TEXT)

_COMPARISONS: dict[str, Callable[[tuple[object, ...], tuple[object, ...]], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
}


def random_predicate(chance: Random, entities: Entities, depth: int = 2) -> Computed:
    """Make a condition on a relation; it is NULL if a value that it needs is missing."""
    usable = [a for a in entities.heading if a.type.family not in (Family.JSON, Family.OPAQUE)]
    if not usable:
        return Computed("1 = 1", meaning=lambda _: True)
    if depth and chance.randint(0, 3) == 0:
        return _combined(chance, entities, depth)
    attribute = chance.choice(usable)
    name, type_ = attribute.name, attribute.type
    values = [entity[name] for entity in entities if entity[name] is not None] + list(values_of(type_)[:2])
    value = chance.choice(values)
    match chance.choice(("compare", "compare", "attributes", "null", "among", "between")):
        case "null":
            negated = chance.choice((False, True))
            text = f"{name} IS {'NOT ' if negated else ''}NULL"
            return Computed(text, meaning=lambda e: (e[name] is None) is not negated)
        case "among":
            items = tuple(chance.choice(values) for _ in range(chance.randint(1, 3)))
            return Computed(
                f"{name} IN ?",
                (items,),
                meaning=lambda e: None if e[name] is None else any(same(e[name], item, type_) for item in items),
            )
        case "between":
            return Computed(
                f"{name} BETWEEN ? AND ?", (value, value), meaning=lambda e: _compare("=", e[name], value, type_)
            )
        case "attributes":
            operator = chance.choice(tuple(_COMPARISONS))
            other = chance.choice([a for a in usable if a.type == type_]).name
            return Computed(
                f"{name} {operator} {other}", meaning=lambda e: _compare(operator, e[name], e[other], type_)
            )
        case _:
            operator = chance.choice(tuple(_COMPARISONS))
            return Computed(
                f"{name} {operator} ?", (value,), meaning=lambda e: _compare(operator, e[name], value, type_)
            )


def _combined(chance: Random, entities: Entities, depth: int) -> Computed:
    left = random_predicate(chance, entities, depth - 1)
    if chance.randint(0, 1):
        return Computed(f"NOT ({left.text})", left.values, meaning=lambda e: _not(left.meaning(e)))
    right = random_predicate(chance, entities, depth - 1)
    word = chance.choice(("AND", "OR"))
    return Computed(
        f"({left.text}) {word} ({right.text})",
        left.values + right.values,
        meaning=lambda e: _joined((left.meaning(e), right.meaning(e)), decisive=word == "OR"),
    )


def _compare(operator: str, left: object, right: object, type_: AttributeType) -> bool | None:
    if left is None or right is None:
        return None
    return _COMPARISONS[operator](seen(left, type_), seen(right, type_))


def _not(truth: object) -> bool | None:
    return None if truth is None else not truth


def _joined(truths: Sequence[object], *, decisive: bool) -> bool | None:
    """Join with AND, which a single False decides, or with OR, which a single True decides."""
    if decisive in truths:
        return decisive
    return None if None in truths else not decisive


def _integers(entities: Entities) -> list[str]:
    """Return names of integers that are small: sums of a few stay far inside int64."""
    return [a.name for a in entities.heading if a.type.family is Family.INTEGER and a.type.kind is not Kind.INT64]


def _integer(value: object) -> int:
    assert isinstance(value, int)
    return value


def random_computed(chance: Random, entities: Entities) -> Computed:
    """Make an expression for a projection."""
    integers = _integers(entities)
    texts = [a.name for a in entities.heading if a.type.family is Family.TEXT]
    forms = ["number", "text", "condition"]
    forms += ["null"] if entities.heading.names else []
    forms += ["sum", "ifnull"] if integers else []
    forms += ["concat"] if texts else []
    match chance.choice(forms):
        case "number":
            return Computed("1", type=_INT64, meaning=lambda _: 1)
        case "text":
            return Computed("'𝄞'", type=_TEXT, meaning=lambda _: "𝄞")
        case "null":
            name = chance.choice(entities.heading.names)
            return Computed(f"{name} IS NULL", type=_BOOL, meaning=lambda e: e[name] is None)
        case "sum":
            a, b = chance.choice(integers), chance.choice(integers)
            return Computed(
                f"{a} + {b} + 1",
                type=_INT64,
                meaning=lambda e: None if None in (e[a], e[b]) else _integer(e[a]) + _integer(e[b]) + 1,
            )
        case "ifnull":
            name = chance.choice(integers)
            return Computed(f"ifnull({name}, 7)", type=_INT64, meaning=lambda e: 7 if e[name] is None else e[name])
        case "concat":
            name = chance.choice(texts)
            return Computed(
                f"concat({name}, 'é')", type=_TEXT, meaning=lambda e: None if e[name] is None else f"{e[name]}é"
            )
        case _:
            return replace(random_predicate(chance, entities), type=_BOOL)


def random_aggregate(chance: Random, group: Entities) -> Aggregated:
    """Make an expression of aggregate functions over a relation."""
    integers = _integers(group)
    ordered = [a for a in group.heading if a.type.family not in (Family.JSON, Family.OPAQUE)]
    forms = ["rows", "rows", "constant"]
    forms += ["count"] if group.heading.names else []
    forms += ["min", "max"] if ordered else []
    forms += ["sum", "avg", "mixed"] if integers else []
    spans = [attribute for attribute in group.heading if attribute.type.kind is Kind.DURATION]
    forms += ["whole span", "mean span"] if spans else []
    match chance.choice(forms):
        case "rows":
            return Aggregated("count(*)", type=_INT64, meaning=len)
        case "constant":
            return Aggregated("1", type=_INT64, meaning=lambda _: 1)
        case "count":
            name = chance.choice(group.heading.names)
            return Aggregated(f"count({name})", type=_INT64, meaning=lambda members: len(_present(members, name)))
        case "min" | "max" as function:
            attribute = chance.choice(ordered)
            pick = min if function == "min" else max
            return Aggregated(
                f"{function}({attribute.name})",
                type=attribute.type,
                meaning=lambda members: pick(
                    _present(members, attribute.name), key=lambda v: seen(v, attribute.type), default=None
                ),
            )
        case "sum":
            name = chance.choice(integers)
            return Aggregated(f"sum({name})", type=_INT64, meaning=lambda m: _total(_present(m, name)))
        case "avg":
            name = chance.choice(integers)
            return Aggregated(f"avg({name})", type=_FLOAT64, meaning=lambda m: _mean(_present(m, name)))
        case "whole span" | "mean span" as form:
            span = chance.choice(spans)
            divided = form == "mean span"
            return Aggregated(
                f"{'avg' if divided else 'sum'}({span.name})",
                type=span.type,
                meaning=lambda members: _span_of_all(_present(members, span.name), divided=divided),
            )
        case _:
            name = chance.choice(integers)
            return Aggregated(
                f"count(*) + ifnull(sum({name}), 0)",
                type=_INT64,
                meaning=lambda members: len(members) + (_total(_present(members, name)) or 0),
            )


def _present(members: Sequence[Entity], name: str) -> list[object]:
    return [member[name] for member in members if member[name] is not None]


def _total(values: Sequence[object]) -> int | None:
    return sum(map(_integer, values)) if values else None


def _span_of_all(spans: Sequence[object], *, divided: bool) -> dt.timedelta | None:
    """Return the sum or mean of spans, a half microsecond rounded away from zero; None past the longest."""
    if not spans:
        return None
    total = sum(span // dt.timedelta(microseconds=1) for span in spans if isinstance(span, dt.timedelta))
    exact = Fraction(total, len(spans) if divided else 1)
    whole = math.floor(abs(exact) + Fraction(1, 2)) * (1 if exact >= 0 else -1)
    return dt.timedelta(microseconds=whole) if abs(whole) <= MAX_MICROSECONDS else None


def _mean(values: Sequence[object]) -> float | None:
    return float(Fraction(sum(map(_integer, values)), len(values))) if values else None
