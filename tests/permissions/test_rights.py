"""The rights that follow from grants: deny by default, the roles of the documentation, scopes of tokens."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada_server.errors import Unauthenticated
from levada_server.permissions.permissions import Identity, Permissions, Token, User
from levada_server.permissions.rights import EVERY_RIGHT, Grant, Rights, rights_of
from levada_server.permissions.roles import ACTIONS, Action, Role, roles_for
from levada_server.permissions.tokens import token_digest, token_text

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
TABLE, OTHER = 1, 2

grants = st.lists(
    st.builds(Grant, st.sampled_from(Role), st.sampled_from(["lab", "core"]), st.sampled_from([None, TABLE, OTHER])),
    max_size=6,
)


def test_without_a_grant_nothing_is_allowed() -> None:
    nobody = rights_of(())
    assert nobody.on_schema("lab") == nobody.on_table("lab", (TABLE,)) == frozenset()
    assert not nobody.sees_schema("lab")
    assert not nobody.may_create("lab")


@pytest.mark.parametrize("role", Role)
def test_a_role_on_a_schema_holds_for_all_its_tables_and_no_others(role: Role) -> None:
    rights = rights_of([Grant(role, "lab")])
    assert rights.on_table("lab", (TABLE,)) == rights.on_schema("lab") == ACTIONS[role]
    assert rights.on_table("core", (TABLE,)) == frozenset()


def test_a_role_on_a_table_holds_for_its_parts_and_shows_the_schema() -> None:
    part = 3
    rights = rights_of([Grant(Role.VIEWER, "lab", TABLE)])
    assert Action.FETCH in rights.on_table("lab", (TABLE,))
    assert Action.FETCH in rights.on_table("lab", (part, TABLE))
    assert Action.FETCH not in rights.on_table("lab", (OTHER,))
    assert rights.sees_schema("lab")
    assert rights.on_schema("lab") == frozenset()


@given(grants, grants)
def test_more_grants_never_allow_less(some: list[Grant], more: list[Grant]) -> None:
    few, many = rights_of(some), rights_of([*some, *more])
    for schema in ("lab", "core"):
        assert few.on_schema(schema) <= many.on_schema(schema)
        for table in (TABLE, OTHER):
            assert few.on_table(schema, (table,)) <= many.on_table(schema, (table,))


@given(grants, grants)
def test_a_scope_allows_what_both_allow(own: list[Grant], scope: list[Grant]) -> None:
    scoped = Rights(**{**_fields(rights_of(own)), "scope": rights_of(scope)})  # type: ignore[arg-type]
    for schema in ("lab", "core"):
        both = rights_of(own).on_table(schema, (TABLE,)) & rights_of(scope).on_table(schema, (TABLE,))
        assert scoped.on_table(schema, (TABLE,)) == both


def _fields(rights: Rights) -> dict[str, object]:
    return {name: getattr(rights, name) for name in ("everywhere", "prefixes", "schemas", "tables", "named")}


def test_creators_are_bound_to_their_prefixes() -> None:
    rights = rights_of((), ("anna_",))
    assert rights.may_create("anna_ephys")
    assert not rights.may_create("ephys")
    assert rights_of((), ("",)).may_create("ephys")


def test_each_action_has_a_role_that_allows_it_and_owners_may_all() -> None:
    assert ACTIONS[Role.OWNER] == frozenset(Action)
    assert all(Role.OWNER in roles_for(action) for action in Action)
    assert Action.REFER not in ACTIONS[Role.VIEWER]
    assert Action.FETCH not in ACTIONS[Role.REFERENCE]


def test_the_text_of_a_token_is_never_its_digest() -> None:
    text = token_text(bytes(32))
    assert text.startswith("lev_")
    assert token_digest(text) is not None
    wrong = (
        "",
        "lev_",
        text[:-1],
        f"{text}A",
        text.replace("lev_", "LEV_"),
        f"{text}\n",
        f" {text}",
        text.encode().hex(),
    )
    assert all(token_digest(other) is None for other in wrong)


def permissions(**changes: object) -> tuple[Permissions, str, Token]:
    text = token_text(bytes(range(32)))
    digest = token_digest(text)
    assert digest is not None
    token = Token(uuid4(), 1, **changes)  # type: ignore[arg-type]
    user = User(1, "anna", grants=(Grant(Role.EDITOR, "lab"),))
    return Permissions(1, {1: user}, {digest: token}), text, token


def test_a_valid_token_names_its_user() -> None:
    known, text, token = permissions()
    identity = known.identify(text, "ipv4:10.0.0.7:1", NOW)
    assert identity == Identity("anna", 1, token.id, "ipv4:10.0.0.7:1")
    assert known.rights(identity).on_schema("lab") == ACTIONS[Role.EDITOR]
    assert known.rights(Identity("administrator")) is EVERY_RIGHT


def test_a_token_ends_at_its_time() -> None:
    known, text, _ = permissions(expire_time=NOW)
    with pytest.raises(Unauthenticated):
        known.identify(text, "", NOW)
    identity = known.identify(text, "", NOW - dt.timedelta(seconds=1))
    with pytest.raises(Unauthenticated):
        known.check(identity, NOW)


def test_a_token_that_is_gone_has_no_rights_any_more() -> None:
    known, text, _ = permissions()
    identity = known.identify(text, "", NOW)
    for changed in (Permissions(2, known.users, {}), Permissions(2, {}, {})):
        with pytest.raises(Unauthenticated):
            changed.rights(identity)


def test_a_scoped_token_of_an_editor_only_views() -> None:
    known, text, _ = permissions(scope=(Grant(Role.VIEWER, "lab"), Grant(Role.OWNER, "core")))
    rights = known.rights(known.identify(text, "", NOW))
    assert rights.on_schema("lab") == ACTIONS[Role.VIEWER]
    assert rights.on_schema("core") == frozenset()
    assert not rights.administers
