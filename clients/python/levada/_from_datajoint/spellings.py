"""How code spells the names of classes whose stored names alone are in a database."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._base.names import stored_name
from levada._from_datajoint.syntax import tier_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_MATLAB_CLASS = re.compile(r"^\s*classdef\s+(?:\([^)]*\)\s*)?(\w+)\s*<\s*dj\.\w+", re.MULTILINE)


def spellings_in(folder: Path) -> dict[str, str]:
    """Return the class's name for each stored name, from the Python and MATLAB files of a folder; no code runs.

    Raises:
        InvalidRequest: It is not a folder.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"There is no folder {folder}.")
    names: dict[str, str] = {}
    for file in sorted(folder.rglob("*.py")):
        names.update((stored_name(name), name) for name in _python_classes(file))
    for file in sorted(folder.rglob("*.m")):
        for name in _MATLAB_CLASS.findall(file.read_text(encoding="utf-8", errors="replace")):
            names.setdefault(stored_name(name), name)
    return names


def missing_in(module: Path, paths: Iterable[str]) -> list[str]:
    """Return the classes that a module lacks, by paths such as `Session.Trial`; no code runs."""
    known = set(_paths(ast.parse(module.read_bytes()).body, ""))
    return [path for path in paths if path not in known]


def _paths(body: Iterable[ast.stmt], within: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield within + node.name
            yield from _paths(node.body, f"{within}{node.name}.")


def _python_classes(file: Path) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # not Python of today, so its names are not known
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and tier_of(node):
            yield node.name
