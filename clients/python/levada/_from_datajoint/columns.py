"""Planning the columns of a table: their types, defaults and comments here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.text import plural
from levada._from_datajoint.choices import choices_of, question_id
from levada._from_datajoint.decisions import ZONE, Question, StorePlace
from levada._from_datajoint.defaults import CURRENT, write_default
from levada._from_datajoint.plan import OpenStore, PlannedColumn
from levada._from_datajoint.stored_types import DECODED, Translation, Way, in_key, split_comment, translate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from levada._from_datajoint.decisions import Decisions
    from levada._from_datajoint.facts import Column, Database, ForeignKey, Place, StoredDefault, StoredTable
    from levada._from_datajoint.plan import PlannedTable

_UNICODE = frozenset({"", "utf8mb4", "utf8mb3", "utf8", "ascii", "binary"})
_NO_DAY = ("zero-date", "a day that does not exist here, such as 0000-00-00")
_IMPOSSIBLE = {
    **dict.fromkeys(("date", "datetime", "timestamp", "timestamptz"), _NO_DAY),
    "decimal": ("nan", "NaN or an infinity, which no decimal is here"),
    "time": ("late-time", "24:00:00, which no time is here"),
}
"""The question about values that a type does not have here, and what they are."""
_DEFAULT_STORE = "datajoint"
"""A name here for the default store of 2.x, which has none there."""
_WITHOUT_DEFAULT = {"none": "bring the column without the default"}


class ColumnPlanner:
    """Plans columns.

    Args:
        planned: The tables planned so far, parents first.
        attribute: Returns the name here of a column.
        here: The stores here, each with its folder if this machine sees it.
        problems, changes: Collect sentences about the whole import.
    """

    def __init__(
        self,
        database: Database,
        decisions: Decisions,
        planned: Mapping[Place, PlannedTable],
        attribute: Callable[[Place, str], str],
        here: Mapping[str, Path | None],
        problems: list[str],
        changes: list[str],
    ) -> None:
        self._database = database
        self._decisions = decisions
        self._planned = planned
        self._attribute = attribute
        self._here = here
        self.stores: dict[str, bool] = {}
        """The stores that columns name, and whether files stay in them; the default one of 2.x has an empty name."""
        self.open_stores: list[OpenStore] = []
        """Lines of [stores] in the file of decisions, to fill."""
        self._problems = problems
        self._changes = changes

    def plan(
        self, table: StoredTable, column: Column, keys: Sequence[ForeignKey], changes: list[str]
    ) -> PlannedColumn | None:
        """Return what becomes of a column; None if it is left out.

        Args:
            keys: The foreign keys that remain.
            changes: Collects what will be different in this table.
        """
        where = f"{table.place}.{column.name}"
        in_primary_key = column.name in table.primary_key
        hashes = next(
            (
                key.parent.table
                for key in table.foreign_keys
                if key.parent.table.startswith("~external") and key.columns == (column.name,)
            ),
            "",
        )
        inherited = self._inherited(table, column, keys)
        if inherited is not None:
            self._tell_of_inherited(where, column, inherited, changes)
            planned = replace(
                inherited, source=column.name, name=self._attribute(table.place, column.name), in_key=in_primary_key,
                nullable=column.nullable, default="", auto_increment=False, impossible=False,
            )  # fmt: skip
            return planned
        column = self._with_type_of_parent(table, column)
        translation = self._translation(table, column, hashes, in_primary_key)
        if translation is None:
            return None
        impossible = self._impossible(where, table, column, translation.type)
        if translation.note:
            changes.append(f"`{column.name}`: {translation.note}.")
        if column.on_update:
            changes.append(f"`{column.name}` is no longer set by every update (ON UPDATE {column.on_update}).")
        if column.character_set not in _UNICODE:
            changes.append(f"`{column.name}` was stored in {column.character_set}; here all text is UTF-8.")
        nullable = column.nullable or impossible
        default = self._default(where, column, self._shifted(column.default), translation.type, impossible=impossible)
        if default == CURRENT and self._database.zone and not self._is_in_utc(translation.type):
            changes.append(
                f"`{column.name}` is by default the time in UTC; there it is the time of sessions, whose zone is "
                f"{self._database.zone}."
            )
        _, comment = split_comment(column.comment)
        return PlannedColumn(
            column.name,
            self._attribute(table.place, column.name),
            self._with_store(translation),
            translation.way,
            default,
            one_line(comment, f"the comment of `{column.name}`", changes),
            nullable,
            in_primary_key,
            translation.store,
            hashes,
            impossible,
            column.auto_increment,
            translation.way in DECODED and self._undecodable(where),
            self._nuls(where, table, column),
        )

    def _tell_of_inherited(self, where: str, column: Column, inherited: PlannedColumn, changes: list[str]) -> None:
        """Ask about a default, and tell of a comment, that an attribute of a foreign key cannot have."""
        if column.default is not None:
            text = f"{where} has the default {column.default.text!r}, and an attribute of a foreign key has none here."
            self._decisions.ask(Question(f"default:{where}", text, _WITHOUT_DEFAULT, by_hand=True))
        if column.on_update:
            changes.append(f"`{column.name}` is no longer set by every update (ON UPDATE {column.on_update}).")
        comment = split_comment(column.comment)[1]
        if comment and one_line(comment, "", []) != inherited.comment:
            changes.append(f"`{column.name}` has the comment of its parent's attribute, not {comment!r}.")

    def _inherited(self, table: StoredTable, column: Column, keys: Sequence[ForeignKey]) -> PlannedColumn | None:
        """Return the attribute of the parent that a foreign key brings; its comment has the type."""
        for key in keys:
            if column.name in key.columns and key.parent in self._planned:
                parent = key.parent_columns[key.columns.index(column.name)]
                return next((one for one in self._planned[key.parent].columns if one.source == parent), None)
        return None

    def _with_type_of_parent(self, table: StoredTable, column: Column) -> Column:
        """Return a column with the type in the comment of its parent's, as DataJoint writes none into its own.

        Foreign keys that were given up count, too.
        """
        seen, place, found = set(), table, column
        while not split_comment(found.comment)[0] and (place.place, found.name) not in seen:
            seen.add((place.place, found.name))
            for key in place.foreign_keys:
                parent = self._database.table(key.parent)
                dangling = (place.place, key.name) in self._database.dangling
                if found.name in key.columns and parent is not None and not dangling:
                    place, found = parent, parent.column(key.parent_columns[key.columns.index(found.name)])
                    break
        type_ = split_comment(found.comment)[0]
        return replace(column, comment=f":{type_}:{split_comment(column.comment)[1]}") if type_ else column

    def _translation(self, table: StoredTable, column: Column, hashes: str, in_primary_key: bool) -> Translation | None:
        where = f"{table.place}.{column.name}"
        found = translate(column, self._database.dialect, hashes)
        seen = self._database.observations.get((table.place, column.name))
        if found.way is Way.BOOL and column.type == "tinyint(1)" and seen is not None and seen.not_bool:
            found = Translation("int8")
        if found.type == "<blob>" and found.way is Way.BLOB and seen is not None and seen.blobs < seen.values:
            found = self._blob(where, seen.blobs, seen.values, marked=bool(split_comment(column.comment)[0]))
        if found.type.startswith("enum") and seen is not None and seen.missing_labels:
            self._decisions.ask(
                Question(
                    f"label:{where}",
                    f"In {plural(seen.missing_labels, 'row')} {where} is '', MySQL's sign of a wrong label.",
                    {"label": "add '' as a label"},
                )
            )
            found = replace(found, type=f"{found.type[:-1]},'')")
        if in_primary_key:
            found = in_key(found)
        return found if found.type else self._decided(where, column, in_primary_key)

    def _blob(self, where: str, blobs: int, values: int, *, marked: bool) -> Translation:
        if not blobs and not marked:
            return Translation("bytes")
        question = Question(
            f"blob:{where}",
            f"{values - blobs} of {values} values of {where} are not blobs of DataJoint.",
            {
                "bytes": "bring all as bytes, undecoded",
                "mixed": "decode the blobs, and store the others in them as bytes",
            },
        )
        answer = self._decisions.ask(question)
        return Translation("<blob>", Way.BLOB_OR_BYTES) if answer == "mixed" else Translation("bytes")

    def _decided(self, where: str, column: Column, in_primary_key: bool) -> Translation | None:
        """Ask what becomes of a type that has no counterpart."""
        choices = choices_of(column.type, self._database.dialect, in_key=in_primary_key)
        question = Question(
            question_id(column.type, where),
            f"{where} is of type {column.type}, which has no counterpart here.",
            {answer: choice.effect for answer, choice in choices.items()},
            by_hand=True,
        )
        answer = self._decisions.ask(question)
        # Without an answer the plan goes on, to find all questions; it cannot run.
        translation = next(iter(choices.values())).translation if answer is None else choices[answer].translation
        if translation is None:
            self._changes.append(f"{where} is left out.")
        return translation

    def _impossible(self, where: str, table: StoredTable, column: Column, type_: str) -> bool:
        seen = self._database.observations.get((table.place, column.name))
        id_, what = _IMPOSSIBLE.get(type_.partition("(")[0], ("", ""))
        if seen is None or not seen.impossible or not id_:
            return False
        text = f"{plural(seen.impossible, 'row')} of {where} with {what}."
        if column.name in table.primary_key:
            self._problems.append(f"{text} It is part of the key: mend it in DataJoint.")
            return False
        question = Question(f"{id_}:{where}", text, {"null": "bring these as NULL"}, by_hand=True)
        return self._decisions.ask(question) == "null"

    def _undecodable(self, where: str) -> bool:
        """Return the answer to a question that comes up only while blobs are decoded."""
        question = Question(f"undecodable:{where}", "", {"bytes": "keep blobs that cannot be decoded as bytes"})
        return self._decisions.offer(question) == "bytes"

    def _nuls(self, where: str, table: StoredTable, column: Column) -> bool:
        seen = self._database.observations.get((table.place, column.name))
        if seen is None or not seen.nuls:
            return False
        text = f"{plural(seen.nuls, 'row')} of {where} with a character NUL, which no text has here."
        if column.name in table.primary_key:
            self._problems.append(f"{text} It is part of the key: mend it in DataJoint.")
            return False
        question = Question(f"nul:{where}", text, {"strip": "leave these characters out"}, by_hand=True)
        return self._decisions.ask(question) == "strip"

    def _is_in_utc(self, type_: str) -> bool:
        """Return whether values of a type come as moments in UTC, not as a session shows or sets them."""
        if type_ != "timestamp" or not self._database.zone:  # in UTC nobody is asked
            return type_ in ("timestamp", "timestamptz")
        return self._decisions.answer(ZONE) != "as shown"

    def _shifted(self, default: StoredDefault | None) -> StoredDefault | None:
        """Return a default in the zone of the values."""
        if default is None or not default.in_utc or not self._is_in_utc("timestamp"):
            return default
        return replace(default, text=default.in_utc)

    def _default(
        self, where: str, column: Column, default: StoredDefault | None, type_: str, *, impossible: bool
    ) -> str:
        if default is None:
            return ""
        written = write_default(default, type_)
        if written.fault:
            text = f"{where}: {written.fault}."
            self._decisions.ask(Question(f"default:{where}", text, _WITHOUT_DEFAULT, by_hand=True))
            return ""
        if column.nullable or impossible:
            why = "" if column.nullable else " for values that no attribute has"
            question = Question(
                f"default:{where}",
                f"{where} may be NULL here{why}, and has the default {default.text!r}; an attribute has one of "
                "the two.",
                {"null": "it may be NULL, which is its default"},
                by_hand=True,
            )
            self._decisions.ask(question)
            return ""
        return written.text

    def _with_store(self, translation: Translation) -> str:
        if "{store}" not in translation.type:
            return translation.type
        name = translation.store
        self.stores[name] = self.stores.get(name, False) or translation.way is Way.STORED_PATH
        place = self._decisions.stores.get(name)
        return translation.type.replace("{store}", name if place is None else place.to)

    def check_stores(self) -> None:
        """Note what is missing, or wrong, about the stores that columns name."""
        for name, stay in self.stores.items():
            place = self._decisions.stores.get(name)
            if place is None:
                self._ask_for_store(name, stay=stay)
            else:
                self._check_store(name, place, stay=stay)

    def _ask_for_store(self, name: str, *, stay: bool) -> None:
        added = ""
        if stay:
            question, to = "its files stay there, so which store here has the same folder", name or _DEFAULT_STORE
            if to not in self._here:
                lines = self._how_to_add(name, StorePlace("…", to), stay=True)
                added = f" If none has it: {lines[0].lower()}{lines[1:]}"
        else:
            question, to = "which store here takes it", next(iter(self._here), "main")
        text = (
            f"Where is the content of {_called(name)}, and {question}? Write both into the file of decisions, under "
            f"[stores].{added}"
        )
        self._problems.append(text)
        self.open_stores.append(OpenStore(name, stay, to, text))

    def _check_store(self, name: str, place: StorePlace, *, stay: bool) -> None:
        if place.to not in self._here:
            known = f"the stores here are {', '.join(self._here)}" if self._here else "no store is here"
            how = self._how_to_add(name, place, stay=stay)
            self._problems.append(f"There is no store {place.to!r}; {known}. {how}")
        if not Path(place.folder).is_dir():
            self._problems.append(
                f"T{_called(name)[1:]} has the folder {place.folder} in the file of decisions, and there is no "
                "such folder on this machine."
            )
        folder = self._here.get(place.to)
        if stay and folder is not None and not _same_folder(folder, place.folder):
            self._problems.append(
                f"Files of {_called(name)} stay where they are, in {place.folder}, but the store {place.to!r} here has "
                f"the folder {folder}. {self._how_to_add(name, place, stay=stay)}"
            )

    def _how_to_add(self, name: str, place: StorePlace, *, stay: bool) -> str:
        """Write how a store gets what an import needs: the folder of files that stay, and the right to name them."""
        if not stay:
            return "Name one of them, or add it to the server's stores.toml."
        added, then = place.to, ""
        if place.to in self._here:
            added = name or _DEFAULT_STORE
            then = f', and write `to = "{added}"` into the file of decisions'
        return (
            "Add these lines to the server's stores.toml (of your own server: .levada/stores.toml, made if there is "
            f"none, then `levada stop`; the store `default` stays){then}:\n[stores.{added}]\n"
            f'folder = "{place.folder}"\n[stores.{added}.register]\n"*" = [""]  '
            "# every schema (*) may name files in any folder of the store"
        )


def _called(store: str) -> str:
    """Return the name of a store of DataJoint in a sentence."""
    return f"the store {store!r}" if store else "the default store"


def _same_folder(folder: Path, other: str) -> bool:
    return folder.resolve() == Path(other).resolve()


def one_line(comment: str, what: str, changes: list[str]) -> str:
    """Return a comment as it can stand in a line of a definition.

    Args:
        what: Names it; empty to tell nothing.
        changes: Collects what is different.
    """
    line = "".join(character if character.isprintable() else " " for character in comment).strip().rstrip("\\").strip()
    if what and line != comment.strip():
        changes.append(f"{what[0].upper()}{what[1:]} is now {line!r}.")
    return line
