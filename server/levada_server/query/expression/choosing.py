"""The functions that choose among values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.model.kinds import Family
from levada_server.query import sql
from levada_server.query.expression.calls import arguments
from levada_server.query.expression.casts import as_text
from levada_server.query.expression.comparison import check_single, compare, null_test, truth
from levada_server.query.expression.conversions import by_itself, convert, null
from levada_server.query.expression.operands import Extent, Site, Typed, function, shown
from levada_server.query.expression.unification import unify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_server.query.expression import syntax


def greatest(site: Site, call: syntax.Call) -> Typed:
    """Find the largest; NULL if one is."""
    return _extreme(site, call, "larger")


def least(site: Site, call: syntax.Call) -> Typed:
    """Find the smallest; NULL if one is."""
    return _extreme(site, call, "smaller")


def _extreme(site: Site, call: syntax.Call, name: str) -> Typed:
    first, *rest = unify(site, arguments(site, call))
    if first.family in (Family.JSON, Family.OPAQUE):
        raise site.refusal(first.position, f"values of {shown(first)} have no order", "other values")
    for other in rest:
        largest = max(first.extent.largest, other.extent.largest)
        extent = Extent(min(first.extent.smallest, other.extent.smallest), largest)
        first = site.typed(
            call.position,
            function(name, first.sql, other.sql),
            first.family,
            first,
            other,
            type_=first.type,
            extent=extent,
        )
    return first


def coalesce(site: Site, call: syntax.Call) -> Typed:
    """Find the first that is not NULL."""
    operands = unify(site, arguments(site, call))
    expression = sql.Call("coalesce", tuple(operand.sql for operand in operands))
    return joint(site, call.position, expression, operands)


def nullif(site: Site, call: syntax.Call) -> Typed:
    """Turn a value into NULL if it equals another."""
    left, right = arguments(site, call)
    check_single(site, left)
    same = truth(site, compare(site, "=", left, right, call.position))
    kept = by_itself(site, left)
    if kept.family in (Family.OPAQUE, Family.JSON):
        raise site.refusal(call.position, f"nullif cannot compare {shown(kept)}", "other values")
    expression = sql.Case(((same.sql, null(call.position, kept.family).sql),), kept.sql)
    return joint(site, call.position, expression, [kept], same)


def either(site: Site, call: syntax.Call) -> Typed:
    """Choose between two values by a condition."""
    condition = truth(site, site.operand(call.arguments[0]))
    operands = unify(site, [site.operand(argument) for argument in call.arguments[1:]])
    expression = sql.Case(((condition.sql, operands[0].sql),), operands[1].sql)
    return joint(site, call.position, expression, operands, condition)


def joint(site: Site, position: int, expression: sql.Expression, operands: Sequence[Typed], *more: Typed) -> Typed:
    """Build an operand that is one of several of one type."""
    extent = Extent(min(o.extent.smallest for o in operands), max(o.extent.largest for o in operands))
    first = operands[0]
    return site.typed(position, expression, first.family, *operands, *more, type_=first.type, extent=extent)


def place(site: Site, call: syntax.Call) -> Typed:
    """Find the place of a value in a list, from 1; 0 if it is not there, or NULL."""
    wanted, *items = arguments(site, call)
    check_single(site, wanted)
    matches = [truth(site, compare(site, "=", wanted, item, call.position)) for item in items]
    branches = tuple((match.sql, sql.Value(number, "bigint")) for number, match in enumerate(matches, 1))
    expression = sql.Case(branches, sql.Value(0, "bigint"))
    return site.typed(call.position, expression, Family.INTEGER, *matches, extent=Extent(1, len(items)))


def item(site: Site, call: syntax.Call) -> Typed:
    """Choose the text with a number, from 1, of a list; NULL if there is none."""
    number = convert(site, site.operand(call.arguments[0]), Family.INTEGER)
    check_single(site, number)
    texts = [as_text(site, site.operand(argument)) for argument in call.arguments[1:]]
    branches = tuple((sql.equal(number.sql, sql.Value(n, "bigint")), text.sql) for n, text in enumerate(texts, 1))
    expression = sql.Case(branches, null(call.position, Family.TEXT).sql)
    return joint(site, call.position, expression, texts, *[number] * len(texts))


def is_null(site: Site, call: syntax.Call) -> Typed:
    """Return whether a value is NULL."""
    return null_test(site, site.operand(call.arguments[0]), call.position)
