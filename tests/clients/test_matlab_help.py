"""The form of the MATLAB toolbox: help texts of one style, and packages of a readable size."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from clients.matlab import generate_stubs

if TYPE_CHECKING:
    from pathlib import Path

TOOLBOX = generate_stubs.API.parents[2]
CONTENTS = {TOOLBOX / "+levada" / "Contents.m"}
FILES = sorted(set(TOOLBOX.rglob("*.m")) - CONTENTS - set((TOOLBOX / "examples").glob("*.m")))
_HEAD = re.compile(r"(?:classdef (?:\([^)]*\) )?|function (?:[^=\n]*= ?)?)(\w+)")
_MOST_FILES = 25


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(TOOLBOX)))
def test_help_begins_with_the_name_and_a_sentence(file: Path) -> None:
    head, first, *_ = file.read_text().split("\n")
    found = _HEAD.match(head)
    assert found is not None, head
    assert found[1] == file.stem
    assert re.match(rf"%{file.stem.upper()} \S", first), f"write `%{file.stem.upper()} Sentence.` under the first line"
    text = file.read_text()
    assert not re.search(r"^\s*% \w+  [A-Z]", text, re.MULTILINE), "methods have the same form: `%NAME Sentence.`"


def test_no_package_has_more_files_than_one_can_look_over() -> None:
    packages = set(generate_stubs.API.parent.glob("+*")) - {generate_stubs.API}  # `+api` is generated
    sizes = {package.name: len(list(package.iterdir())) for package in packages}
    assert max(sizes.values()) <= _MOST_FILES, sizes


def test_texts_have_words_of_matlab_alone() -> None:
    of_python = re.compile(
        r"=(?:True|False)\b|\bNone\b|\bdicts?\b|\blv\.|\bkwargs\b|\b(?:delete_quick|make_fetch|to_dicts)\b"
    )
    generated = set(generate_stubs.API.glob("*.m"))
    for file in sorted(set(FILES) - generated):
        for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
            assert not of_python.search(line), f"{file.name}:{number}: {line.strip()}"
