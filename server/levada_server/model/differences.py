"""Differences between a definition and the table that exists."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from levada_server.model.description import describe_attribute, describe_foreign_key, describe_index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada_server.model.table import Table


def differences(declared: Table, existing: Table) -> tuple[str, ...]:
    """Describe the changes that would turn an existing table into the one that a definition declares.

    The comment of an attribute that a foreign key adds is its parent's, so it does not count.

    Returns:
        Sentences without a full stop; none if nothing would change.
    """
    return tuple(_differences(declared, existing))


def _differences(declared: Table, existing: Table) -> Iterator[str]:
    if declared.tier is not existing.tier:
        yield f"the tier is {declared.tier.value}, and {existing.tier.value} in the database"
    if declared.comment != existing.comment:
        yield f"the table's comment is `{declared.comment}`, and `{existing.comment}` in the database"
    yield from _different_headings(declared, existing)
    yield from _only_in_one(_foreign_keys(declared), _foreign_keys(existing), "the foreign key")
    yield from _only_in_one(_indexes(declared), _indexes(existing), "the index")


def _different_headings(declared: Table, existing: Table) -> Iterator[str]:
    inherited = {child for key in declared.foreign_keys for child in key.child_columns}
    yield from _only_in_one(
        _attributes(declared, inherited),
        _attributes(existing, inherited),
        "the attribute",
    )
    if declared.heading.primary_key != existing.heading.primary_key:
        yield (
            f"the primary key is ({', '.join(declared.heading.primary_key)}), "
            f"and ({', '.join(existing.heading.primary_key)}) in the database"
        )
    elif (
        set(declared.heading.names) == set(existing.heading.names) and declared.heading.names != existing.heading.names
    ):
        yield (
            f"the order of attributes is {', '.join(declared.heading.names)}, "
            f"and {', '.join(existing.heading.names)} in the database"
        )


def _only_in_one(declared: dict[str, str], existing: dict[str, str], noun: str) -> Iterator[str]:
    """Compare named things by their text in a definition."""
    for name, text in declared.items():
        if name not in existing:
            yield f"{noun} {name} is not in the database"
        elif text != existing[name]:
            yield f"{noun} {name} is `{text}`, and `{existing[name]}` in the database"
    for name in existing:
        if name not in declared:
            yield f"{noun} {name} is in the database only"


def _attributes(table: Table, inherited: set[str]) -> dict[str, str]:
    return {
        f"`{attribute.name}`": describe_attribute(
            replace(attribute, comment="") if attribute.name in inherited else attribute
        )
        for attribute in table.heading
    }


def _foreign_keys(table: Table) -> dict[str, str]:
    return {
        f"({', '.join(key.child_columns)}) to {key.parent}": describe_foreign_key(key, table.name.master)
        for key in table.foreign_keys
    }


def _indexes(table: Table) -> dict[str, str]:
    return {f"({', '.join(index.expressions)})": describe_index(index) for index in table.indexes}
