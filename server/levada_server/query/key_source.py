"""What an auto-populated table has to compute, as algebra."""

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
    """Join the parents in the primary key, each under the names that the table gives its attributes.

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
    # Names that two parents share are one attribute of the table, also where their origins differ.
    return reduce(lambda left, right: Join(left, right, unchecked=True), parents)


def parent_keys(key: ForeignKey, parent: Relation) -> Relation:
    """Give the keys of a parent, or of some of its entities, under the names that the child has for them."""
    renames = tuple(Named(child, ExpressionText(name)) for child, name in key.columns if child != name)
    return Project(parent, renames)


def keys_of(source: Relation, table: Table) -> Relation:
    """Bring a key source to the keys of the jobs of its table."""
    return Project(source, tuple(Keep(name) for name in table.job_key))


def remaining_keys(source: Relation, table: Table) -> Relation:
    """Keys of the source that the table has not.

    Unchecked: what a key source calls by the name of a key attribute is a value of that attribute.
    """
    return Restrict(keys_of(source, table), Match(TableOperand(table.name), unchecked=True), negated=True)


def new_keys(source: Relation, table: Table) -> Relation:
    """Keys of the source that the table has not and that have no job."""
    return Restrict(remaining_keys(source, table), Match(JobOperand(table.name), unchecked=True), negated=True)
