"""The commands `levada delete` and `levada drop`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._base.names import parse_full_name
from levada._base.text import plural
from levada._cli.asking import agreed
from levada._cli.commands.catalog import restricted
from levada._cli.output import counted, print_json, row_lines
from levada._pipeline.schema import Schema
from levada._tables.deletion import drop_planned, plan_drop

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from levada._net.connection import Connection
    from levada_api.v1 import schema_pb2


def delete(connection: Connection, options: argparse.Namespace) -> int:
    """Delete rows, with all that depends on them."""
    if bool(options.conditions) == options.all:
        raise InvalidRequest('Say which rows: by conditions such as "subject_id = 5", or all of them by --all.')
    chosen = restricted(connection, options.table, options.conditions)
    plan = chosen._deletion("cascade" if options.with_masters else "enforce").plan()
    if options.dry_run or not plan:
        if options.json:
            print_json({"table": options.table, "deleted": 0, "tables": counted(plan.tables)})
        else:
            print("\n".join(_lines("Would delete:", plan.tables)) if plan else "No row meets this; nothing to delete.")
        return 0 if plan else 1
    if not agreed(_lines("About to delete:", plan.tables), "Delete?", options):
        return 1
    count = plan.confirm()
    if options.json:
        print_json({"table": options.table, "deleted": count, "tables": counted(plan.tables)})
    else:
        others = sum(table.entity_count for table in plan.tables) - count
        print(
            f"deleted {plural(count, 'row')} of {options.table}{f' and {others} that depended on them' * bool(others)}"
        )
    return 0


def drop(connection: Connection, options: argparse.Namespace) -> int:
    """Drop a table with all that depends on it, or a schema."""
    if "." not in options.name:
        return _drop_schema(connection, options)
    name = parse_full_name(options.name)
    plan = plan_drop(connection, [name])
    if options.dry_run:
        _tell(options, dropped=False, tables=plan.tables)
        return 0
    if not agreed(_lines("About to drop:", plan.tables), "Drop?", options):
        return 1
    drop_planned(connection, name, plan.digest)
    _tell(options, dropped=True, tables=plan.tables)
    return 0


def _drop_schema(connection: Connection, options: argparse.Namespace) -> int:
    schema = Schema(options.name, connection=connection, create_schema=False, create_tables=False)
    names = [table.name for table in schema._tables()]
    tables = plan_drop(connection, names).tables if names else ()
    if options.dry_run:
        _tell(options, dropped=False, tables=tables)
        return 0
    lines = _lines(f"About to drop the schema {options.name} with:", tables)
    if not agreed(lines, f"Drop {options.name}?", options):
        return 1
    schema.drop(prompt=False)
    _tell(options, dropped=True, tables=tables)
    return 0


def _tell(options: argparse.Namespace, *, dropped: bool, tables: Iterable[schema_pb2.TableCount]) -> None:
    if options.json:
        print_json({"dropped": dropped, "tables": counted(tables)})
    elif dropped:
        print(f"dropped {options.name}")
    else:
        print("\n".join(_lines("Would drop:", tables)))


def _lines(head: str, tables: Iterable[schema_pb2.TableCount]) -> list[str]:
    return [head, *row_lines(tables)]
