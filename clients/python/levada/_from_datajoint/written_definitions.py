"""Definitions as code for DataJoint writes them: the attributes that must be written otherwise here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada._from_datajoint import naming
from levada._from_datajoint.choices import choices_of, question_id
from levada._from_datajoint.facts import MYSQL, Column
from levada._from_datajoint.stored_types import in_key, translate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada._from_datajoint.decisions import Decisions

_QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
_ATTRIBUTE = re.compile(
    rf"\s*(?P<name>[a-z]\w*)\s*(?:=\s*(?:{_QUOTED}|[^:\"'])*)?:\s*(?P<type>(?:{_QUOTED}|[^#\"'])+)", re.IGNORECASE
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


def otherwise(definition: str, place: str, decisions: Decisions) -> Iterator[Otherwise]:
    """Find what must be written otherwise in a definition.

    Args:
        place: The table as its database names it, `lab.#species`; empty if the code does not say it.
        decisions: Those of the import.
    """
    key = True
    for number, line in enumerate(definition.splitlines()):
        key = key and _KEY_ENDS.match(line) is None
        match = None if "->" in line.partition("#")[0] else _ATTRIBUTE.match(line)
        if match is None:
            continue
        name, type_ = match["name"], _OPTIONS.sub("", match["type"]).strip()
        where = f"{place}.{name}"
        if advice := _advice_on_name(name, decisions.attributes.get(where)):
            yield Otherwise(number, name, advice)
        if advice := _advice_on_type(type_, where, decisions, key=key):
            yield Otherwise(number, type_, advice)


def _advice_on_name(name: str, decided: str | None) -> str:
    if decided is not None and decided != name:
        return f"the import calls this attribute `{decided}`: write that here, and wherever the code names it"
    if naming.is_attribute_name(name):
        return ""
    return "an attribute cannot be called so here: write the name that [attributes] has in the file of decisions"


def _advice_on_type(type_: str, where: str, decisions: Decisions, *, key: bool) -> str:
    if store := _STORE.search(type_):
        place = decisions.stores.get(store[1])
        if place is None or place.to == store[1]:
            return ""
        return f"the import put the content of this store into `{place.to}`: write `{_STORE.sub(place.to, type_)}`"
    plain = " ".join(type_.split())
    if plain.startswith("<") or re.sub(r" ?\(.*\)", "", plain.lower()) in _TAKEN:
        return ""
    plain = plain if plain.lower().startswith(("enum", "set")) else plain.lower()
    stored = _SYNONYM.sub(lambda match: _SYNONYMS[match[1]], plain)
    found = translate(Column("", stored, nullable=False), MYSQL)
    found = in_key(found) if key else found
    if not found.type:
        return _advice_on_choices(plain, where, decisions, key=key)
    return f"write `{found.type}`, as the import does" if _SPELLED_OTHERWISE.fullmatch(plain) else ""


def _advice_on_choices(type_: str, where: str, decisions: Decisions, *, key: bool) -> str:
    choices = choices_of(type_, MYSQL, in_key=key)
    decided = choices.get(decisions.answer(question_id(type_, where)) or "")
    if decided is None:
        known = {choice.translation.type for choice in choices.values() if choice.translation is not None}
        types = " or ".join(f"`{one}`" for one in sorted(known))
        return f"this type has no counterpart here; the import asks about it: write {types}, as decided there"
    if decided.translation is None:
        return "leave this attribute out, as the import did"
    return f"write `{decided.translation.type}`, as decided for the import"
