"""The classes that users subclass: one per tier."""

from __future__ import annotations

from typing import Any, ClassVar

from levada._base.errors import InvalidDefinition
from levada._jobs.discovery import Discovering
from levada._pipeline.auto_populated import AutoPopulated
from levada._query.class_level import on_class
from levada._tables.table import Deleted, Table
from levada_api.v1 import schema_pb2 as pb


class Manual(Discovering):
    """A table whose rows come from people and instruments."""

    _abstract: ClassVar[bool] = True


class Lookup(Table):
    """A table of facts that rarely change.

    Attributes:
        contents: Rows that are inserted when the class is declared, unless they exist.
    """

    _abstract: ClassVar[bool] = True
    contents: Any = ()  # Any: rows of any form, or a property


class Imported(AutoPopulated, Discovering):
    """A table whose `make` reads files and other sources outside the database."""

    _abstract: ClassVar[bool] = True


class Computed(AutoPopulated):
    """A table whose `make` reads only upstream tables."""

    _abstract: ClassVar[bool] = True


class Part(Table):
    """A table inside its master's class, whose rows are inserted together with the master's.

    Attributes:
        master: The class of the master.
    """

    _abstract: ClassVar[bool] = True
    master: ClassVar[type[Table] | None] = None

    @on_class
    def delete(  # type: ignore[override]  # in the order of older code
        self,
        force: bool | str = False,
        *,
        transaction: bool = True,
        safemode: bool | None = None,
        force_parts: bool = False,
        force_masters: bool = False,
        prompt: bool | None = None,
        part_integrity: str = "enforce",
        dry_run: bool = False,
    ) -> Deleted:
        """Delete the entities and everything that depends on them, after asking.

        Args:
            force: `part_integrity`; True is `"ignore"`: delete parts whose master stays. The other arguments are those
                of every table.
        """
        return super().delete(
            transaction,
            safemode,
            force_parts,
            force_masters,
            prompt=prompt,
            part_integrity=_integrity(force, part_integrity),
            dry_run=dry_run,
        )

    @on_class
    def drop(  # type: ignore[override]  # as above
        self, force: bool | str = False, *, prompt: bool | None = None, part_integrity: str = "enforce"
    ) -> None:
        """Drop the table and everything that depends on it, after asking.

        Args:
            force: `part_integrity`; True is `"ignore"`: drop it although its master stays. The other arguments are
                those of every table.
        """
        super().drop(prompt, _integrity(force, part_integrity))


def _integrity(first: bool | str, part_integrity: str) -> str:
    """Return the integrity that the first argument means: older code gives `force` there, newer code the integrity."""
    if isinstance(first, str):
        return first
    return "ignore" if first else part_integrity


TIERS: dict[type[Table], pb.TableTier] = {
    Manual: pb.TABLE_TIER_MANUAL,
    Lookup: pb.TABLE_TIER_LOOKUP,
    Imported: pb.TABLE_TIER_IMPORTED,
    Computed: pb.TABLE_TIER_COMPUTED,
    Part: pb.TABLE_TIER_PART,
}


def tier_of(table: type[Table]) -> pb.TableTier:
    """Return the tier of a class.

    Raises:
        InvalidDefinition: It is not a subclass of a tier.
    """
    if issubclass(table, Part):  # some classes name a second tier as well
        return pb.TABLE_TIER_PART
    for base, tier in TIERS.items():
        if issubclass(table, base):
            return tier
    raise InvalidDefinition(
        f"`{table.__name__}` has no tier: subclass Manual, Lookup, Imported, Computed, or Part inside its master."
    )
