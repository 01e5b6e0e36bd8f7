"""Conditions in code that must be others here, as their attribute holds JSON."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada._from_datajoint.syntax import written
from levada._from_datajoint.written_definitions import JSON, SET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from levada._from_datajoint.decisions import Decisions
    from levada._from_datajoint.syntax import Texts

_OF_TABLES = r"(?:`?[#~\w]+`?\s*\.\s*)*"
_SPLITS_SET = "find_in_set"
_TAKES_APART = re.compile(
    rf"\b(?P<name>{_SPLITS_SET})\s*\((?:\s*'(?P<word>[^']*)'|.*?),\s*{_OF_TABLES}`?(?P<list>\w+)`?\s*\)(?:\s*>\s*0)?"
    rf"|\b(?P<other>substring_index)\s*\(\s*{_OF_TABLES}`?(?P<text>\w+)`?\s*,",
    re.IGNORECASE | re.DOTALL,
)
"""Calls in conditions that take a text of words apart, and the attribute that has it."""
_COMPARES = re.compile(
    rf"{_OF_TABLES}`?\b(?P<name>[a-z_]\w*)`?\s*(?:[=<>!]+|\b(?:not\s+)?(?:in|i?like|regexp|rlike)\b)\s*"
    r"(?P<value>'[^']*'|\"[^\"]*\"|\([^)]*\)|\S*)",
    re.IGNORECASE,
)
"""Comparisons in conditions, and the attribute that is compared."""
_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a table.

    Args:
        table: Its table, as advice names it.
        place: Its table in the database; empty if the code does not say it.
        holds: As `held` yields it.
    """

    name: str
    table: str
    place: str
    holds: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A part of a condition.

    Args:
        text: As the code has it.
        attribute: Whose value it takes.
        call: The function that takes the value apart; empty for a comparison.
        instead: The condition to write for a call, as a literal of Python.
    """

    line: int
    text: str
    attribute: str
    call: str = ""
    instead: str = ""


class Attributes:
    """The attributes that the definitions of all files and the decisions name.

    Args:
        defined: Those of definitions.
        decisions: They name those of tables that the code does not define, too.
    """

    def __init__(self, defined: Iterable[Attribute], decisions: Decisions) -> None:
        self._tables: dict[str, dict[str, str]] = {}
        """The tables that have an attribute of a name which holds JSON, by their places."""
        self._sets: set[str] = set()
        self._others: set[str] = set()
        self._some_sets = False
        """Whether sets of any name may be JSON."""
        self._learn(defined)
        self._learn(self._decided(decisions))

    def advice(self, condition: Condition) -> str:
        """Say what to write for a condition; nothing if it may stay."""
        name = condition.attribute
        to_find = f"write {condition.instead} to find a word in its list"
        this = f"if this is `{name}` of {' or '.join(self._tables.get(name, {}).values())}, it is"
        if not condition.call:
            like, whole = _literal(f"{name} LIKE '%\"word\"%'"), f'{{"{name}": [["a", "c"]]}}'
            return (
                f"{this} a list here, and not a text such as 'a,c': write {like} to find a word in it, {whole} for "
                "exactly these words"
                if name in self._sets
                else ""
            )
        if name in self._tables:
            return f"{this} JSON here, which this refuses: {to_find}"
        if self._some_sets and condition.call == _SPLITS_SET and name not in self._others:
            return f"if `{name}` is a set that is json here: {to_find}"
        return ""

    def _learn(self, attributes: Iterable[Attribute]) -> None:
        for one in attributes:
            if one.holds:
                self._tables.setdefault(one.name, {}).setdefault(one.place or one.table, one.table)
            if one.holds == SET:
                self._sets.add(one.name)
            elif not one.holds:
                self._others.add(one.name)

    def _decided(self, decisions: Decisions) -> Iterator[Attribute]:
        """Yield the sets that decisions name, each by the names that code may have for it."""
        for id_, answer in decisions.answers.items():
            kind, _, where = id_.partition(":")
            place, _, name = where.rpartition(".")
            if kind != "set":
                continue
            if not _WILD.isdisjoint(name):
                self._some_sets |= answer == JSON
                continue
            table = f"`{place}`" if _WILD.isdisjoint(place) else "a table that the decisions mean"
            for called in {name, decisions.attributes.get(where, name)}:
                yield Attribute(called, table, place, SET if answer == JSON else "")


def taken_apart(node: ast.expr, text: str) -> Iterator[Condition]:
    """Find the calls in a text that take another apart."""
    for match in _TAKES_APART.finditer(text):
        called, name = match["name"] or match["other"], match["list"] or match["text"]
        yield Condition(node.lineno, f"{called}({name})", name, called.lower(), _asking_for_word(text, name, node))


def compared(node: ast.expr, texts: Texts) -> Iterator[Condition]:
    """Find the comparisons in what restricts a table: in texts, and in mappings."""
    match node:
        case ast.JoinedStr():
            yield from _compared_in(node, written(node))
            return
        case ast.Constant(str()) | ast.Name():
            yield from _compared_in(node, texts.of(node) or "")
        case ast.Dict(keys, values):
            for key, value in zip(keys, values, strict=True):
                name = texts.of(key)
                if key is not None and name is not None and not _fits_list(value):
                    yield Condition(key.lineno, f"{name!r}: {ast.unparse(value)}", name)
        case ast.Call(ast.Name("dict"), _, keywords):
            for one in keywords:
                if one.arg is not None and not _fits_list(one.value):
                    yield Condition(one.value.lineno, f"{one.arg}={ast.unparse(one.value)}", one.arg)
        case _:
            pass
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield from compared(child, texts)


def _compared_in(node: ast.expr, text: str) -> Iterator[Condition]:
    for match in _COMPARES.finditer(text):
        if '"' not in match["value"][1:-1]:  # a word of a list of JSON
            yield Condition(node.lineno, match[0].strip(), match["name"])


def _fits_list(value: ast.expr) -> bool:
    """Return whether a value in a mapping may be compared with a list: null, or several lists."""
    if isinstance(value, ast.List | ast.Tuple):
        return bool(value.elts) and all(isinstance(one, ast.List | ast.Tuple) for one in value.elts)
    return isinstance(value, ast.Constant) and value.value is None


def _asking_for_word(text: str, name: str, node: ast.expr) -> str:
    """Write a literal of Python that asks for a word of a list, in place of the calls that take it apart.

    Args:
        text: The condition, as `written` writes it.
        name: The attribute.
    """

    def replaced(match: re.Match[str]) -> str:
        return f"{name} LIKE '%\"{match['word']}\"%'" if match["list"] == name and match["word"] else match[0]

    condition = _TAKES_APART.sub(replaced, text)
    if condition == text:
        return _literal(f"{name} LIKE '%\"word\"%'")
    return ("f" if isinstance(node, ast.JoinedStr) else "") + _literal(condition)


def _literal(text: str) -> str:
    for character, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        text = text.replace(character, escape)
    return f'"{text}"'
