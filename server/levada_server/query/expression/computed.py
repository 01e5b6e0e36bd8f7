"""Restrictions and computed attributes: from text to checked and typed SQL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.model.kinds import Family
from levada_server.query.expression.comparison import truth
from levada_server.query.expression.conversions import by_itself
from levada_server.query.expression.operands import TYPES, Scope
from levada_server.query.expression.syntax import Path
from levada_server.query.expression.typing import type_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_server.model.types import AttributeType
    from levada_server.query import sql

_NAME = re.compile(r"\s*(?:`([^`]+)`|([^\W\d]\w*))\s*")
_DUPLICATE = re.compile(r"\s*\((.*)\)\s*", re.DOTALL)
_NO_NAMES = frozenset({"null", "true", "false", "current_timestamp", "current_date"})


@dataclass(frozen=True, slots=True)
class Computed:
    """A computed attribute.

    Args:
        sql: Its SQL.
        type: Its type in the heading.
        volatile: It has another value each time it is computed.
    """

    sql: sql.Expression
    type: AttributeType
    volatile: bool = False


def compute(text: str, values: Sequence[object], scope: Scope) -> Computed:
    """Compile a computed attribute of a projection or an aggregation.

    Args:
        values: The values for the marks `?` of the text, in order.

    Raises:
        InvalidExpression: The text cannot be parsed or typed.
        UnknownAttribute: It names an attribute that is not in `scope`.
        WrongValue: A constant or a value cannot have the type that its context needs.
    """
    parsed, operand, site = type_text(text, values, scope)
    result = by_itself(site, operand)
    if result.json is not None and isinstance(parsed.root, Path) and parsed.root.form == "json":
        return Computed(result.json, TYPES[Family.JSON])
    return Computed(result.sql, result.type, result.volatile)


def condition(text: str, values: Sequence[object], scope: Scope) -> sql.Expression:
    """Compile a restriction to a boolean: a number holds if it is not 0, and NULL does not hold.

    Args:
        values: The values for the marks `?` of the text, in order.

    Raises:
        InvalidExpression: The text cannot be parsed or typed.
        UnknownAttribute: It names an attribute that is not in `scope`.
        WrongValue: A constant or a value cannot have the type that it is compared with.
    """
    _, operand, site = type_text(text, values, scope)
    return truth(site, operand).sql


def attribute_name(text: str) -> str | None:
    """Return the name if an expression is only the name of an attribute, which renames it."""
    match = _NAME.fullmatch(text)
    if match is None:
        return None
    quoted, bare = match.groups()
    return quoted or (None if bare.lower() in _NO_NAMES else bare)


def duplicate_name(text: str) -> str | None:
    """Return the name if an expression is only the name of an attribute in brackets, which duplicates it."""
    match = _DUPLICATE.fullmatch(text)
    return attribute_name(match[1]) if match else None
