"""The schema: who studies what, when, and with which grades.

Importing this module connects (see `levada.connect`) and declares the tables.
"""

from __future__ import annotations

import levada as lv
from examples.university.registry import OtherRegistry, Registry

schema = lv.schema("university")


@schema
class Department(lv.Manual):
    """Departments, which teach courses."""

    definition = """
    # A department
    dept : varchar(6)
    ---
    dept_name : varchar(64)
    """


@schema
class Term(lv.Manual):
    """The terms in which courses are taught."""

    definition = """
    # A part of an academic year
    term_year : int16
    term      : enum('Spring', 'Summer', 'Fall')
    ---
    start_date : date
    """


@schema
class CurrentTerm(lv.Manual):
    """At most one row, because it has no key."""

    definition = """
    # The term that runs now
    ---
    -> Term
    """


@schema
class Student(lv.Manual):
    """The students."""

    definition = """
    # A person who was admitted
    student_id : int32
    ---
    first_name    : varchar(40)
    last_name     : varchar(40)
    sex           : enum('F', 'M')
    date_of_birth : date
    home_city     : varchar(60)
    home_state    : char(2)  # two letters, as the post has them
    -> Term.proj(admission_year='term_year', admission_term='term')
    """


@schema
class StudentMajor(lv.Manual):
    """At most one per student; students without one are undecided."""

    definition = """
    # The department in which a student takes the degree
    -> Student
    ---
    -> Department
    declared : date
    """


@schema
class Course(lv.Manual):
    """The courses."""

    definition = """
    # A course, which may be taught in many terms
    -> Department
    course : int16  # number within the department
    ---
    course_name : varchar(64)
    credits     : decimal(2,1)
    """


@schema
class Prerequisite(lv.Manual):
    """Courses that must have been passed before another."""

    definition = """
    # A course that a course builds on
    -> Course
    -> Course.proj(required_dept='dept', required_course='course')
    """


@schema
class Section(lv.Manual):
    """A course as it is taught in one term, once or in parallel."""

    definition = """
    # A course in a term
    -> Course
    -> Term
    section : char(1)
    ---
    room : varchar(12)
    """


@schema
class Enroll(lv.Manual):
    """Who attends which section."""

    definition = """
    # A student in a section
    -> Student
    -> Section
    """


@schema
class LetterGrade(lv.Manual):
    """The grades and their points."""

    definition = """
    # A grade; one without points does not count
    grade : char(2)
    ---
    points = null : decimal(3,2)
    """


@schema
class Grade(lv.Manual):
    """The grade of each enrolment."""

    definition = """
    # The grade of a student in a section
    -> Enroll
    ---
    -> LetterGrade
    """


TABLES = (
    Department,
    Term,
    CurrentTerm,
    Student,
    StudentMajor,
    Course,
    Prerequisite,
    Section,
    Enroll,
    LetterGrade,
    Grade,
)
"""Parents first."""


def fill(registry: Registry) -> bool:
    """Insert a registry, either all of it or nothing.

    Returns:
        Whether anything was inserted: it may exist from an earlier run.

    Raises:
        OtherRegistry: The schema holds another registry.
    """
    counts = {table.__name__: len(table) for table in TABLES}
    wanted = {table.__name__: len(registry[table.__name__]) for table in TABLES}
    if counts == wanted:
        return False
    if any(counts.values()):
        raise OtherRegistry(
            f"The schema `university` holds {counts['Student']} students, not these {wanted['Student']}. Ask for as "
            "many with --students, or drop it: "
            """python -c "import levada as lv; lv.Schema('university').drop(prompt=False)"."""
        )
    with schema.transaction():
        for table in TABLES:
            table.insert(registry[table.__name__])
    return True
