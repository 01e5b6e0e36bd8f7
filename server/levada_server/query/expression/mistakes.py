"""Errors that point into the text of an expression."""

from __future__ import annotations

from typing import TypeVar

from levada_server.errors import LevadaError

WINDOW = 60
"""How many characters of a long text are quoted around the error."""

Mistake = TypeVar("Mistake", bound=LevadaError)


def mistake(
    kind: type[Mistake], text: str, position: int, problem: str, expected: str = "", **details: object
) -> Mistake:
    """Build an error that quotes the text and points at a position in it.

    Args:
        kind: The class of the error.
        text: The whole expression.
        position: Offset of the error, in characters from 0; the end of the text is allowed.
        problem: The problem there.
        expected: The text that is allowed there instead.
        details: Further details of the error, beside `column` and `expected`.
    """
    start = max(0, position - WINDOW // 2)
    window = "".join(c if c.isprintable() else " " for c in text[start : start + WINDOW])
    before, after = "…" if start else "", "…" if start + WINDOW < len(text) else ""
    caret = " " * (len(before) + position - start) + "^"
    advice = f"; expected {expected}" if expected else ""
    message = f"Column {position + 1}: {problem}{advice}.\n    {before}{window}{after}\n    {caret}"
    return kind(message, column=position + 1, expected=expected or None, **details)
