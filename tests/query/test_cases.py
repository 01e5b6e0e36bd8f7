"""Relations and the SQL that they become: a file of cases for each operator, in `cases/`.

A case is a comment that says what it shows, the relation in the notation of `support/notation.py` over the tables of
`support/lab.py`, a blank line, and the SQL with its bound values as comments, up to a `;`. White space does not matter.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from levada_server.query import key_source
from levada_server.query.compile import compile_relation
from tests.support import lab, notation
from tests.support.notation import Query, table

if TYPE_CHECKING:
    from levada_server.query.sql import Statement

CASES = Path(__file__).parent / "cases"


def _cases() -> list[object]:
    found: list[object] = []
    for path in sorted(CASES.glob("*.sql")):
        for case in path.read_text(encoding="utf-8").split(";\n")[:-1]:
            head, _, expected = case.strip().partition("\n\n")
            title, _, expression = head.partition("\n")
            found.append(pytest.param(expression, expected, id=f"{path.stem}: {title.removeprefix('-- ')}"))
    return found


def _new_keys(name: str) -> Query:
    """Return the keys that a table must still compute and has no job for."""
    (found,) = (t for t in lab.lab().tables if t.name.table == name)
    return Query(key_source.new_keys(key_source.default_key_source(found), found))


_NAMES = {name.replace(".", ""): table(name) for name in lab.DEFINITIONS}
_NAMES |= {"Trial": _NAMES["SessionTrial"]}
_FUNCTIONS = {name: getattr(notation, name) for name in ("All", "Not", "U", "entities", "jobs")}


def _written(statement: Statement) -> str:
    values = "".join(f" -- ${number}: {value!r}" for number, value in enumerate(statement.values, 1))
    return statement.text + values


@pytest.mark.parametrize(("expression", "expected"), _cases())
def test_sql(expression: str, expected: str) -> None:
    query = eval(expression, {**_NAMES, **_FUNCTIONS, "new_keys": _new_keys})
    statement = compile_relation(query.relation, lab.lab().catalog()).fetch()
    assert _joined(_written(statement)) == _joined(expected)


def _joined(text: str) -> str:
    """Leave only single spaces, and none inside of brackets."""
    return " ".join(text.split()).replace("( ", "(").replace(" )", ")")
