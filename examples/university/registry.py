"""Draws a registry: students made up by Faker, and their studies, term after term.

It is consistent: nobody is enrolled before admission, twice in a course, in two sections of it, or without having
passed its prerequisites; and only past terms have grades.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from faker import Faker

from examples.university import catalog

if TYPE_CHECKING:
    import numpy.typing as npt

    Booleans = npt.NDArray[np.bool_]
    Integers = npt.NDArray[np.int64]

STUDENTS = 20_000
LEAST_STUDENTS = 100
"""With fewer students, too many courses stay empty."""
SEED = 1850
FIRST_ID = 1000

_STUDY_TERMS = 8
"""A student is enrolled in at most this many terms from admission on."""
_MOST_COURSES = 4
"""Per term."""
_ATTENDS = 0.9
_WOMEN = 0.53
_TOWNS = 300
_UNDECIDED = 0.15
_GRADE_MISSING = 0.01
_ROOMS = ("Aud-1", "Aud-2", "East-110", "East-240", "Hall-5", "North-3", "Tower-801")


class TooFewStudents(ValueError):
    """The registry would be too small."""


class OtherRegistry(Exception):
    """The schema holds another registry than the one to be inserted."""


@dataclass(frozen=True)
class Registry:
    """All rows.

    Attributes:
        tables: By the class of the table, with its attributes as columns.
    """

    tables: dict[str, pd.DataFrame]

    def __getitem__(self, table: str) -> pd.DataFrame:
        return self.tables[table]

    def __str__(self) -> str:
        return ", ".join(f"{name} {len(frame)}" for name, frame in self.tables.items())


def draw(student_count: int = STUDENTS, seed: int = SEED) -> Registry:
    """Draw a registry; the same arguments always yield the same one.

    Args:
        student_count: At least `LEAST_STUDENTS`.

    Raises:
        TooFewStudents: There are fewer.
    """
    if student_count < LEAST_STUDENTS:
        raise TooFewStudents(f"A registry has at least {LEAST_STUDENTS} students, not {student_count}.")
    rng = np.random.default_rng(seed)
    students = _students(student_count, seed, rng)
    sections = _sections(rng)
    majors = _majors(students, rng)
    enrolled = _Studies(students, majors, sections, rng).enrol()
    current = pd.DataFrame([catalog.CURRENT_TERM], columns=["term_year", "term"])
    graded = enrolled.merge(current, how="left", indicator=True)["_merge"] == "left_only"
    graded &= rng.random(len(enrolled)) >= _GRADE_MISSING
    return Registry(
        {
            "Department": pd.DataFrame(list(catalog.DEPARTMENTS.items()), columns=["dept", "dept_name"]),
            "Term": _terms(),
            "CurrentTerm": current,
            "Student": students,
            "StudentMajor": majors,
            "Course": _courses(),
            "Prerequisite": pd.DataFrame(
                list(catalog.PREREQUISITES), columns=["dept", "course", "required_dept", "required_course"]
            ),
            "Section": sections,
            "Enroll": enrolled.drop(columns="grade"),
            "LetterGrade": pd.DataFrame(
                {"grade": list(catalog.GRADES), "points": [p and Decimal(p) for p in catalog.GRADES.values()]}
            ),
            "Grade": enrolled[graded].reset_index(drop=True),
        }
    )


def _terms() -> pd.DataFrame:
    rows = [(year, term, dt.date(year, *catalog.TERM_STARTS[term])) for year, term in catalog.TERMS]
    return pd.DataFrame(rows, columns=["term_year", "term", "start_date"])


def _courses() -> pd.DataFrame:
    rows = [(dept, number, name, Decimal(str(credits))) for dept, number, name, credits in catalog.COURSES]
    return pd.DataFrame(rows, columns=["dept", "course", "course_name", "credits"])


def _teaching_terms() -> list[tuple[int, str]]:
    return [(year, term) for year, term in catalog.TERMS if term != "Summer"]


def _begun_terms() -> list[tuple[int, str]]:
    terms = _teaching_terms()
    return terms[: terms.index(catalog.CURRENT_TERM) + 1]


def _students(count: int, seed: int, rng: np.random.Generator) -> pd.DataFrame:
    # Weighting names by how common they are makes a draw some fifty times slower.
    faker = Faker("en_US", use_weighting=False)
    faker.seed_instance(seed)
    # Nobody is admitted for a term that has not begun.
    begun = _begun_terms()
    in_fall = [2.5 if term == "Fall" else 1.0 for _, term in begun]
    admissions = rng.choice(len(begun), size=count, p=np.array(in_fall) / sum(in_fall))
    towns = [
        (faker.city(), faker.state_abbr(include_territories=False, include_freely_associated_states=False))
        for _ in range(_TOWNS)
    ]
    homes = rng.integers(0, _TOWNS, size=count)
    women = rng.random(count) < _WOMEN
    days_old = rng.integers(18 * 365, 25 * 365, size=count)
    rows = []
    for index, (admission, home, woman, days) in enumerate(zip(admissions, homes, women, days_old, strict=True)):
        year, term = begun[admission]
        city, state = towns[home]
        rows.append(
            {
                "student_id": FIRST_ID + index,
                "first_name": faker.first_name_female() if woman else faker.first_name_male(),
                "last_name": faker.last_name(),
                "sex": "F" if woman else "M",
                "date_of_birth": dt.date(year, *catalog.TERM_STARTS[term]) - dt.timedelta(days=int(days)),
                "home_city": city,
                "home_state": state,
                "admission_year": year,
                "admission_term": term,
            }
        )
    return pd.DataFrame(rows)


def _majors(students: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    decided = rng.random(len(students)) >= _UNDECIDED
    chosen = students[decided]
    departments = rng.choice(list(catalog.MAJORS), size=len(chosen), p=list(catalog.MAJORS.values()))
    starts = [
        dt.date(year, *catalog.TERM_STARTS[term])
        for year, term in zip(chosen["admission_year"], chosen["admission_term"], strict=True)
    ]
    days = rng.integers(0, 90, size=len(chosen)).tolist()
    return pd.DataFrame(
        {
            "student_id": chosen["student_id"].to_numpy(),
            "dept": departments.tolist(),
            "declared": [start + dt.timedelta(days=day) for start, day in zip(starts, days, strict=True)],
        }
    )


def _sections(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for (year, term), (dept, number, *_) in product(_teaching_terms(), catalog.COURSES):
        taught = (dept, number) not in catalog.NEVER_TAUGHT and rng.random() < 0.75
        for section in "abc"[: rng.integers(1, 4) if taught else 0]:
            rows.append((dept, number, year, term, section, str(rng.choice(_ROOMS))))
    return pd.DataFrame(rows, columns=["dept", "course", "term_year", "term", "section", "room"])


class _Studies:
    """The courses and grades of the students: arrays of shape (n_students, n_courses)."""

    def __init__(
        self, students: pd.DataFrame, majors: pd.DataFrame, sections: pd.DataFrame, rng: np.random.Generator
    ) -> None:
        self._rng = rng
        self._ids: Integers = students["student_id"].to_numpy()
        self._courses = [(dept, number) for dept, number, *_ in catalog.COURSES]
        terms = _teaching_terms()
        admissions = zip(students["admission_year"], students["admission_term"], strict=True)
        self._first_term = np.array([terms.index(admission) for admission in admissions])
        self._sections = {key: group for key, group in sections.groupby(["term_year", "term", "dept", "course"])}
        self._ability = rng.normal(size=len(students))
        major = dict(zip(majors["student_id"], majors["dept"], strict=True))
        own = [[major.get(student) == dept for dept, _ in self._courses] for student in self._ids.tolist()]
        self._own_department: Booleans = np.array(own)
        shape = len(students), len(self._courses)
        self._taken: Booleans = np.zeros(shape, bool)
        self._passed: Booleans = np.zeros(shape, bool)

    def enrol(self) -> pd.DataFrame:
        """Draw all enrolments, each with its grade."""
        pieces = [piece for index, term in enumerate(_begun_terms()) for piece in self._term(index, term)]
        return pd.concat(pieces, ignore_index=True).sort_values(["student_id", "dept", "course"], ignore_index=True)

    def _term(self, index: int, term: tuple[int, str]) -> list[pd.DataFrame]:
        chosen = self._choices(index, term)
        self._taken |= chosen
        passed: Booleans = np.zeros_like(chosen)
        pieces = []
        for column, (dept, number) in enumerate(self._courses):
            rows = np.flatnonzero(chosen[:, column])
            if not rows.size:
                continue
            grades = self._grades(rows)
            passed[rows, column] = np.isin(grades, list(catalog.PASSING))
            key = (*term, dept, number)
            letters = self._sections[key]["section"].tolist()
            pieces.append(
                pd.DataFrame(
                    {
                        "student_id": self._ids[rows],
                        "dept": dept,
                        "course": number,
                        "term_year": term[0],
                        "term": term[1],
                        "section": self._rng.choice(letters, size=rows.size).tolist(),
                        "grade": grades,
                    }
                )
            )
        self._passed |= passed
        return pieces

    def _choices(self, index: int, term: tuple[int, str]) -> Booleans:
        """Choose the courses of a term, preferring those of the major."""
        count = len(self._ids)
        since = index - self._first_term
        studying = (since >= 0) & (since < _STUDY_TERMS) & (self._rng.random(count) < _ATTENDS)
        taught = np.array([(*term, *course) in self._sections for course in self._courses])
        possible = studying[:, None] & taught & ~self._taken
        for dept, number, required_dept, required_number in catalog.PREREQUISITES:
            before = self._passed[:, self._courses.index((required_dept, required_number))]
            possible[:, self._courses.index((dept, number))] &= before
        liking = np.where(possible, self._rng.random(possible.shape) + 0.35 * self._own_department, -1.0)
        places = self._rng.integers(1, _MOST_COURSES + 1, size=count)
        rank = np.argsort(np.argsort(-liking, axis=1), axis=1)
        chosen: Booleans = possible & (rank < places[:, None])
        return chosen

    def _grades(self, rows: Integers) -> list[str]:
        """Draw grades: the better the student, the better the grade."""
        letters = list(catalog.GRADES)[:-1]
        score = 3.0 - 1.6 * self._ability[rows] + self._rng.normal(scale=1.8, size=rows.size)
        withdrawn = self._rng.random(rows.size) < 0.03
        index = np.clip(np.rint(score), 0, len(letters) - 1).astype(int)
        return ["W" if gone else letters[place] for gone, place in zip(withdrawn, index, strict=True)]
