"""Names after `->` are found where the code lives."""

from __future__ import annotations

from levada._declaration import references


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
