"""The inserts of a `make` are kept whole or not at all, and completed while the next `make` runs."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from tests.support.called_methods import LOGGER, called_methods

if TYPE_CHECKING:
    from collections.abc import Callable

    Declare = Callable[[Callable[["Squares", "Key"], None]], "Squares"]
    """Takes the body of a `make`."""

Key = dict[str, Any]  # Any: an attribute's value
Squares = Any
"""A class that only a test knows."""

COUNT = 8
LARGE_LETTERS = 300_000
"""Rows with so much text are not few any more."""
PATIENCE_SECONDS = 20.0


@pytest.fixture
def squares(connection: lv.Connection) -> Declare:
    """Declare a computed table over some numbers, whose `make` a test gives."""
    schema = lv.Schema("bench", connection=connection)

    @schema
    class Number(lv.Lookup):
        definition = "n : int32"
        contents = ((n,) for n in range(COUNT))

    def declare(body: Callable[[Squares, Key], None]) -> Squares:
        class Square(lv.Computed):
            definition = """
            -> Number
            ---
            note : varchar(400000)
            """

            class Digit(lv.Part):
                definition = """
                -> master
                place : int16
                """

            def make(self, key: Key) -> None:
                body(self, key)

        return schema(Square, context={"Number": Number})

    return declare


def test_long_make_does_not_hold_back_the_result_before_it(connection: lv.Connection, squares: Declare) -> None:
    with lv.Connection(connection.address) as other:

        def make(table: Squares, key: Key) -> None:
            table.insert1({**key, "note": ""})
            # The first is alone in its batch; this one is reserved together with the one before.
            if key["n"] == 2:
                committed = lv.FreeTable(other, "bench.Square") & {"n": 1}
                deadline = time.monotonic() + PATIENCE_SECONDS
                while not len(committed):
                    assert time.monotonic() < deadline

        assert squares(make).populate()["success_count"] == COUNT


def test_error_that_only_the_database_finds_is_that_of_its_key(
    squares: Declare,
) -> None:
    def make(table: Squares, key: Key) -> None:
        table.insert1({**key, "note": ""})
        table.Digit.insert([{**key, "place": 0}] * (2 if key["n"] in (2, 5) else 1))

    table = squares(make)
    result = table.populate(suppress_errors=True)
    assert [key["n"] for key, _ in result["error_list"]] == [2, 5]
    assert all("DuplicateEntity" in message and __file__ in message for _, message in result["error_list"])
    assert result["success_count"] == COUNT - 2
    assert sorted(table.jobs.errors.to_arrays("n")) == [2, 5]


def test_what_was_made_is_committed_when_populate_raises(
    squares: Declare,
) -> None:
    made = []

    def make(table: Squares, key: Key) -> None:
        table.insert1({**key, "note": ""})
        if key["n"] == 3:
            table.Digit.insert([{**key, "place": 0}] * 2)
        made.append(key["n"])

    table = squares(make)
    with pytest.raises(lv.errors.DuplicateEntity):
        table.populate()
    assert sorted(table.to_arrays("n")) == [n for n in made if n != 3]
    assert len(table.jobs.reserved) == 0


def test_large_results_go_between_small_ones(squares: Declare) -> None:
    def make(table: Squares, key: Key) -> None:
        table.insert1({**key, "note": "x" * (LARGE_LETTERS if key["n"] % 2 else 1)})
        table.Digit.insert([{**key, "place": 0}] * (2 if key["n"] == 5 else 1))

    table = squares(make)
    result = table.populate(suppress_errors=True)
    assert [key["n"] for key, _ in result["error_list"]] == [5]
    lengths = [len(note) for note in table.to_arrays("note", order_by="n")]
    assert lengths == [LARGE_LETTERS if n % 2 else 1 for n in range(COUNT) if n != 5]


def test_groups_are_as_large_as_the_server_says(
    connection: lv.Connection, squares: Declare, caplog: pytest.LogCaptureFixture
) -> None:
    assert connection.limits.completion_jobs > COUNT
    connection.limits.completion_jobs = 1
    table = squares(lambda table, key: table.insert1({**key, "note": ""}))
    with caplog.at_level(logging.DEBUG, LOGGER):
        assert table.populate()["success_count"] == COUNT
    assert called_methods(caplog).count("CompleteFewJobs") == COUNT
