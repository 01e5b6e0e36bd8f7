"""The command `levada alter`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest, LevadaWarning
from levada._cli.asking import agreed
from levada._cli.modules import import_module, tables_of
from levada._cli.output import print_json
from levada._pipeline.alteration import plan_alteration
from levada._pipeline.declaration import parts_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from types import ModuleType

    from levada._net.connection import Connection
    from levada._pipeline.alteration import Alteration
    from levada._tables.table import Table


def alter(_connection: Connection, options: argparse.Namespace) -> int:
    """Alter tables to the definitions of their classes."""
    with warnings.catch_warnings():  # the import warns of the differences that are shown below
        warnings.simplefilter("ignore", LevadaWarning)
        module = import_module(options.module, options.url)
        planned = [found for table in _chosen(module, options.tables) if (found := _plan(table, module)).changes]
    if not planned and not options.json:
        print("the tables are as their classes define them")
    if not planned:
        return 0
    lines = [line for plan in planned for line in (f"{_name(plan)}:", *(f"  {change}" for change in plan.changes))]
    if options.dry_run:
        _tell(planned, lines, options, altered=False)
        return 1
    if not agreed([*lines, "An attribute that is dropped loses its values."], "Alter?", options):
        return 1
    for plan in planned:
        plan.run()
    _tell(planned, [f"altered {_name(plan)}" for plan in planned], options, altered=True)
    return 0


def _chosen(module: ModuleType, names: list[str]) -> Iterator[type[Table]]:
    """Yield the tables of some classes, all if none is named, each before its parts."""
    tables = {table.__name__: table for table in tables_of(module) if table.__module__ == module.__name__}
    if unknown := [name for name in names if name not in tables]:
        raise InvalidRequest(
            f"The module `{module.__name__}` has no table {', '.join(unknown)}; it has {', '.join(tables) or 'none'}."
        )
    for name in names or tables:
        yield tables[name]
        yield from (part for _, part in parts_of(tables[name]))


def _plan(table: type[Table], module: ModuleType) -> Alteration:
    return plan_alteration(table(), [vars(module)], {}, "")


def _name(plan: Alteration) -> str:
    return f"{plan.wanted.name.schema}.{plan.wanted.name.table}"


def _tell(planned: list[Alteration], lines: list[str], options: argparse.Namespace, *, altered: bool) -> None:
    if options.json:
        for plan in planned:
            print_json({"table": _name(plan), "changes": list(plan.changes), "altered": altered})
    else:
        print("\n".join(lines))
