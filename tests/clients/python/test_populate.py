"""Populate: keys are computed once, errors are kept, and results that come too late are dropped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from tests.support import sql
from tests.support.squares import SQUARES

if TYPE_CHECKING:
    from collections.abc import Callable

Key = dict[str, Any]  # Any: an attribute's value
Square = Any
"""A class, or its instance, that only a test knows."""
Module = Any
"""A module that a test has written."""


class Bench:
    """A table of numbers, and computed tables whose `make` a test gives."""

    def __init__(self, connection: lv.Connection, count: int = 5) -> None:
        self.schema = lv.Schema("bench", connection=connection)
        self.calls: list[int] = []

        @self.schema
        class Number(lv.Manual):
            definition = """
            n : int32
            ---
            label = '' : varchar(20)
            """

        self.Number = Number
        Number.insert([{"n": n, "label": "odd" if n % 2 else "even"} for n in range(count)])

    def squares(self, make: Callable[[Square, Key], None] | None = None) -> Square:
        """Declare the table of squares; by default its `make` is correct."""
        bench = self

        class Square(lv.Computed):
            definition = """
            -> Number
            ---
            square : int64
            """

            class Digit(lv.Part):
                definition = """
                -> master
                place : int16
                ---
                digit : int16
                """

            def make(self, key: Key) -> None:
                bench.calls.append(key["n"])
                if make is not None:
                    make(self, key)
                else:
                    bench.insert_square(self, key)

        return self.schema(Square, context={"Number": self.Number})

    @staticmethod
    def insert_square(table: Square, key: Key) -> None:
        """Insert a square and its digits."""
        square = key["n"] ** 2
        table.insert1({**key, "square": square})
        for place, digit in enumerate(reversed(str(square))):
            table.Digit.insert1({**key, "place": place, "digit": int(digit)})


@pytest.fixture
def bench(connection: lv.Connection) -> Bench:
    return Bench(connection)


def fails_on(*numbers: int) -> Callable[[Square, Key], None]:
    def make(table: Square, key: Key) -> None:
        if key["n"] in numbers:
            raise ValueError(f"no square of {key['n']}")
        Bench.insert_square(table, key)

    return make


def test_every_key_is_computed_once(bench: Bench) -> None:
    squares = bench.squares()
    assert squares.progress() == (5, 5)
    assert squares.populate() == {"success_count": 5, "error_list": []}
    assert squares.progress() == (0, 5)
    assert squares.to_dicts(order_by="KEY") == [{"n": n, "square": n * n} for n in range(5)]
    assert (
        squares.Digit.to_dicts("digit", order_by="KEY")[-2:]
        == [
            {"n": 4, "place": 0, "digit": 6},
            {"n": 4, "place": 1, "digit": 1},
        ]
        or len(squares.Digit()) == 6
    )
    assert squares.populate() == {"success_count": 0, "error_list": []}
    assert sorted(bench.calls) == [0, 1, 2, 3, 4]


def test_deleted_results_are_computed_again(bench: Bench) -> None:
    squares = bench.squares()
    squares.populate()
    (squares & "n < 2").delete(prompt=False)
    assert squares.populate()["success_count"] == 2
    assert sorted(bench.calls) == [0, 0, 1, 1, 2, 3, 4]


def test_restrictions_and_keys_choose_what_is_computed(bench: Bench) -> None:
    squares = bench.squares()
    assert squares.progress("n < 2") == (2, 2)
    assert squares.populate("n < 3", {"n": 1})["success_count"] == 1
    assert squares.populate(bench.Number & {"label": "even"})["success_count"] == 3
    assert squares.populate(keys=[{"n": 3}, {"n": 4}])["success_count"] == 1
    assert bench.calls[0] == 1
    assert sorted(bench.calls[1:4]) == [0, 2, 4]


def test_restrictions_hold_under_reservation_too(bench: Bench) -> None:
    squares = bench.squares()
    squares.populate(max_calls=0)
    assert len(squares.jobs.pending) == 5
    squares.populate("n = 2", reserve_jobs=True, refresh=False)
    assert bench.calls == [2]


def test_calls_keys_and_order_can_be_limited(bench: Bench) -> None:
    squares = bench.squares()
    assert squares.populate(max_calls=2)["success_count"] == 2
    assert squares.populate(order="reverse", limit=2)["success_count"] == 2
    assert bench.calls == [0, 1, 3, 2]
    assert squares.populate(order="random")["success_count"] == 1
    with pytest.raises(lv.errors.InvalidRequest, match="order"):
        squares.populate(order="sorted")


def test_urgent_jobs_can_be_taken_alone(bench: Bench) -> None:
    squares = bench.squares()
    squares.populate("n = 3", priority=1, max_calls=0)
    squares.populate("n = 4", max_calls=0)
    assert squares.populate(priority=1, refresh=False)["success_count"] == 1
    assert bench.calls == [3]


def test_first_error_is_raised_and_kept_with_its_stack(bench: Bench) -> None:
    squares = bench.squares(fails_on(2))
    with pytest.raises(ValueError, match="no square of 2"):
        squares.populate()
    assert sorted(squares.to_arrays("n")) == [0, 1]
    kept = squares.jobs.errors.fetch1()
    assert (kept["n"], kept["error_type"], kept["error_message"]) == (2, "ValueError", "no square of 2")
    assert "in make" in kept["error_stack"]
    assert Path(__file__).name in kept["error_stack"]
    assert "_job_loop" not in kept["error_stack"]
    assert len(squares.jobs.reserved) == 0


def test_errors_can_be_passed_over(bench: Bench) -> None:
    squares = bench.squares(fails_on(1, 3))
    result = squares.populate(suppress_errors=True)
    assert result["success_count"] == 3
    assert result["error_list"] == [
        ({"n": 1}, "ValueError: no square of 1"),
        ({"n": 3}, "ValueError: no square of 3"),
    ]
    # Jobs that failed are left alone under reservation, and tried again without it.
    assert squares.populate(reserve_jobs=True, suppress_errors=True) == {"success_count": 0, "error_list": []}
    errors = squares.populate(suppress_errors=True, return_exception_objects=True)["error_list"]
    assert [type(error) for _, error in errors] == [ValueError, ValueError]
    assert bench.squares().populate()["success_count"] == 2


def test_nothing_of_a_make_that_fails_is_kept(bench: Bench) -> None:
    def make(table: Square, key: Key) -> None:
        Bench.insert_square(table, key)
        raise RuntimeError("after the insert")

    squares = bench.squares(make)
    assert len(squares.populate(suppress_errors=True)["error_list"]) == 5
    assert (len(squares()), len(squares.Digit())) == (0, 0)


def test_wrong_rows_are_refused_where_they_are_inserted(bench: Bench) -> None:
    refused: list[Exception] = []

    def make(table: Square, key: Key) -> None:
        for row in ({**key}, {**key, "square": None}, {**key, "square": "x"}, {**key, "square": 1, "cube": 1}):
            with pytest.raises(lv.errors.LevadaError) as caught:
                table.insert1(row)
            refused.append(caught.value)
        Bench.insert_square(table, key)

    assert bench.squares(make).populate(max_calls=1)["success_count"] == 1
    assert [type(error).__name__ for error in refused] == [
        "MissingAttribute",
        "MissingAttribute",
        "WrongValue",
        "UnknownAttribute",
    ]


def test_errors_of_the_database_name_the_line_of_the_insert(bench: Bench) -> None:
    def make(table: Square, key: Key) -> None:
        table.insert1({**key, "square": 1})
        table.Digit.insert1({**key, "place": 0, "digit": 1})
        table.Digit.insert1({**key, "place": 0, "digit": 2})

    with pytest.raises(lv.errors.DuplicateEntity, match=Path(__file__).name):
        bench.squares(make).populate()


def test_make_may_have_three_steps_and_arguments(bench: Bench) -> None:
    @bench.schema
    class Third(lv.Computed):
        definition = """
        -> Number
        ---
        y : float64
        """

        def make_fetch(self, key: Key, scale: int) -> tuple[int, int]:
            return key["n"], scale

        def make_compute(self, key: Key, n: int, scale: int) -> float:
            return n * scale / 3

        def make_insert(self, key: Key, y: float) -> None:
            self.insert1({**key, "y": y})

    assert Third.populate(make_kwargs={"scale": 6})["success_count"] == 5
    assert (Third & {"n": 4}).fetch1("y") == 8.0


def test_class_may_say_what_is_to_be_computed(bench: Bench) -> None:
    @bench.schema
    class Odd(lv.Computed):
        definition = """
        -> Number
        """

        @property
        def key_source(self) -> lv.Relation:
            odd: lv.Relation = bench.Number & {"label": "odd"}
            return odd

        def make(self, key: Key) -> None:
            self.insert1(key)

    assert Odd.progress() == (2, 2)
    assert Odd.populate()["success_count"] == 2
    assert sorted(Odd.to_arrays("n")) == [1, 3]


def test_table_without_make_says_so(bench: Bench) -> None:
    @bench.schema
    class Idle(lv.Computed):
        definition = """
        -> Number
        """

    with pytest.raises(lv.errors.InvalidRequest, match="no make"):
        Idle.populate()
    squares = bench.squares()
    with pytest.raises(lv.errors.InvalidRequest, match="pass the restriction"):
        (squares & "n = 1").populate()


def test_an_interrupt_is_the_error_of_its_job_and_gives_back_the_others(bench: Bench) -> None:
    def make(table: Square, key: Key) -> None:
        raise KeyboardInterrupt("at once")

    squares = bench.squares(make)
    with pytest.raises(KeyboardInterrupt):
        squares.populate(suppress_errors=True)
    kept = squares.jobs.errors.to_dicts("error_type", "error_message")
    assert kept == [{"error_type": "KeyboardInterrupt", "error_message": "at once"}]
    assert squares.jobs.pending.to_dicts("state", "attempt") == [{"state": "pending", "attempt": 0}] * 4


def test_late_result_is_dropped(bench: Bench, database_url: str) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def make(table: Square, key: Key) -> None:
        if not begun.is_set():
            begun.set()
            assert go_on.wait(30)
            table.insert1({**key, "square": -1})
        else:
            Bench.insert_square(table, key)

    squares = bench.squares(make)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(squares.populate, "n = 0")
        assert begun.wait(30)
        # As if the worker had been silent for too long: its session ends, and another worker takes the job over.
        sql.run(database_url, sql.WORKERS_HAVE_ENDED)
        assert squares.populate("n = 0") == {"success_count": 1, "error_list": []}
        go_on.set()
        assert late.result(30) == {"success_count": 0, "error_list": []}
    assert squares.to_dicts() == [{"n": 0, "square": 0}]


def test_late_result_is_welcome_where_nobody_took_over(bench: Bench, database_url: str) -> None:
    ended = []

    def make(table: Square, key: Key) -> None:
        ended.extend(sql.run(database_url, sql.WORKERS_HAVE_ENDED))
        Bench.insert_square(table, key)

    squares = bench.squares(make)
    assert squares.populate()["success_count"] == 5  # each batch has its own session
    assert len(ended) > 1


def test_progress_is_shown(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    squares = bench.squares()
    squares.populate("n < 4", display_progress=True)
    assert "Square: 4 of 4" in capsys.readouterr().err
    squares.progress(display=True)
    assert "completed 4 of 5 (80.0 %)" in capsys.readouterr().out


def test_many_inserts_of_any_size_are_kept_until_the_end(bench: Bench) -> None:
    @bench.schema
    class Wave(lv.Computed):
        definition = """
        -> Number
        ---
        samples : <blob>
        """

        class Piece(lv.Part):
            definition = """
            -> master
            piece : int32
            ---
            samples : <blob>
            """

        def make(self, key: Key) -> None:
            self.insert1({**key, "samples": bytes(2**20)})
            for piece in range(12):
                self.Piece.insert1({**key, "piece": piece, "samples": bytes([piece]) * 2**20})

    assert Wave.populate("n < 2")["success_count"] == 2
    assert len(Wave.Piece()) == 24
    assert (Wave.Piece & {"n": 1, "piece": 7}).fetch1("samples") == bytes([7]) * 2**20


def test_processes_share_the_keys(module: Module, tmp_path: Path) -> None:
    assert module.Square.populate(processes=2, max_calls=3)["success_count"] == 3
    assert module.Square.populate(processes=2)["success_count"] == 27
    calls = (tmp_path / "calls").read_text(encoding="utf-8").split()
    assert sorted(map(int, calls)) == list(range(30))


def test_script_may_populate_in_processes_as_it_is(module: Module, tmp_path: Path, server_address: str) -> None:
    (tmp_path / "script.py").write_text(
        f"import {module.__name__} as pipeline\nprint(pipeline.Square.populate(processes=2)['success_count'])\n",
        encoding="utf-8",
    )
    environment = os.environ | {"LEVADA_URL": server_address}
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("30\n", "")


def test_script_with_classes_of_its_own_is_told_of_the_guard_that_it_needs(tmp_path: Path, server_address: str) -> None:
    script = SQUARES + "\nprint(Square.populate(processes=1 + 1)['success_count'])\n"
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    environment = os.environ | {"LEVADA_URL": server_address, "CALLS": str(tmp_path / "calls")}
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert 'put the code to run once under `if __name__ == "__main__":`' in done.stderr


def test_processes_take_keys_in_the_order_that_is_asked_for(module: Module, tmp_path: Path) -> None:
    assert module.Square.populate(processes=2, order="reverse", limit=9, max_calls=8)["success_count"] == 8
    calls = (tmp_path / "calls").read_text(encoding="utf-8").split()
    assert sorted(map(int, calls)) == list(range(1, 9))  # 0, the last of these nine in this order, is left


def test_error_of_another_process_is_raised_here(module: Module) -> None:
    worst = {"worst": 7}
    with pytest.raises(module.OwnError, match="7 is bad") as caught:
        module.Square.populate(processes=2, make_kwargs=worst)
    assert "in make" in str(caught.value.__cause__)
    # The jobs of an interrupted process belong to a session that has ended, so others take them at once.
    result = module.Square.populate(processes=2, make_kwargs=worst, suppress_errors=True)
    assert result["error_list"] == [({"n": 7}, "OwnError: 7 is bad")]
    assert len(module.Square()) == 29


def test_processes_need_a_class_that_they_can_import(bench: Bench) -> None:
    with pytest.raises(lv.errors.InvalidRequest, match="cannot import `Square`"):
        bench.squares().populate(processes=2)


def test_jobs_are_acted_upon_as_a_table(bench: Bench) -> None:
    squares = bench.squares(fails_on(1, 3))
    squares.populate(suppress_errors=True)
    assert squares.jobs.progress() == {
        "pending": 0,
        "reserved": 0,
        "success": 3,
        "error": 2,
        "ignore": 0,
        "total": 5,
    }
    assert len(bench.Number & squares.jobs.errors) == 2
    assert (squares.jobs & 'status = "error"').to_arrays("n", order_by="KEY").tolist() == [1, 3]
    assert squares.jobs.ignore({"n": 1}) == 1
    assert (squares.jobs & {"status": "ignore"}).fetch1("state") == "ignored"
    assert squares.jobs.refresh() == {"added": 0, "removed": 0, "re_pended": 0, "orphaned": 0}
    assert squares.jobs.refresh("n = 3", retry_errors=True)["re_pended"] == 1
    assert (squares.jobs & "n = 1").delete() == 1
    assert squares.jobs.pending.to_arrays("n", order_by="KEY").tolist() == [1, 3]
    assert squares.jobs.cancel() == 0


def test_jobs_of_a_schema_are_those_of_its_tables(bench: Bench) -> None:
    @bench.schema
    class Idle(lv.Computed):
        definition = """
        -> Number
        """

    squares = bench.squares(fails_on(1, 3))
    squares.populate(suppress_errors=True)
    errors = bench.schema.jobs & {"state": "error"}
    assert [(row["table_name"], row["key"]) for row in errors.to_dicts()] == [
        ("square", {"n": 1}),
        ("square", {"n": 3}),
    ]
    assert [len(jobs) for jobs in bench.schema.jobs] == [5]
    assert bench.schema.jobs.progress() == {**squares.jobs.progress(), "total": 5}
    assert repr(bench.schema.jobs).splitlines()[2].split() == ["square", "0", "0", "3", "2", "0", "5"]
    assert repr(bench.schema.jobs.ignored) == "no such job of square"
    for chosen in (
        bench.schema.jobs & 'status = "error"' & f'table_name = "{squares.table_name}"',
        bench.schema.jobs & {"table_name": "Square"} & {"status": "error"},
        (bench.schema.jobs & {"table_name": "__square"}).errors,
    ):
        keys, messages = chosen.fetch("key", "error_message")
        assert (keys, messages) == ([{"n": 1}, {"n": 3}], ["no square of 1", "no square of 3"])
    assert (bench.schema.jobs & {"table_name": "other"}).fetch() == []
    assert bench.schema.jobs.errors.fetch("key", as_dict=True) == [{"key": {"n": 1}}, {"key": {"n": 3}}]
    with pytest.raises(lv.errors.InvalidRequest, match="no 'note'"):
        bench.schema.jobs.fetch("note")
    assert bench.schema.jobs.ignore(squares.table_name, {"n": 3}) == 1
    with pytest.raises(lv.errors.InvalidRequest, match="'Sqare'"):
        bench.schema.jobs.ignore("Sqare", {"n": 3})
    assert bench.schema.jobs.ignored.retry() == 1
    assert (errors & "n = 1").delete() == 1
    assert len(bench.schema.jobs[0].pending) == 2
    assert bench.schema.jobs.cancel() == 0


def test_populate_is_no_part_of_a_transaction(bench: Bench) -> None:
    squares = bench.squares()
    with bench.schema.transaction(), pytest.raises(lv.errors.PreconditionFailed, match="transaction is open"):
        squares.populate()


def test_first_interrupt_waits_for_the_key_in_hand(bench: Bench) -> None:
    def make(table: Square, key: Key) -> None:
        with contextlib.suppress(KeyboardInterrupt):  # it cannot keep the interrupt to itself
            signal.raise_signal(signal.SIGINT)
        Bench.insert_square(table, key)

    squares = bench.squares(make)
    with pytest.raises(KeyboardInterrupt):
        squares.populate()
    assert len(squares()) == 1
    assert len(squares.jobs.pending) == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
