"""Plans and reports of copies, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._base.names import class_path
from levada._base.text import plural
from levada._moving.copy_plan import conflicts
from levada._moving.descriptions import tier_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from levada._moving.copy_plan import Plan, PlannedTable
    from levada._moving.copying import Copied, Report


def plan_lines(plan: Plan) -> Iterator[str]:
    """Write a plan: what comes, what is there already, and what keeps it from running."""
    new = sum(table.new for table in plan.tables)
    yield f"{plural(len(plan.tables), 'table')} with {plural(new, 'new row')} come, in this order:"
    for table in plan.tables:
        yield f"  {table.name}{_other_name(table)}  {tier_of(table.table)}, {_coming(table)}"
    yield from _section("These schemas are made there:", sorted(plan.new_schemas))
    yield from _section("These rows stay there as they are:", conflicts(plan))
    yield from _section("Know that:", plan.remarks)
    yield from _section("These keep it from running:", plan.problems)


def plan_facts(plan: Plan) -> dict[str, object]:
    """Return a plan as JSON has it."""
    return {
        "ready": plan.ready,
        "schemas": dict(plan.names),
        "new_schemas": sorted(plan.new_schemas),
        "tables": [_table_facts(table) for table in plan.tables],
        "remarks": list(plan.remarks),
        "problems": list(plan.problems),
    }


def copied_line(copied: Copied) -> str:
    """Write what became of a table."""
    new, rows = plural(copied.inserted, "new row"), plural(copied.here.count, "row")
    objects = f", {plural(copied.object_count, 'object')}" if copied.object_count else ""
    more = f"; {plural(copied.only_there, 'row')} of others there" if copied.only_there else ""
    return f"{copied.table.name}: {new}{objects}, {rows}, {_verdict(copied)}{more}"


def report_lines(report: Report) -> Iterator[str]:
    """Write a report, after the lines of its tables."""
    jobs = sum(report.jobs.values())
    if jobs:
        yield f"`copied` has {plural(jobs, 'past job')}."
    different = sum(not copied.equal for copied in report.tables)
    yield told_of_all([copied.here.count for copied in report.tables], different)


def told_of_all(row_counts: Sequence[int], different: int) -> str:
    """Write the last line of a report: the numbers of rows of its tables, and of the tables that differ."""
    verdict = "all equal on both sides" if not different else f"{plural(different, 'table')} different"
    return f"{plural(len(row_counts), 'table')}, {plural(sum(row_counts), 'row')}: {verdict}."


def report_facts(report: Report) -> dict[str, object]:
    """Return a report as JSON has it."""
    return {
        "equal": report.equal,
        "tables": [
            {
                "table": copied.table.name,
                "there": class_path(copied.table.target),
                "inserted": copied.inserted,
                "objects": copied.object_count,
                "rows_here": copied.here.count,
                "rows_there": copied.there.count,
                "digest_here": copied.here.text,
                "digest_there": copied.there.text,
                "different": copied.different,
                "missing": copied.missing,
                "only_there": copied.only_there,
                "examples": list(copied.examples),
            }
            for copied in report.tables
        ],
        "jobs": dict(report.jobs),
    }


def _table_facts(table: PlannedTable) -> dict[str, object]:
    found = table.compared
    return {
        "table": table.name,
        "there": class_path(table.target),
        "tier": tier_of(table.table),
        "exists": table.exists,
        "rows": table.row_count,
        "new": table.new,
        "same": 0 if found is None else found.same,
        "different": 0 if found is None else found.different,
        "only_there": 0 if found is None else found.only_held,
        "examples": [] if found is None else list(found.examples),
    }


def _other_name(table: PlannedTable) -> str:
    there = class_path(table.target)
    return "" if there == table.name else f" as {there}"


def _coming(table: PlannedTable) -> str:
    if table.compared is None:
        return f"{plural(table.row_count, 'row')}{', into the table that is there' if table.exists else ''}"
    return f"{plural(table.new, 'new row')}, {table.compared.same} there already"


def _verdict(copied: Copied) -> str:
    if copied.equal:
        return "equal on both sides"
    if copied.missing:
        return f"DIFFERENT: {plural(copied.missing, 'row')} not there; run it again"
    keys = "; ".join(copied.examples)
    return f"DIFFERENT: {plural(copied.different, 'row')} with other values there, such as {keys}"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield title
        yield from (f"  {line}" for line in found)
