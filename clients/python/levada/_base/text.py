"""Texts: of tables, and of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def aligned(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Format the lines of a table: the first column to the left, the others to the right."""
    cells = [head, *([str(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        first, *others = (
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join([first, *others]).rstrip()


def text_of(error: BaseException) -> str:
    """Return the text of an error, and a substitute where its class cannot make one."""
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as other:  # noqa: BLE001  # the class of an error is the user's, and may raise anything
        return f"(no text: {type(error).__name__}.__str__ raised {type(other).__name__})"
