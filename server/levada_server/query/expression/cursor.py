"""A walk over the tokens of an expression, and the errors that point at the current one."""

from __future__ import annotations

from typing import NoReturn

from levada_server.errors import InvalidExpression
from levada_server.query.expression.mistakes import mistake
from levada_server.query.expression.tokens import Token, tokenize

_ELSEWHERE = {
    "||": "it means OR in some databases and joins text in others: write OR, or concat(a, b)",
    ":=": "an expression cannot change anything",
    "<<": "there are no operators on bits",
    ">>": "there are no operators on bits",
    "collate": "text compares exactly; ILIKE ignores case",
    "escape": "the backslash escapes in LIKE",
    "[": "only JSON attributes have parts",
    ".": "only JSON attributes have parts, and an attribute has no schema or table before it",
}
"""Operators and words of other languages, with their replacements."""

_SUBQUERIES = "subqueries are not part of the expression language; restrict by a query instead"
OTHER_STATEMENTS = frozenset({"select", "with", "insert", "update", "delete", "drop", "union", "exists"})


class Cursor:
    """The tokens of one text, and which of them is current."""

    __slots__ = ("index", "text", "token", "tokens")

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.index = 0
        self.token = self.tokens[0]

    def advance(self) -> Token:
        """Go to the next token and return the one that was current."""
        token = self.token
        self.index += 1
        self.token = self.tokens[self.index]
        return token

    def back(self, count: int) -> None:
        """Go back over some tokens."""
        self.index -= count
        self.token = self.tokens[self.index]

    def after(self, count: int) -> Token:
        """Return a later token; past the end, the last."""
        return self.tokens[min(self.index + count, len(self.tokens) - 1)]

    def next_is(self, text: str) -> bool:
        """Return whether the token after the current one is this operator."""
        following = self.after(1)
        return following.kind == "operator" and following.text == text

    def at(self, operator: str) -> bool:
        """Return whether the current token is this operator."""
        return self.token.kind == "operator" and self.token.text == operator

    def at_word(self, word: str) -> bool:
        """Return whether the current token is this word, in any letter case."""
        return self.token.kind == "word" and self.token.text.lower() == word

    def take(self, operator: str) -> bool:
        """Skip this operator if it is the current token."""
        if self.at(operator):
            self.advance()
            return True
        return False

    def take_word(self, word: str) -> bool:
        """Skip this word if it is the current token."""
        if self.at_word(word):
            self.advance()
            return True
        return False

    def require(self, operator: str, expected: str = "") -> Token:
        """Skip this operator, which must be the current token."""
        if not self.at(operator):
            self.refuse(self.found(), expected or f"`{operator}`")
        return self.advance()

    def require_word(self, word: str) -> None:
        """Skip this word, which must be the current token."""
        if not self.take_word(word):
            self.refuse(self.found(), word.upper())

    def found(self) -> str:
        """Describe the current token, and what to write instead if it comes from another language."""
        token = self.token
        if token.kind == "end":
            return "the expression ends here"
        if token.kind == "word" and token.text.lower() in OTHER_STATEMENTS:
            return f"found `{token.text}`: {_SUBQUERIES}"
        hint = _ELSEWHERE.get(token.text.lower()) if token.kind in ("word", "operator") else None
        shown = token.text if len(token.text) <= 40 else token.text[:39] + "…"
        return f"found `{shown}`, which is not supported: {hint}" if hint else f"found `{shown}`"

    def refuse(self, problem: str, expected: str = "", position: int | None = None) -> NoReturn:
        """Raise an error that points at the current token, or at a position."""
        raise mistake(
            InvalidExpression, self.text, self.token.position if position is None else position, problem, expected
        )
