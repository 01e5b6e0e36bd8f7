"""Restrictions: one rule per kind of condition, from the algebra to a SQL condition."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest, LevadaError, ValueOutOfRange, WrongValue
from levada_server.model.types import excerpt
from levada_server.model.values import coerce
from levada_server.query import sql
from levada_server.query.algebra import (
    AllOf,
    AnyOf,
    Complement,
    Condition,
    Constant,
    EntitySet,
    Equalities,
    ExpressionText,
    Match,
    Parameter,
    UniversalSet,
)
from levada_server.query.expression.computed import condition as expression_condition
from levada_server.query.headings import coincidences, shared_names
from levada_server.query.lowered import matches, opened
from levada_server.query.postgres_types import value_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_server.model.heading import Attribute
    from levada_server.query.lowered import Lowered, Lowering

MIN_ENTITY_SET = 4
"""From this many alternatives with the same names on, one table of values is shorter than a chain of OR."""

CLOSE = 0.75
"""How much of two names must agree, from 0 to 1, for one to look like a misspelling of the other."""

MAX_COMPARED = 10_000
"""How many times an unknown name of a query is compared with one of its relations."""

MAX_NAME_CHARACTERS = 63
"""Longer ones are not names of attributes."""

MAX_SHOWN = 10
"""How many names of a mapping a message shows."""


def lower_condition(condition: Condition, operand: Lowered, lowering: Lowering) -> sql.Expression:
    """Lower a condition on the rows of `operand`. NULL in the result counts as not holding.

    Raises:
        QueryTooDeep: With its parts written out once per use, the query is too large.
    """
    expression = _lower(condition, operand, lowering)
    # Its parts were counted when they were lowered.
    composite = isinstance(condition, (AllOf, AnyOf, Complement))
    lowering.spend(sql.TRUE if composite else expression)
    return expression


def _lower(condition: Condition, operand: Lowered, lowering: Lowering) -> sql.Expression:
    match condition:
        case Constant(holds):
            return sql.TRUE if holds else sql.FALSE
        case Equalities(entries):
            return _lower_equalities(entries, operand, lowering)
        case AllOf(conditions):
            return sql.conjunction(lower_condition(c, operand, lowering) for c in conditions)
        case AnyOf(conditions):
            return _lower_any(conditions, operand, lowering)
        case Complement(inner):
            return complement(lower_condition(inner, operand, lowering))
        case Match():
            return _lower_match(condition, operand, lowering)
        case ExpressionText(text, values):
            return lowering.note(expression_condition(text, values, operand.scope()))
        case EntitySet(names, columns):
            return _lower_entity_set(names, columns, operand, lowering)


def complement(condition: sql.Expression) -> sql.Expression:
    """Return the condition that holds where another does not hold or is NULL."""
    if isinstance(condition, sql.Exists):
        return replace(condition, negated=not condition.negated)
    return sql.Test(condition, "IS NOT TRUE")


def _lower_equalities(entries: Sequence[tuple[str, object]], operand: Lowered, lowering: Lowering) -> sql.Expression:
    known = [(name, value) for name, value in entries if name.partition(".")[0] in operand.heading]
    _check_names([name for name, _ in entries], operand, lowering)
    return sql.conjunction(_lower_equality(name, value, operand, lowering) for name, value in known)


def _check_names(names: Sequence[str], operand: Lowered, lowering: Lowering) -> None:
    """Warn of names of a mapping that restrict nothing and look like mistakes, or refuse them.

    A name of another table is none, as keys carry them.
    """
    unknown = [base for name in names if (base := name.partition(".")[0]) not in operand.heading]
    if names and len(unknown) == len(names):
        _tell_unrestricted(names, operand, lowering)
        return
    for name in unknown:
        if (meant := _meant(name, operand, lowering)) is not None:
            _tell_misspelled(name, meant, lowering)


def _meant(name: str, operand: Lowered, lowering: Lowering) -> str | None:
    """Return the attribute of the relation whose name is close to one that no table has."""
    if name in lowering.catalog.attribute_names or len(name) > MAX_NAME_CHARACTERS:
        return None
    lowering.compared += len(operand.heading.names)
    if lowering.compared > MAX_COMPARED:
        return None
    by_letters = {known.replace("_", ""): known for known in operand.heading.names}
    letters = name.replace("_", "").replace(" ", "").lower()
    if letters in by_letters:
        return by_letters[letters]
    return next(iter(get_close_matches(name.lower(), operand.heading.names, 1, CLOSE)), None)


def _tell_misspelled(name: str, meant: str, lowering: Lowering) -> None:
    problem = f"The mapping has `{name}`, which no table has as an attribute; the relation has `{meant}`"
    if lowering.strict:
        raise InvalidRequest(
            f"{problem}. Correct the name, or leave it out: it would select too many rows.", attribute=name
        )
    if (message := f"{problem}. It restricts nothing; correct the name, or leave it out.") not in lowering.warnings:
        lowering.warnings.append(message)


def _tell_unrestricted(names: Sequence[str], operand: Lowered, lowering: Lowering) -> None:
    shown = ", ".join(f"`{excerpt(name)}`" for name in names[:MAX_SHOWN])
    more = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
    message = (
        f"The mapping with {shown}{more} names no attribute of the relation, which has "
        f"{', '.join(operand.heading.names)}"
    )
    if lowering.strict:
        raise InvalidRequest(f"{message}: it would select every row. Correct the names, or restrict by True.")
    lowering.warnings.append(f"{message}: it restricts nothing.")


def _lower_equality(name: str, value: object, operand: Lowered, lowering: Lowering) -> sql.Expression:
    if "." in name:
        return _lower_part_equality(name, lowering.settle(value), operand, lowering)
    attribute, column = operand.heading[name], operand.select.column(name)
    if isinstance(value, Parameter) and (comparable := _comparable(value.value, attribute)) is not None:
        number = len(lowering.parameters)
        lowering.parameters.append((value.number, attribute.type))
        return sql.equal(column, sql.Value(comparable, value_type(attribute.type), number))
    value = lowering.settle(value)
    if value is None:
        return sql.Test(column, "IS NULL")
    if isinstance(value, tuple):
        values = [found for v in value if v is not None and (found := _comparable(v, attribute)) is not None]
        among = sql.AnyOf(column, sql.Value(values, value_type(attribute.type) + "[]"))
        return sql.disjunction((among, sql.Test(column, "IS NULL"))) if None in value else among
    comparable = _comparable(value, attribute)
    if comparable is None:
        return sql.FALSE
    return sql.equal(column, sql.Value(comparable, value_type(attribute.type)))


def _lower_part_equality(path: str, value: object, operand: Lowered, lowering: Lowering) -> sql.Expression:
    """Lower `attr.path: value`, for a part of a JSON attribute."""
    values = value if isinstance(value, tuple) else (value,)
    present = tuple(v for v in values if v is not None)
    alternatives = [f"{path} = ?"] * len(present) + [f"{path} IS NULL"] * (None in values)
    if not alternatives:
        return sql.FALSE
    return lowering.note(expression_condition(" OR ".join(alternatives), present, operand.scope()))


def _comparable(value: object, attribute: Attribute) -> object | None:
    """Convert a value to the attribute's type; return None if no entity can have it."""
    if not attribute.type.kind.traits.comparable:
        raise InvalidRequest(
            f"`{attribute.name}` is a {attribute.type}, which cannot be restricted; restrict by other attributes.",
            attribute=attribute.name,
        )
    try:
        return coerce(value, attribute.type)
    except ValueOutOfRange:
        return None
    except WrongValue as error:
        raise _at_attribute(error, attribute) from None


