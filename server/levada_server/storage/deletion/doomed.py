"""The rows that a delete is asked for, and the rows that it removes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada_server.errors import HasChildren, PlanChanged
from levada_server.model.values import show_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import PartIntegrity, Table, TableName
    from levada_server.query.sql import Select
    from levada_server.storage.rows.ownership import Guard


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows that a delete is asked for.

    Args:
        table: Their table.
        rows: The query that selects them.
        part_integrity: The rule for masters of deleted parts.
        guards: The guards of tables with rows that the caller may not delete.
        erases: Whether jobs that lose a parent go too while a worker holds them.
    """

    table: Table
    rows: Select
    part_integrity: PartIntegrity
    guards: Mapping[TableName, Guard] = field(default_factory=dict)
    erases: bool = False


@dataclass(frozen=True, slots=True)
class Doomed:
    """The rows that a delete removes.

    Args:
        root: The table of the chosen rows.
        counts: The number of rows that each table loses, leaves first.
        digest: A digest of exactly these rows; empty if they were only counted.
        others: The guarded rows among them: their table, the team to which they belong, and their number.
    """

    root: TableName
    counts: list[tuple[TableName, int]]
    digest: str = ""
    others: list[tuple[TableName, str | None, int]] = field(default_factory=list)

    def require(self, digest: str) -> None:
        """Check that the rows have a digest.

        Raises:
            PlanChanged: The rows are others.
        """
        if digest != self.digest:
            raise PlanChanged(
                "The set of rows to delete has changed since the plan; plan the delete again.", digest=digest
            )

    def require_alone(self) -> None:
        """Check that no other table loses rows.

        Raises:
            HasChildren: Another table loses rows.
        """
        others = [name for name, _ in self.counts if name != self.root]
        if others:
            raise HasChildren(
                f"Entities of `{others[-1]}` depend on these of `{self.root}`; use delete() to delete them too.",
                table=self.root,
                child=others[-1],
            )


def doomed(
    root: TableName,
    reached: Sequence[TableName],
    sizes: Mapping[TableName, int],
    digests: Mapping[TableName, str],
    others: list[tuple[TableName, str | None, int]],
) -> Doomed:
    """Return the rows that a delete removes, from the counts of all tables.

    Args:
        root: The table of the chosen rows.
        reached: The tables, parents first.
        sizes: The number of rows that each loses.
        digests: The digest of each table's rows; empty if they were only counted.
        others: The guarded rows among them.
    """
    names = [name for name in reversed(reached) if sizes[name]]
    content = "\n".join(f"{name} {digests[name]}" for name in names) if digests else None
    digest = "" if content is None else hashlib.sha256(content.encode()).hexdigest()
    return Doomed(root, [(name, sizes[name]) for name in names], digest, others)


def stray_part(catalog: Catalog, part: Table, key: Mapping[str, object]) -> HasChildren:
    """Return the error for a part that would be deleted without its master."""
    assert part.name.master is not None
    master = catalog.tables[part.name.master]
    return HasChildren(
        f"`{part.name}` with {show_key(key.items())} would be deleted without its master `{master.name}`.  "
        "Restrict the master instead, or pass part_integrity='cascade' to delete the master too, or 'ignore'.",
        table=master.name,
        child=part.name,
    )
