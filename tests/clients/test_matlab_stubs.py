"""The functions that stand for the protocol's methods in the MATLAB toolbox."""

from __future__ import annotations

from clients.matlab import generate_stubs


def test_the_stubs_are_those_of_the_protocol() -> None:
    wanted = generate_stubs.stubs(generate_stubs.DESCRIPTORS.read_bytes())
    written = {path.name: path.read_text() for path in generate_stubs.API.glob("*.m")}
    assert written == wanted, "proto/ has changed: run .venv/bin/python clients/matlab/generate_stubs.py"


def test_each_stub_tells_what_its_method_takes_and_gives() -> None:
    text = generate_stubs.stubs(generate_stubs.DESCRIPTORS.read_bytes())["countRelation.m"]
    assert text.startswith("function response = countRelation(connection, request, varargin)\n%COUNTRELATION ")
    assert "%       relation  Relation: The relation.\n" in text
    assert "%       entity_count  int64: How many entities.\n" in text
