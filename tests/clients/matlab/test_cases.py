"""The cases that both clients run: each writes data that the other reads, and both return the same and lose nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import levada as lv
from tests.support.cases import FOLDER, CaseSchema, case_names, read_case

if TYPE_CHECKING:
    from tests.clients.matlab.m_tests import MTests


@pytest.mark.parametrize("name", case_names())
def test_python_and_matlab_agree_and_give_each_other_all(name: str, m_tests: MTests, server_address: str) -> None:
    case = read_case(name)
    file = str(FOLDER / f"{name}.json")
    with lv.Connection(server_address) as connection:
        by_python, by_matlab = (CaseSchema(f"by_{writer}", connection) for writer in ("python", "matlab"))
        by_python.declare(case)
        m_tests.run("testCases", "test_write", server_address, file=file, schema=by_matlab.name)
        by_matlab.check(case)
        m_tests.run("testCases", "test_check", server_address, file=file, schema=by_python.name)
        m_tests.run("testCases", "test_check", server_address, file=file, schema=by_matlab.name)
        m_tests.run("testCases", "test_change", server_address, file=file, schema=by_matlab.name)
        # Whatever MATLAB fetched is written back unchanged: all of it with 'Exact', else all but what the case names.
        for exact, differing in ((True, set()), (False, set(case.get("differs_by_default", ())))):
            copy = CaseSchema(f"copied_{'exactly' if exact else 'plainly'}", connection)
            schemas = (by_python.name, copy.name)
            m_tests.run("testCases", "test_copy", server_address, file=file, exact=exact, schemas=schemas)
            assert by_python.differences(copy, case) == differing
