"""Algebra → SQL tree: one rule per operator."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest
from levada_server.model.heading import Attribute, Heading, ordered
from levada_server.model.job_table import SCHEMA as JOB_SCHEMA
from levada_server.model.job_table import job_heading, stored_column, stored_name
from levada_server.query import sql
from levada_server.query.algebra import (
    Aggregate,
    JobOperand,
    Join,
    Match,
    Project,
    Relation,
    Restrict,
    StalenessOperand,
    TableOperand,
    Top,
    Union,
    UniversalSet,
)
from levada_server.query.conditions import complement, lower_condition
from levada_server.query.expression.computed import compute
from levada_server.query.expression.operands import Scope
from levada_server.query.headings import (
    coincidences,
    distinct_heading,
    join_heading,
    promoted_heading,
    shared_names,
    union_heading,
)
from levada_server.query.lowered import Lowered, Lowering, as_source, matches, opened, read, with_columns, wrap
from levada_server.query.ownership import owned
from levada_server.query.projection import Projection, work_out
from levada_server.query.staleness import lower_staleness

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levada_server.model.table import Table

_EVERYTHING = sql.Keyword("()")
"""GROUP BY that yields one group, even for no rows."""

_ANYTHING = sql.Cast(sql.TRUE, "boolean")
"""GROUP BY that yields one group for any rows, and none for no rows."""

# No attribute can have this name.
_MARKER = "(matched)"


def lower(relation: Relation, lowering: Lowering) -> Lowered:
    """Lower a relation."""
    match relation:
        case TableOperand():
            return _lower_table(relation, lowering)
        case JobOperand():
            return _lower_jobs(relation, lowering)
        case StalenessOperand():
            return lower_staleness(relation, lowering, _reached)
        case Restrict(UniversalSet() as universal, Match(operand), False):
            return _lower_distinct(universal, operand, lowering)
        case Restrict():
            return _lower_restrict(relation, lowering)
        case Project():
            return _lower_project(relation, lowering)
        case Join(UniversalSet() as universal, operand) | Join(operand, UniversalSet() as universal):
            return _lower_promotion(universal, operand, lowering)
        case Join():
            return _lower_join(relation, lowering)
        case Aggregate(UniversalSet() as universal):
            return _lower_universal_aggregate(universal, relation, lowering)
        case Aggregate():
            return _lower_aggregate(relation, lowering)
        case Union():
            return _lower_union(relation, lowering)
        case Top():
            return _lower_top(relation, lowering)
        case UniversalSet(names):
            raise InvalidRequest(
                f"U({', '.join(map(repr, names))}) represents all possible entities and cannot be fetched; "
                "restrict it, as in U(...) & query, or aggregate, as in U(...).aggr(query, ...)."
            )


def _lower_table(table_operand: TableOperand, lowering: Lowering) -> Lowered:
    table = lowering.table(table_operand.name)
    alias = lowering.alias()
    columns = tuple((name, sql.Column(alias, name)) for name in table.heading.names)
    source = sql.TableSource(table.name.schema, table.name.stored, alias)
    return read(columns, source, table.heading, _reached(table, dict(columns), lowering), lowering)


def _reached(table: Table, columns: Mapping[str, sql.Expression], lowering: Lowering) -> tuple[sql.Expression, ...]:
    """Return the condition on rows or jobs of a table that the caller may read; none if that is all of them."""
    found: list[sql.Expression] = []
    insight = lowering.insight
    while insight is not None:
        for belonging in insight.bounds(table, lowering.catalog):
            if not belonging.ownership.hidden:
                continue
            if any(own not in columns for own, _ in belonging.columns):
                return (sql.FALSE,)  # such a job does not show whose it is
            found.append(owned(belonging, insight.teams, columns, lowering.alias()))
        insight = insight.within
    return tuple(found)


def _lower_jobs(job_operand: JobOperand, lowering: Lowering) -> Lowered:
    table = lowering.table(job_operand.name)
    if not table.has_make:
        raise InvalidRequest(f"`{table.name}` has no jobs: it is not computed by a class with `make`.")
    heading = job_heading(table)
    alias = lowering.alias()
    columns = tuple((name, sql.Column(alias, stored_column(name, table))) for name in heading.names)
    source = sql.TableSource(JOB_SCHEMA, stored_name(table), alias)
    return read(columns, source, heading, _reached(table, dict(columns), lowering), lowering)


def _lower_restrict(restrict: Restrict, lowering: Lowering) -> Lowered:
    """Lower `A & c` to WHERE, and `A - c` to its complement, which keeps the rows where `c` is NULL."""
    operand = opened(lower(restrict.operand, lowering), lowering)
    condition = lower_condition(restrict.condition, operand, lowering)
    if condition == sql.TRUE and not restrict.negated:
        return operand
    if restrict.negated:
        condition = complement(condition)
    return replace(operand, select=replace(operand.select, where=(*operand.select.where, condition)))


def _lower_project(project: Project, lowering: Lowering) -> Lowered:
    operand = opened(lower(project.operand, lowering), lowering)
    projection = work_out(project.items, operand.heading)
    if projection.computed:
        # An expression inside another would be written out at each use.
        operand = with_columns(operand, lowering)
    return _projected(operand.select, projection, operand.scope(), lowering)


def _projected(select: sql.Select, projection: Projection, scope: Scope, lowering: Lowering) -> Lowered:
    """Replace the columns of a SELECT by the results of a projection, in the order of its heading."""
    results = [(name, compute(text.text, text.values, scope)) for name, text in projection.computed]
    columns = {attribute.name: select.column(old) for attribute, old in projection.kept}
    columns |= {name: lowering.note(result.sql) for name, result in results}
    for _, result in results:
        lowering.spend(result.sql)
    attributes = [attribute for attribute, _ in projection.kept]
    key = [attribute.name for attribute in attributes if attribute.primary_key]
    attributes += [Attribute(name, result.type, nullable=True) for name, result in results]
    heading = ordered(attributes, key)
    lowered = Lowered(replace(select, columns=tuple((name, columns[name]) for name in heading.names)), heading)
    # PostgreSQL computes a subquery's volatile columns once, and each use of the attribute has to see the same value.
    return wrap(lowered, lowering) if any(result.volatile for _, result in results) else lowered


def _lower_join(join: Join, lowering: Lowering) -> Lowered:
    left, right = lower(join.left, lowering), lower(join.right, lowering)
    names = shared_names(left.heading, right.heading, unchecked=join.unchecked, by_name=join.by_name)
    if not join.unchecked:
        lowering.tell(coincidences(left.heading, right.heading, names))
    heading = join_heading(left.heading, right.heading, left_join=join.left_join, extend=join.extend)
    left = opened(left, lowering)
    # A left join must not drop rows because of the right side's conditions, which therefore stay inside.
    right = as_source(right, lowering)[0] if join.left_join else opened(right, lowering)
    assert left.select.source is not None and right.select.source is not None
    on = matches(left, right, names, lowering)
    source = sql.JoinSource("LEFT" if join.left_join else "INNER", left.select.source, right.select.source, on)
    by_name = dict(right.select.columns) | dict(left.select.columns)
    columns = tuple((name, by_name[name]) for name in heading.names)
    return Lowered(sql.Select(columns, source, where=left.select.where + right.select.where), heading)


def _lower_promotion(universal: UniversalSet, operand: Relation, lowering: Lowering) -> Lowered:
    """Lower `U(…) * A`: the entities of A, with these attributes in their key too."""
    lowered = opened(lower(operand, lowering), lowering)
    heading = promoted_heading(universal, lowered.heading)
    columns = tuple((name, lowered.select.column(name)) for name in heading.names)
    return Lowered(replace(lowered.select, columns=columns, order_by=()), heading)  # a join has no order


def _lower_distinct(universal: UniversalSet, operand: Relation, lowering: Lowering) -> Lowered:
    """Lower `U(…) & A`: the distinct values of these attributes."""
    inner = opened(lower(operand, lowering), lowering)
    heading = distinct_heading(universal, inner.heading)
    columns = tuple((name, inner.select.column(name)) for name in heading.names)
    if not columns:  # the one entity without attributes, if there is any row
        return Lowered(replace(inner.select, columns=(), order_by=(), limit=1), heading)
    return Lowered(replace(inner.select, columns=columns, order_by=(), distinct=True), heading)


def _lower_universal_aggregate(universal: UniversalSet, aggregate: Aggregate, lowering: Lowering) -> Lowered:
    """Lower `U(…).aggr(A, …)`: group A by these attributes; `U()` yields one row, even for an empty A."""
    group = with_columns(lower(aggregate.group, lowering), lowering)
    projection = work_out(aggregate.items, distinct_heading(universal, group.heading))
    names = frozenset(universal.names)
    scope = Scope(group.scope().columns, aggregates=True, grouped=names)
    group_by = tuple(group.select.column(name) for name in universal.names) or (_EVERYTHING,)
    select = replace(group.select, group_by=group_by, grouped=True, order_by=())
    return _projected(select, projection, scope, lowering)


def _lower_aggregate(aggregate: Aggregate, lowering: Lowering) -> Lowered:
    """Lower `A.aggr(B, …)` to a join and a GROUP BY.

    An entity of A without a match keeps its row, filled with NULL, in the join; every aggregate ignores such rows by a
    FILTER on a marker, so that `count(*)` is 0 there.
    """
    operand = lower(aggregate.operand, lowering)
    group = lower(aggregate.group, lowering)
    key = operand.heading.primary_key
    missing = [name for name in key if name not in group.heading]
    if missing and not aggregate.by_name:
        raise InvalidRequest(
            f"To aggregate, the second relation needs the whole key of the first; it lacks {', '.join(missing)}.",
            attribute=missing[0],
        )
    names = shared_names(operand.heading, group.heading, by_name=aggregate.by_name)
    lowering.tell(coincidences(operand.heading, group.heading, names))
    projection = work_out(aggregate.items, operand.heading)
    operand, operand_source = as_source(operand, lowering)
    group, group_source, matched = _group_source(group, () if missing else key, lowering)
    on = matches(operand, group, names, lowering)
    # Every small attribute of A can be used in the expressions, also outside of aggregates.
    small = [a.name for a in operand.heading if a.type.kind.traits.comparable and not a.type.kind.traits.heavy]
    bare = {name: operand.select.column(name) for name in small}
    kept = {old: operand.select.column(old) for _, old in projection.kept}
    scope = Scope(
        {**operand.scope().columns, **group.scope().columns, **operand.scope(bare).columns},
        aggregates=True,
        grouped=frozenset(bare),
        aggregate_filter=None if aggregate.matching_only else matched,
    )
    select = sql.Select(
        operand.select.columns,
        sql.JoinSource("INNER" if aggregate.matching_only else "LEFT", operand_source, group_source, on),
        group_by=tuple((kept | bare).values()) or (_ANYTHING,),
        grouped=True,
    )
    return _projected(select, projection, scope, lowering)


def _group_source(
    group: Lowered, key: tuple[str, ...], lowering: Lowering
) -> tuple[Lowered, sql.Source, sql.Expression]:
    """Return the source of the rows to group, and a condition that fails where an outer join has none of them.

    Args:
        key: Names on which they are joined, so that NULL there is not a match; without names, a marker is used.
    """
    if key:
        group, source = as_source(group, lowering)
        return group, source, sql.Test(group.select.column(key[0]), "IS NOT NULL")
    group = opened(group, lowering)
    marked = replace(group.select, columns=(*group.select.columns, (_MARKER, sql.TRUE)))
    marked_group, source = as_source(wrap(replace(group, select=marked), lowering), lowering)
    *columns, (_, marker) = marked_group.select.columns
    return replace(marked_group, select=replace(marked_group.select, columns=tuple(columns))), source, marker


def _lower_union(union: Union, lowering: Lowering) -> Lowered:
    """Lower `A + B` to a FULL JOIN on the key: an entity in both is one row."""
    left, left_source = as_source(lower(union.left, lowering), lowering)
    right, right_source = as_source(lower(union.right, lowering), lowering)
    heading = union_heading(left.heading, right.heading, by_name=union.by_name)
    key = heading.primary_key
    lowering.tell(coincidences(left.heading, right.heading, key))
    on = matches(left, right, key, lowering)
    columns = tuple(
        (name, sql.Call("coalesce", (left.select.column(name), right.select.column(name))))
        if name in key
        else (name, (left if name in left.heading else right).select.column(name))
        for name in heading.names
    )
    return Lowered(sql.Select(columns, sql.JoinSource("FULL", left_source, right_source, on)), heading)


def _lower_top(top: Top, lowering: Lowering) -> Lowered:
    """Lower the first rows in an order, or else in the order that the operand has.

    The key breaks ties, so that a limit always cuts at the same place.
    """
    operand = opened(lower(top.operand, lowering), lowering)
    terms = [term for text in top.order for term in _order_terms(text, operand.heading)]
    order = [sql.Order(operand.select.column(name), descending) for name, descending in terms]
    order = order or list(operand.select.order_by)
    if top.limit is not None or top.offset:
        ordered_by = [term.expression for term in order]
        key = [operand.select.column(name) for name in operand.heading.primary_key]
        order += [sql.Order(column, False) for column in key if column not in ordered_by]
    for term in order:
        lowering.spend(term.expression)
    return replace(operand, select=replace(operand.select, order_by=tuple(order), limit=top.limit, offset=top.offset))


def _order_terms(text: str, heading: Heading) -> list[tuple[str, bool]]:
    words = text.replace("`", "").split()
    descending = len(words) == 2 and words[1].upper() == "DESC"
    if not (len(words) == 1 or descending or (len(words) == 2 and words[1].upper() == "ASC")):
        raise InvalidRequest(f"`{text}` is not an order; use `attribute`, `attribute DESC`, `KEY` or `KEY DESC`.")
    names = heading.primary_key if words[0] == "KEY" else (heading[words[0]].name,)
    return [(name, descending) for name in names]
