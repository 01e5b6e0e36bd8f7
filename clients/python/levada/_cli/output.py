"""Output of commands."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from levada._base.text import aligned, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print columns: the first to the left, the others to the right."""
    for line in aligned(head, rows):
        print(line)


@contextmanager
def safe_terminal() -> Iterator[None]:
    """Replace what a terminal would obey in the texts of others, within the block; files get it unchanged."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_Safe(stream) if stream.isatty() else stream for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class _Safe:
    """A stream of a terminal."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text without what the terminal would obey."""
        return self._stream.write(printable(text))

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)