def _at_attribute(error: LevadaError, attribute: Attribute) -> WrongValue:
    return WrongValue(f"Attribute `{attribute.name}`: {error.message}", attribute=attribute.name)


def _lower_any(conditions: Sequence[Condition], operand: Lowered, lowering: Lowering) -> sql.Expression:
    if len(conditions) >= MIN_ENTITY_SET and (entities := _as_entity_set(conditions, lowering)) is not None:
        return lower_condition(entities, operand, lowering)
    return sql.disjunction(lower_condition(c, operand, lowering) for c in conditions)


def _as_entity_set(conditions: Sequence[Condition], lowering: Lowering) -> EntitySet | None:
    """Read alternatives that are mappings with the same names as rows of values."""
    names: tuple[str, ...] | None = None
    rows: list[tuple[object, ...]] = []
    for condition in conditions:
        if not isinstance(condition, Equalities):
            return None
        own_names = tuple(name for name, _ in condition.entries)
        values = tuple(value for _, value in condition.entries)
        if not own_names or (names is not None and own_names != names):
            return None
        if any("." in name for name in own_names) or any(isinstance(v, tuple) for v in values):
            return None
        names = own_names
        rows.append(values)
    assert names is not None
    settled = (tuple(map(lowering.settle, row)) for row in rows)
    return EntitySet(names, tuple(zip(*settled, strict=True)))


