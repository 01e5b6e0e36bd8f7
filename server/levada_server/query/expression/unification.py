"""One type for several operands: the branches of CASE, the arguments of coalesce, greatest and similar functions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from levada_server.model.kinds import MOMENTS, NUMERIC, Family
from levada_server.query import sql
from levada_server.query.expression.arithmetic import bounded_decimal, number_family
from levada_server.query.expression.conversions import convert, natural_family, number_of, scale_of
from levada_server.query.expression.operands import Constant, Operand, Site, Typed, shown
from levada_server.query.postgres_types import value_type

if TYPE_CHECKING:
    from collections.abc import Sequence


def unify(site: Site, operands: Sequence[Operand]) -> list[Typed]:
    """Convert operands to one type.

    Attributes of equal types keep it. Otherwise numbers become the widest kind, and constants take the type of the
    rest.

    Raises:
        InvalidExpression: There is no such type.
        WrongValue: A constant cannot have the type.
    """
    known = [o for o in operands if isinstance(o, Typed)]
    constants = [o for o in operands if isinstance(o, Constant) and o.value is not None]
    kept = {(o.type, o.family, o.json is None) for o in known}
    if not constants and len(kept) == 1:
        first = known[0]
        empty = sql.Cast(sql.NULL, value_type(first.type))
        return [o if isinstance(o, Typed) else Typed(o.position, empty, first.type, first.family) for o in operands]
    family = _common_family(site, [*operands])
    if family is Family.DECIMAL:
        return _unify_decimals(site, operands)
    if family is Family.OPAQUE:
        raise site.refusal(operands[0].position, "values of this type are combined only with each other", "one type")
    return [convert(site, operand, family) for operand in operands]


def _unify_decimals(site: Site, operands: Sequence[Operand]) -> list[Typed]:
    scales = [o.type.scale or 0 for o in operands if isinstance(o, Typed) and o.family is Family.DECIMAL]
    for operand in operands:
        if isinstance(operand, Constant) and isinstance(operand.value, (Decimal, float, str)):
            scales.append(scale_of(number_of(site, operand)))
    scale = max(scales)
    converted = [convert(site, operand, Family.DECIMAL) for operand in operands]
    return [bounded_decimal(site, d.position, d.sql, d.type.scale or 0, scale, d.extent.largest, d) for d in converted]


def _common_family(site: Site, operands: list[Operand]) -> Family:
    # NULL, text in quotes and text from JSON take the type of the others.
    firm = [
        o
        for o in operands
        if (o.json is None if isinstance(o, Typed) else o.value is not None and not isinstance(o.value, str))
    ]
    families = {_family(site, operand) for operand in firm}
    if not families:
        return Family.TEXT
    if families <= NUMERIC:
        return Family.BOOL if families == {Family.BOOL} else number_family(site, operands)
    if len(families) == 1:
        return families.pop()
    if families <= MOMENTS:
        return Family.MOMENT
    if families == {Family.TIME, Family.SPAN}:
        return Family.SPAN
    if {o.family for o in firm if isinstance(o, Typed)} == {Family.TEXT} and families <= NUMERIC | {Family.TEXT}:
        return Family.TEXT
    first = firm[0]
    other = next(o for o in firm if _family(site, o) is not _family(site, first))
    raise site.refusal(
        other.position, f"{shown(other)} and {shown(first)} have no common type", "one type; CAST(… AS …) makes it"
    )


def _family(site: Site, operand: Operand) -> Family:
    if isinstance(operand, Typed):
        return operand.type.family
    family = natural_family(site, operand)
    assert family is not None
    return family
