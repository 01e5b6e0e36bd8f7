"""Questions at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from levada._base.prompt import choose

if TYPE_CHECKING:
    from collections.abc import Sequence

TESTS = ("levada._base.prompt",)


@pytest.mark.parametrize(
    ("choices", "default", "typed", "answer", "told"),
    [
        (("yes", "no"), "no", ["y"], "yes", ""),
        (("yes", "no"), "no", ["N"], "no", ""),
        (("yes", "no"), "no", [""], "no", ""),
        (("yes", "no"), None, ["", "Yes"], "yes", "Write one of: yes, no.\n"),
        (("yes", "no"), "no", ["yeah", "y"], "yes", "Write one of: yes, no, or press Enter for no.\n"),
        (("text", "toml"), None, ["t", "toml"], "toml", "Write one of: text, toml.\n"),
        (("null",), None, [""], "null", ""),
        (("Upper.hen", "lab.egg"), None, ["upper.hen"], "Upper.hen", ""),
    ],
)
def test_an_answer_is_a_choice_its_first_letter_or_enter(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    choices: Sequence[str],
    default: str | None,
    typed: list[str],
    answer: str,
    told: str,
) -> None:
    lines = iter(typed)
    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    assert choose("Go on?", choices, default, "") == answer
    assert next(lines, None) is None
    assert capsys.readouterr().out == told
