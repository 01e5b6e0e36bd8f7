"""Descriptions: a definition that declares an existing table."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from levada_server.model.declaration import MASTER
from levada_server.model.defaults import NULL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada_server.model.heading import Attribute
    from levada_server.model.table import ForeignKey, Index, Table, TableName

DIVIDER = "---"


def describe(table: Table) -> str:
    """Write a definition that declares the same table.

    Tables are named `schema.Table`, which reads the same in every language; a part's master is `master`. An attribute
    of a foreign key has its own line only if the foreign key alone would give it another place or another default.

    Returns:
        Lines, each with its line ending.
    """
    return "".join(f"{line}\n" for line in _lines(table))


def describe_attribute(attribute: Attribute) -> str:
    """Write the line of an attribute."""
    default = "" if attribute.default is None else f" = {attribute.default}"
    counted = " auto_increment" if attribute.auto_increment else ""
    return f"{attribute.name}{default} : {attribute.type}{counted}{_comment(attribute.comment)}"


def describe_foreign_key(foreign_key: ForeignKey, master: TableName | None) -> str:
    """Write the line of a foreign key of a table with this master."""
    options = ", ".join(
        word for word, given in (("nullable", foreign_key.nullable), ("unique", foreign_key.unique)) if given
    )
    parent = MASTER if foreign_key.parent == master else str(foreign_key.parent)
    renamed = ", ".join(f"{child}='{name}'" for child, name in foreign_key.columns if child != name)
    return (
        f"-> {f'[{options}] ' if options else ''}{parent}{f'.proj({renamed})' if renamed else ''}"
        f"{_comment(foreign_key.comment)}"
    )


def describe_index(index: Index) -> str:
    """Write the line of an index."""
    return f"{'unique ' if index.unique else ''}index ({', '.join(index.expressions)})"


def _lines(table: Table) -> Iterator[str]:
    master = table.name.master
    key_size = len(table.heading.primary_key)
    above, present, written = _section(table, range(key_size), frozenset(), 0)
    inside = _within(table, present, written)
    above += [describe_foreign_key(foreign_key, master) for foreign_key in inside]
    secondary = range(key_size, len(table.heading.attributes))
    below, _, written = _section(table, secondary, present, written + len(inside))
    below += [describe_foreign_key(foreign_key, master) for foreign_key in table.foreign_keys[written:]]
    if table.comment:
        yield f"# {table.comment}"
    yield from above
    if below:
        yield DIVIDER
    yield from below
    for index in table.indexes:
        yield describe_index(index)


def _section(
    table: Table, indexes: range, present: frozenset[str], written: int
) -> tuple[list[str], frozenset[str], int]:
    """Write the lines for the attributes of a part of the heading.

    Args:
        indexes: The indexes of the attributes.
        present: Names of attributes that have their line already.
        written: How many foreign keys have their line already.

    Returns:
        The lines, and the new values of the other two.
    """
    lines: list[str] = []
    for index in indexes:
        attribute = table.heading.attributes[index]
        if attribute.name in present:
            continue
        bringing = _bringing(table, index, present, written)
        if bringing:
            lines += [describe_foreign_key(foreign_key, table.name.master) for foreign_key in bringing]
            present = present.union(*(foreign_key.child_columns for foreign_key in bringing))
            written += len(bringing)
        else:
            lines.append(describe_attribute(attribute))
            present |= {attribute.name}
    return lines, present, written


def _within(table: Table, present: frozenset[str], written: int) -> tuple[ForeignKey, ...]:
    """Return the next foreign keys that can come above the divider and add no attributes."""
    return tuple(
        takewhile(
            lambda key: not key.nullable and present.issuperset(key.child_columns),
            table.foreign_keys[written:],
        )
    )


def _bringing(table: Table, index: int, present: frozenset[str], written: int) -> tuple[ForeignKey, ...]:
    """Return the next foreign keys that together add exactly the next attributes.

    Foreign keys keep their order, so keys that add nothing go with the first that adds something.

    Returns:
        Empty if the next attribute needs its own line.
    """
    first = table.heading.attributes[index]
    for end, foreign_key in enumerate(table.foreign_keys[written:], start=written + 1):
        if first.primary_key and foreign_key.nullable:
            return ()
        brought = [child for child in foreign_key.child_columns if child not in present]
        if brought:
            coming = table.heading.attributes[index : index + len(brought)]
            fits = [attribute.name for attribute in coming] == brought and all(
                attribute.primary_key == first.primary_key and _plain(table, attribute) for attribute in coming
            )
            return table.foreign_keys[written:end] if fits else ()
    return ()


def _plain(table: Table, attribute: Attribute) -> bool:
    """Return whether its foreign keys alone would define the attribute as it is."""
    keys = [key for key in table.foreign_keys if attribute.name in key.child_columns]
    nullable = not attribute.primary_key and all(key.nullable for key in keys)
    return attribute.nullable == nullable and attribute.default == (NULL if nullable else None)


def _comment(comment: str) -> str:
    return f"  # {comment}" if comment else ""
