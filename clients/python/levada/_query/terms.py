"""Conditions and computed attributes written in Python: `A & (A.c.weight > 3)`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest, LevadaError, UnknownAttribute
from levada._values.condition_values import encode_condition_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada_api.v1 import value_pb2

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Term:
    """A part of an expression. Operators build larger ones; the server checks the whole when it is used.

    `== != < <= > >=`, `+ - * / %`, and `& | ~` for AND, OR and NOT. Comparing with None tests for NULL. A comparison
    with NULL does not hold, nor does its `~`; `A - (A.c.x > 3)` includes the entities where x is NULL.

    Args:
        text: In the expression language.
        values: One for each `?` in the text.
        joined_by: "AND" or "OR" if it joins conditions.
        parts: These conditions: a chain of them does not nest, however long a loop makes it.
    """

    # makes NumPy's scalars leave the operators to this class
    __array_ufunc__ = None

    def __init__(
        self, text: str, values: tuple[value_pb2.Value, ...] = (), joined_by: str = "", parts: tuple[Term, ...] = ()
    ) -> None:
        self.text = text
        self.values = values
        self.joined_by = joined_by
        self.parts = parts

    def isin(self, values: Iterable[object]) -> Term:
        """Hold for any of some values."""
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise InvalidRequest(f"isin takes a list of values, not {values!r}.")
        return self._join("IN", _Listed(list(values)))

    def between(self, low: object, high: object) -> Term:
        """Hold from one value to another, both included."""
        first, last = _term(low), _term(high)
        text = f"({self.text} BETWEEN {first.text} AND {last.text})"
        return Term(text, (*self.values, *first.values, *last.values))

    def like(self, pattern: str) -> Term:
        """Hold for text that matches a pattern: `%` is any text, `_` any character."""
        return self._join("LIKE", pattern)

    def is_null(self) -> Term:
        """Hold if there is no value."""
        return Term(f"({self.text} IS NULL)", self.values)

    def __eq__(self, other: object) -> Term:  # type: ignore[override]  # a condition, not an answer
        return self.is_null() if other is None else self._join("=", other)

    def __ne__(self, other: object) -> Term:  # type: ignore[override]  # as above
        return Term(f"({self.text} IS NOT NULL)", self.values) if other is None else self._join("!=", other)

    __hash__ = None  # type: ignore[assignment]  # == does not tell whether two are equal

    def __lt__(self, other: object) -> Term:
        return self._join("<", other)

    def __le__(self, other: object) -> Term:
        return self._join("<=", other)

    def __gt__(self, other: object) -> Term:
        return self._join(">", other)

    def __ge__(self, other: object) -> Term:
        return self._join(">=", other)

    def __and__(self, other: object) -> Term:
        return self._join("AND", other)

    def __or__(self, other: object) -> Term:
        return self._join("OR", other)

    def __invert__(self) -> Term:
        return Term(f"(NOT {self.text})", self.values)

    def __add__(self, other: object) -> Term:
        return self._join("+", other)

    def __radd__(self, other: object) -> Term:
        return _term(other)._join("+", self)

    def __sub__(self, other: object) -> Term:
        return self._join("-", other)

    def __rsub__(self, other: object) -> Term:
        return _term(other)._join("-", self)

    def __mul__(self, other: object) -> Term:
        return self._join("*", other)

    def __rmul__(self, other: object) -> Term:
        return _term(other)._join("*", self)

    def __truediv__(self, other: object) -> Term:
        return self._join("/", other)

    def __rtruediv__(self, other: object) -> Term:
        return _term(other)._join("/", self)

    def __mod__(self, other: object) -> Term:
        return self._join("%", other)

    def __rmod__(self, other: object) -> Term:
        return _term(other)._join("%", self)

    def __neg__(self) -> Term:
        return Term(f"(-{self.text})", self.values)

    def __bool__(self) -> bool:
        raise InvalidRequest(
            f"{self!r} has no truth value: combine conditions with & | ~ in brackets, "
            "not with and, or, not, in or a < x < b."
        )

    def __repr__(self) -> str:
        return f"<{self.text}>"

    def _join(self, operator: str, other: object) -> Term:
        right = _term(other)
        values = (*self.values, *right.values)
        if operator not in ("AND", "OR"):
            return Term(f"({self.text} {operator} {right.text})", values)
        parts = (*self._joined(operator), *right._joined(operator))
        return Term(f"({f' {operator} '.join(part.text for part in parts)})", values, operator, parts)

    def _joined(self, operator: str) -> tuple[Term, ...]:
        return self.parts if self.joined_by == operator else (self,)


class _Listed(list[object]):
    """The values of `IN`."""


class Columns:
    """The attributes of a relation as terms: `A.c.weight`, `A.c["weight"]`."""

    def __init__(self, names: Callable[[], list[str]]) -> None:
        self._names = names

    def __getattr__(self, name: str) -> Term:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Term:
        if _NAME.fullmatch(name) is None:
            raise UnknownAttribute(f"{name!r} is not the name of an attribute.", {"attribute": name})
        return Term(f"`{name}`")

    def __dir__(self) -> list[str]:
        return self._names()

    def _ipython_key_completions_(self) -> list[str]:
        return self._names()

    def __repr__(self) -> str:
        try:
            return f"<attributes: {', '.join(self._names())}>"
        except LevadaError as error:
            return f"<attributes: {error}>"


def _term(value: object) -> Term:
    if isinstance(value, Term):
        return value
    if value is None:
        raise InvalidRequest("NULL cannot be compared: use == None, != None or is_null().")
    if isinstance(value, (list, tuple, set, frozenset)) and not isinstance(value, _Listed):
        raise InvalidRequest(f"Use a list with isin, not with an operator: {value!r}.")
    return Term("?", (encode_condition_value(value, "the value in the expression"),))
