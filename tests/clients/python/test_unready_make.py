"""A `make` that inserts nothing says that its input is not ready: its job waits, and is asked again."""

from __future__ import annotations

import importlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from tests.support.processes import Worker, write_pipeline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Key = dict[str, Any]  # Any: an attribute's value

PIPELINE = '''
import levada as lv

schema = lv.Schema("unready")

@schema
class Number(lv.Lookup):
    definition = "n : int32"
    contents = [(n,) for n in range(4)]

@schema
class Go(lv.Manual):
    definition = "-> Number"

@schema
class Square(lv.Computed):
    definition = """
    -> Number
    ---
    square : int64
    """

    def make(self, key):
        if Go & key:
            self.insert1({**key, "square": key["n"] ** 2})
'''
"""Squares of the numbers that may be computed; `Go` is not upstream of them."""


class Bench:
    """Numbers, which numbers are ready, and the table of their squares."""

    def __init__(self, connection: lv.Connection) -> None:
        self.schema = lv.Schema("bench", connection=connection)
        self.ready: set[int] = {2, 3}
        self.calls: list[int] = []

        @self.schema
        class Number(lv.Manual):
            definition = "n : int32"

        @self.schema
        class Note(lv.Manual):
            definition = "note : int32"

        Number.insert([(n,) for n in range(4)])
        self.Number, self.Note = Number, Note

    def squares(self, otherwise: Callable[[Any, Key], None] | None = None, *, buffered: bool = True) -> Any:  # noqa: ANN401  # a class
        """Declare the table of squares; `otherwise` is called for a key that is not ready."""
        bench = self

        class Square(lv.Computed):
            definition = """
            -> Number
            ---
            square : int64
            """
            buffer_inserts = buffered

            class Digit(lv.Part):
                definition = """
                -> master
                place : int16
                """

            def make(self, key: Key) -> None:
                bench.calls.append(key["n"])
                if key["n"] in bench.ready:
                    self.insert1({**key, "square": key["n"] ** 2})
                elif otherwise is not None:
                    otherwise(self, key)

        return self.schema(Square, context={"Number": self.Number})


@pytest.fixture
def bench(connection: lv.Connection) -> Bench:
    return Bench(connection)


@pytest.mark.parametrize("contract", ["off", "warn"])
def test_it_is_told_once_and_asked_again_by_the_next_populate(bench: Bench, contract: str) -> None:
    bench.schema.make_contract = contract
    squares = bench.squares()
    with pytest.warns(lv.LevadaWarning, match=r"make of `bench.Square` inserted nothing") as told:
        assert squares.populate() == {"success_count": 2, "error_list": []}
    assert len(told) == 1
    assert sorted(bench.calls) == [0, 1, 2, 3]
    assert squares.progress() == (2, 4)
    assert len(squares.jobs.errors) == 0
    waiting = squares.jobs.pending
    assert waiting.to_arrays("error_type").tolist() == ["NothingInserted"] * 2
    assert waiting.to_arrays("attempt").tolist() == [0, 0]
    bench.ready.add(0)
    bench.calls.clear()
    assert squares.populate(reserve_jobs=True) == {"success_count": 1, "error_list": []}
    assert sorted(bench.calls) == [0, 1]
    bench.ready.add(1)
    assert squares.populate()["success_count"] == 1
    assert squares.progress() == (0, 4)


def test_it_is_an_error_under_a_contract(bench: Bench) -> None:
    bench.schema.make_contract = "on"
    squares = bench.squares()
    result = squares.populate(suppress_errors=True)
    assert [key for key, _ in result["error_list"]] == [{"n": 0}, {"n": 1}]
    assert squares.jobs.errors.to_arrays("error_type").tolist() == ["MakeContract"] * 2


@pytest.mark.parametrize("contract", ["off", "warn"])
@pytest.mark.parametrize("buffered", [True, False])
def test_rows_without_the_own_key_are_an_error(bench: Bench, contract: str, buffered: bool) -> None:
    bench.schema.make_contract = contract
    squares = bench.squares(lambda table, key: table.insert1({"n": 3, "square": 9}), buffered=buffered)
    bench.ready.clear()
    with pytest.raises(lv.errors.MakeContract, match="did not insert its key"):
        squares.populate("n < 3")
    assert len(squares()) == 0


def test_rows_of_other_tables_are_kept_although_the_job_waits(bench: Bench) -> None:
    bench.schema.make_contract = "off"
    note = bench.Note
    squares = bench.squares(lambda table, key: note.insert1((key["n"],), skip_duplicates=True))
    with pytest.warns(lv.LevadaWarning, match="inserted nothing"):
        squares.populate()
    assert note.to_arrays("note", order_by="KEY").tolist() == [0, 1]
    assert squares.progress() == (2, 4)


def test_a_transaction_of_the_job_may_insert_nothing_too(bench: Bench) -> None:
    bench.schema.make_contract = "off"
    note = bench.Note
    note.insert([(0,), (1,)])

    def unmark(table: lv.Table, key: Key) -> None:
        (note & {"note": key["n"]}).delete(prompt=False)

    squares = bench.squares(unmark)
    with pytest.warns(lv.LevadaWarning, match="inserted nothing"):
        assert squares.populate()["success_count"] == 2
    assert len(note()) == 0
    assert squares.progress() == (2, 4)
    bench.ready = {0, 1}
    assert squares.populate()["success_count"] == 2


def test_no_populate_asks_twice(bench: Bench) -> None:
    squares = bench.squares()
    squares.retry_delay = timedelta(0)
    bench.schema(squares, context={"Number": bench.Number})
    with pytest.warns(lv.LevadaWarning, match="inserted nothing"):
        squares.populate(order="reverse")
    assert sorted(bench.calls) == [0, 1, 2, 3]


def test_processes_leave_what_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server_address: str
) -> None:
    write_pipeline(tmp_path, "unready", PIPELINE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("LEVADA_URL", server_address)
    with lv.connect(server_address):
        unready = importlib.import_module("unready")
        unready.Go.insert([(1,), (2,)])
        assert unready.Square.populate(processes=2) == {"success_count": 2, "error_list": []}
        assert unready.Square.progress() == (2, 4)


def test_a_draining_worker_ends_although_jobs_are_not_ready(
    tmp_path: Path, connection: lv.Connection, server_address: str
) -> None:
    write_pipeline(tmp_path, "unready", PIPELINE)
    with Worker(tmp_path, server_address, "--drain", module="unready") as worker:
        code, said = worker.end()
    assert code == 0
    assert said.count("unready unready.Square") == 4
    pipeline = lv.VirtualModule("unready", "unready", connection=connection)
    pipeline.Go.insert([(1,), (2,)])
    with Worker(tmp_path, server_address, "--drain", module="unready") as worker:
        code, said = worker.end()
    assert (code, said.count("success unready.Square"), said.count("unready unready.Square")) == (0, 2, 2)
    assert pipeline.Square.progress() == (2, 4)
