"""Tokens of the expression language, each with its position; and the limits on a text, checked before it is read."""

from __future__ import annotations

import re
from typing import NamedTuple

from levada_server.errors import InvalidExpression
from levada_server.query.expression.mistakes import mistake

MAX_BYTES = 65_536
"""The maximum size of a text, in UTF-8."""

MAX_TOKENS = 10_000

MAX_DEPTH = 100
"""Levels of brackets, and of a tree. Operands joined by AND, or by OR, are one level; any other chain adds a level per
operator."""

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)
    | (?P<text>(?:_utf8(?:mb4)?)?'[^'\\]*(?:(?:\\.|'')[^'\\]*)*'|"[^"\\]*(?:(?:\\.|"")[^"\\]*)*")
    | (?P<word>[^\W\d]\w*)
    | (?P<quoted>`[^`]*`)
    | (?P<mark>\?)
    | (?P<comment>--|/\*|\*/|\#)
    | (?P<operator>->>|->|<=>|<>|!=|==|<=|>=|<<|>>|:=|&&|\|\||[-+*/%=<>(),.:\[\]])
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)

_ESCAPED = re.compile(r"\\(.)|''|\"\"", re.DOTALL)
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "Z": "\x1a", "0": "\0", "%": "\\%", "_": "\\_"}
"""The meaning of a character after a backslash, unless it is the character itself. `\\%` and `\\_` keep theirs, for
LIKE."""

_HINTS = {
    "'": "the quote is not closed",
    '"': "the quote is not closed",
    "`": "the backtick is not closed",
    ";": "there can be only one expression, without `;`",
}


class Token(NamedTuple):
    """One token.

    Args:
        kind: `number`, `text`, `word`, `quoted`, `mark`, `operator` or `end`.
        text: As written; a text and a quoted name without quotes and escapes.
        position: Offset of its first character.
    """

    kind: str
    text: str
    position: int


def tokenize(text: str) -> list[Token]:
    """Split a text into tokens; the last is of the kind `end`.

    Raises:
        InvalidExpression: The text is too long, or contains something that is not a token.
    """
    _check_size(text)
    tokens: list[Token] = []
    depth = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        found = match[0]
        match kind:
            case "space":
                continue
            case "text":
                found = _unquote(found, text, match.start())
            case "quoted":
                found = found[1:-1]
            case "comment":
                raise mistake(
                    InvalidExpression, text, match.start(), f"`{found}` would begin a comment; there are no comments"
                )
            case "other":
                problem = _HINTS.get(found, f"{found!r} does not belong to the expression language")
                raise mistake(InvalidExpression, text, match.start(), problem)
            case _:
                pass
        tokens.append(Token(kind, found, match.start()))
        if kind == "operator" and found in "()":
            depth += 1 if found == "(" else -1
            if depth > MAX_DEPTH:
                raise mistake(
                    InvalidExpression, text, match.start(), f"the expression nests deeper than {MAX_DEPTH} levels"
                )
        if len(tokens) > MAX_TOKENS:
            raise mistake(
                InvalidExpression,
                text,
                match.start(),
                f"an expression has at most {MAX_TOKENS} words and signs; pass long lists as values: `x IN ?`",
            )
    tokens.append(Token("end", "", len(text)))
    return tokens


def _check_size(text: str) -> None:
    if len(text) <= MAX_BYTES:
        try:
            size = len(text.encode())
        except UnicodeEncodeError as error:
            raise mistake(InvalidExpression, text, error.start, "this is half a character, not Unicode text") from None
        if size <= MAX_BYTES:
            return
    raise InvalidExpression(
        f"The expression begins with {text[:40]!r} and is longer than {MAX_BYTES} bytes; "
        "pass long lists as values: `x IN ?`.",
        column=1,
    )


def _unquote(quoted: str, text: str, position: int) -> str:
    quoted = quoted[quoted.index("'") if quoted[0] == "_" else 0 :]
    inside = quoted[1:-1]
    if "\\" in inside or quoted[0] in inside:
        inside = _ESCAPED.sub(lambda m: _CONTROL.get(m[1], m[1]) if m[1] else _undouble(m[0], quoted[0]), inside)
    if "\0" in inside:
        raise mistake(InvalidExpression, text, position, "text cannot hold the character NUL")
    return inside


def _undouble(pair: str, quote: str) -> str:
    return quote if pair[0] == quote else pair
