"""Reading the arguments of a call, and functions that only pass their arguments on to one of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.model.kinds import Family
from levada_server.query.expression.casts import as_text
from levada_server.query.expression.conversions import convert
from levada_server.query.expression.moments import convert_moment
from levada_server.query.expression.operands import (
    ANY_FLOAT,
    ANY_INTEGER,
    Extent,
    Operand,
    Site,
    Typed,
    exact_text,
    function,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from levada_server.query.expression import syntax


def arguments(site: Site, call: syntax.Call) -> list[Operand]:
    """Type the arguments of a call."""
    return [site.operand(argument) for argument in call.arguments]


def read_as(site: Site, operand: Operand, family: Family) -> Typed:
    """Convert an argument to the family that a function takes; anything has a text, and a text may be a datetime."""
    match family:
        case Family.TEXT:
            return as_text(site, operand)
        case Family.MOMENT:
            return convert_moment(site, operand)
        case _:
            return convert(site, operand, family)


def passed_on(
    name: str, takes: tuple[Family, ...], gives: Family, extent: Extent | None = None, *, splits: bool = False
) -> Callable[[Site, syntax.Call], Typed]:
    """Return the typing of a function that PostgreSQL computes by one of ours, which is NULL if an argument is.

    Args:
        name: Our function.
        takes: The family of each argument.
        gives: The family of the result.
        extent: The bounds of a number that it returns.
        splits: It takes a text apart at separators, which the text of a JSON value does not have.
    """
    bounds = extent or (ANY_INTEGER if gives is Family.INTEGER else ANY_FLOAT)

    def apply(site: Site, call: syntax.Call) -> Typed:
        operands = arguments(site, call)
        if splits:
            _refuse_json(site, call, operands)
        given = [read_as(site, operand, family) for operand, family in zip(operands, takes, strict=False)]
        result = function(name, *(operand.sql for operand in given))
        return site.typed(
            call.position, exact_text(result) if gives is Family.TEXT else result, gives, *given, extent=bounds
        )

    return apply


def _refuse_json(site: Site, call: syntax.Call, operands: Sequence[Operand]) -> None:
    """Refuse a JSON value where a text is taken apart: the text of a list would be, and give a wrong answer.

    Raises:
        InvalidExpression: An operand is one.
    """
    for operand in operands:
        if isinstance(operand, Typed) and operand.family is Family.JSON:
            raise site.refusal(
                operand.position,
                f"`{call.name}` takes a text apart, and this is {shown(operand)}",
                "`x LIKE '%\"word\"%'` to find a word in a list of JSON, or an item of it as text, `x[0]`",
            )
