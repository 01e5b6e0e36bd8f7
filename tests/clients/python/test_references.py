"""Names after `->` are found where the code lives."""

from __future__ import annotations

from typing import Any

import pytest

import levada as lv
from levada._pipeline.declaration import references

TESTS = ("levada._pipeline.declaration",)


def test_every_way_to_refer_is_read() -> None:
    definition = """
    # a comment with -> Nothing
    -> Subject
    -> lab.Session.Trial
    -> [nullable, unique] Rig  # -> Nothing
    -> Parent.proj(new='old')
    -> lab.Parent.proj (new='old')
    (partner) -> Subject(subject_id)
    (a, b) -> [nullable] lab.Pair (c, d)
    -> \\
       Folded
    -> master
    ---
    note = '-> Nothing' : varchar(20)
    -> Subject
    """
    assert references(definition) == [
        "Subject",
        "lab.Session.Trial",
        "Rig",
        "Parent",
        "lab.Parent",
        "lab.Pair",
        "Folded",
        "master",
    ]


def test_parents_of_different_origin_may_share_an_attribute(connection: lv.Connection) -> None:
    schema = lv.Schema("models", connection=connection)

    @schema
    class Source(lv.Manual):
        definition = "model : varchar(20)"

    @schema
    class Upload(lv.Manual):
        definition = "model : varchar(20)"

    @schema
    class Model(lv.Computed):
        definition = """
        -> Source
        -> Upload
        """

        def make(self, key: dict[str, Any]) -> None:
            self.insert1(key)

    Source.insert([("a",), ("b",)])
    Upload.insert([("b",), ("c",)])
    Model.populate()
    assert Model.to_arrays("model").tolist() == ["b"]
    with pytest.raises(lv.errors.MismatchedLineage, match=r"models.Source.model.*models.Upload.model"):
        len(Model * Upload)


def test_a_class_may_leave_its_parent_to_its_subclasses(connection: lv.Connection) -> None:
    schema = lv.Schema("lab", connection=connection)

    @schema
    class Mouse(lv.Manual):
        definition = "mouse : int32"

    class Weighing(lv.Manual):
        animal: type[lv.Table] | None = None
        definition = """
        -> self.animal
        day : date
        """

    @schema
    class MouseWeighing(Weighing):
        animal = Mouse

    assert MouseWeighing.parents() == ["`lab`.`mouse`"]
