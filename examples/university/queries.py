"""Twenty questions about the registry, as queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import levada as lv
from examples.university.pipeline import (
    Course,
    CurrentTerm,
    Department,
    Enroll,
    Grade,
    LetterGrade,
    Prerequisite,
    Section,
    Student,
    StudentMajor,
    Term,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Query: TypeAlias = Any  # a lv.Relation; a restriction of a table has the table's class


@dataclass(frozen=True)
class Question:
    """A question, in words and as a query."""

    name: str
    words: str
    query: Callable[[], Query]


QUESTIONS: list[Question] = []
"""In the order in which this module asks them."""


def _asks(words: str) -> Callable[[Callable[[], Query]], Callable[[], Query]]:
    def keep(query: Callable[[], Query]) -> Callable[[], Query]:
        QUESTIONS.append(Question(query.__name__, words, query))
        return query

    return keep


# ------------------------------------------------------------------------------------------------ restrictions


@_asks("Which women come from California or Utah?")
def women_of_two_states() -> Query:
    """Restrict by a mapping; a list matches any of its items."""
    return Student & {"sex": "F", "home_state": ["CA", "UT"]}


@_asks("Who was born in 2004 and has a last name that begins with S?")
def born_in_2004() -> Query:
    """Restrict by an expression."""
    return Student & "date_of_birth BETWEEN '2004-01-01' AND '2004-12-31' AND last_name LIKE 'S%'"


@_asks("Who is neither from New York nor admitted before 2023?")
def neither_nor() -> Query:
    """Antirestrict by a list: any of its conditions."""
    return Student - [{"home_state": "NY"}, "admission_year < 2023"]


@_asks("Who has no major?")
def undecided() -> Query:
    """Antirestrict by a table: students without an entity there."""
    return Student - StudentMajor


@_asks("Who is enrolled in the current term?")
def enrolled_now() -> Query:
    """Restrict by a query that is restricted by a table."""
    return Student & (Enroll & CurrentTerm)


@_asks("Which courses were never taught?")
def never_taught() -> Query:
    """Antirestrict by a table."""
    return Course - Section


@_asks("Which enrolments of past terms have no grade?")
def grade_missing() -> Query:
    """Antirestrict twice."""
    return Enroll - CurrentTerm - Grade


@_asks("Who passed every course of mathematics below 1230?")
def passed_all() -> Query:
    """Divide: antirestrict by the students who lack one of the pairs."""
    courses = Course & {"dept": "MATH"} & "course < 1230"
    passed = Grade & (LetterGrade & "points > 0")
    return Student - (Student.proj() * courses.proj() - passed)


# ------------------------------------------------------------------------------------------------- projections


@_asks("How old was each student at the admission?")
def age_at_admission() -> Query:
    """Join with a renamed table, and compute."""
    admission = Term.proj(admission_year="term_year", admission_term="term", admitted="start_date")
    return (Student * admission).proj(
        name="concat(last_name, ', ', first_name)", age="timestampdiff(year, date_of_birth, admitted)"
    )


@_asks("What does each course build on?")
def builds_on() -> Query:
    """Join a table with itself, renamed."""
    required = Course.proj(required_dept="dept", required_course="course", required_name="course_name")
    return Prerequisite * Course.proj("course_name") * required


@_asks("Which major has each student, if any?")
def major_if_any() -> Query:
    """Extend: students without a major stay."""
    return Student.proj("last_name").extend(StudentMajor * Department)


@_asks("Who has a major, is enrolled now, or both?")
def major_or_enrolled() -> Query:
    """Unite: an entity of both sides is one row; attributes that a side lacks are missing."""
    now = Student.aggr(Enroll & CurrentTerm, course_count="count(*)", exclude_nonmatching=True)
    return StudentMajor.proj("dept") + now


# ------------------------------------------------------------------------------------------------ aggregations


@_asks("How many students major in each department, the library too?")
def majors_of_departments() -> Query:
    """Aggregate: departments without students stay, and count 0."""
    return Department.aggr(StudentMajor, "dept_name", students="count(*)", first="min(declared)")


@_asks("Which three terms had the most enrolments?")
def fullest_terms() -> Query:
    """Aggregate only matching groups, and take the first in an order."""
    terms = Term.aggr(Enroll, enrolments="count(*)", students="count(DISTINCT student_id)", exclude_nonmatching=True)
    return terms & lv.Top(3, "enrolments DESC")


@_asks("From which states do students come, and how old is the oldest from each?")
def states() -> Query:
    """Aggregate by an attribute that is not a key of any table."""
    return lv.U("home_state").aggr(Student, students="count(*)", women="sum(sex = 'F')", oldest="min(date_of_birth)")


@_asks("In which rooms does each department teach now?")
def rooms_of_departments() -> Query:
    """List the distinct values of attributes."""
    return lv.U("dept", "room") & (Section & CurrentTerm)


@_asks("How large are the sections of this term and the next?")
def section_sizes() -> Query:
    """Aggregate twice: sections that nobody attends yet count too."""
    sizes = (Section & [CurrentTerm, "term_year > 2025"]).aggr(Enroll, size="count(*)")
    return lv.U("term_year", "term").aggr(
        sizes, sections="count(*)", empty="sum(size = 0)", largest="max(size)", mean="avg(size)"
    )


@_asks("How hard is each course?")
def difficulty() -> Query:
    """Aggregate a join; courses that nobody took stay, without a mean."""
    return Course.aggr(
        Grade.extend(LetterGrade),
        "course_name",
        taken="count(*)",
        mean="avg(points)",
        failed="sum(grade = 'F')",
        grades="group_concat(DISTINCT grade ORDER BY grade SEPARATOR ' ')",
    )


def grade_averages() -> Query:
    """Weight the points of each student by the credits of the courses."""
    counted = Grade * (LetterGrade & "points IS NOT NULL") * Course.proj("credits")
    return Student.aggr(
        counted,
        "first_name",
        "last_name",
        earned="sum(if(points > 0, credits, 0))",
        average="sum(points * credits) / sum(credits)",
        exclude_nonmatching=True,
    )


@_asks("Who are the ten best students with at least 40 credits?")
def ten_best() -> Query:
    """Restrict an aggregation, and take the first in an order."""
    return grade_averages() & "earned >= 40" & lv.Top(10, "average DESC")


@_asks("How do students of each major do in their own department and elsewhere?")
def at_home_and_elsewhere() -> Query:
    """Join with a renamed attribute, compute, and aggregate by the computed attribute."""
    counted = Grade * (LetterGrade & "points IS NOT NULL") * StudentMajor.proj(major="dept")
    located = counted.proj("points", "major", place="CASE WHEN dept = major THEN 'at home' ELSE 'elsewhere' END")
    return lv.U("major", "place").aggr(located, grades="count(*)", mean="avg(points)", deviation="std(points)")
