"""Runs the tests that are written in M, each with its own server and database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.matlab.m_tests import names_of_tests

if TYPE_CHECKING:
    from tests.clients.matlab.m_tests import MTests

FILES = ("testRelations", "testRows", "testSchema", "testJobs", "testObjects", "testConnection")


@pytest.mark.parametrize(("file", "test"), [(file, test) for file in FILES for test in names_of_tests(file)])
def test_m(file: str, test: str, m_tests: MTests, server_address: str) -> None:
    m_tests.run(file, test, server_address)
