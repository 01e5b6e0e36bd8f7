"""Texts: of tables, of errors, of values in messages, and for the server."""

from __future__ import annotations

import difflib
import re
import sys
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


_NAMED = 30
"""The most names that a message lists."""
_SHOWN = 80
"""The most characters of a value in a message."""


_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that move a terminal's cursor, change its state, or turn the direction of what is read."""


def printable(text: str) -> str:
    """Replace what a terminal would obey in the text of others by `�`; tabs and ends of lines stay."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def markup(text: str) -> str:
    """Write the text of others as HTML or SVG, without characters that turn the direction of what is read."""
    return escape(printable(text))


def in_notebook() -> bool:
    """Return whether a kernel of Jupyter runs this code."""
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive else None
    return getattr(shell, "kernel", None) is not None


def tell(line: str) -> None:
    """Write a line to the user: to standard error, but to the output of a notebook, which frames errors in red."""
    print(line, file=sys.stdout if in_notebook() else sys.stderr, flush=True)  # said to a person


@cache
def tell_once(line: str) -> None:
    """Write a line to the user, unless this process has written it before."""
    tell(line)


class Lines(str):
    """A text of several lines, which a prompt shows as it is written, without quotes and escapes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def meant(name: str, known: Iterable[str], verb: str = "there are") -> str:
    """Return the end of a message about a name that does not exist: what may be meant, and what there is."""
    known = list(known)
    by_letters = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), by_letters, n=1)
    listed = f"{', '.join(known[:_NAMED])}{', …' if len(known) > _NAMED else ''}"
    found = f"{verb} {listed or 'none'}"
    return f"did you mean `{by_letters[close[0]]}`? {found[0].upper()}{found[1:]}" if close else found


def shown(value: object) -> str:
    """Write a value for a message, and a substitute where Python cannot: a number of thousands of digits, for one."""
    try:
        text = repr(value)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  # the class of a value is the user's, and may raise anything
        return f"a value of class {type(value).__name__}"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def sendable(text: str) -> str:
    """Return a text that goes into a request.

    Raises:
        InvalidRequest: It is not text, or not valid Unicode.
    """
    if not isinstance(text, str):
        raise InvalidRequest(f"A name or an expression is text, not a value of class {type(text).__name__}.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{shown(text)} has a lone surrogate, which is not valid Unicode.") from None
    return text


def size_text(size: float) -> str:
    """Write a number of bytes for people: `12.3 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.5 else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


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


def plural(count: int, noun: str) -> str:
    """Write a number with its noun: `1 job`, `2 jobs`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
