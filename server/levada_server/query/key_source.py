"""The key source of an auto-populated table, as algebra."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest
from levada_server.query.algebra import (
    ExpressionText,
    JobOperand,
    Join,
    Keep,
    Match,
    Named,
    Project,
    Relation,
    Restrict,
    TableOperand,
)

if TYPE_CHECKING:
    from levada_server.model.table import ForeignKey, Table


def default_key_source(table: Table) -> Relation:
    """Join the parents in the primary key, each under the table's names for its attributes.

    Raises:
        InvalidRequest: The table has no parent in its primary key.
    """
    parents = [parent_keys(key, TableOperand(key.parent)) for key in table.foreign_keys if key.primary_key]
    if not parents:
        raise InvalidRequest(
            f"`{table.name}` is {table.tier.value} but depends on no table in its primary key, so there is nothing to "
            "compute it from; add a foreign key above `---`, or a key_source.",
            table=table.name,
        )
    # A name that two parents share is one attribute of the table, even if the origins differ.
    return reduce(lambda left, right: Join(left, right, unchecked=True), parents)


def parent_keys(key: ForeignKey, parent: Relation) -> Relation:
    """Return the keys of a parent, or of some of its entities, under the child's names."""
    renames = tuple(Named(child, ExpressionText(name)) for child, name in key.columns if child != name)
    return Project(parent, renames)


def keys_of(source: Relation, table: Table) -> Relation:
    """Convert a key source to the keys of its table's jobs."""
    return Project(source, tuple(Keep(name) for name in table.job_key))


def remaining_keys(source: Relation, table: Table) -> Relation:
    """Keys of the source that are not in the table.

    Lineage is not checked: an attribute of a key source that has the name of a key attribute provides its value.
    """
    return Restrict(keys_of(source, table), Match(TableOperand(table.name), unchecked=True), negated=True)


def has_row_for_key(table: Table) -> bool:
    """Return whether each row of a table is that of one key of its source: its foreign keys and its key see to it."""
    return table.key_source is None and set(table.job_key) == set(table.heading.primary_key)


def new_keys(source: Relation, table: Table) -> Relation:
    """Keys of the source that are not in the table and have no job."""
    return Restrict(remaining_keys(source, table), Match(JobOperand(table.name), unchecked=True), negated=True)