def _lower_entity_set(
    names: Sequence[str], columns: Sequence[Sequence[object]], operand: Lowered, lowering: Lowering
) -> sql.Expression:
    if any("." in name and name.partition(".")[0] in operand.heading for name in names):
        mappings = (Equalities(tuple(zip(names, row, strict=True))) for row in zip(*columns, strict=True))
        return sql.disjunction(lower_condition(mapping, operand, lowering) for mapping in mappings)
    known = [index for index, name in enumerate(names) if name in operand.heading]
    count = len(columns[0]) if columns else 0
    if count:
        _check_names(names, operand, lowering)
    if count and not known:
        return sql.TRUE
    attributes = [operand.heading[names[index]] for index in known]
    rows: list[tuple[object, ...]] = []
    nullable = [False] * len(known)
    for row in zip(*(columns[index] for index in known), strict=True):
        values = tuple(None if v is None else _comparable(v, a) for v, a in zip(row, attributes, strict=True))
        if any(new is None and old is not None for new, old in zip(values, row, strict=True)):
            continue  # no entity can have the value
        nullable = [n or v is None for n, v in zip(nullable, values, strict=True)]
        rows.append(values)
    if not rows:
        return sql.FALSE
    alias = lowering.alias()
    arrays = tuple(
        (attribute.name, sql.Value([row[i] for row in rows], value_type(attribute.type) + "[]"))
        for i, attribute in enumerate(attributes)
    )
    # `=` can use an index; only columns that contain NULL need the comparison in which NULL equals NULL.
    matches = tuple(
        sql.Operation(
            "IS NOT DISTINCT FROM" if nullable[i] else "=",
            (sql.Column(alias, attribute.name), operand.select.column(attribute.name)),
        )
        for i, attribute in enumerate(attributes)
    )
    return sql.Exists(sql.Select((), sql.ArraySource(arrays, alias), where=matches))


def _lower_match(match: Match, operand: Lowered, lowering: Lowering) -> sql.Expression:
    """Lower a restriction by a query to EXISTS.

    With no shared attribute any row of the query matches. EXISTS, not IN: NOT IN keeps no row at all once the query
    holds one NULL.
    """
    if isinstance(match.relation, UniversalSet):
        return sql.TRUE
    inner = lowering.lower(match.relation, lowering)
    names = shared_names(operand.heading, inner.heading, unchecked=match.unchecked, by_name=match.by_name)
    if not match.unchecked:
        lowering.tell(coincidences(operand.heading, inner.heading, names))
    inner = opened(inner, lowering)
    where = inner.select.where + matches(inner, operand, names, lowering)
    return sql.Exists(replace(inner.select, columns=(), where=where, order_by=()))
