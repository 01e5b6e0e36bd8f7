"""Plans and reports of imports, for people and for programs."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING

from levada._base.text import plural
from levada._from_datajoint.decisions import toml_line
from levada._from_datajoint.definitions import definition_of
from levada._from_datajoint.plan import missing_decisions
from levada._moving.copy_telling import told_of_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from levada._from_datajoint.bringing import Brought
    from levada._from_datajoint.importing import Report
    from levada._from_datajoint.plan import Plan, PlannedTable


def plan_lines(plan: Plan) -> Iterator[str]:
    """Write a plan: what comes, what changes, what cannot come and why, and which decisions are open."""
    rows = sum(table.row_count for table in plan.tables)
    yield f"{plural(len(plan.tables), 'table')} with {plural(rows, 'row')} come, in this order{_present(plan)}:"
    for table in plan.tables:
        there = "" if str(table.place) == table.name.lower() else f"  from {table.place}"
        number = f", its next number is {table.next_number}" if table.next_number is not None else ""
        yield f"  {table.name}  {table.tier}, {plural(table.row_count, 'row')}{number}{there}"
        yield from (f"      {_sentence(change)}" for change in table.changes)
        if table.hidden:
            yield f"      Hidden columns go to `from_datajoint`: {', '.join(table.hidden)}."
    yield from _section("These change for all:", plan.changes)
    yield from _section(
        "These do not come:",
        (
            f"{one.place}: {one.why}"
            if one.row_count is None
            else f"{one.place} ({plural(one.row_count, 'row')}): {one.why}"
            for one in plan.not_brought
        ),
    )
    yield from _section(
        "These jobs go to `from_datajoint`, as history:",
        (f"{jobs.place} ({plural(jobs.row_count, 'job')})" for jobs in plan.jobs),
    )
    yield from _section(
        "One answer fits each of these, loses nothing, and is taken:",
        (f"{toml_line(id_, answer)}  # {effect}" for id_, (answer, effect) in plan.lone.items()),
    )
    yield from _section("You decided:", section_lines(plan.decided))
    yield from _section("Nothing asked for these decisions:", plan.needless)
    yield from _section("These grants have this effect here; they are not made:", plan.grants)
    yield from _section("These keep it from running:", plan.problems)
    yield from missing_decisions(plan)


def section_lines(decided: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    """Write decisions as the file of them has them."""
    for section, entries in decided.items():
        yield f"[{section}]"
        yield from (toml_line(name, value) for name, value in entries.items())


def plan_facts(plan: Plan) -> dict[str, object]:
    """Return a plan as JSON has it."""
    tables = plan.by_place()
    return {
        "ready": plan.ready,
        "schemas": dict(plan.schemas),
        "tables": [_table_facts(table, definition_of(table, tables)) for table in plan.tables],
        "changes": list(plan.changes),
        "not_brought": [{"place": one.place, "why": one.why, "rows": one.row_count} for one in plan.not_brought],
        "jobs": [{"place": str(jobs.place), "jobs": jobs.row_count} for jobs in plan.jobs],
        "decided": dict(plan.decided),
        "lone": {id_: answer for id_, (answer, _) in plan.lone.items()},
        "needless": list(plan.needless),
        "present": dict(plan.present),
        "grants": list(plan.grants),
        "problems": list(plan.problems),
        "questions": [
            {
                "id": question.id,
                "text": question.text,
                "answers": dict(question.answers),
                "lines": {answer: question.line(answer) for answer in question.answers},
            }
            for question in plan.questions
        ],
    }


def brought_line(brought: Brought) -> str:
    """Write what became of a table."""
    verdict = "equal on both sides" if brought.equal else _difference(brought)
    kept = "".join(f", {n} of `{name}` kept as bytes" for name, n in brought.kept_bytes.items())
    new = plural(brought.inserted, "new row")
    there, here = brought.there.count, brought.here.count
    rows = plural(here, "row") if there == here else f"{plural(there, 'row')} there and {here} here"
    return f"{brought.table.name}: {new}, {rows}, {verdict}{kept}"


def report_lines(report: Report) -> Iterator[str]:
    """Write a report, after the lines of its tables."""
    jobs, hidden = sum(report.jobs.values()), sum(report.hidden.values())
    if jobs or hidden:
        yield f"`from_datajoint` has {plural(jobs, 'past job')}, and the hidden columns of {plural(hidden, 'row')}."
    different = sum(not brought.equal for brought in report.tables)
    yield told_of_all([brought.there.count for brought in report.tables], different)


def report_facts(report: Report) -> dict[str, object]:
    """Return a report as JSON has it."""
    return {
        "equal": report.equal,
        "tables": [
            {
                "table": brought.table.name,
                "there": str(brought.table.place),
                "inserted": brought.inserted,
                "rows_there": brought.there.count,
                "rows_here": brought.here.count,
                "digest_there": brought.there.text,
                "digest_here": brought.here.text,
                "only_there": brought.difference.only_there,
                "only_here": brought.difference.only_here,
                "other_values": brought.difference.other_values,
                "examples": list(brought.difference.examples),
                "kept_as_bytes": dict(brought.kept_bytes),
            }
            for brought in report.tables
        ],
        "jobs": dict(report.jobs),
        "hidden": dict(report.hidden),
    }


def _table_facts(table: PlannedTable, definition: str) -> dict[str, object]:
    return {
        "table": table.name,
        "there": str(table.place),
        "tier": table.tier,
        "rows": table.row_count,
        "definition": definition,
        "next_number": table.next_number,
        "hidden": list(table.hidden),
        "changes": list(table.changes),
    }


def _difference(brought: Brought) -> str:
    difference = brought.difference
    made = "computed" if brought.table.computed else "inserted"
    how = "delete it here and import again"
    if brought.table.tier == "Part":
        how = "delete it here by delete(part_integrity='ignore') and import again"
    parts = [
        f"{plural(count, 'row')} {why}"
        for count, why in (
            (difference.only_here, f"only here: {made} here, or deleted there"),
            (difference.other_values, f"with other values: to have those of there, {how}"),
            (difference.only_there, "only there"),
        )
        if count
    ]
    return f"DIFFERENT: {'; '.join(parts)}; such as {' and '.join(f'({one})' for one in difference.examples)}"


def _present(plan: Plan) -> str:
    """Say how much of a plan is here already."""
    if not plan.present:
        return ""
    tables, rows = plural(len(plan.present), "table"), plural(sum(plan.present.values()), "row")
    return f"; {tables} with {rows} are here already, so only missing rows come"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield title
        yield from (indent(text, "  ") for text in found)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
