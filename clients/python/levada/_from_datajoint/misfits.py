"""Decisions that fit nothing in the database, as they are mistyped, and others that nothing asked for."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from levada._from_datajoint.decisions import ZONE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from levada._from_datajoint.decisions import Decisions
    from levada._from_datajoint.facts import Database

_KINDS = frozenset(
    {
        "set",
        "type",
        "zero-date",
        "nan",
        "late-time",
        "blob",
        "undecodable",
        "nul",
        "default",
        "label",
        "spelling",
        "orphans",
        "foreign-key",
    }
)
"""The first words of all other questions, whose second is a column or a foreign key."""


class Misfits:
    """Compares decisions with the facts, after a plan was made with them.

    Args:
        stores: The stores of DataJoint that columns name.
    """

    def __init__(self, database: Database, decisions: Decisions, stores: Collection[str]) -> None:
        self._database = database
        self._decisions = decisions
        self._stores = stores
        self._columns = {f"{table.place}.{column.name}" for table in database.tables for column in table.columns}
        self._places = self._columns | {
            f"{table.place}.{key.name}" for table in database.tables for key in table.foreign_keys
        }

    def problems(self) -> Iterator[str]:
        """Name the decisions whose schema, table, column, foreign key or store is not there; those may be mistyped."""
        found = list(self._strangers())
        if found:
            yield f"These fit nothing in the database: {', '.join(found)}. Correct them in the file of decisions."

    def needless(self) -> Iterator[str]:
        """Name the decisions that nothing asked for, though they may fit something."""
        yield from (one for one in self._unused() if self._is_known(one))
        if self._database.others:  # whose columns may name the store
            yield from self._needless_stores()

    def _strangers(self) -> Iterator[str]:
        decisions, known = self._decisions, {*self._database.schemas, *self._database.others}
        yield from (f"{name!r} in [schemas]" for name in decisions.schemas if name not in known)
        for where in decisions.attributes:
            if where not in self._columns and where.partition(".")[0] not in self._database.others:
                yield f"{where!r} in [attributes]"
        yield from (f"{one!r} in [decisions]" for one in self._unused() if not self._is_known(one))
        if not self._database.others:
            yield from self._needless_stores()

    def _needless_stores(self) -> Iterator[str]:
        return (f"{name!r} in [stores]" for name in self._decisions.stores if name not in self._stores)

    def _unused(self) -> Iterator[str]:
        return (one for one in self._decisions.answers if one not in self._decisions.used)

    def _is_known(self, pattern: str) -> bool:
        if pattern == ZONE:
            return True
        kind, _, place = pattern.partition(":")
        place = place or kind  # of the pattern `*`
        schema = place.partition(".")[0]
        return any(fnmatchcase(one, kind) for one in _KINDS) and (
            any(fnmatchcase(one, place) for one in self._places)
            or any(fnmatchcase(one, schema) for one in self._database.others)
        )
