"""The commands `levada stale` and `levada recompute`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._cli.asking import agreed
from levada._cli.commands.jobs import shown_name, tables_with_jobs
from levada._cli.commands.populate import computing_class
from levada._cli.modules import import_module
from levada._cli.output import drawing, print_json, print_table
from levada._net.address import use
from levada._pipeline.staleness import Staleness, verdicts_on

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from levada._net.connection import Connection

_STATES = ("stale", "unknown", "fresh")
_LISTED = 100


def stale(connection: Connection, options: argparse.Namespace) -> int:
    """Count the stale results of a schema, or list those of a table."""
    use(connection)
    for module in options.module:
        import_module(module, options.url)
    if "." in options.name:
        for table in tables_with_jobs(connection, options.name):
            _list(verdicts_on(connection, table), as_json=options.json)
        return 0
    rows: list[Sequence[object]] = []
    for table in tables_with_jobs(connection, options.name):
        found = verdicts_on(connection, table)
        rows.append((shown_name(table), *(len(found.in_state(state)) for state in _STATES)))
    if not options.json:
        print_table(("table", *_STATES), rows)
    for name, *counts in rows if options.json else ():
        print_json({"table": name, **dict(zip(_STATES, counts, strict=True))})
    return 0


def _list(found: Staleness, *, as_json: bool) -> None:
    rows = found.stale.to_dicts(order_by="KEY", limit=_LISTED)
    key, reason = found.primary_key, found.heading.names[-1]
    if as_json:
        for row in rows:
            print_json({"key": {name: row[name] for name in key}, "reason": row[reason]})
    elif rows:
        print_table((*key, "reason"), [(*(row[name] for name in key), row[reason]) for row in rows])
    if len(rows) == _LISTED and (more := len(found.stale) - len(rows)):
        print(f"{more} more", file=sys.stderr)
    if not rows:
        print("nothing is stale", file=sys.stderr)


def recompute(connection: Connection, options: argparse.Namespace) -> int:
    """Compute results again, show what differs, and replace it after asking."""
    use(connection)
    table = computing_class(import_module(options.module, options.url), options.table)
    conditions = [*options.restriction, *([table.stale()] if options.stale else [])]
    with drawing():  # what `make` itself prints
        done = table.recompute(
            *conditions, tolerance=dict(map(_tolerance, options.tolerance)), suppress_errors=options.suppress_errors
        )
    if options.json:
        errors = [{"key": key, "error": str(error)} for key, error in done.errors]
        counts = {"equal": done.equal_count, "different": done.different_count}
        print_json({**counts, "differences": done.to_dicts(), "errors": errors})
    else:
        print(done)
    found = bool(done.equal_count + done.different_count)
    question = "Replace what differs, and record that the rest is equal?"
    if options.yes or (found and not options.json and agreed([], question, options)):
        done.confirm()
        return 1 if done.errors else 0
    done.close()
    return 1 if done or done.errors else 0


def _tolerance(text: str) -> tuple[str, float]:
    name, equals, number = text.partition("=")
    try:
        if equals:
            return name.strip(), float(number)
    except ValueError:
        pass
    raise InvalidRequest(f"A tolerance is an attribute and a number, such as rate=1e-9, not {text!r}.")
