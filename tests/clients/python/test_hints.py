"""Slips of beginners: the error says what may be meant, and what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Callable


def table(name: str, definition: str) -> type[lv.Manual]:
    """The class of a table."""
    return type(name, (lv.Manual,), {"definition": definition})


@pytest.mark.parametrize(
    ("attempt", "hint"),
    [
        (lambda lab: lab.Subject.insert1({"subject_id": 9, "nmae": "x"}), "did you mean `name`"),
        (lambda lab: lab.Subject.update1({"subject_id": 1, "wieght": 2}), "did you mean `weight`"),
        (lambda lab: lab.Subject.fetch("nmae"), "did you mean `name`"),
        (lambda lab: lab.Subject.fetch(order_by="nmae"), "did you mean `name`"),
        (lambda lab: lab.Subject.proj("nmae").to_dicts(), "did you mean `name`"),
        (lambda lab: (lab.Subject & "nmae = 'x'").to_dicts(), "did you mean `name`"),
        (lambda lab: (lab.Subject & "name = Ann").to_dicts(), "a text needs quotes: 'Ann'"),
        (lambda lab: lab.Subject.proj(m="mean(weight)").to_dicts(), "expected avg"),
        (lambda lab: lab.schema["Sesion"], "did you mean `Session`"),
        (lambda lab: lab.schema(type("X", (lv.Manual,), {"definition": "-> Sesion"})), "did you mean `Session`"),
        (
            lambda lab: lab.schema(type("X", (lv.Manual,), {"definition": "a : int32\n---\nb : int8 = 5"})),
            "`name = 5 : ",
        ),
        (lambda lab: lab.schema(type("X", (lv.Manual,), {"definition": "a : str"})), r"varchar\(40\)"),
        (lambda lab: lab.Subject.insert1([(9, None, "x", None)]), "A list of rows goes to `insert`"),
        (lambda lab: lv.Schema(lab.Subject), "A schema has a name"),
        (lambda _: lv.conn("host", "user", "password"), "not a user and a password"),
    ],
)
def test_an_error_says_what_may_be_meant(
    lab: lv.VirtualModule, attempt: Callable[[lv.VirtualModule], object], hint: str
) -> None:
    with pytest.raises(lv.LevadaError, match=hint):
        attempt(lab)


def test_members_that_are_missing_are_explained(lab: lv.VirtualModule) -> None:
    for name in ("populate", "progress", "jobs"):
        for owner in (lab.Subject, lab.Subject()):
            with pytest.raises(AttributeError, match="only Imported and Computed tables compute"):
                getattr(owner, name)
    with pytest.raises(AttributeError, match="did you mean `Session`"):
        _ = lv.VirtualModule("other", "lab", connection=lab.schema.connection).Sesion


def test_a_definition_without_a_divider_warns_once(connection: lv.Connection) -> None:
    schema = lv.Schema("lab", connection=connection)
    mouse = "mouse : int32\nname : varchar(20)\nsex : char(1)"
    with pytest.warns(lv.LevadaWarning, match="name, sex too, because the definition has no line `---`"):
        schema(table("Mouse", mouse))
    schema(table("Mouse", mouse))
    schema(table("Pair", "a : int32\nb : int32\n---"))
    schema(table("Cage", "-> Mouse\ncage : int16"))


def test_names_for_users_alone_are_listed() -> None:
    assert {"annotations", "logging", "TYPE_CHECKING"}.isdisjoint(dir(lv))
    assert {"Schema", "conn", "config", "Manual"} <= set(dir(lv))


def test_settings_are_shown_without_secrets_and_without_idle_ones() -> None:
    secrets = {"stores": {"raw": {"location": "/mnt", "secret_key": "s3cret"}}, "custom": {"api_token": "s3cret"}}
    with lv.config.override(**secrets, database__password="s3cret"):
        for shown in (repr(lv.config), lv.config._repr_html_()):
            assert "s3cret" not in shown
            assert "/mnt" in shown
            assert "database.host" not in shown
            assert "safemode" in shown
