"""Small random pipelines: tables with foreign keys, and rows that respect them."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING
from uuid import UUID

from levada_server.model.declaration import declare
from levada_server.model.dependencies import Catalog
from levada_server.model.heading import Heading, Origin
from levada_server.model.table import Table, TableName, Tier
from levada_server.model.types import AttributeType, parse_type
from tests.support.entities import Entities, Entity, same, seen
from tests.support.oracle import Oracle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

SCHEMA = "lab"
TEAM = "team"
"""Begins the names of attributes that may name a team."""

_NAN = math.nan

MAX_SPAN = dt.timedelta(days=106_751_991)

POOLS: dict[str, tuple[object, ...]] = {
    "int8": (0, 1, -128, 127),
    "int16": (0, 1, -7, 32767),
    "int32": (0, 1, 2, -1, 2**31 - 1),
    "int64": (0, 1, 2**53 + 1, -(2**63), 2**63 - 1),
    "uint8": (0, 1, 255),
    "uint16": (0, 1, 65535),
    "uint32": (0, 1, 2**32 - 1),
    "uint64": (0, 1, 2**63, 2**64 - 1),
    "float32": (0.0, -0.0, _NAN, 1.5, 0.10000000149011612, -math.inf, 1.0000000031710769e-30),
    "float64": (0.0, -0.0, _NAN, 1.5, 0.1, math.inf, 1e300, 5e-324),
    "bool": (True, False),
    "decimal(6,2)": tuple(map(Decimal, ("0", "1.50", "1.5", "-2.25", "9999.99"))),
    "char(3)": ("", "a", "A", "ab"),
    "varchar(8)": ("", "a", "A", "b", "é", "\uffff", "𝄞", "a b", "'\\%"),
    "text": ("", "a", "B", "ß", "\ue000", "😀", "1"),
    "enum('red', 'green')": ("red", "green"),
    "date": (dt.date(2024, 2, 29), dt.date(1999, 12, 31), dt.date.min, dt.date.max),
    "time": (dt.time(0), dt.time(12, 30, 0, 1)),
    "datetime": (dt.datetime(2024, 2, 29), dt.datetime(2024, 2, 29, 12, 0, 0, 5), dt.datetime.min, dt.datetime.max),
    "timestamp": (dt.datetime(2024, 2, 29), dt.datetime(1970, 1, 1, 0, 0, 0, 1)),
    "timestamptz": (
        dt.datetime(2024, 2, 29, tzinfo=dt.UTC),
        dt.datetime(1970, 1, 1, 1, tzinfo=dt.UTC),
        dt.datetime.max.replace(tzinfo=dt.UTC),
    ),
    "duration": (dt.timedelta(0), -dt.timedelta(hours=12, microseconds=1), dt.timedelta(40), MAX_SPAN, -MAX_SPAN),
    "uuid": (UUID(int=0), UUID(int=2**127), UUID("12345678-1234-5678-1234-567812345678")),
    "json": ('{"part": 1}', '{"part": "x", "other": [1, 2]}', '{"part": null}', "{}", "[]", '"x"', "1.5", "null"),
    "bytes": (b"", b"\0", b"ab"),
    "<blob>": (b"\0mYm", b""),
}
"""Values of each type; few, so that rows meet."""

KEY_WORDS = tuple(word for word in POOLS if parse_type(word).kind.traits.keyable)
_SHARED_NAMES = ("note", "score")
"""Secondary attributes that several tables may have."""


def values_of(type_: AttributeType) -> Sequence[object]:
    """Return the pool of a type; a computed type has the pool of a type of its kind."""
    word = str(type_)
    if word in POOLS:
        return POOLS[word]
    return next(pool for other, pool in POOLS.items() if parse_type(other).kind is type_.kind)


@dataclass(frozen=True)
class Pipeline:
    """Tables with rows.

    Args:
        definitions: By name, parents first.
        tables: In the same order.
        oracle: Knows their rows.
    """

    definitions: dict[str, str]
    tables: tuple[Table, ...]
    oracle: Oracle

    def catalog(self) -> Catalog:
        """Return the catalog of the tables."""
        return Catalog(1, frozenset({SCHEMA}), {table.name: table for table in self.tables})

    def rows(self, table: Table) -> Sequence[Sequence[object]]:
        """Return the rows of a table."""
        return self.oracle.tables[table.name].rows

    def __repr__(self) -> str:
        """Show definitions and rows in a readable form."""
        lines = []
        for table in self.tables:
            lines += [
                f"{table.name.table}:",
                *(f"    {line}" for line in self.definitions[table.name.table].split("\n")),
            ]
            lines += [f"        {row!r}" for row in self.rows(table)]
        return "\n" + "\n".join(lines)


def declare_table(text: str, definition: str, tables: dict[str, Table]) -> None:
    """Declare a table and add it to others; native key attributes get an origin, as storage gives it."""
    name = TableName(SCHEMA, text)

    def resolve(written: str) -> Table:
        return tables[name.master.table if written == "master" and name.master else written]

    table = declare(name, Tier.PART if name.master else Tier.MANUAL, definition, resolve)
    ids = count(100 * len(tables))
    attributes = tuple(
        replace(a, origin=Origin(next(ids), f"{name}.{a.name}")) if a.primary_key and a.origin is None else a
        for a in table.heading
    )
    tables[text] = replace(table, id=len(tables) + 1, heading=Heading(attributes))


def random_pipeline(chance: Random, *, teams: bool = False) -> Pipeline:
    """Make two to five tables with foreign keys, and rows that respect them; some may name a team."""
    definitions: dict[str, str] = {}
    tables: dict[str, Table] = {}
    for letter in "ABCDE"[: chance.randint(2, 5)]:
        name, definition = _definition(chance, letter, tables)
        if teams and "." not in name and chance.randint(0, 1):
            definition += f"\n{TEAM}_{letter.lower()} = null : varchar(8)"
        definitions[name] = definition
        declare_table(name, definition, tables)
    filled: dict[TableName, Entities] = {}
    for table in tables.values():
        filled[table.name] = _filled(chance, table, filled)
    return Pipeline(definitions, tuple(tables.values()), Oracle(filled))


def _definition(chance: Random, letter: str, tables: dict[str, Table]) -> tuple[str, str]:
    """Make a name and a definition: foreign keys to earlier tables, native attributes, secondary ones of any type."""
    parents = [table for table in tables.values() if table.heading.primary_key]
    small = letter.lower()
    name = letter
    key_parents = chance.sample(parents, chance.randint(0, min(2, len(parents))))
    key = []
    masters = [parent for parent in parents if parent.name.master is None]
    if masters and chance.randint(0, 4) == 4:
        master = chance.choice(masters)
        name = f"{master.name.table}.{letter}"
        key_parents = [parent for parent in key_parents if parent.name != master.name]
        key = ["-> master"]
    key += [_reference(chance, parent, f"{small}{i}") for i, parent in enumerate(key_parents)]
    singleton = not key and letter != "A" and chance.randint(0, 5) == 5
    for i in range(0 if singleton else chance.randint(0 if key else 1, 1 if key else 2)):
        key.append(f"{small}_id{i} : {chance.choice(('int32', 'int32', *KEY_WORDS))}")
    others = [parent for parent in parents if parent not in key_parents and parent.name.table != name.split(".")[0]]
    secondary = [_reference(chance, parent, f"{small}s", secondary=True) for parent in others[: chance.randint(0, 1)]]
    for i in range(chance.randint(0, 3)):
        attribute = _SHARED_NAMES[i % 2] if chance.randint(0, 4) == 4 else f"{small}_{i}"
        if not any(line.startswith(attribute) for line in secondary):
            default = chance.choice(("", " = null"))
            secondary.append(f"{attribute}{default} : {chance.choice(tuple(POOLS))}")
    if not key and not secondary:
        secondary = ["only : int32"]
    return name, "\n".join((*key, "---", *secondary))


def _reference(chance: Random, parent: Table, prefix: str, *, secondary: bool = False) -> str:
    options = " [nullable]" if secondary and chance.randint(0, 2) else ""
    renamed = chance.choice((None, None, *parent.heading.primary_key))
    projection = f".proj({prefix}_of='{renamed}')" if renamed else ""
    return f"->{options} {parent.name.table}{projection}"


def _filled(chance: Random, table: Table, filled: dict[TableName, Entities]) -> Entities:
    """Make rows whose references exist and whose keys differ."""
    found: dict[object, tuple[object, ...]] = {}
    for _ in range(chance.choice((0, 2, 4, 6, 9) if table.heading.primary_key else (0, 1))):
        row = _row(chance, table, filled)
        if row is not None:
            key = tuple(seen(row[name], table.heading[name].type) for name in table.heading.primary_key)
            found.setdefault(key, tuple(row[name] for name in table.heading.names))
    return Entities(table.heading, tuple(found.values()))


def _row(chance: Random, table: Table, filled: dict[TableName, Entities]) -> Entity | None:
    """Make a row; return None if no parent has the values that other foreign keys have brought already."""
    row: Entity = {}
    for key in sorted(table.foreign_keys, key=lambda k: not k.primary_key):
        parents = [
            parent
            for parent in filled[key.parent]
            if all(c not in row or same(row[c], parent[p], table.heading[c].type) for c, p in key.columns)
        ]
        missing = [child for child in key.child_columns if child not in row]
        nullable = bool(missing) and all(table.heading[child].nullable for child in missing)
        if nullable and (not parents or chance.randint(0, 2) == 0):
            row |= dict.fromkeys(missing)
        elif parents:
            parent = chance.choice(parents)
            row |= {child: parent[name] for child, name in key.columns if child not in row}
        else:
            return None
    for attribute in table.heading:
        if attribute.name not in row:
            pool = values_of(attribute.type)
            row[attribute.name] = chance.choice((*pool[:2], *pool, None) if attribute.nullable else (*pool[:2], *pool))
    return row
