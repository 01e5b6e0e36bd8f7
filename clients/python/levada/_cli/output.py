"""The output of commands: tables for people, JSON for programs, colours on a terminal alone."""

from __future__ import annotations

import base64
import json
import math
import os
import shutil
import sys
import textwrap
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from levada._base.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from levada_api.v1 import schema_pb2

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
_NARROWEST = 8
"""A column of a table that is too wide for its terminal keeps this many letters."""


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print columns, numbers to the right, under a head; on a terminal, cut so that they fit."""
    cells = [["" if value is None else str(value) for value in row] for row in rows]
    numeric = [
        all(isinstance(value, (int, float)) or value in (None, "-") for value in column)
        for column in zip(*rows, strict=False)
    ]
    numeric = numeric or [False] * len(head)
    widths = fitted_widths([max(map(len, column)) for column in zip(head, *cells, strict=True)], head)
    if sum(widths) + 2 * (len(widths) - 1) > terminal_width():
        _print_blocks(head, cells)
        return
    write_styled(table_line(head, widths, numeric), "bold")
    print()
    for row in cells:
        print(table_line(row, widths, numeric))


def _print_blocks(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows for a terminal that is too narrow for a table: the first value, and below it the others by name."""
    for first, *others in rows:
        write_styled(first, "bold")
        print()
        told = ", ".join(f"{name} {value}" for name, value in zip(head[1:], others, strict=True) if value)
        for line in textwrap.wrap(told, max(terminal_width() - 2, _NARROWEST)):
            print(f"  {line}")


def table_line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    """Format a line of a table; a cell that is too long ends with `…` if standard output is a terminal."""
    cut = sys.stdout.isatty()
    return "  ".join(
        f"{cell if len(cell) <= width or not cut else cell[: width - 1] + '…':{'>' if to_right else '<'}{width}}"
        for cell, width, to_right in zip(cells, widths, right, strict=True)
    ).rstrip()


def fitted_widths(widths: list[int], head: Sequence[str]) -> list[int]:
    """Narrow the widest columns until a line fits into the terminal; a column keeps room for its head."""
    least = [max(len(name), _NARROWEST) for name in head]
    while sum(widths) + 2 * (len(widths) - 1) > terminal_width():
        number = max(range(len(widths)), key=lambda n: widths[n] - least[n])
        if widths[number] <= least[number]:
            break
        widths[number] -= 1
    return widths


def print_records(names: Sequence[str], rows: Sequence[Sequence[object]], *, as_json: bool) -> None:
    """Print rows as a table, or as one JSON object per line, whose names are those of the columns."""
    if as_json:
        for row in rows:
            print_json(dict(zip(names, row, strict=True)))
    else:
        print_table(names, rows)


def print_facts(facts: Mapping[str, object], *, as_json: bool) -> None:
    """Print named values, one on each line, or as one JSON object."""
    if as_json:
        print_json(facts)
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        write_styled(f"{name:{width}}", "dim")
        print(f"  {value}")


def print_json(value: object) -> None:
    """Print a value as JSON on one line."""
    print(json_text(value))


def json_text(value: object) -> str:
    """Write a value as JSON: arrays as lists, bytes as base64, times, decimals, NaN and infinity as text."""
    try:
        return json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False)


def counted(tables: Iterable[schema_pb2.TableCount]) -> list[dict[str, object]]:
    """Return how many rows of each table a plan takes, for JSON."""
    return [{"table": f"{t.name.schema}.{t.name.table}", "rows": t.entity_count} for t in tables]


def row_lines(tables: Iterable[schema_pb2.TableCount]) -> list[str]:
    """Write how many rows of each table a plan takes, a line for each."""
    lines = []
    for table in tables:
        noun = "row" if table.entity_count == 1 else "rows"
        lines.append(f"{table.entity_count:>9} {noun} of {table.name.schema}.{table.name.table}")
    return lines


def write_styled(text: str, style: str, stream: IO[str] | None = None) -> None:
    """Write a text in a style if the stream is a terminal and NO_COLOR is not set (https://no-color.org)."""
    stream = stream or sys.stdout
    if isinstance(stream, _Safe) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        stream.write_styled(text, style)
    else:
        stream.write(text)


@contextmanager
def safe_terminal() -> Iterator[None]:
    """Replace what a terminal would obey in the texts of others, within the block; files get it unchanged."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_Safe(stream) if stream.isatty() else stream for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


@contextmanager
def drawing() -> Iterator[None]:
    """Let what draws in place, such as a progress bar, reach the terminal within a block of `safe_terminal`."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (unguarded(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def unguarded(stream: IO[str]) -> IO[str]:
    """Return a stream of `safe_terminal` as it was before it."""
    return stream._stream if isinstance(stream, _Safe) else stream


class _Safe:
    """A stream of a terminal."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text without what the terminal would obey."""
        return self._stream.write(printable(text))

    def write_styled(self, text: str, style: str) -> None:
        """Write a text in a style."""
        self._stream.write(f"\x1b[{_STYLES[style]}m{printable(text)}\x1b[0m")

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def terminal_width() -> int:
    """Return how many letters a line of standard output may have; files get lines of any length."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000


def _plain(value: object) -> object:
    """Write a value that JSON does not know as one that it knows."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    to_list = getattr(value, "tolist", None)  # arrays and numbers of NumPy
    return str(value) if to_list is None else to_list()


def _finite(value: object) -> object:
    """Replace the numbers that JSON cannot write by their names."""
    if isinstance(value, dict):
        return {name: _finite(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(member) for member in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value if isinstance(value, (str, int, float, type(None))) else _finite(_plain(value))
