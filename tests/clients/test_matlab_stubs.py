"""The MATLAB toolbox agrees with its sources: the methods of the protocol, and the version."""

from __future__ import annotations

import re

from clients.matlab import generate_stubs


def test_the_stubs_are_those_of_the_protocol() -> None:
    wanted = generate_stubs.stubs(generate_stubs.DESCRIPTORS.read_bytes())
    written = {path.name: path.read_text() for path in generate_stubs.API.glob("*.m")}
    assert written == wanted, "proto/ has changed: run .venv/bin/python clients/matlab/generate_stubs.py"


def test_each_stub_tells_what_its_method_takes_and_gives() -> None:
    text = generate_stubs.stubs(generate_stubs.DESCRIPTORS.read_bytes())["countRelation.m"]
    assert text.startswith("function response = countRelation(connection, request, varargin)\n%COUNTRELATION ")
    assert "%       relation  Relation: The relation.\n" in text
    assert "%       entity_count  int64: How many entities it has.\n" in text


def test_the_table_says_what_a_method_is() -> None:
    text = generate_stubs.stubs(generate_stubs.DESCRIPTORS.read_bytes())["method.m"]
    assert "QueryService_CountRelation = described(true, true, '', 'count_relation', true, true);\n" in text
    assert (
        "RowService_InsertRows = described(false, false, 'header.request_id', 'insert_rows', false, false);\n" in text
    )
    assert "JobService_ReserveJobs = described(false, false, '', '', false, false);\n" in text


def test_the_toolbox_calls_the_server_by_the_stubs_alone() -> None:
    named = re.compile(r"^[^%\n]*?'[/\w.]*?(\w+Service/\w+)'", re.MULTILINE)
    described = "api.method('"  # asks what a method is, and calls nothing
    toolbox = generate_stubs.API.parents[1]
    for path in toolbox.rglob("*.m"):
        if path.parent != generate_stubs.API:
            calls = [found[1] for found in named.finditer(path.read_text()) if described not in found[0]]
            assert not calls, f"{path.relative_to(toolbox)} calls {calls[0]} by its name; use its function in +api"


def test_the_toolbox_has_the_version_of_the_project() -> None:
    version = re.search(r'^version = "(.+)"', (generate_stubs.ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert f"text = '{version[1]}';" in (generate_stubs.API.parents[1] / "version.m").read_text()
