"""The page disables buttons by the same rule as the server refuses calls."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from levada_server.permissions.roles import Action, roles_for

SOURCE = Path(__file__).parents[2] / "server" / "dashboard" / "src" / "api" / "rights.ts"


@pytest.mark.parametrize(
    ("name", "actions"),
    [
        ("insert", [Action.INSERT]),
        ("change", [Action.UPDATE, Action.DELETE]),
        ("manage jobs", [Action.MANAGE_JOBS]),
        ("grant", [Action.GRANT]),
    ],
)
def test_the_page_knows_the_roles_that_allow_an_action(name: str, actions: list[Action]) -> None:
    text = SOURCE.read_text(encoding="utf-8")
    allowing = re.search(rf"ALLOWING.*?{name}'?: \[(.*?)\]", text, re.DOTALL)
    needed = re.search(rf"NEEDED.*?{name}'?: '(.*?)'", text, re.DOTALL)
    assert allowing is not None
    assert needed is not None
    for action in actions:
        roles = [role.value for role in roles_for(action)]
        assert [role.rpartition(".")[2].lower() for role in allowing[1].split(", ")] == roles
        assert re.split(", | or ", needed[1]) == roles
