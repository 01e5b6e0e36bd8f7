"""A small pipeline in memory: declares tables one after the other, as the catalog would hold them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from levada_server.errors import UnknownTable
from levada_server.model.declaration import declare
from levada_server.model.heading import Attribute, Heading, Origin
from levada_server.model.table import Table, TableName, Tier

if TYPE_CHECKING:
    from collections.abc import Callable

LAB = {
    "lab.Subject": "# animals\nsubject_id : int32  # of the colony\n---\nname : varchar(40)",
    "lab.Session": "-> lab.Subject\nsession : int16  # counts up\n---\nnotes = '' : varchar(200)",
    "lab.Session.Trial": "-> master\ntrial : int16",
    "lab.User": "username : varchar(20)",
    "lab.Settings": "---\nvolume : int8",
    "other.Subject": "subject_id : int32",
}


def stored(table: Table, tables: dict[str, Table]) -> Table:
    """Add a table to the tables, and return its native key attributes an origin, as storage does."""
    first_id = 1 + max((_last_id(other) for other in tables.values()), default=0)
    attributes = tuple(
        _with_own_origin(attribute, table.name, first_id + index) for index, attribute in enumerate(table.heading)
    )
    result = replace(table, id=len(tables) + 1, heading=Heading(attributes))
    tables[str(table.name)] = result
    return result


def _last_id(table: Table) -> int:
    return max((a.origin.attribute_id for a in table.heading if a.origin is not None), default=0)


def _with_own_origin(attribute: Attribute, name: TableName, attribute_id: int) -> Attribute:
    if attribute.origin is not None or not attribute.primary_key:
        return attribute
    return replace(attribute, origin=Origin(attribute_id, f"{name}.{attribute.name}"))


def table_name(text: str) -> TableName:
    """Split `lab.Session.Trial` into schema and table."""
    schema, _, table = text.partition(".")
    return TableName(schema, table)


def resolver(tables: dict[str, Table], name: TableName) -> Callable[[str], Table]:
    """Return the function that resolves the names after `->` in the definition of one table."""

    def resolve(written: str) -> Table:
        full = str(name.master) if written == "master" else written
        try:
            return tables[full]
        except KeyError:
            raise UnknownTable(f"There is no table `{written}`.", table=written) from None

    return resolve


def declared(definition: str, name: str = "lab.Child", tables: dict[str, Table] | None = None) -> Table:
    """Declare a table: a manual table, or a part if its name is the name of a part.

    Args:
        tables: The tables that it may refer to; by default the tables of `lab()`.
    """
    tables = lab() if tables is None else tables
    child = table_name(name)
    tier = Tier.PART if child.master else Tier.MANUAL
    return declare(child, tier, definition, resolver(tables, child))


def lab() -> dict[str, Table]:
    """Declare the tables of `LAB`."""
    tables: dict[str, Table] = {}
    for name, definition in LAB.items():
        stored(declared(definition, name, tables), tables)
    return tables
