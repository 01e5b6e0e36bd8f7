"""Progress on a terminal and in a pipe; tests/clients/python/test_notebook.py has notebooks."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

import levada as lv
from levada._base import progress
from levada._base.progress import Progress

if TYPE_CHECKING:
    import pytest


class Terminal(io.StringIO):
    """A terminal that keeps everything."""

    def isatty(self) -> bool:
        return True

    def screen(self) -> list[str]:
        """The lines that stay."""
        return [line.rpartition("\r")[2].rstrip() for line in self.getvalue().split("\n")]


def terminal_of(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal, on which progress is shown at once; made in the test, because pytest sets `sys.stderr` before it."""
    made = Terminal()
    monkeypatch.setattr("sys.stderr", made)
    monkeypatch.setattr(progress, "_PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(progress, "_EVERY_SECONDS", {"terminal": 0.0, "notebook": 0.0})
    return made


def test_a_terminal_keeps_the_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    with Progress("Rate", 4, at_once=True) as shown:
        assert "Rate: ░░░░░░░░░░░░░░░░░░░░░░░░ 0 of 4, 0 s" in terminal.getvalue()
        shown.update()
        shown.update(failed=True)
        assert "Rate: ████████████░░░░░░░░░░░░ 2 of 4, 1 failed" in terminal.getvalue()
        shown.update(2)
    assert terminal.screen() == ["Rate: ████████████████████████ 4 of 4, 1 failed, 0 s", ""]


def test_what_is_not_worth_a_line_is_wiped_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    with Progress("insert into Big\x1b[2J", None, "rows") as shown:
        shown.update(1_234_567)
    assert "insert into Big�[2J: 1,234,567 rows, 0 s" in terminal.getvalue()
    assert terminal.screen() == [""]
    with Progress("movie.tif", 4 * 10**9, "bytes") as shown:
        shown.update(10**9)
        assert "1 GB of 4 GB" in terminal.getvalue()


def test_short_work_and_other_threads_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    thread = threading.Thread(target=lambda: Progress("Rate", 4, at_once=True).close())
    thread.start()
    thread.join()
    monkeypatch.setattr(progress, "_PATIENCE_SECONDS", 60.0)
    with Progress("insert", 4, "rows") as shown:
        shown.update(4)
    assert terminal.getvalue() == ""


def test_a_pipe_gets_one_line_and_only_if_asked(capsys: pytest.CaptureFixture[str]) -> None:
    for shown in (None, False, True):
        with Progress("Rate", 2, shown=shown, at_once=True) as counted:
            counted.update(2)
    assert capsys.readouterr().err == "Rate: 2 of 2, 0 s\n"


def test_inserts_and_transfers_are_shown(connection: lv.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    schema = lv.Schema("long", connection=connection)

    @schema
    class Row(lv.Manual):
        definition = "n : int32"

    Row.insert([(n,) for n in range(40_000)])
    assert "insert into Row: ████████████████████████ 40,000 of 40,000 rows" in terminal.getvalue()
    Row.insert(((n,) for n in range(40_000, 50_000)), chunk_size=5_000)
    assert "insert into Row: 10,000 rows" in terminal.getvalue()
    assert terminal.screen() == [""]


def test_a_make_shows_no_progress_of_its_own(connection: lv.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = lv.Schema("long", connection=connection)

    @schema
    class Number(lv.Lookup):
        definition = "n : int32"
        contents = ((1,), (2,))

    @schema
    class Row(lv.Computed):
        definition = "-> Number"

        def make(self, key: dict[str, int]) -> None:
            self.insert([key])

    terminal = terminal_of(monkeypatch)
    Row.populate()
    assert "insert into" not in terminal.getvalue()
    assert terminal.screen() == ["Row: ████████████████████████ 2 of 2, 0 s", ""]
