"""The cases that both clients run, run by the Python client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.cases import CaseSchema, case_names, read_case

if TYPE_CHECKING:
    import levada as lv


@pytest.mark.parametrize("name", case_names())
def test_case(name: str, connection: lv.Connection) -> None:
    case = read_case(name)
    schema = CaseSchema("case", connection)
    schema.declare(case)
    schema.check(case)
    schema.change(case)
