"""The university's catalog: the part of the registry that is not random."""

from __future__ import annotations

DEPARTMENTS = {
    "ART": "Art History",
    "BIOL": "Biology",
    "CHEM": "Chemistry",
    "CS": "Computer Science",
    "LIB": "University Library",
    "MATH": "Mathematics",
    "PHYS": "Physics",
}
"""The library teaches, but has no majors."""

MAJORS = {"ART": 0.1, "BIOL": 0.26, "CHEM": 0.12, "CS": 0.27, "MATH": 0.12, "PHYS": 0.13}
"""Which fraction of the students with a major has it in which department."""

COURSES = (
    ("ART", 1000, "Looking at Pictures", 3),
    ("ART", 1200, "Art of the Ancient World", 3),
    ("ART", 2100, "Renaissance and Baroque", 3),
    ("ART", 2400, "Art since 1900", 3),
    ("ART", 3300, "The Museum", 4),
    ("BIOL", 1010, "Biology in the Twenty-first Century", 3),
    ("BIOL", 1200, "Principles of Biology", 4),
    ("BIOL", 2020, "Principles of Cell Biology", 3),
    ("BIOL", 2030, "Genetics", 3),
    ("BIOL", 2330, "Human Anatomy", 4),
    ("BIOL", 3200, "Neurobiology", 3.5),
    ("BIOL", 3400, "Plants of the Mountains", 3),
    ("CHEM", 1110, "Elementary Chemistry", 4),
    ("CHEM", 1210, "General Chemistry", 4),
    ("CHEM", 2310, "Organic Chemistry", 4),
    ("CHEM", 3060, "Quantum Chemistry", 3),
    ("CS", 1030, "Foundations of Computer Science", 3),
    ("CS", 1410, "Object-Oriented Programming", 4),
    ("CS", 2100, "Discrete Structures", 3),
    ("CS", 2420, "Algorithms and Data Structures", 4),
    ("CS", 3200, "Scientific Computing", 3),
    ("CS", 3500, "Software Practice", 4),
    ("CS", 4400, "Computer Systems", 4),
    ("LIB", 1000, "Finding What Was Written", 1.5),
    ("LIB", 1100, "Citing What Was Found", 0.5),
    ("MATH", 1210, "Calculus", 4),
    ("MATH", 1220, "More Calculus", 4),
    ("MATH", 1250, "Calculus for Those in a Hurry", 4),
    ("MATH", 2210, "Calculus in Space", 3),
    ("MATH", 2270, "Linear Algebra", 4),
    ("MATH", 2280, "Differential Equations", 4),
    ("MATH", 3210, "Foundations of Analysis", 4),
    ("PHYS", 1010, "The Way Things Work", 3),
    ("PHYS", 2210, "Mechanics", 4),
    ("PHYS", 2220, "Electricity and Magnetism", 4),
    ("PHYS", 3111, "Light and Waves", 3),
    ("PHYS", 3719, "Modern Physics", 3.5),
)
"""Department, number, name, credits."""

NEVER_TAUGHT = (("BIOL", 3400), ("MATH", 1250))
"""Courses that exist only in the catalog."""

PREREQUISITES = (
    ("ART", 3300, "ART", 1000),
    ("BIOL", 2020, "BIOL", 1200),
    ("BIOL", 2030, "BIOL", 1200),
    ("BIOL", 3200, "BIOL", 2020),
    ("BIOL", 3200, "PHYS", 2220),
    ("CHEM", 2310, "CHEM", 1210),
    ("CHEM", 3060, "PHYS", 2210),
    ("CS", 1410, "CS", 1030),
    ("CS", 2420, "CS", 1410),
    ("CS", 3200, "CS", 1410),
    ("CS", 3200, "MATH", 2270),
    ("CS", 3500, "CS", 2420),
    ("CS", 4400, "CS", 2420),
    ("MATH", 1220, "MATH", 1210),
    ("MATH", 2210, "MATH", 1220),
    ("MATH", 2280, "MATH", 2270),
    ("MATH", 3210, "MATH", 2210),
    ("PHYS", 2210, "MATH", 1210),
    ("PHYS", 2220, "PHYS", 2210),
    ("PHYS", 3111, "PHYS", 2220),
    ("PHYS", 3719, "PHYS", 2220),
)
"""A course, and a course that must have been passed before."""

TERM_STARTS = {"Spring": (1, 10), "Summer": (5, 17), "Fall": (8, 23)}
"""Month and day, in the order of a year."""

CURRENT_TERM = (2025, "Fall")
TERMS = (*((year, term) for year in range(2021, 2026) for term in TERM_STARTS), (2026, "Spring"))
"""From the first to the one after the current; there are no courses in the summer."""

GRADES = {
    "A": "4.00",
    "A-": "3.70",
    "B+": "3.30",
    "B": "3.00",
    "B-": "2.70",
    "C+": "2.30",
    "C": "2.00",
    "C-": "1.70",
    "D": "1.00",
    "F": "0.00",
    "W": None,
}
"""Letters and points, the best first; W means withdrawn."""

PASSING = frozenset(GRADES) - {"F", "W"}
