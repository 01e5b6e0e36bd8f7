"""Tables and the foreign keys between them, as diagrams need them: pure functions on what the server describes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from levada._base.names import stored_name
from levada_api.v1 import schema_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping

Name = tuple[str, str]
"""Schema and stored name of a table; the second is empty for the collapsed tables of a schema."""

TIER_NAMES = {
    pb.TABLE_TIER_UNSPECIFIED: "schema",  # collapsed tables
    pb.TABLE_TIER_LOOKUP: "lookup",
    pb.TABLE_TIER_MANUAL: "manual",
    pb.TABLE_TIER_IMPORTED: "imported",
    pb.TABLE_TIER_COMPUTED: "computed",
    pb.TABLE_TIER_PART: "part",
}


def name_of(name: pb.TableName) -> Name:
    """Return the name by which diagrams know a table."""
    return name.schema, stored_name(name.table)


def parents_of(table: pb.Table, among: Mapping[Name, pb.Table]) -> dict[Name, bool]:
    """Return the parents of a table, and whether its primary key refers to them."""
    parents: dict[Name, bool] = {}
    for key in table.foreign_keys:
        name = name_of(key.parent)
        if name in among:
            parents[name] = parents.get(name, False) or key.primary_key
    return parents


def master_of(table: pb.Table, among: Mapping[Name, pb.Table]) -> Name | None:
    """Return the master of a part, if it is in the diagram too."""
    above = table.name.table.rpartition(".")[0]
    name = (table.name.schema, stored_name(above))
    return name if above and name in among else None


def parents_first(tables: Mapping[Name, pb.Table]) -> Mapping[Name, pb.Table]:
    """Order tables so that parents come first."""
    ordered: dict[Name, pb.Table] = {}
    # Depth first with a list, because chains may be long; foreign keys form no cycle.
    pending = list(tables)[::-1]
    while pending:
        name = pending[-1]
        missing = [p for p in parents_of(tables[name], tables) if p not in ordered]
        if name in ordered or not missing:
            pending.pop()
            ordered[name] = tables[name]
        else:
            pending.extend(missing)
    return ordered


def with_groups(tables: Mapping[Name, pb.Table], collapsed: frozenset[Name]) -> Mapping[Name, pb.Table]:
    """Replace the collapsed tables of each schema by one that has all their foreign keys.

    A table that depends on a group and on which the same group depends stays below it: there is no cycle.

    Args:
        tables: Parents first.
    """
    result: dict[Name, pb.Table] = {}
    below: set[Name] = set()
    counts = Counter(schema for schema, _ in collapsed)
    for name, table in tables.items():
        schema = name[0]
        if name in collapsed:
            count = counts[schema]
            comment = f"{count} table{'s' if count > 1 else ''}"
            drawn = result.setdefault((schema, ""), pb.Table(name=pb.TableName(schema=schema), comment=comment))
        else:
            drawn = result[name] = pb.Table()
            drawn.CopyFrom(table)
            del drawn.foreign_keys[:]
            if any(p in below or p in collapsed for p in parents_of(table, tables) if p[0] == schema):
                below.add(name)
        for key in table.foreign_keys:
            parent = name_of(key.parent)
            inner = name in collapsed and parent[0] == schema and (parent in collapsed or parent in below)
            if parent in tables and not inner:
                added = drawn.foreign_keys.add(primary_key=key.primary_key)
                added.parent.CopyFrom(pb.TableName(schema=parent[0]) if parent in collapsed else key.parent)
    return result


def labels_of(tables: Mapping[Name, pb.Table]) -> dict[Name, str]:
    """Return the text that a diagram shows for each table."""
    several = len({table.name.schema for table in tables.values()}) > 1
    return {name: _label(table, several) for name, table in tables.items()}


def _label(table: pb.Table, several: bool) -> str:
    if not table.name.table:
        return f"{table.name.schema} ({table.comment})"
    return f"{table.name.schema}.{table.name.table}" if several else table.name.table
