"""Files with code in Python: modules, and notebooks as one text of their cells."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

NOTEBOOK = ".ipynb"
_MAGIC = re.compile(r"(?P<before>\s*(?:[\w.,\[\] ]+=(?!=))?\s*)(?:[%!?].*|[\w.*]+\?+\s*$)")
"""A line of IPython alone: a magic, a command of the shell, or a question."""
_OF_PYTHON = frozenset({"%%time", "%%timeit", "%%capture", "%%prun", "%%debug", "%%snakeviz", "%%memit"})
"""Magics of a cell that run its other lines as Python."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Lines of a file that Python reads at once.

    Args:
        number: Its place among all cells of its notebook, from 1; None for a module.
        start: How many lines of the file's text come before.
        tree: Its statements.
    """

    number: int | None
    start: int
    tree: ast.Module


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Lines that Python cannot read."""

    cell: int | None
    line: int
    reason: str


def is_code(file: Path) -> bool:
    """Return whether a file of a folder is read: modules, and notebooks but for copies that Jupyter keeps."""
    return file.suffix == ".py" or (file.suffix == NOTEBOOK and ".ipynb_checkpoints" not in file.parts)


def read_cells(file: Path) -> tuple[list[Cell], list[Unreadable]]:
    """Read a module, which is one cell, or a notebook; those of other languages have no cells."""
    if file.suffix != NOTEBOOK:
        try:
            return [Cell(None, 0, ast.parse(file.read_bytes()))], []
        except (SyntaxError, ValueError) as error:
            return [], [Unreadable(None, getattr(error, "lineno", None) or 1, f"Python cannot read it: {error}")]
    try:
        sources = list(_sources(json.loads(file.read_text(encoding="utf-8"))))
    except (ValueError, AttributeError, KeyError, TypeError):
        return [], [Unreadable(None, 1, "this is not a notebook: JSON with cells")]
    cells, faults, start = [], [], 0
    for number, source in sources:
        try:
            tree = _parse(source)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            faults.append(Unreadable(number, line, f"Python cannot read this cell: {error}"))
            continue
        ast.increment_lineno(tree, start)
        cells.append(Cell(number, start, tree))
        start += source.count("\n") + 1
    return cells, faults


def place_of(line: int, cells: Sequence[Cell]) -> tuple[int | None, int]:
    """Return the cell and its line of a line of a file's text."""
    cell = next(one for one in reversed(cells) if one.start < line)
    return cell.number, line - cell.start


def _sources(notebook: dict[str, Any]) -> Iterator[tuple[int, str]]:  # Any: as JSON has it
    """Yield the number and the text of each cell of Python."""
    metadata = notebook.get("metadata", {})
    language = metadata.get("language_info", {}).get("name") or metadata.get("kernelspec", {}).get("language")
    if (language or "python") != "python":
        return
    for number, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] == "code":
            yield number, "".join(cell["source"])


def _parse(source: str) -> ast.Module:
    """Read a cell; lines of IPython count as empty, and so do cells of other languages.

    Raises:
        SyntaxError: It is not Python.
        ValueError: As above.
    """
    magic = source.lstrip().partition("\n")[0].split() if source.lstrip().startswith("%%") else []
    if magic and magic[0] not in _OF_PYTHON:
        return ast.Module([], [])
    try:
        return ast.parse(source)
    except SyntaxError:
        lines = (_MAGIC.fullmatch(line) for line in source.split("\n"))
        plain = (
            line if found is None else f"{found['before']}{'None' if '=' in found['before'] else 'pass'}"
            for line, found in zip(source.split("\n"), lines, strict=True)
        )
        return ast.parse("\n".join(plain))
