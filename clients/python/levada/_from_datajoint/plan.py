"""The plan of an import: what becomes of each table, what changes, what cannot come, and which decisions are open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._from_datajoint.defaults import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levada._from_datajoint.decisions import Question
    from levada._from_datajoint.facts import ForeignKey, Place, StoredTable
    from levada._from_datajoint.stored_types import Way


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """A column that becomes an attribute.

    Args:
        source: Its name there.
        name: Its name here.
        type: As the definition spells it.
        default: As the definition spells it; empty for none.
        store: Its store in DataJoint.
        hashes: The table of hashes with its files, in 0.14.
        impossible: Values that cannot be here, such as days that do not exist, become NULL.
        auto_increment: The server numbers it.
        strips_nuls: Characters NUL are left out of its texts.
        keep_undecodable: A blob that cannot be decoded is stored as its bytes.
    """

    source: str
    name: str
    type: str
    way: Way
    default: str = ""
    comment: str = ""
    nullable: bool = False
    in_key: bool = False
    store: str = ""
    hashes: str = ""
    impossible: bool = False
    auto_increment: bool = False
    keep_undecodable: bool = False
    strips_nuls: bool = False

    @property
    def float32(self) -> bool:
        """Whether its values have four bytes."""
        return self.type == "float32"


@dataclass(frozen=True, slots=True)
class PlannedKey:
    """A foreign key.

    Args:
        parent: The table there.
        columns: The names here, and the names in the parent.
        respell: Its values take the parent's spelling.
    """

    source: ForeignKey
    parent: Place
    columns: tuple[tuple[str, str], ...]
    in_key: bool
    nullable: bool
    unique: bool
    respell: bool = False


@dataclass(frozen=True, slots=True)
class PlannedTable:
    """A table to bring.

    Args:
        place: Its place there.
        schema: Its schema here.
        class_path: Its name here.
        tier: Its tier.
        computed: `make` makes its rows, also as rows of a part.
        hidden: Columns without a counterpart, which go to the history.
        changes: The differences here, in sentences.
        next_number: The number that AUTO_INCREMENT hands out next.
    """

    place: Place
    schema: str
    class_path: str
    tier: str
    computed: bool
    comment: str
    columns: tuple[PlannedColumn, ...]
    keys: tuple[PlannedKey, ...]
    indexes: tuple[tuple[tuple[str, ...], bool], ...]
    hidden: tuple[str, ...]
    row_count: int
    next_number: int | None
    changes: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its full name here."""
        return f"{self.schema}.{self.class_path}"

    @property
    def has_moments(self) -> bool:
        """Whether it has values of MySQL's `timestamp`."""
        return any(column.type == "timestamp" for column in self.columns)


@dataclass(frozen=True, slots=True)
class NotBrought:
    """Something that does not come, and why.

    Args:
        row_count: None for what has no rows.
    """

    place: str
    why: str
    row_count: int | None = None


@dataclass(frozen=True, slots=True)
class OpenStore:
    """A store of DataJoint whose place nobody has named yet.

    Args:
        name: Its name there.
        stay: Its files stay there, so the store here must have the same folder.
        to: The store here, unless somebody names another.
        text: The question, as a problem of the plan.
    """

    name: str
    stay: bool
    to: str
    text: str

    @property
    def line(self) -> str:
        """The line of [stores] in the file of decisions, to fill."""
        note = "" if self.name else "  # the default store of DataJoint's settings"
        return f'{quoted(self.name)} = {{ folder = "…", to = {quoted(self.to)} }}{note}'


@dataclass(frozen=True, slots=True)
class Plan:
    """All of an import.

    Args:
        schemas: Our name of each schema.
        tables: In the order in which they can be declared and filled.
        jobs: The tables of jobs, which become history.
        problems: The faults that keep the import from running, with the way out.
        questions: Decisions that nobody has taken yet.
        open_stores: The stores of DataJoint that have no place yet; each is a problem, too.
        decided: The decisions that were taken, by section of the file of decisions.
        lone: The only answer to each question that loses nothing by it, which is taken without asking, and its effect.
        needless: The decisions that nothing asked for.
        present: How many rows the tables have that are here already, by their names here.
        grants: Commands that let the same people do the same here.
        sections: The sections that the file of decisions has already.
        utc: Moments of MySQL's `timestamp` are read in UTC, not in the session's zone.
    """

    schemas: Mapping[str, str]
    tables: tuple[PlannedTable, ...]
    jobs: tuple[StoredTable, ...] = ()
    not_brought: tuple[NotBrought, ...] = ()
    changes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    open_stores: tuple[OpenStore, ...] = ()
    decided: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    lone: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    needless: tuple[str, ...] = ()
    present: Mapping[str, int] = field(default_factory=dict)
    grants: tuple[str, ...] = ()
    sections: frozenset[str] = frozenset()
    utc: bool = True

    @property
    def ready(self) -> bool:
        """Whether it can run."""
        return not self.problems and not self.questions

    @property
    def faults(self) -> list[str]:
        """The problems that no answer mends."""
        asked = {store.text for store in self.open_stores}
        return [problem for problem in self.problems if problem not in asked]

    @property
    def moments(self) -> str:
        """How values of MySQL's `timestamp` come, as the decision about it says."""
        return "utc" if self.utc else "as shown"

    def by_place(self) -> dict[Place, PlannedTable]:
        """Return the tables by their place there."""
        return {table.place: table for table in self.tables}


def check_answered(plan: Plan) -> None:
    """Refuse a plan that cannot run.

    Raises:
        InvalidRequest: It has problems or open questions; the message lists them.
    """
    if not plan.ready:
        raise InvalidRequest("\n".join([*plan.problems, *missing_decisions(plan)]))


def missing_decisions(plan: Plan) -> list[str]:
    """Write how to give the decisions that a plan lacks; nothing if it lacks none."""
    if not plan.questions and not plan.open_stores:
        return []
    return [f"Decisions are missing. {how_to_decide(plan.sections, plan.questions, plan.open_stores)}"]


def how_to_decide(
    sections: frozenset[str], questions: Sequence[Question], open_stores: Sequence[OpenStore] = ()
) -> str:
    """Write how to answer questions in a file.

    Args:
        sections: The names of sections that the file has already.
        open_stores: The stores without a place.
    """
    lines = ["Write them into a file, one answer for each, and pass it with --decisions:"]
    lines += [_heading("stores", sections), *(store.line for store in open_stores)] if open_stores else []
    lines += [_heading("decisions", sections)] if questions else []
    for question in questions:
        lines.append(f"# {question.text}")
        lines += [
            f"# {answer!r}: {effect}{f': {question.line(answer)}' if question.others else ''}"
            for answer, effect in question.answers.items()
        ]
        lines.append(question.line(next(iter(question.answers))))
    return "\n".join(lines)


def _heading(section: str, sections: frozenset[str]) -> str:
    return f"# under [{section}], which your file has:" if section in sections else f"[{section}]"
