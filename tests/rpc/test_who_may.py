"""Every call by every role on a real server, as docs/reference/who-may.md says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from levada_server.issuer import Issuer
from levada_server.operations.access.gate import Gate
from levada_server.permissions.id_tokens import IssuerSettings
from levada_server.permissions.rights import Rights
from levada_server.permissions.roles import Role
from tests.support.calls import BY_NAME, METHODS, code_of, outcome, served
from tests.support.identity_provider import CLIENT, IdentityProvider, identity_provider
from tests.support.minimal_requests import MINIMAL
from tests.support.objects import put_file
from tests.support.roles import MOVIE, make_caller, make_lab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from levada_server.operations.context import Engine
    from levada_server.storage.objects.storage import StoreFolders
    from tests.support.roles import Lab

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "who-may.md"
REFUSALS = {"PERMISSION_DENIED", "NOT_FOUND", "UNAUTHENTICATED"}
ANONYMOUS = "no token"


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as started:
        yield started


def read_table() -> tuple[list[str], dict[str, dict[str, str]]]:
    """Return the roles of the page, and the cells of each call by role."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    roles = cells[0][1:]
    return roles, {call.strip("`"): dict(zip(roles, marks, strict=True)) for call, *marks in cells[2:]}


ROLES, TABLE = read_table()


def test_every_method_has_a_row_and_every_row_a_method() -> None:
    assert sorted(TABLE) == sorted(METHODS)
    assert {call.rpartition("/")[2] for call in METHODS} == set(MINIMAL)
    assert {role.value for role in Role} <= set(ROLES)
    assert {mark for marks in TABLE.values() for mark in marks.values()} == {"yes", "own", "open", "-"}


class Asked:
    """Counts the questions to the gate: what a caller may do or see."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        for kind, name in (
            (Rights, "on_table"),
            (Rights, "sees_schema"),
            (Rights, "may_create"),
            (Gate, "seen"),
        ):
            monkeypatch.setattr(kind, name, self._counted(getattr(kind, name)))
        administers = Rights.administers.fget  # type: ignore[attr-defined]  # a property's function
        monkeypatch.setattr(Rights, "administers", property(self._counted(administers)))

    def _counted(self, question: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:  # noqa: ANN401  # as the question has them
            self.count += 1
            return question(*arguments)

        return counted


async def labs_by_role(engine: Engine) -> dict[str, Lab]:
    """Make a caller and a schema for each role of the page."""
    labs = {}
    for role in ROLES:
        name = role.replace(" ", "_")
        caller, secret = await make_caller(
            engine,
            f"a_{name}",
            administrator=role == "administrator",
            prefixes=("new_",) if role == "creator" else (),
        )
        granted = Role(role) if role in {known.value for known in Role} else None
        lab = await make_lab(engine, caller, secret, f"lab_{name}", granted)
        lab.secret = "" if role == ANONYMOUS else secret
        labs[role] = lab
    return labs


@pytest.mark.parametrize("store_folders", ["s3"], indirect=True)  # it has all that a store can do
async def test_every_call_by_every_role(
    engine: Engine, store_folders: StoreFolders, monkeypatch: pytest.MonkeyPatch, provider: IdentityProvider
) -> None:
    put_file(store_folders, "raw", MOVIE, b"a movie")
    labs = await labs_by_role(engine)
    asked = Asked(monkeypatch)
    wrong, pairs = [], 0
    engine = replace(engine, issuer=Issuer(IssuerSettings(provider.url, CLIENT)))
    async with served(engine) as (_, channel):
        for name, build in MINIMAL.items():
            full = BY_NAME[name]
            for role, lab in labs.items():
                mark, pairs, asked.count = TABLE[full][role], pairs + 1, 0
                status, answers = await outcome(channel, full, build(lab), lab.secret)
                code = code_of(status)
                allowed = code == "OK"
                if allowed != (mark != "-") or (not allowed and code not in REFUSALS):
                    wrong.append(f"{full} by {role}: {status}, but the page says {mark}")
                if not allowed and any(answer.ListFields() for answer in answers if not hasattr(answer, "outcomes")):
                    wrong.append(f"{full} by {role}: refused, but answered {answers}")
                if allowed and mark == "yes" and not asked.count:
                    wrong.append(f"{full} by {role}: answered without having asked the gate")
                if allowed and name == "RenameSchema":
                    lab.renamed = True
    assert not wrong, "\n".join(wrong)
    assert pairs == len(METHODS) * len(ROLES)
