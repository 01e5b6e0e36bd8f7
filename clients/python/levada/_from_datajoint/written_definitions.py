"""Definitions as code for DataJoint writes them: the attributes that must be written otherwise here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada._from_datajoint import naming
from levada._from_datajoint.choices import WORDS, choices_of, question_id
from levada._from_datajoint.defaults import takes_default
from levada._from_datajoint.facts import MYSQL, Column
from levada._from_datajoint.stored_types import in_key, translate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada._from_datajoint.choices import Choice
    from levada._from_datajoint.decisions import Decisions

_QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
_ATTRIBUTE = re.compile(
    rf"\s*(?P<name>[a-z]\w*)\s*(?:=\s*(?P<default>(?:{_QUOTED}|[^:\"'])*))?:\s*(?P<type>(?:{_QUOTED}|[^#\"'])+)",
    re.IGNORECASE,
)
_OPTIONS = re.compile(r"\s+auto_increment\b.*", re.IGNORECASE)
_KEY_ENDS = re.compile(r"\s*(---|___)")
_STORE = re.compile(r"(?<=@)\s*([A-Za-z][\w-]*)")
_SYNONYMS = {"dec": "decimal", "fixed": "decimal", "jsonb": "json", "bytes": "binary"}
_SYNONYM = re.compile(rf"^({'|'.join(_SYNONYMS)})\b")
_SPELLED_OTHERWISE = re.compile(r"(bit|dec|fixed|jsonb)\b.*|.*zerofill|(var)?char ?\( ?0 ?\)")
"""Types that have a counterpart, but no place in a definition here."""
_TAKEN = frozenset(
    {"bool", "boolean", "uuid", "attach", "serial", "duration", "timestamptz", "float32", "float64"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
    | {f"{word} unsigned" for word in ("real", "double precision", "numeric")}
)
"""Types that a definition here takes, and MySQL does not write."""


@dataclass(frozen=True, slots=True)
class Otherwise:
    """A word of a definition that must be written otherwise.

    Args:
        line: The line of the definition, from 0.
    """

    line: int
    word: str
    advice: str


JSON, SET = "json", "set"
"""The content of an attribute here: any JSON, or a set as a list of its words."""
_AS_NULL = ("default", "zero-date", "nan", "late-time")
"""The questions about one attribute whose answer `null` makes null its default."""


def otherwise(definition: str, place: str, decisions: Decisions) -> Iterator[Otherwise]:
    """Find what must be written otherwise in a definition.

    Args:
        place: The table as its database names it, `lab.#species`; empty if the code does not say it.
        decisions: Those of the import.
    """
    for one in _attributes(definition):
        where = f"{place}.{one.name}"
        if advice := _advice_on_name(one.name, decisions.attributes.get(where)):
            yield Otherwise(one.line, one.name, advice)
        if advice := _advice_on_type(one, where, decisions):
            yield Otherwise(one.line, one.type, advice)
        elif advice := _advice_on_answers(one, where, decisions):
            yield Otherwise(one.line, one.name, advice)


def held(definition: str, place: str, decisions: Decisions) -> Iterator[tuple[str, str]]:
    """Yield what each attribute holds here, `JSON` or `SET`, or nothing; by the names that code may have for it.

    Sets without an answer are left out.

    Args:
        place: As for `otherwise`.
    """
    for one in _attributes(definition):
        where = f"{place}.{one.name}"
        type_ = _plain(one.type)
        decided = _decided(type_, where, decisions, key=one.key) if type_.startswith("set") else None
        if type_.startswith("set") and decided is None:
            continue
        holds = SET if decided is not None and decided.translation == WORDS else JSON if type_ == "json" else ""
        for name in {one.name, decisions.attributes.get(where, one.name)}:
            yield name, holds


@dataclass(frozen=True, slots=True)
class _Attribute:
    """An attribute as a definition has it.

    Args:
        key: It is part of the primary key.
        default: Whether it has a default besides null.
        nullable: Whether its default is null.
    """

    line: int
    name: str
    type: str
    key: bool
    default: bool
    nullable: bool


def _attributes(definition: str) -> Iterator[_Attribute]:
    key = True
    for number, line in enumerate(definition.splitlines()):
        key = key and _KEY_ENDS.match(line) is None
        match = None if "->" in line.partition("#")[0] else _ATTRIBUTE.match(line)
        if match is None:
            continue
        default = (match["default"] or "").strip().lower()
        yield _Attribute(
            number,
            match["name"],
            _OPTIONS.sub("", match["type"]).strip(),
            key,
            default=default not in ("", "null"),
            nullable=default == "null",
        )


def _advice_on_name(name: str, decided: str | None) -> str:
    if decided is not None and decided != name:
        return f"the import calls this attribute `{decided}`: write that here, and wherever the code names it"
    if naming.is_attribute_name(name):
        return ""
    return "an attribute cannot be called so here: write the name that [attributes] has in the file of decisions"


def _advice_on_answers(attribute: _Attribute, where: str, decisions: Decisions) -> str:
    """Describe how an answer for exactly this attribute changed its definition; a pattern may be for others."""
    answers = {question: decisions.answers.get(f"{question}:{where}") for question in (*_AS_NULL, "blob")}
    type_, default = attribute.type, ""
    if answers["blob"] == "bytes" and _plain(type_).endswith("blob"):
        type_ = "bytes"
    if "null" in map(answers.get, _AS_NULL) and not attribute.nullable:
        default = " = null"
    elif not (attribute.default and answers["default"] == "none"):
        if type_ == attribute.type:
            return ""
        default = " = null" if attribute.nullable else ""
    return f"write `{attribute.name}{default} : {type_}`, as decided for the import"


def _advice_on_type(attribute: _Attribute, where: str, decisions: Decisions) -> str:
    type_ = attribute.type
    if store := _STORE.search(type_):
        place = decisions.stores.get(store[1])
        if place is None or place.to == store[1]:
            return ""
        return f"the import put the content of this store into `{place.to}`: write `{_STORE.sub(place.to, type_)}`"
    plain = _plain(type_)
    if plain.startswith("<") or re.sub(r" ?\(.*\)", "", plain) in _TAKEN:
        return ""
    stored = _SYNONYM.sub(lambda match: _SYNONYMS[match[1]], plain)
    found = translate(Column("", stored, nullable=False), MYSQL)
    found = in_key(found) if attribute.key else found
    if not found.type:
        return _advice_on_choices(plain, where, decisions, attribute)
    if _SPELLED_OTHERWISE.fullmatch(plain):
        return f"write {_written(found.type, attribute)}, as the import does"
    if attribute.default and not takes_default(found.type):
        return f"leave its default out, as the import does: an attribute of type {found.type} has none here but null"
    return ""


def _advice_on_choices(type_: str, where: str, decisions: Decisions, attribute: _Attribute) -> str:
    decided = _decided(type_, where, decisions, key=attribute.key)
    if decided is None:
        choices = choices_of(type_, MYSQL, in_key=attribute.key).values()
        known = {choice.translation.type for choice in choices if choice.translation is not None}
        types = " or ".join(_written(one, attribute) for one in sorted(known))
        return f"this type has no counterpart here; the import asks about it: write {types}, as decided there"
    if decided.translation is None:
        return "leave this attribute out, as the import did"
    words = "; a value is a list here, where DataJoint has a text such as 'a,c'" if decided.translation == WORDS else ""
    return f"write {_written(decided.translation.type, attribute)}, as decided for the import{words}"


def _decided(type_: str, where: str, decisions: Decisions, *, key: bool) -> Choice | None:
    """Return the answer to the question about a type without a counterpart; None for all others."""
    return choices_of(type_, MYSQL, in_key=key).get(decisions.answer(question_id(type_, where)) or "")


def _written(type_: str, attribute: _Attribute) -> str:
    """Write a type as advice has it; some have no default here, whatever the definition says."""
    without = " without the default" if attribute.default and not takes_default(type_) else ""
    return f"`{type_}`{without}"


def _plain(type_: str) -> str:
    """Return a type as its database spells it: in lower case, but for labels."""
    plain = " ".join(type_.split())
    word = plain.partition("(")[0].lower()
    return word + plain[len(word) :] if word.strip() in ("enum", "set") else plain.lower()
