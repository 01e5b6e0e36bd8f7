"""Typing: from the tree of an expression to typed SQL, one rule per node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.errors import QueryTooDeep, UnknownAttribute, WrongValue
from levada_server.model.kinds import Family
from levada_server.model.near_names import meant, near
from levada_server.query import sql
from levada_server.query.expression import syntax
from levada_server.query.expression.arithmetic import calculate, negate
from levada_server.query.expression.casts import as_text, cast
from levada_server.query.expression.choosing import joint
from levada_server.query.expression.comparison import among, between, check_single, compare, null_test, same, truth
from levada_server.query.expression.functions import call_function
from levada_server.query.expression.operands import (
    Constant,
    Operand,
    Scope,
    Site,
    Typed,
    Value,
    exact_text,
    extent_of,
    function,
    shown,
)
from levada_server.query.expression.parser import MAX_ITEMS, parse
from levada_server.query.expression.text_functions import matches
from levada_server.query.expression.unification import unify

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_SHOWN = 60
"""How many letters of a name a message shows."""

_COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})


def type_text(text: str, values: Sequence[object], scope: Scope) -> tuple[syntax.Parsed, Operand, Site]:
    """Parse and type an expression.

    Raises:
        InvalidExpression: It cannot be parsed or typed.
        UnknownAttribute: It names an attribute that is not in `scope`.
        WrongValue: A constant or a value cannot have the type that it is compared with.
        QueryTooDeep: The caller left too little of the stack.
    """
    try:
        parsed = parse(text)
        _check_values(text, values, parsed.marks)
        # The type of a value is checked at its mark.
        site = Site(text, scope, tuple(values), _operand)  # type: ignore[arg-type]
        return parsed, _operand(parsed.root, site), site
    except RecursionError:
        raise QueryTooDeep("The expression nests too deep inside the query; reduce the depth of either.") from None


def _check_values(text: str, values: Sequence[object], marks: int) -> None:
    if len(values) != marks:
        raise WrongValue(f"The expression {text[:80]!r} has {marks} marks `?` and was given {len(values)} values.")


def _operand(node: syntax.Node, site: Site) -> Operand:  # noqa: C901  # one arm per node
    match node:
        case syntax.Literal(position, value):
            return Constant(position, value)
        case syntax.Name():
            return _name(node, site)
        case syntax.Binary(position, operator, left, right):
            if operator in _COMPARISONS:
                return compare(site, operator, site.operand(left), site.operand(right), position)
            if operator == "<=>":
                return same(site, site.operand(left), site.operand(right), position)
            if operator == "XOR":
                terms = [truth(site, site.operand(side)) for side in (left, right)]
                expression = sql.Operation("<>", tuple(term.sql for term in terms))
                return site.typed(position, expression, Family.BOOL, *terms)
            return calculate(site, node)
        case syntax.Logic(position, operator, operands):
            terms = [truth(site, site.operand(operand)) for operand in operands]
            expression = sql.Operation(operator, tuple(term.sql for term in terms))
            return site.typed(position, expression, Family.BOOL, *terms)
        case syntax.Unary(position, "NOT", operand):
            term = truth(site, site.operand(operand))
            return site.typed(position, sql.Operation("NOT", (term.sql,)), Family.BOOL, term)
        case syntax.Unary(position, _, operand):
            return negate(site, site.operand(operand), position)
        case syntax.Mark(position, index):
            return Constant(position, _value(site, position, site.values[index]), written=False)
        case syntax.Among():
            return _negated(site, node, _among(node, site))
        case syntax.Between(position, operand, low, high):
            ends = (site.operand(low), site.operand(high))
            return _negated(site, node, between(site, site.operand(operand), *ends, position))
        case syntax.Like():
            return _negated(site, node, _like(node, site))
        case syntax.Is():
            return _test(node, site)
        case syntax.Call():
            return call_function(site, node)
        case syntax.Choice():
            return _choice(node, site)
        case syntax.Convert(_, operand, target):
            return cast(site, site.operand(operand), target)
        case syntax.Path():
            return _path(node, site)
        case syntax.Interval(position):
            raise site.refusal(position, "an INTERVAL stands alone", "a date or datetime before it, and + or -")


def _name(node: syntax.Name, site: Site) -> Typed:
    name = node.name
    found = site.scope.columns.get(name)
    if found is None:
        known = sorted(site.scope.columns)
        shown_name = name if len(name) <= MAX_SHOWN else name[:MAX_SHOWN] + "…"
        problem = f"there is no attribute `{shown_name}`; {meant(name, known)}"
        if near(name, known) is None:
            problem += f"; a text needs quotes: '{shown_name}'"
        raise site.refusal(node.position, problem, kind=UnknownAttribute, attribute=name)
    if site.scope.aggregates and not site.aggregated and name not in site.scope.grouped:
        raise site.refusal(
            node.position,
            f"`{name}` can differ between the rows of a group",
            f"an aggregate function, such as min({name}) or max({name})",
        )
    expression, type_ = found
    # Computations see the stored values, whatever a client converts them to.
    return Typed(node.position, expression, type_.stored, type_.family, extent_of(type_))


def _value(site: Site, position: int, value: object) -> Value:
    if isinstance(value, str):
        if "\0" in value:
            raise site.refusal(position, "text cannot hold the character NUL", kind=WrongValue)
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise site.refusal(position, "this is half a character, not Unicode text", kind=WrongValue) from None
    return value  # type: ignore[return-value]  # other kinds are refused where the constant is typed


def _negated(site: Site, node: syntax.Among | syntax.Between | syntax.Like, result: Typed) -> Typed:
    if not node.negated:
        return result
    return site.typed(node.position, sql.Operation("NOT", (result.sql,)), Family.BOOL, result)


def _among(node: syntax.Among, site: Site) -> Typed:
    items: list[Operand]
    if isinstance(node.items, syntax.Mark):
        values = site.values[node.items.index]
        if not isinstance(values, (list, tuple)):
            raise site.refusal(
                node.items.position, "the value for `IN ?` is not a list", "a list, or `IN (?)`", WrongValue
            )
        if len(values) > MAX_ITEMS:
            raise site.refusal(
                node.items.position,
                f"a list has at most {MAX_ITEMS} items; restrict by a mapping with the list, or by a table of values",
                kind=WrongValue,
            )
        position = node.items.position
        items = [Constant(position, _value(site, position, value), written=False) for value in values]
    else:
        items = [site.operand(item) for item in node.items]
    return among(site, site.operand(node.operand), items, node.position)


def _like(node: syntax.Like, site: Site) -> Typed:
    operand, given = site.operand(node.operand), site.operand(node.pattern)
    if node.word == "regexp":
        return matches(site, operand, given, node.position)
    text = as_text(site, operand)
    if isinstance(given, Constant) and isinstance(given.value, str):
        pattern = Typed(given.position, sql.Value(_ended_pattern(given.value), "text"), text.type, Family.TEXT)
    else:
        pattern = as_text(site, given)
        pattern = site.typed(given.position, function("like_pattern", pattern.sql), Family.TEXT, pattern)
    if node.word == "ilike":
        subject: sql.Expression = sql.Test(text.sql, 'COLLATE "default"')
        expression = sql.Operation("ILIKE", (subject, sql.Test(pattern.sql, 'COLLATE "default"')))
    else:
        expression = sql.Operation("LIKE", (text.sql, pattern.sql))
    return site.typed(node.position, expression, Family.BOOL, text, pattern)


def _ended_pattern(pattern: str) -> str:
    """Double a single backslash at the end: it means itself, and PostgreSQL refuses it."""
    trailing = len(pattern) - len(pattern.rstrip("\\"))
    return pattern + "\\" if trailing % 2 else pattern


def _test(node: syntax.Is, site: Site) -> Typed:
    operand = site.operand(node.operand)
    if node.test == "NULL":
        return null_test(site, operand, node.position, negated=node.negated)
    operand = truth(site, operand)
    words = f"IS {'NOT ' if node.negated else ''}{node.test}"
    return site.typed(node.position, sql.Test(operand.sql, words), Family.BOOL, operand)


def _choice(node: syntax.Choice, site: Site) -> Typed:
    subject = None if node.subject is None else site.operand(node.subject)
    conditions: list[Typed] = []
    if subject is not None:
        check_single(site, subject)
    for given, _ in node.branches:
        condition = site.operand(given)
        if subject is not None:
            condition = compare(site, "=", subject, condition, given.position)
        conditions.append(truth(site, condition))
    results = [site.operand(result) for _, result in node.branches]
    results.append(Constant(node.position, None) if node.otherwise is None else site.operand(node.otherwise))
    *chosen, otherwise = unify(site, results)
    branches = tuple((c.sql, r.sql) for c, r in zip(conditions, chosen, strict=True))
    return joint(site, node.position, sql.Case(branches, otherwise.sql), [*chosen, otherwise], *conditions)


def _path(node: syntax.Path, site: Site) -> Typed:
    operand = site.operand(node.operand)
    if not isinstance(operand, Typed) or operand.family is not Family.JSON:
        raise site.refusal(node.position, f"{shown(operand)} has no parts", "a JSON attribute before the path")
    steps = sql.Value(list(node.steps), "text[]")
    part = sql.Operation("#>", (operand.sql, steps)) if node.steps else operand.sql
    if node.form == "text":
        text: sql.Expression = function("json_text", part)
    else:
        text = sql.Operation("#>>", (operand.sql, steps))
    made = site.typed(node.position, exact_text(text), Family.TEXT, operand)
    if node.target is not None:
        return cast(site, made, node.target)
    return Typed(node.position, made.sql, made.type, made.family, weight=made.weight, json=part)
