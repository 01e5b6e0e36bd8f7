"""Output of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._base.text import aligned

if TYPE_CHECKING:
    from collections.abc import Sequence


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print columns: the first to the left, the others to the right."""
    for line in aligned(head, rows):
        print(line)
