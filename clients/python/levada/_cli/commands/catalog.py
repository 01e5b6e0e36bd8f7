"""The commands `levada schemas`, `describe`, `diagram`, `trace` and `connect check`."""

from __future__ import annotations

import statistics
import sys
import time
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._base.names import parse_full_name
from levada._cli.output import print_facts, print_json, print_records
from levada._net.pages import pages
from levada._pipeline.schema import Schema
from levada._tables.table import FreeTable
from levada._views.diagram import Diagram
from levada_api.v1 import schema_pb2, schema_service_pb2, server_service_pb2

if TYPE_CHECKING:
    import argparse

    from levada._net.connection import Connection
    from levada._tables.table import Table

_ROUND_TRIPS = 5


def check(connection: Connection, options: argparse.Namespace) -> int:
    """Show which server answers, and how fast."""
    times: list[float] = []
    for _ in range(_ROUND_TRIPS):
        started = time.perf_counter()
        info = connection.call(
            "ServerService/GetServerInfo",
            server_service_pb2.GetServerInfoRequest(),
            server_service_pb2.GetServerInfoResponse,
        )
        times.append(1000 * (time.perf_counter() - started))
    found = {"server": connection.address, "version": info.version}
    middle = statistics.median(times)
    if options.json:
        database = {"postgresql": info.postgresql_version, "embedded": info.embedded}
        print_json(found | database | {"round_trip_ms": round(middle, 3)})
        return 0
    version = f"{info.postgresql_version}{' (embedded)' if info.embedded else ''}"
    print_facts(found | {"PostgreSQL": version, "round trip": f"{middle:.1f} ms"}, as_json=False)
    return 0


def schemas(connection: Connection, options: argparse.Namespace) -> int:
    """List the schemas, or the tables of one."""
    if options.schema is None:
        request = schema_service_pb2.ListSchemasRequest()
        listed = pages(connection, "SchemaService/ListSchemas", request, schema_service_pb2.ListSchemasResponse)
        rows = [
            (s.name, s.table_count, f"{s.create_time.ToDatetime():%Y-%m-%d}") for page in listed for s in page.schemas
        ]
        print_records(("schema", "tables", "created"), rows, as_json=options.json)
        return 0
    asked = schema_service_pb2.ListTablesRequest(schema=options.schema)
    found = pages(connection, "SchemaService/ListTables", asked, schema_service_pb2.ListTablesResponse)
    tables = [(_name(t.name), _tier(t), t.comment) for page in found for t in page.tables]
    print_records(("table", "tier", "comment"), tables, as_json=options.json)
    return 0


def describe(connection: Connection, options: argparse.Namespace) -> int:
    """Show the definition of a table."""
    described = connection.describe_table(parse_full_name(options.table))
    table = described.table
    if not options.json:
        print(table.definition)
        return 0
    attributes = [
        {
            "name": attribute.name,
            "type": attribute.type,
            "in_key": attribute.in_key,
            "nullable": attribute.nullable,
            "default": attribute.default,
            "comment": attribute.comment,
            "origin": attribute.origin or None,
        }
        for attribute in described.heading.attributes.values()
    ]
    print_json(
        {
            "table": _name(table.name),
            "tier": _tier(table),
            "comment": table.comment,
            "definition": table.definition,
            "attributes": attributes,
            "parents": _parents(table),
        }
    )
    return 0


def diagram(connection: Connection, options: argparse.Namespace) -> int:
    """Draw which tables depend on which."""
    drawn = reduce(add, (Diagram(_source(connection, name)) for name in options.names))
    drawn = drawn - options.up if options.up else drawn
    drawn = drawn + options.down if options.down else drawn
    if options.output is not None:
        drawn.save(options.output)
        print(f"wrote {options.output}", file=sys.stderr)
    if options.json:
        for name in drawn.topo_sort():
            table = connection.describe_table(parse_full_name(name)).table
            print_json({"table": _name(table.name), "tier": _tier(table), "parents": _parents(table)})
    elif options.output is None:
        print(repr(drawn))
    return 0


def trace(connection: Connection, options: argparse.Namespace) -> int:
    """Count the rows that some rows depend on, or that depend on them."""
    chosen = restricted(connection, options.table, options.conditions)
    found = Diagram.cascade(chosen) if options.downstream else Diagram.trace(chosen)
    rows = [
        (f"{name.schema}.{name.table}", count)
        for name, count in zip(
            (table.name for table in found.lineage.tables.values()), found.counts().values(), strict=True
        )
    ]
    print_records(("table", "rows"), rows, as_json=options.json)
    return 0


def restricted(connection: Connection, table: str, conditions: list[str]) -> Table:
    """Return a table restricted by texts."""
    chosen: Table = FreeTable(connection, table)
    for condition in conditions:
        chosen &= condition
    return chosen


def _source(connection: Connection, name: str) -> object:
    if "." in name:
        return FreeTable(connection, name)
    schema = Schema(name, connection=connection, create_schema=False, create_tables=False)
    if not schema.list_tables():
        raise InvalidRequest(f"The schema `{name}` has no tables to draw.")
    return schema


def _name(name: schema_pb2.TableName) -> str:
    return f"{name.schema}.{name.table}"


def _parents(table: schema_pb2.Table) -> list[str]:
    return [_name(key.parent) for key in table.foreign_keys]


def _tier(table: schema_pb2.Table) -> str:
    return schema_pb2.TableTier.Name(table.tier).removeprefix("TABLE_TIER_").lower()
