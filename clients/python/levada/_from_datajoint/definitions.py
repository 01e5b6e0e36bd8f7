"""Definitions for the tables of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levada._from_datajoint.facts import Place
    from levada._from_datajoint.plan import PlannedColumn, PlannedKey, PlannedTable


def definition_of(table: PlannedTable, tables: Mapping[Place, PlannedTable]) -> str:
    """Write the definition of a table.

    Args:
        tables: All tables of the plan, by their place there.
    """
    lines = [f"# {table.comment}"] if table.comment else []
    lines += _section(table, tables, in_key=True)
    below = _section(table, tables, in_key=False)
    below += [f"{'unique ' if unique else ''}index ({', '.join(names)})" for names, unique in table.indexes]
    return "\n".join([*lines, "---", *below])


def references_of(table: PlannedTable, tables: Mapping[Place, PlannedTable]) -> dict[str, PlannedTable]:
    """Return the table for each name after `->` of the definition."""
    return {_reference(table, tables[key.parent]): tables[key.parent] for key in table.keys}


def has_master(table: PlannedTable, tables: Mapping[Place, PlannedTable]) -> bool:
    """Return whether a part refers to its master."""
    return "master" in references_of(table, tables)


def _section(table: PlannedTable, tables: Mapping[Place, PlannedTable], *, in_key: bool) -> list[str]:
    keys = [key for key in table.keys if key.in_key == in_key]
    written = {column.name for column in table.columns if column.in_key and not in_key}
    lines: list[str] = []
    pending = list(keys)
    for column in table.columns:
        if column.in_key != in_key or column.name in written:
            continue
        key = next((one for one in pending if column.name in dict(one.columns)), None)
        if key is None:
            lines.append(_attribute(column))
            written.add(column.name)
        else:
            lines.append(_key(table, key, tables[key.parent]))
            written |= dict(key.columns).keys()
            pending.remove(key)
    return lines + [_key(table, key, tables[key.parent]) for key in pending]


def _attribute(column: PlannedColumn) -> str:
    default = "null" if column.nullable else column.default
    given = f" = {default}" if default else ""
    counted = " auto_increment" if column.auto_increment else ""
    comment = f"  # {column.comment}" if column.comment else ""
    return f"{column.name}{given} : {column.type}{counted}{comment}"


def _key(table: PlannedTable, key: PlannedKey, parent: PlannedTable) -> str:
    options = ", ".join(word for word, given in (("nullable", key.nullable), ("unique", key.unique)) if given)
    renamed = ", ".join(f"{new}='{old}'" for new, old in key.columns if new != old)
    written = _reference(table, parent) + (f".proj({renamed})" if renamed else "")
    return f"-> [{options}] {written}" if options else f"-> {written}"


def _reference(table: PlannedTable, parent: PlannedTable) -> str:
    if parent.schema != table.schema:
        return parent.name
    return "master" if parent.class_path == table.class_path.rpartition(".")[0] else parent.class_path
