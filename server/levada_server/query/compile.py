"""The front door of the compiler: a relation and a catalog in, statements out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.query import sql
from levada_server.query.lower import lower
from levada_server.query.lowering import Lowered, Lowering
from levada_server.query.postgres_types import wire_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_server.model.dependencies import Catalog
    from levada_server.model.heading import Heading
    from levada_server.query.algebra import Relation


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled relation.

    Args:
        select: Its SQL tree, one column per attribute of `heading`.
        heading: Its attributes.
        warnings: What the caller should be told although the query runs.
    """

    select: sql.Select
    heading: Heading
    warnings: tuple[str, ...] = ()

    def fetch(self) -> sql.Statement:
        """The statement that gives its rows."""
        return sql.render(self.select)

    def literals(self) -> sql.Statement | None:
        """The statement that gives what `bulk_fetch` takes; None if that takes nothing."""
        return sql.render_literals(self.select)

    def bulk_fetch(self, mark: int, literals: Sequence[str]) -> str:
        """The statement that gives its rows to COPY, which takes no bound values.

        Args:
            mark: Comes before the columns of every row, as int4.
            literals: What the statement of `literals` gives.
        """
        types = {attribute.name: wire_type(attribute.type) for attribute in self.heading}
        return sql.render_copy(self.select, types, mark, literals)

    def count(self) -> sql.Statement:
        """The statement that counts its rows."""
        return sql.render_count(self.select)

    def exists(self) -> sql.Statement:
        """The statement that tells whether it has a row."""
        return sql.render_exists(self.select)


def compile_relation(relation: Relation, catalog: Catalog, *, strict: bool = False) -> Query:
    """Compile a relation.

    Args:
        relation: What to compile.
        catalog: Where its tables are looked up.
        strict: Refuse a mapping that restricts nothing; for deletes and updates.

    Raises:
        LevadaError: The relation breaks a rule of the algebra; the message says which.
    """
    lowering = Lowering(catalog, lower, strict=strict)
    lowered: Lowered = lower(relation, lowering)
    return Query(lowered.select, lowered.heading, tuple(lowering.warnings))
