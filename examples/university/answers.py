"""The answers to the questions of `queries`, computed by pandas directly from the registry.

Each function has the name of its query and returns its expected result: the index is the primary key.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, TypeAlias

import pandas as pd

from examples.university import catalog

if TYPE_CHECKING:
    from examples.university.registry import Registry

Answer: TypeAlias = pd.DataFrame

_COURSE = ["dept", "course"]
_TERM = ["term_year", "term"]
_SECTION = [*_COURSE, *_TERM, "section"]


def answer(name: str, registry: Registry) -> Answer:
    """Compute the answer to a question, in the order of its key."""
    found: Answer = globals()[name](registry)
    return found.sort_index()


def women_of_two_states(registry: Registry) -> Answer:
    """By two columns."""
    students = _students(registry)
    return students[(students["sex"] == "F") & students["home_state"].isin(["CA", "UT"])]


def born_in_2004(registry: Registry) -> Answer:
    """By the year of birth and the first letter."""
    students = _students(registry)
    year = pd.to_datetime(students["date_of_birth"]).dt.year
    return students[(year == 2004) & students["last_name"].str.startswith("S")]


def neither_nor(registry: Registry) -> Answer:
    """By the opposites."""
    students = _students(registry)
    return students[(students["home_state"] != "NY") & (students["admission_year"] >= 2023)]


def undecided(registry: Registry) -> Answer:
    """By the ids that majors lack."""
    students = _students(registry)
    return students[~students.index.isin(registry["StudentMajor"]["student_id"])]


def enrolled_now(registry: Registry) -> Answer:
    """By the ids among the enrolments of the term."""
    students = _students(registry)
    return students[students.index.isin(_now(registry["Enroll"])["student_id"])]


def never_taught(registry: Registry) -> Answer:
    """From the catalog."""
    return registry["Course"].set_index(_COURSE).loc[list(catalog.NEVER_TAUGHT)]


def grade_missing(registry: Registry) -> Answer:
    """By the difference of two indexes."""
    key = ["student_id", *_SECTION]
    enrolled = registry["Enroll"].set_index(key)
    graded = registry["Grade"].set_index(key)
    now = _now(registry["Enroll"]).set_index(key)
    return enrolled.loc[enrolled.index.difference(graded.index).difference(now.index)]


def passed_all(registry: Registry) -> Answer:
    """By counting."""
    graded = registry["Grade"]
    courses = [(dept, number) for dept, number, *_ in catalog.COURSES if dept == "MATH" and number < 1230]
    wanted = graded.set_index(_COURSE).index.isin(courses) & graded["grade"].isin(catalog.PASSING)
    counts = graded[wanted].groupby("student_id").size()
    return _students(registry).loc[counts.index[counts == len(courses)]]


def age_at_admission(registry: Registry) -> Answer:
    """By the calendar."""
    students = _students(registry)
    starts = {(year, term): dt.date(year, *catalog.TERM_STARTS[term]) for year, term in catalog.TERMS}
    ages = []
    for born, *admission in students[["date_of_birth", "admission_year", "admission_term"]].itertuples(index=False):
        start = starts[admission[0], admission[1]]
        ages.append(start.year - born.year - ((start.month, start.day) < (born.month, born.day)))
    names = students["last_name"] + ", " + students["first_name"]
    return pd.DataFrame({"name": names, "age": ages}, index=students.index)


def builds_on(registry: Registry) -> Answer:
    """By looking up the names."""
    names = {(dept, number): name for dept, number, name, _ in catalog.COURSES}
    rows = [(*pair, names[pair[0], pair[1]], names[pair[2], pair[3]]) for pair in catalog.PREREQUISITES]
    key = [*_COURSE, "required_dept", "required_course"]
    return pd.DataFrame(rows, columns=[*key, "course_name", "required_name"]).set_index(key)


def major_if_any(registry: Registry) -> Answer:
    """By a left merge."""
    majors = registry["StudentMajor"].merge(registry["Department"], on="dept")
    merged = registry["Student"][["student_id", "last_name"]].merge(majors, on="student_id", how="left")
    return merged.set_index("student_id")


def major_or_enrolled(registry: Registry) -> Answer:
    """By an outer merge."""
    counts = _now(registry["Enroll"]).groupby("student_id").size().rename("course_count").reset_index()
    majors = registry["StudentMajor"][["student_id", "dept"]]
    return majors.merge(counts, on="student_id", how="outer").set_index("student_id")


def majors_of_departments(registry: Registry) -> Answer:
    """By a left merge, so that empty groups are included."""
    merged = registry["Department"].merge(registry["StudentMajor"], on="dept", how="left")
    groups = merged.groupby(["dept", "dept_name"])
    found = groups.agg(students=("student_id", "count")).reset_index("dept_name")
    first = registry["StudentMajor"].groupby("dept")["declared"].min()
    return found.assign(first=first)


def fullest_terms(registry: Registry) -> Answer:
    """By groups."""
    groups = registry["Enroll"].groupby(_TERM)
    counts = groups.agg(enrolments=("student_id", "size"), students=("student_id", "nunique"))
    return counts.sort_values(["enrolments", *_TERM], ascending=[False, True, True]).head(3)


def states(registry: Registry) -> Answer:
    """By groups."""
    students = registry["Student"].assign(woman=registry["Student"]["sex"] == "F")
    return students.groupby("home_state").agg(
        students=("student_id", "size"), women=("woman", "sum"), oldest=("date_of_birth", "min")
    )


def rooms_of_departments(registry: Registry) -> Answer:
    """By dropping duplicates."""
    sections = _now(registry["Section"])
    return sections[["dept", "room"]].drop_duplicates().set_index(["dept", "room"])


def section_sizes(registry: Registry) -> Answer:
    """By a left merge, and groups."""
    sections = registry["Section"]
    recent = sections[(sections["term_year"] > 2025) | sections.set_index(_TERM).index.isin([catalog.CURRENT_TERM])]
    sizes = registry["Enroll"].groupby(_SECTION).size().rename("size").reset_index()
    merged = recent.merge(sizes, on=_SECTION, how="left").fillna({"size": 0})
    merged["none"] = merged["size"] == 0
    return merged.groupby(_TERM).agg(
        sections=("size", "size"), empty=("none", "sum"), largest=("size", "max"), mean=("size", "mean")
    )


def difficulty(registry: Registry) -> Answer:
    """By groups, which the index of all courses completes."""
    graded = _with_points(registry)
    graded["is_failed"] = graded["grade"] == "F"
    groups = graded.groupby(_COURSE)
    found = registry["Course"].set_index(_COURSE)[["course_name"]]
    found["taken"] = groups.size().reindex(found.index, fill_value=0)
    found["mean"] = groups["points"].mean()
    found["failed"] = groups["is_failed"].sum()
    found["grades"] = groups["grade"].agg(lambda grades: " ".join(sorted(set(grades))))
    return found


def ten_best(registry: Registry) -> Answer:
    """By whole numbers, which are not rounded before the division."""
    graded = _with_points(registry).dropna(subset="points")
    graded["halves"] = [int(2 * _credits(dept, number)) for dept, number in graded[_COURSE].itertuples(index=False)]
    graded["weighted"] = (100 * graded["points"]).round().astype(int) * graded["halves"]
    graded["counted"] = graded["halves"].where(graded["points"] > 0, 0)
    sums = graded.groupby("student_id")[["halves", "weighted", "counted"]].sum()
    found = _students(registry)[["first_name", "last_name"]].join(sums, how="inner")
    found["earned"] = found["counted"] / 2
    found["average"] = (found["weighted"] / 200) / (found["halves"] / 2)
    best = found[found["earned"] >= 40].sort_values(["average", "student_id"], ascending=[False, True]).head(10)
    return best[["first_name", "last_name", "earned", "average"]]


def at_home_and_elsewhere(registry: Registry) -> Answer:
    """By a merge, and groups."""
    majors = registry["StudentMajor"][["student_id", "dept"]].rename(columns={"dept": "major"})
    graded = _with_points(registry).dropna(subset="points").merge(majors, on="student_id")
    graded["place"] = (graded["dept"] == graded["major"]).map({True: "at home", False: "elsewhere"})
    groups = graded.groupby(["major", "place"])["points"]
    return pd.DataFrame({"grades": groups.size(), "mean": groups.mean(), "deviation": groups.std(ddof=0)})


def _students(registry: Registry) -> pd.DataFrame:
    return registry["Student"].set_index("student_id")


def _now(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows.set_index(_TERM).index.isin([catalog.CURRENT_TERM])]


def _with_points(registry: Registry) -> pd.DataFrame:
    points = {grade: float(text) for grade, text in catalog.GRADES.items() if text is not None}
    return registry["Grade"].assign(points=registry["Grade"]["grade"].map(points))


def _credits(dept: str, number: int) -> float:
    return next(credits for *course, _, credits in catalog.COURSES if course == [dept, number])
