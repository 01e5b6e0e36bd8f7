"""Tracebacks show the user's lines and one of the client; a failing make names its table and key."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from levada._base.tracebacks import shorten

if TYPE_CHECKING:
    from pathlib import Path


def frames(error: BaseException) -> list[str]:
    """The functions of a traceback, those of the client in brackets."""
    return [
        f"[{frame.name}]" if "/levada/_" in frame.filename else frame.name
        for frame in traceback.extract_tb(error.__traceback__)
    ]


@pytest.fixture
def half(connection: lv.Connection) -> type[lv.Computed]:
    schema = lv.Schema("lab", connection=connection)

    @schema
    class Number(lv.Lookup):
        definition = "number : int32"
        contents = ((0,), (1,), (2,))

    @schema
    class Half(lv.Computed):
        definition = "-> Number"

        def make(self, key: dict[str, Any]) -> None:
            if key["number"] == 1:
                raise ValueError("odd")
            self.insert1(key if key["number"] == 0 else {"nothing": 1})

    return Half


def test_a_failing_make_names_its_table_and_key(half: type[lv.Computed]) -> None:
    with pytest.raises(ValueError, match="odd") as caught:
        half.populate()
    assert caught.value.__notes__ == ["in make of lab.Half for number=1; 1 key was computed before"]


def test_only_the_first_line_of_the_client_stays(half: type[lv.Computed]) -> None:
    with pytest.raises(ValueError, match="odd") as caught:
        half.populate()
    assert len(frames(caught.value)) > 3
    shorten(caught.value)
    assert frames(caught.value) == [
        "test_only_the_first_line_of_the_client_stays",
        "[populate]",
        "make",
    ]
    with pytest.raises(lv.errors.LevadaError) as refused:
        half.populate("number = 2")
    shorten(refused.value)
    assert frames(refused.value)[1:] == ["[populate]", "make", "[insert1]"]


def test_whole_tracebacks_are_a_setting(half: type[lv.Computed]) -> None:
    with pytest.raises(ValueError, match="odd") as caught:
        half.populate()
    before = frames(caught.value)
    with lv.config.override(display__full_tracebacks=True):
        shorten(caught.value)
    assert frames(caught.value) == before


def test_an_error_of_the_clients_own_keeps_its_place() -> None:
    source = "def outer():\n    inner()\ndef inner():\n    raise KeyError('bug')"
    module: dict[str, Any] = {}
    exec(compile(source, f"{lv.__path__[0]}/_net/imaginary.py", "exec"), module)
    with pytest.raises(KeyError) as caught:
        module["outer"]()
    shorten(caught.value)
    assert frames(caught.value)[1:] == ["[outer]", "[inner]"]


def test_errors_that_cause_each_other_are_shortened() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    shorten(first)


@pytest.mark.parametrize("program", ["python", "ipython"])
def test_a_programs_traceback_is_short(
    program: str, half: type[lv.Computed], server_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEVADA_URL", server_address)
    code = textwrap.dedent(
        """
        import levada as lv
        def work():
            lv.FreeTable("lab.Nothing").to_dicts()
        work()
        """
    )
    command = ["-c", code]
    if program == "ipython":
        pytest.importorskip("IPython")
        command = ["-m", "IPython", "--no-banner", "--colors=NoColor", *command]
    ended = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    said = ended.stdout + ended.stderr
    assert said.count("/levada/_") == 1, said
    assert "has no table `Nothing`" in said.splitlines()[-1]
