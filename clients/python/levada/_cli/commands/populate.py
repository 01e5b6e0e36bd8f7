"""The command `levada populate`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from levada._base.errors import InvalidRequest
from levada._cli.modules import import_module, tables_of
from levada._cli.output import drawing, json_text, print_json
from levada._net.address import use
from levada._pipeline.auto_populated import AutoPopulated

if TYPE_CHECKING:
    import argparse
    from types import ModuleType

    from levada._net.connection import Connection


def populate(connection: Connection, options: argparse.Namespace) -> int:
    """Compute a table's missing keys."""
    use(connection)
    table = computing_class(import_module(options.module, options.url), options.table)
    with drawing():  # the progress bar, and what `make` itself prints
        result: dict[str, Any] = table.populate(  # Any: a number and a list
            *options.restriction,
            suppress_errors=options.suppress_errors,
            reserve_jobs=options.reserve_jobs,
            max_calls=options.max_calls,
            processes=options.processes,
            stale=options.stale,
            display_progress=sys.stderr.isatty(),
        )
    if options.json:
        errors = [{"key": key, "error": message} for key, message in result["error_list"]]
        print_json({"success_count": result["success_count"], "errors": errors})
        return 1 if errors else 0
    for key, message in result["error_list"]:
        print(f"{json_text(key)}: {message}")
    print(f"{result['success_count']} computed, {len(result['error_list'])} failed", file=sys.stderr)
    return 1 if result["error_list"] else 0


def computing_class(module: ModuleType, name: str) -> type[AutoPopulated]:
    """Return a table of a module.

    Raises:
        InvalidRequest: It has no such table, or it does not compute.
    """
    found: object = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if isinstance(found, type) and issubclass(found, AutoPopulated):
        return found
    others = ", ".join(table.__name__ for table in tables_of(module) if issubclass(table, AutoPopulated))
    raise InvalidRequest(
        f"The module `{module.__name__}` has no Imported or Computed table `{name}`; it has {others or 'none'}."
    )
