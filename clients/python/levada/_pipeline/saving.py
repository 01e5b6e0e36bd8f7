"""Saving the tables of a schema as Python classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._pipeline.declaration import with_references
from levada._pipeline.tiers import TIERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_api.v1 import schema_pb2

_INDENT = "    "


def source_of(schema: str, tables: Sequence[schema_pb2.Table]) -> str:
    """Write a module that declares some tables.

    It contains only the definitions: `make`, contents and key sources are code, which is not saved.

    Args:
        tables: All from one schema, parents first.
    """
    groups = _by_master(tables)
    classes = [_class_source(groups[name]) for name in _in_order(groups)]
    header = f'"""The tables of the schema `{schema}`."""\n\nimport levada as lv\n\nschema = lv.Schema("{schema}")\n'
    return "".join([header, *(f"\n\n@schema\n{source}" for source in classes)])


def _by_master(tables: Sequence[schema_pb2.Table]) -> dict[str, list[schema_pb2.Table]]:
    """Group each table with its parts, itself first."""
    groups: dict[str, list[schema_pb2.Table]] = {}
    for table in tables:
        groups.setdefault(_master(table.name.table), []).append(table)
    return groups


def _in_order(groups: dict[str, list[schema_pb2.Table]]) -> list[str]:
    """Order masters so that all tables that they or their parts refer to come before them."""
    done: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in done or name in above:
            return
        above.add(name)
        for table in groups[name]:
            for key in table.foreign_keys:
                parent = _master(key.parent.table)
                if key.parent.schema == table.name.schema and parent in groups:
                    visit(parent)
        done[name] = None

    above: set[str] = set()
    for name in groups:
        visit(name)
    return list(done)


def _master(class_name: str) -> str:
    return class_name.partition(".")[0]


def _class_source(tables: Sequence[schema_pb2.Table]) -> str:
    """Write the class of a table with its parts inside, and their parts inside them."""
    own, *below = tables
    groups: dict[str, list[schema_pb2.Table]] = {}
    for part in below:
        name = part.name.table.removeprefix(own.name.table + ".").partition(".")[0]
        groups.setdefault(name, []).append(part)
    body = [_definition_source(own), *(_indented("\n" + _class_source(parts)) for parts in groups.values())]
    return _head(own) + "".join(body)


def _head(table: schema_pb2.Table) -> str:
    bases = {tier: base.__name__ for base, tier in TIERS.items()}
    return f"class {table.name.table.rpartition('.')[2]}(lv.{bases[table.tier]}):\n"


def _definition_source(table: schema_pb2.Table) -> str:
    # Without its own schema's name, the file declares the same tables under another name too.
    definition = with_references(table.definition, lambda written: written.removeprefix(f"{table.name.schema}."))
    text = definition.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return _indented(f'definition = """\n{text.strip()}\n"""\n')


def _indented(text: str) -> str:
    return "".join(_INDENT + line if line.strip() else line for line in text.splitlines(keepends=True))
