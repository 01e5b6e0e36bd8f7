"""Decisions that only a person can take: asked for by the plan, answered at a terminal or in a file.

A file is TOML:

    [schemas]
    "a-animal" = "animal"

    [decisions]
    "set:lab.*" = "text"

    [stores]
    ext = { folder = "/mnt/ext", to = "main" }
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._from_datajoint.defaults import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ZONE = "timestamp-zone"
"""The question about the whole database."""
_SECTIONS = ("schemas", "attributes", "decisions", "stores")


@dataclass(frozen=True, slots=True)
class Question:
    """A decision to take.

    Args:
        id: Its subject and place: `set:lab.animal.flags`.
        text: The question, with what is known.
        answers: The effect of each answer.
        by_hand: Somebody must give even the only answer, as it loses data, or as there is a way out beside it.
        others: The decision that an answer stands for, as a name and its answer, where it is not that of this id.
    """

    id: str
    text: str
    answers: Mapping[str, str]
    by_hand: bool = False
    others: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def lone(self) -> bool:
        """Whether its only answer needs nobody, as nothing is lost by it."""
        return len(self.answers) == 1 and not self.by_hand

    def decision(self, answer: str) -> tuple[str, str]:
        """Return what an answer writes into [decisions]: a name, and the answer to it."""
        return self.others.get(answer, (self.id, answer))

    def line(self, answer: str) -> str:
        """Return the line of [decisions] that gives an answer."""
        return toml_line(*self.decision(answer))


@dataclass(frozen=True, slots=True)
class StorePlace:
    """A store of DataJoint.

    Args:
        folder: Its folder on this machine.
        to: The store here that takes its content.
    """

    folder: str
    to: str


@dataclass(slots=True)
class Decisions:
    """All answers so far, and what the plan made of them.

    Args:
        schemas: Our name of each schema, where it is not the nearest one.
        attributes: Our name of each attribute, by `schema.table.column`.
        answers: By the id of the question, or a pattern of ids: `set:lab.*`.
        stores: By the name of the store in DataJoint.
        open: The questions that lack an answer.
        asked: The questions that came up.
        taken: The answers to these that somebody gave.
        lone: The questions with only one answer, which nobody needs to give.
        used: The names and patterns in `answers` that fitted a question.
        sections: The sections that the file has.
    """

    schemas: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    stores: dict[str, StorePlace] = field(default_factory=dict)
    open: dict[str, Question] = field(default_factory=dict)
    asked: dict[str, Question] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)
    lone: dict[str, Question] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    sections: frozenset[str] = frozenset()

    def begin(self) -> None:
        """Forget what an earlier plan made of the answers."""
        for noted in (self.open, self.asked, self.taken, self.lone, self.used):
            noted.clear()

    def answering(self, id_: str, answer: str) -> Decisions:
        """Return the same decisions but for one answer."""
        return replace(self.fresh(), answers={**self.answers, id_: answer})

    def fresh(self) -> Decisions:
        """Return the same decisions, before any plan."""
        return Decisions(self.schemas, self.attributes, self.answers, self.stores, sections=self.sections)

    def ask(self, question: Question) -> str | None:
        """Return the answer to a question; None if there is none yet, which is noted.

        Raises:
            InvalidRequest: The answer is not one of the possible ones.
        """
        answer = self.offer(question)
        if answer is not None:
            return answer
        if question.lone:
            self.lone[question.id] = question
            return next(iter(question.answers))
        self.open[question.id] = question
        return None

    def offer(self, question: Question) -> str | None:
        """Return the answer to a question that may stay without one; None if there is none.

        Raises:
            InvalidRequest: The answer is not one of the possible ones.
        """
        self.asked[question.id] = question
        answer = self.answer(question.id)
        if answer is None or (
            answer not in question.answers and len(question.answers) == 1 and question.id not in self.answers
        ):
            return None  # as a pattern for others, which have that answer
        check_answer(question, answer)
        self.taken[question.id] = answer
        return answer

    def answer(self, id_: str) -> str | None:
        """Return what is written for a question; None if nothing is."""
        fitting = [id_] if id_ in self.answers else [one for one in self.answers if fnmatchcase(id_, one)]
        self.used.update(fitting)
        found = {self.answers[one] for one in fitting}
        if len(found) > 1:
            raise InvalidRequest(f"Several decisions are for {id_!r}; write one with exactly this name.")
        return found.pop() if found else None


def check_answer(question: Question, answer: str) -> None:
    """Refuse an answer that a question does not have.

    Raises:
        InvalidRequest: It does not.
    """
    if answer not in question.answers:
        raise InvalidRequest(
            f"The decision {question.id!r} is {answer!r}; it can be {' or '.join(map(repr, question.answers))}."
        )


def read_decisions(file: Path) -> Decisions:
    """Read a file of decisions.

    Raises:
        InvalidRequest: It is not one.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidRequest(f"There is no file {file}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        twice = " It can have each section once, with all its lines." if "twice" in str(error) else ""
        raise InvalidRequest(f"{file} is not TOML: {error}.{twice}") from None
    for section, entries in content.items():
        if section not in _SECTIONS or not isinstance(entries, dict):
            raise InvalidRequest(f"{file}: `{section}` is not a section of decisions; they are {', '.join(_SECTIONS)}.")
    for section in ("schemas", "attributes", "decisions"):
        for name, value in content.get(section, {}).items():
            if not isinstance(value, str):
                raise InvalidRequest(f"{file}: `{name}` in [{section}] must be text.")
    return Decisions(
        schemas=content.get("schemas", {}),
        attributes=content.get("attributes", {}),
        answers=content.get("decisions", {}),
        stores={name: _store(file, name, entry) for name, entry in content.get("stores", {}).items()},
        sections=frozenset(content),
    )


def add_decisions(file: Path, added: Mapping[str, Mapping[str, object]]) -> None:
    """Add lines to the sections of a file of decisions, which is made if there is none; all else in it stays.

    Raises:
        InvalidRequest: It is written in a way that takes no more lines.
    """
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    for section, entries in added.items():
        lines = "".join(f"{toml_line(name, value)}\n" for name, value in entries.items())
        heading = re.search(rf"^[ \t]*\[[ \t]*{section}[ \t]*\][^\n]*\n?", text, re.MULTILINE)
        if heading is None:
            text = f"{text.rstrip()}\n\n[{section}]\n{lines}".lstrip()
        else:
            text = f"{text[: heading.end()].rstrip()}\n{lines}{text[heading.end() :]}"
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise InvalidRequest(f"{file} has no plain section [{section}]; write the answers into it yourself.") from None
    file.write_text(text, encoding="utf-8")


def toml_line(name: str, value: object) -> str:
    """Write a line of TOML."""
    if isinstance(value, dict):
        return f"{quoted(name)} = {{ {', '.join(f'{key} = {quoted(text)}' for key, text in value.items())} }}"
    return f"{quoted(name)} = {quoted(str(value))}"


def _store(file: Path, name: str, entry: object) -> StorePlace:
    if (
        not isinstance(entry, dict)
        or set(entry) != {"folder", "to"}
        or not all(isinstance(v, str) for v in entry.values())
    ):
        raise InvalidRequest(
            f'{file}: write the store {name} as {name} = {{ folder = "/its/folder", to = "store here" }}.'
        )
    return StorePlace(entry["folder"], entry["to"])
