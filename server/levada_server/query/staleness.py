"""Whether results are still true, as SQL: a verdict on each result of an auto-populated table.

A result is stale if its code differs from the code that would run now, if an input was found to differ, or if a result
upstream is stale. It is unknown, and never stale, for reasons that nobody can know or that the caller may not read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest
from levada_server.model.heading import Heading
from levada_server.model.job_table import SCHEMA as JOB_SCHEMA
from levada_server.model.job_table import stored_name
from levada_server.model.staleness import FRESH, STALE, UNKNOWN, staleness_heading
from levada_server.model.table import Tier
from levada_server.query import sql
from levada_server.query.lowered import Lowered, Lowering, read, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from levada_server.model.table import Table
    from levada_server.query.algebra import StalenessOperand

    Columns = Mapping[str, sql.Expression]
    Reached = Callable[[Table, Columns, Lowering], tuple[sql.Expression, ...]]

_SUCCESS = "success"
_CODE = "code"


def lower_staleness(operand: StalenessOperand, lowering: Lowering, reached: Reached) -> Lowered:
    """Lower the verdicts on the results of a table.

    Args:
        operand: Names the table, and the code that would run now.
        lowering: The compilation.
        reached: Returns the condition on rows of a table that the caller may read.

    Raises:
        InvalidRequest: The table has no jobs.
    """
    table = lowering.table(operand.name)
    if not table.has_make:
        raise InvalidRequest(f"`{table.name}` has no results of jobs: it is not computed by a class with `make`.")
    codes = {lowering.catalog.table(name).id: code for name, code in operand.codes if name in lowering.catalog.tables}
    return _Staleness(lowering, codes, reached).of(table)


class _Staleness:
    """Writes the verdicts of one query.

    Args:
        lowering: The compilation.
        codes: The digests of the code that would run now, by the id of their table.
        reached: As for `lower_staleness`.
    """

    def __init__(self, lowering: Lowering, codes: Mapping[int, str], reached: Reached) -> None:
        self._lowering = lowering
        self._codes = codes
        self._reached = reached
        self._hides_upstream = False

    def of(self, table: Table) -> Lowered:
        heading = staleness_heading(table)
        results = self._results(table)
        columns: Columns = {name: results.select.column(name) for name in table.job_key}
        assert results.select.source is not None
        jobs, code = self._lowering.alias(), self._lowering.alias()
        same = (sql.equal(sql.Column(jobs, name), column) for name, column in columns.items())
        source: sql.Source = sql.JoinSource(
            "LEFT",
            results.select.source,
            _job_table(table, jobs),
            (*same, sql.equal(sql.Column(jobs, "_state"), _text(_SUCCESS))),
        )
        source = sql.JoinSource("LEFT", source, self._code_now(table, code), (sql.TRUE,))
        causes = [*self._causes(table, jobs, code), *self._upstream(table, columns)]
        doubts = list(self._doubts(table, jobs, code))
        branches = [(sql.disjunction(when for when, _ in causes), _text(STALE))]
        if doubts:
            branches.append((sql.disjunction(when for when, _ in doubts), _text(UNKNOWN)))
        why = tuple(sql.Case(((when, told),), sql.NULL) for when, told in causes)
        unless = [(when, told) for when, told in doubts]
        reason = sql.Call("nullif", (sql.Call("concat_ws", (_text("; "), *why)), _text("")))
        first_doubt = sql.Case(tuple(unless), _text("")) if unless else _text("")
        *key, state, told = heading.names
        output: tuple[tuple[str, sql.Expression], ...] = (
            *((name, columns[name]) for name in key),
            (state, sql.Case(tuple(branches), _text(FRESH))),
            (told, sql.Call("coalesce", (reason, first_doubt))),
        )
        return Lowered(sql.Select(output, source), heading)

    def _results(self, table: Table) -> Lowered:
        """Return the keys of the results that the caller may read, also of rows that were inserted by hand."""
        rows = self._lowering.alias()
        every = {name: sql.Column(rows, name) for name in table.heading.names}
        source = sql.TableSource(table.name.schema, table.name.stored, rows)
        keys: tuple[tuple[str, sql.Expression], ...] = tuple((name, every[name]) for name in table.job_key)
        distinct = len(keys) < len(table.heading.primary_key)
        limit = 1 if distinct and not keys else None
        heading = Heading(tuple(table.heading[name] for name in table.job_key))
        rows_read = read(keys, source, heading, self._reached(table, every, self._lowering), self._lowering)
        select = replace(rows_read.select, distinct=distinct and bool(keys), limit=limit)
        return wrap(replace(rows_read, select=select), self._lowering)

    def _code_now(self, table: Table, alias: str) -> sql.Source:
        """Return the one row with the code that would run now: as the caller says, or as for the latest result."""
        told = self._codes.get(table.id)
        if told is not None:
            return sql.SubquerySource(sql.Select(((_CODE, _text(told)),), None), alias)
        jobs = self._lowering.alias()
        known = sql.Test(sql.Column(jobs, "_code_version"), "IS NOT NULL")
        latest = sql.Select(
            ((_CODE, sql.Column(jobs, "_code_version")),),
            _job_table(table, jobs),
            (sql.equal(sql.Column(jobs, "_state"), _text(_SUCCESS)), known),
            order_by=(
                sql.Order(sql.Column(jobs, "_finished_time"), True),
                sql.Order(sql.Column(jobs, "_job_id"), True),
            ),
            limit=1,
        )
        return sql.SubquerySource(latest, alias)

    def _causes(self, table: Table, jobs: str, code: str) -> Iterator[tuple[sql.Expression, sql.Expression]]:
        """Yield why a result itself is stale, each with its words."""
        yield (
            sql.Operation("<>", (sql.Column(jobs, "_code_version"), sql.Column(code, _CODE))),
            _text(f"other code of {table.name}"),
        )
        changed = sql.Column(jobs, "_changed")
        condition: sql.Expression = sql.Test(changed, "IS NOT NULL")
        if self._lowering.hidden:
            condition = sql.conjunction((condition, sql.Operation("NOT", (self._reads_hidden(jobs),))))
        shown = [t for t in self._lowering.catalog.tables.values() if t.id not in self._lowering.hidden]
        names = sql.Call(
            "levada_functions.names_of",
            (
                changed,
                sql.Value([t.id for t in shown], "bigint[]"),
                sql.Value([str(t.name) for t in shown], "text[]"),
            ),
        )
        yield condition, sql.Operation("||", (_text("changed input: "), names))

    def _doubts(self, table: Table, jobs: str, code: str) -> Iterator[tuple[sql.Expression, sql.Expression]]:
        """Yield why nobody knows whether a result is still true."""
        if self._hides_upstream:
            yield sql.TRUE, _text("it depends on results that you may not read")
        yield sql.Test(sql.Column(jobs, "_job_id"), "IS NULL"), _text("it was inserted by hand, not by its job")
        if table.tier is Tier.IMPORTED:
            yield sql.TRUE, _text("its make reads data outside the database")
        if self._lowering.hidden:
            yield self._reads_hidden(jobs), _text("its make read what you may not read")
        yield sql.Test(sql.Column(jobs, "_inputs"), "IS NULL"), _text("not all that its make read is on record")
        yield (
            sql.disjunction(
                sql.Test(column, "IS NULL") for column in (sql.Column(jobs, "_code_version"), sql.Column(code, _CODE))
            ),
            _text("the code that computed it is not on record"),
        )

    def _reads_hidden(self, jobs: str) -> sql.Expression:
        hidden = sql.Value(sorted(self._lowering.hidden), "bigint[]")
        return sql.Operation("&&", (sql.Column(jobs, "_input_tables"), hidden))

    # ------------------------------------------------------------------------------------------ results upstream

    def _upstream(self, table: Table, columns: Columns) -> Iterator[tuple[sql.Expression, sql.Expression]]:
        """Yield the condition that a result upstream is stale, for each table of such results, with its words."""
        found: dict[int, tuple[Table, list[sql.Expression]]] = {}
        for above, condition in self._stale_above(table, columns, table.job_key, set()):
            found.setdefault(above.id, (above, []))[1].append(condition)
        for above, conditions in found.values():
            yield sql.disjunction(conditions), _text(f"stale result upstream: {above.name}")

    def _stale_above(
        self, table: Table, columns: Columns, key: tuple[str, ...], seen: set[tuple[int, tuple[sql.Expression, ...]]]
    ) -> Iterator[tuple[Table, sql.Expression]]:
        """Yield the conditions that a row's ancestors are stale results.

        Args:
            table: The table of the row.
            columns: The known attributes of the row, at least those of `key`.
            key: Attributes by which its other attributes can be looked up.
            seen: The tables visited, with the columns that refer to them: paths may meet again.
        """
        for reference in table.foreign_keys:
            parent = self._lowering.catalog.tables[reference.parent]
            if not self._has_results(parent):
                continue
            if all(child in columns for child, _ in reference.columns):
                yield from self._stale_at(parent, {above: columns[child] for child, above in reference.columns}, seen)
                continue
            rows = self._lowering.alias()
            own = {above: sql.Column(rows, child) for child, above in reference.columns}
            for above, condition in self._stale_at(parent, own, set()):
                source = sql.TableSource(table.name.schema, table.name.stored, rows)
                yield above, _among(tuple(columns[n] for n in key), key, rows, source, (condition,))

    def _stale_at(
        self, table: Table, columns: Columns, seen: set[tuple[int, tuple[sql.Expression, ...]]]
    ) -> Iterator[tuple[Table, sql.Expression]]:
        """Yield the conditions that a row, or one of its ancestors, is a stale result; as for `_stale_above`."""
        key = table.heading.primary_key
        place = (table.id, tuple(columns[name] for name in key))
        if place in seen:
            return
        seen.add(place)
        if table.has_make:
            if table.id in self._lowering.hidden:
                self._hides_upstream = True
            else:
                yield table, self._stale_result(table, columns)
        yield from self._stale_above(table, columns, key, seen)

    def _stale_result(self, table: Table, columns: Columns) -> sql.Expression:
        jobs, code = self._lowering.alias(), self._lowering.alias()
        source = sql.JoinSource("LEFT", _job_table(table, jobs), self._code_now(table, code), (sql.TRUE,))
        stale = sql.disjunction(when for when, _ in self._causes(table, jobs, code))
        where = (sql.equal(sql.Column(jobs, "_state"), _text(_SUCCESS)), stale)
        return _among(tuple(columns[name] for name in table.job_key), table.job_key, jobs, source, where)

    def _has_results(self, table: Table) -> bool:
        """Return whether a table, or one upstream of it, has results of jobs."""
        catalog = self._lowering.catalog
        return any(catalog.tables[name].has_make for name in (table.name, *catalog.ancestors(table.name)))


def _among(
    operands: tuple[sql.Expression, ...],
    names: tuple[str, ...],
    alias: str,
    source: sql.Source,
    where: tuple[sql.Expression, ...],
) -> sql.Expression:
    """Return the condition that values are among some columns of the rows of a source."""
    if not names:
        return sql.Exists(sql.Select((), source, where))
    return sql.In(operands, sql.Select(tuple((name, sql.Column(alias, name)) for name in names), source, where))


def _job_table(table: Table, alias: str) -> sql.TableSource:
    return sql.TableSource(JOB_SCHEMA, stored_name(table), alias)


def _text(text: str) -> sql.Value:
    return sql.Value(text, "text")
