"""The steps of the demo, in order."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

import levada as lv
from examples.university import pipeline, registry
from examples.university.comparison import check
from examples.university.queries import QUESTIONS

if TYPE_CHECKING:
    from rich.console import Console


def run(console: Console, student_count: int) -> None:
    """Show the tables, fill them, and ask all questions.

    Raises:
        OtherRegistry: The schema holds other students.
        WrongAnswer: A query differs from the result that pandas computes.
    """
    console.rule("The tables", align="left")
    console.print(str(lv.Diagram(pipeline.schema)), markup=False)
    console.rule(f"{student_count} students", align="left")
    drawn = fill(console, student_count)
    console.rule("Questions", align="left")
    ask(console, drawn)


def fill(console: Console, student_count: int) -> registry.Registry:
    """Draw the registry, and insert it."""
    started = time.monotonic()
    drawn = registry.draw(student_count)
    console.print(f"  Drawn in {time.monotonic() - started:.1f} s: {drawn}")
    started = time.monotonic()
    if pipeline.fill(drawn):
        console.print(f"  Inserted in {time.monotonic() - started:.1f} s.")
    else:
        console.print("  All of it is there from an earlier run.")
    return drawn


def ask(console: Console, drawn: registry.Registry) -> None:
    """Ask all questions, and compare every answer with the one that pandas computes."""
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else box.ASCII)
    table.add_column("question")
    table.add_column("rows", justify="right")
    table.add_column("first of them")
    table.add_column("ms", justify="right")
    for question in QUESTIONS:
        started = time.monotonic()
        found = question.query().to_pandas()
        elapsed = time.monotonic() - started
        check(question.name, question.query(), drawn)
        first = list(question.query().to_dicts(limit=1)[0].values())
        table.add_row(question.words, str(len(found)), ", ".join(map(str, first[:4])), f"{1000 * elapsed:.0f}")
    console.print(table)
    console.print(f"  pandas computes the same {len(QUESTIONS)} answers from the registry.")
