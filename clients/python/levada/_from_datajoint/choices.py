"""The answers to the question about a type without a counterpart, and what each makes of it here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada._from_datajoint.facts import MYSQL
from levada._from_datajoint.stored_types import Translation, Way, is_shape

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer.

    Args:
        translation: The column here; None if it is left out.
    """

    effect: str
    translation: Translation | None


WORDS = Translation("json", Way.WORDS)
"""A set as a list of its words."""
_TEXT = Choice("bring it as the text that the database shows", Translation("text"))
_WORDS = Choice("""bring it as a JSON list of words: ["a", "c"], where DataJoint has the text 'a,c'""", WORDS)
_DIGITS = Choice("bring it as text of hexadecimal digits", Translation("text", Way.HEX))
_SHAPES = {
    "text": Choice("bring it as text, as ST_AsText writes it, without its SRID", Translation("text", Way.SHAPE)),
    "hex": Choice(
        "bring it as hexadecimal digits of the stored bytes: the SRID in four bytes, then the shape",
        Translation("text", Way.HEX),
    ),
}
_LEFT_OUT = Choice("leave the column out", None)


def choices_of(type_: str, dialect: str, *, in_key: bool) -> Mapping[str, Choice]:
    """Return the possible answers for a type of a column, the first of them first."""
    if type_.startswith("set"):
        found = {"text": _TEXT} if in_key else {"text": _TEXT, "json": _WORDS}
    elif dialect == MYSQL and is_shape(type_):  # shapes of PostgreSQL come as its text
        found = _SHAPES
    elif any(word in type_ for word in ("binary", "bytea", "blob")):
        found = {"hex": _DIGITS}
    else:
        found = {"text": _TEXT}
    return found if in_key else {**found, "leave out": _LEFT_OUT}


def question_id(type_: str, where: str) -> str:
    """Return the id of the question about the type of a column.

    Args:
        where: The column, as `lab.mark.flags`.
    """
    return f"{'set' if type_.startswith('set') else 'type'}:{where}"
