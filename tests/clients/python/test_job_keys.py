"""A job computes one key of the key source, and may insert several entities for it."""

from __future__ import annotations

from typing import Any

import pytest

import levada as lv


@pytest.fixture
def session(connection: lv.Connection) -> type[lv.Manual]:
    schema = lv.Schema("blocks", connection=connection)

    @schema
    class Session(lv.Manual):
        definition = """
        session : int32
        ---
        block_count : int32
        """

    Session.insert([(1, 3), (2, 0), (3, 1)])
    return Session


@pytest.fixture
def block(session: type[lv.Manual]) -> type[lv.Computed]:
    schema = lv.Schema("blocks", connection=session.connection)

    @schema
    class Block(lv.Computed):
        definition = """
        -> Session
        block : int16
        ---
        length : float64
        """

        def make(self, key: dict[str, Any]) -> None:
            count = (session & key).fetch1("block_count")
            self.insert({**key, "block": number, "length": 1.5} for number in range(count))

    return Block


def test_one_job_inserts_several_entities(block: type[lv.Computed]) -> None:
    assert block.progress(display=False) == (3, 3)
    with pytest.warns(lv.LevadaWarning, match="inserted nothing"):
        assert block.populate() == {"success_count": 2, "error_list": []}
    assert block.to_arrays("session", "block", order_by="KEY")[0].tolist() == [1, 1, 1, 3]
    assert block.jobs.primary_key == ["session"]
    assert (block.jobs & "state = 'success'").to_arrays("session", order_by="KEY").tolist() == [1, 3]
    assert block.progress(display=False) == (1, 3)
    assert block.populate()["success_count"] == 0


def test_a_job_is_done_while_something_of_it_is_left(block: type[lv.Computed]) -> None:
    block.populate("session <> 2")
    (block & "session = 1 AND block > 0").delete(prompt=False)
    assert (block.jobs & "session = 1").fetch1("state") == "success"
    block.populate("session <> 2")
    assert len(block & "session = 1") == 1
    (block & "session = 1").delete(prompt=False)
    assert (block.jobs & "session = 1").fetch1("state") == "pending"
    block.populate("session <> 2")
    assert len(block & "session = 1") == 3


def test_tables_below_are_computed_for_each_entity(block: type[lv.Computed]) -> None:
    schema = lv.Schema("blocks", connection=block.connection)

    @schema
    class Mean(lv.Computed):
        definition = """
        -> Block
        ---
        mean : float64
        """

        def make(self, key: dict[str, Any]) -> None:
            self.insert1({**key, "mean": (block & key).fetch1("length")})

    block.populate("session <> 2")
    Mean.populate()
    assert Mean.jobs.primary_key == ["session", "block"]
    assert len(Mean()) == 4
    (lv.FreeTable(block.connection, "`blocks`.`session`") & "session = 1").delete(prompt=False)
    assert [len(Mean()), len(Mean.jobs), len(block.jobs)] == [1, 1, 1]


def test_a_key_source_of_the_class_gives_the_keys_of_its_jobs(session: type[lv.Manual]) -> None:
    schema = lv.Schema("blocks", connection=session.connection)

    def declared(source: lv.Relation, rows: list[dict[str, str]]) -> type[lv.Computed]:
        class Summary(lv.Computed):
            definition = """
            -> Session
            kind : varchar(10)
            """

            key_source = source

            def make(self, key: dict[str, Any]) -> None:
                self.insert({**key, **row} for row in rows)

        return schema(Summary, context={"Session": session})

    some = session & "block_count > 0"
    summary = declared(some, [{"kind": "short"}, {"kind": "long"}])
    summary.populate()
    assert summary.jobs.primary_key == ["session"]
    assert len(summary()) == 4
    summary.delete(prompt=False)
    summary = declared(some.proj(kind="'short'"), [{}])
    summary.populate()
    assert summary.jobs.primary_key == ["session", "kind"]
    assert summary.to_arrays("kind").tolist() == ["short", "short"]


def test_jobs_may_be_for_what_their_entities_refer_to(session: type[lv.Manual]) -> None:
    schema = lv.Schema("blocks", connection=session.connection)

    @schema
    class Word(lv.Computed):
        definition = """
        word : varchar(10)
        ---
        -> Session
        """

        key_source = session & "block_count > 0"

        def make(self, key: dict[str, Any]) -> None:
            self.insert({**key, "word": f"{key['session']}{letter}"} for letter in "ab")

    Word.populate()
    assert Word.jobs.primary_key == ["session"]
    assert Word.to_arrays("word", order_by="KEY").tolist() == ["1a", "1b", "3a", "3b"]
    assert Word.progress(display=False) == (0, 2)
    (Word & "word = '1a'").delete(prompt=False)
    assert Word.progress(display=False) == (0, 2)
    (Word & "word = '1b'").delete(prompt=False)
    assert (Word.jobs & "state = 'pending'").to_arrays("session").tolist() == [1]
    (session & "session = 3").delete(prompt=False)
    assert Word.jobs.to_arrays("session").tolist() == [1]


def test_the_key_of_jobs_follows_a_rename(block: type[lv.Computed]) -> None:
    block.populate("session = 1")
    block.definition = """
    -> Session.proj(recording='session')
    block : int16
    ---
    length : float64
    """
    block.alter(prompt=False, rename={"recording": "session"})
    assert block.jobs.primary_key == ["recording"]
    assert (block.jobs & "state = 'success'").to_arrays("recording").tolist() == [1]
