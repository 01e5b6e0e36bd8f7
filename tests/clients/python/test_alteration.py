"""Altering tables from their classes, and renaming them and their schema."""

from __future__ import annotations

import builtins
from datetime import UTC, datetime

import pytest

import levada as lv

NARROWER = """
# an animal
subject_id : int32  # number on the ear tag
---
-> [nullable] Species
label = 'nameless' : text
age = null : int16  # weeks
"""


def test_an_alteration_is_shown_and_done_if_confirmed(
    lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.Subject.definition = NARROWER
    answers = iter(["no", "yes"])
    monkeypatch.setattr(builtins, "input", lambda _: next(answers))
    assert lab.Subject.alter(context=vars(lab), rename={"label": "name"}) is False
    assert "weight" in lab.Subject.heading.names
    shown = capsys.readouterr().out
    for line in (
        "About to alter `lab`.`subject`:",
        "drop the attribute `weight = null : float64  # g` and all its values",
        "rename the attribute `name` to `label`",
        "change the type of `label` from varchar(40) to text",
        "add the attribute `age = null : int16  # weeks`",
    ):
        assert line in shown
    assert lab.Subject.alter(context=vars(lab), rename={"label": "name"}) is True
    assert lab.Subject.heading.names == ["subject_id", "species", "label", "age"]
    assert lab.Subject.to_arrays("label").tolist() == ["Ann", "Bob", "nameless"]
    assert lab.Subject.alter(context=vars(lab)) is False


def test_the_definitions_of_a_table_are_kept(lab: lv.VirtualModule) -> None:
    first = lab.Subject.definition
    lab.Subject.definition = first + "colour = null : varchar(10)\n"
    lab.Subject.alter(prompt=False)
    (since, before), (changed, now) = lab.Subject.definition_history()
    assert (before, now) == (first, lab.Subject.definition)
    assert since < changed <= datetime.now(UTC)


def test_names_after_the_arrow_are_found_where_the_caller_is(connection: lv.Connection, lab: lv.VirtualModule) -> None:
    schema = lv.Schema("notes", connection=connection)

    @schema
    class Note(lv.Manual):
        definition = "note : int32"

    Note.definition = "note : int32\n---\n-> [nullable] Animal\n"
    Animal = lab.Subject
    assert Note.alter(prompt=False)
    assert Note.parents() == [Animal.full_table_name]


def test_a_key_is_refused_with_the_way_around(lab: lv.VirtualModule) -> None:
    lab.Species.definition = "species : varchar(30)"
    with pytest.raises(lv.errors.InvalidRequest, match="new table"):
        lab.Species.alter(prompt=False)


def test_a_table_is_renamed_with_its_parts(lab: lv.VirtualModule) -> None:
    assert lab.Session.alter(prompt=False, new_name="Recording")
    assert lab.schema.list_tables() == ["species", "subject", "recording", "recording__trial"]
    assert (len(lab.Session()), len(lab.Session.Trial())) == (3, 4)
    assert lab.Session.Trial.alter(prompt=False, new_name="Event")
    assert lab.Session.Trial.full_table_name == "`lab`.`recording__event`"


def test_a_lookup_table_becomes_manual_by_its_class(lab: lv.VirtualModule) -> None:
    class Species(lv.Manual):
        definition = lab.Species.definition

    lv.Schema("lab", connection=lab.schema.connection, create_tables=False)(Species)
    assert Species.alter(prompt=False)
    assert not Species.alter(prompt=False)


def test_a_key_source_that_names_what_is_gone_is_told(lab: lv.VirtualModule) -> None:
    @lab.schema
    class Age(lv.Computed):
        definition = "-> Subject"
        key_source = lab.Subject & "weight > 10"

        def make(self, key: dict[str, object]) -> None:
            self.insert1(key)

    lab.Subject.definition = NARROWER
    with pytest.warns(lv.LevadaWarning, match=r"key source of `lab\.Age`.*weight"):
        lab.Subject.alter(prompt=False, context=vars(lab), rename={"label": "name"})


def test_a_table_without_a_class_has_nothing_to_become(connection: lv.Connection, lab: lv.VirtualModule) -> None:
    with pytest.raises(lv.errors.InvalidRequest, match="class"):
        lv.FreeTable(connection, "lab.Subject").alter(prompt=False)


def test_a_schema_keeps_its_tables_under_another_name(lab: lv.VirtualModule) -> None:
    lab.schema.rename("colony")
    assert len(lab.Subject()) == 3
    assert lab.Session.full_table_name == "`colony`.`session`"
    with pytest.raises(lv.errors.AlreadyExists):
        lab.schema.rename("colony")
