"""The output of a `make` is shown as always, and kept with its job."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from levada._jobs.output import Output

if TYPE_CHECKING:
    from collections.abc import Callable

TESTS = ("levada._jobs.output",)
"""The modules of the client that are tested here."""

Key = dict[str, Any]  # Any: an attribute's value


def squares(connection: lv.Connection, act: Callable[[int], None], name: str = "printing") -> Any:  # noqa: ANN401  # a class
    """Declare a table of the squares of 0, 1 and 2, whose `make` does something first."""
    schema = lv.Schema(name, connection=connection)

    @schema
    class Number(lv.Lookup):
        definition = "n : int32"
        contents = ((n,) for n in range(3))

    @schema
    class Square(lv.Computed):
        definition = """
        -> Number
        ---
        square : int64
        """

        def make(self, key: Key) -> None:
            act(key["n"])
            if key["n"] != 2:
                self.insert1({**key, "square": key["n"] ** 2})

    return Square


def outputs(table: Any) -> dict[int, str | None]:  # noqa: ANN401  # a class
    return dict(zip(*table.jobs.fetch("n", "output", order_by="n"), strict=True))


def test_prints_warnings_and_log_lines_are_shown_and_kept_with_their_job(
    connection: lv.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(handler)

    def act(n: int) -> None:
        if n == 0:
            print("hello from", n)
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                sys.stderr.write("a word of caution\n")
            logging.getLogger("lab").warning("the lamp is old")

    table = squares(connection, act)
    try:
        table.populate({"n": 0})
        table.populate({"n": 1})
        logging.getLogger("lab").warning("after")
    finally:
        logging.getLogger().removeHandler(handler)
    kept = outputs(table)
    assert kept[0] == "hello from 0\na word of caution\nthe lamp is old\n"
    assert kept[1] is None
    shown = capsys.readouterr()
    assert "hello from 0\n" in shown.out
    assert shown.err.count("the lamp is old") == 1
    assert "after" in shown.err


def test_a_failing_make_and_one_that_is_not_ready_keep_what_they_printed(connection: lv.Connection) -> None:
    def act(n: int) -> None:
        print("trying", n)
        if n == 0:
            raise ValueError(n)

    table = squares(connection, act)
    stdout = sys.stdout
    with pytest.warns(lv.LevadaWarning, match="not ready"):
        table.populate(suppress_errors=True)
    assert outputs(table) == {0: "trying 0\n", 1: "trying 1\n", 2: "trying 2\n"}
    assert sys.stdout is stdout


def test_the_next_attempt_begins_with_nothing(connection: lv.Connection) -> None:
    attempts = []

    def act(n: int) -> None:
        attempts.append(n)
        if len(attempts) == 1:
            print("the first attempt")
            raise ValueError(n)

    table = squares(connection, act)
    table.populate({"n": 0}, suppress_errors=True)
    assert outputs(table)[0] == "the first attempt\n"
    table.populate({"n": 0})
    assert outputs(table)[0] is None


def test_what_the_threads_of_a_make_print_belongs_to_it(connection: lv.Connection) -> None:
    def act(n: int) -> None:
        thread = threading.Thread(target=print, args=("in a thread", n))
        thread.start()
        thread.join()

    table = squares(connection, act)
    table.populate({"n": 1})
    assert outputs(table)[1] == "in a thread 1\n"


def test_two_threads_that_populate_keep_their_outputs_apart(server_address: str) -> None:
    both = threading.Barrier(2)

    def run(name: str) -> dict[int, str | None]:
        def act(n: int) -> None:
            both.wait()
            print(name, n)
            both.wait()

        with lv.Connection(server_address) as connection:
            table = squares(connection, act, name)
            table.populate({"n": 0})
            return outputs(table)

    stdout = sys.stdout
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(run, ("one", "other"))
    assert (one[0], other[0]) == ("one 0\n", "other 0\n")
    assert sys.stdout is stdout


def test_text_that_a_database_cannot_store_is_escaped(connection: lv.Connection) -> None:
    table = squares(connection, lambda _: print("nul \0 and a lone \ud800".encode(errors="replace").decode(), "\0"))
    table.populate({"n": 1})
    assert outputs(table)[1] == "nul \\0 and a lone ? \\0\n"


def test_a_stream_of_a_make_is_like_the_one_that_it_replaces(
    connection: lv.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    def act(_: int) -> None:
        sys.stdout.writelines(["a\n", "b\n"])
        print(sys.stdout.isatty(), sys.stdout.encoding, flush=True)

    table = squares(connection, act)
    table.populate({"n": 1})
    assert outputs(table)[1] == f"a\nb\nFalse {sys.stdout.encoding}\n"
    assert capsys.readouterr().out.startswith("a\nb\n")


def test_of_a_long_output_the_beginning_and_the_end_are_kept() -> None:
    output = Output()
    lines = [f"line {number}\n" for number in range(100_000)]
    for line in lines:
        output.add(line)
    text = output.text()
    assert len(text) < 70_000
    assert text.startswith("line 0\nline 1\n")
    assert text.endswith("line 99998\nline 99999\n")
    left_out = int(text.partition("… ")[2].partition(" ")[0])
    assert left_out + len(text) - len(f"\n… {left_out} characters left out …\n") == sum(map(len, lines))


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("10 %\r 50 %\r100 %\ndone\n", "100 %\ndone\n"),
        ("one\r\ntwo\r\n", "one\r\ntwo\r\n"),
        ("plain", "plain"),
    ],
)
def test_of_a_progress_bar_the_last_state_is_kept(written: str, kept: str) -> None:
    output = Output()
    for letter in written:
        output.add(letter)
    assert output.text() == kept
