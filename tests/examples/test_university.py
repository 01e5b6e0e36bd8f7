"""The university's queries agree with pandas on the registry, and the registry is consistent."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import levada as lv
from examples.university import catalog, comparison, registry
from tests.support.demos import run_demo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

DECLARING = ("examples.university.pipeline", "examples.university.queries")
"""Modules that declare tables when they are imported, or hold them: each test imports them anew."""
STUDENTS = 500

SECTION = ["dept", "course", "term_year", "term", "section"]


@pytest.fixture(scope="module")
def drawn() -> registry.Registry:
    """A registry, smaller than the example's own."""
    return registry.draw(STUDENTS)


@pytest.fixture
def pipeline(server_address: str) -> Iterator[ModuleType]:
    """The example's module, declared on the server of this test."""
    forget()
    with lv.connect(server_address):
        yield importlib.import_module(DECLARING[0])
    forget()


def forget() -> None:
    for name in DECLARING:
        sys.modules.pop(name, None)


def questions() -> list[tuple[str, lv.Relation]]:
    module = importlib.import_module(DECLARING[1])
    return [(question.name, question.query()) for question in module.QUESTIONS]


def order(terms: pd.DataFrame) -> pd.Series:
    """Number the terms in the order of time."""
    return terms["term_year"] * 3 + terms["term"].map(list(catalog.TERM_STARTS).index)


# ---------------------------------------------------------------------------------------------------- registry


def test_same_seed_draws_the_same_registry_and_another_one_another(drawn: registry.Registry) -> None:
    again, other = registry.draw(STUDENTS), registry.draw(STUDENTS, seed=1)
    for name, frame in drawn.tables.items():
        pd.testing.assert_frame_equal(again[name], frame)
    assert not other["Student"].equals(drawn["Student"])
    assert not other["Enroll"].equals(drawn["Enroll"])


def test_nobody_is_enrolled_before_the_admission_or_twice_in_a_course(drawn: registry.Registry) -> None:
    enrolled = drawn["Enroll"].merge(drawn["Student"], on="student_id")
    assert len(enrolled) == len(drawn["Enroll"]) > 5 * STUDENTS
    admitted = enrolled[["admission_year", "admission_term"]].set_axis(["term_year", "term"], axis=1)
    assert (order(enrolled) >= order(admitted)).all()
    assert not enrolled.duplicated(["student_id", "dept", "course"]).any()
    assert len(enrolled.merge(drawn["Section"], on=SECTION)) == len(enrolled)


def test_prerequisites_were_passed_in_earlier_terms(drawn: registry.Registry) -> None:
    wanted = drawn["Enroll"].merge(drawn["Prerequisite"], on=["dept", "course"])
    passed = drawn["Grade"][drawn["Grade"]["grade"].isin(catalog.PASSING)]
    passed = passed.rename(columns={name: f"required_{name}" for name in SECTION})
    found = wanted.merge(passed, on=["student_id", "required_dept", "required_course"], how="left", indicator=True)
    assert len(found) == len(wanted) > STUDENTS
    # Passed courses have a grade, except the few grades that nobody has entered yet.
    entered = found[found["_merge"] == "both"]
    assert len(entered) > 0.95 * len(found)
    before = entered[["required_term_year", "required_term"]].set_axis(["term_year", "term"], axis=1)
    assert (order(before) < order(entered)).all()


def test_grades_are_those_of_past_enrolments(drawn: registry.Registry) -> None:
    key = ["student_id", *SECTION]
    assert len(drawn["Grade"].merge(drawn["Enroll"], on=key)) == len(drawn["Grade"])
    current = order(drawn["CurrentTerm"])[0]
    assert (order(drawn["Grade"]) < current).all()
    assert order(drawn["Enroll"]).max() == current < order(drawn["Section"]).max()


def test_registry_of_few_students_is_refused() -> None:
    with pytest.raises(registry.TooFewStudents, match="at least 100 students, not 3"):
        registry.draw(3)


# ----------------------------------------------------------------------------------------------------- queries


def test_every_query_gives_what_pandas_computes(pipeline: ModuleType, drawn: registry.Registry) -> None:
    assert pipeline.fill(drawn)
    asked = questions()
    assert len(asked) == 20
    for name, query in asked:
        found = comparison.check(name, query, drawn)
        assert len(found) == len(query) > 0, name


def test_answers_of_another_registry_are_told_apart(pipeline: ModuleType, drawn: registry.Registry) -> None:
    pipeline.fill(drawn)
    other = registry.draw(STUDENTS, seed=1)
    same = set()
    for name, query in questions():
        try:
            comparison.check(name, query, other)
        except comparison.WrongAnswer:
            continue
        same.add(name)
    assert same == {"never_taught", "builds_on"}, "only these ask what no chance decides"


def test_registry_is_inserted_once_and_no_other_over_it(pipeline: ModuleType, drawn: registry.Registry) -> None:
    assert pipeline.fill(drawn)
    assert not pipeline.fill(drawn)
    with pytest.raises(registry.OtherRegistry, match="500 students, not these 100"):
        pipeline.fill(registry.draw(100))
    assert {table.__name__: len(table) for table in pipeline.TABLES} == {
        name: len(frame) for name, frame in drawn.tables.items()
    }


def test_demo_asks_twenty_questions(server_address: str, tmp_path: Path) -> None:
    output = run_demo("university", server_address, tmp_path, "--students", "300")
    assert "Student 300," in output
    assert "pandas computes the same 20 answers" in output
