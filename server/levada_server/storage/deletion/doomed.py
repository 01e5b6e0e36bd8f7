"""The rows that a delete is asked for, and those that it takes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.errors import HasChildren, PlanChanged
from levada_server.model.values import show_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import PartIntegrity, Table, TableName
    from levada_server.query.sql import Select


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows that a delete is asked for.

    Args:
        table: Their table.
        rows: The query that selects them.
        part_integrity: What becomes of the masters of parts that go.
    """

    table: Table
    rows: Select
    part_integrity: PartIntegrity


@dataclass(frozen=True, slots=True)
class Doomed:
    """The rows that a delete takes.

    Args:
        root: The table that was asked for.
        counts: Tables that lose rows, and how many, leaves first.
        digest: Identifies exactly these rows; empty if they were only counted.
    """

    root: TableName
    counts: list[tuple[TableName, int]]
    digest: str = ""

    def require(self, digest: str) -> None:
        """Check that these are the rows with a digest.

        Raises:
            PlanChanged: They are others.
        """
        if digest != self.digest:
            raise PlanChanged("The rows that would go have changed since the plan; look at it again.", digest=digest)

    def require_alone(self) -> None:
        """Check that no other table loses rows.

        Raises:
            HasChildren: One does.
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
) -> Doomed:
    """Sum up what a delete takes.

    Args:
        root: The table that was asked for.
        reached: Tables, parents first.
        sizes: How many rows go of each.
        digests: What identifies these; empty if they were only counted.
    """
    names = [name for name in reversed(reached) if sizes[name]]
    content = "\n".join(f"{name} {digests[name]}" for name in names) if digests else None
    digest = "" if content is None else hashlib.sha256(content.encode()).hexdigest()
    return Doomed(root, [(name, sizes[name]) for name in names], digest)


def stray_part(catalog: Catalog, part: Table, key: Mapping[str, object]) -> HasChildren:
    """Return the error of a part that would go without its master."""
    assert part.name.master is not None
    master = catalog.tables[part.name.master]
    return HasChildren(
        f"`{part.name}` with {show_key(key.items())} would go without its master `{master.name}`. Restrict "
        "the master instead, or pass part_integrity='cascade' to delete the master too, or 'ignore'.",
        table=master.name,
        child=part.name,
    )
