"""The classes that users subclass: one per tier."""

from __future__ import annotations

from typing import Any, ClassVar

from levada._base.errors import InvalidDefinition
from levada._pipeline.auto_populated import AutoPopulated
from levada._tables.table import Table
from levada_api.v1 import schema_pb2 as pb


class Manual(Table):
    """A table whose rows come from people and instruments."""

    _abstract: ClassVar[bool] = True


class Lookup(Table):
    """A table of facts that rarely change.

    Attributes:
        contents: Rows that are inserted when the class is declared, unless they exist.
    """

    _abstract: ClassVar[bool] = True
    contents: Any = ()  # Any: rows of any form, or a property


class Imported(AutoPopulated):
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
