"""The commands `levada stale` and `levada recompute`."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._base.prompt import user_choice
from levada._cli.jobs import imported_class, shown_name, tables_with_jobs
from levada._cli.output import print_table
from levada._net.address import use
from levada._pipeline.staleness import Staleness, verdicts_on

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from levada._net.connection import Connection

_STATES = ("stale", "unknown", "fresh")
_LISTED = 100


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], server: argparse.ArgumentParser
) -> None:
    """Add them to the command line.

    Args:
        server: The options of every command that contacts a server.
    """
    stale = commands.add_parser("stale", parents=[server], help="show which results are stale, and why")
    stale.add_argument("name", help="a schema, whose results are counted, or schema.Table, whose stale ones are listed")
    stale.add_argument(
        "--module",
        action="append",
        default=[],
        help="compare with the code of this module (default: with the code of each table's latest result)",
    )
    stale.add_argument("--json", action="store_true", help="one JSON object per line")
    stale.set_defaults(run=_stale)

    recompute = commands.add_parser("recompute", parents=[server], help="compute results again, and compare them")
    recompute.add_argument("module", help="the module with the table, such as my_pipeline.ephys")
    recompute.add_argument("table", help="the name of its class")
    recompute.add_argument("restriction", nargs="*", help='only results that meet all of these: "subject_id = 5"')
    recompute.add_argument("--stale", action="store_true", help="only stale results")
    recompute.add_argument(
        "--tolerance",
        action="append",
        default=[],
        metavar="ATTRIBUTE=NUMBER",
        help="the largest absolute difference of an attribute that counts as none",
    )
    recompute.add_argument(
        "--suppress-errors", action="store_true", help="continue after an error, and list all errors"
    )
    recompute.add_argument("--yes", action="store_true", help="replace the results without asking")
    recompute.add_argument("--json", action="store_true", help="print the outcome as one JSON object; ask nothing")
    recompute.set_defaults(run=_recompute)


def _stale(connection: Connection, options: argparse.Namespace) -> int:
    sys.path.insert(0, str(Path.cwd()))
    use(connection)
    for module in options.module:
        importlib.import_module(module)
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
        print(json.dumps({"table": name, **dict(zip(_STATES, counts, strict=True))}))
    return 0


def _list(found: Staleness, *, as_json: bool) -> None:
    rows = found.stale.to_dicts(order_by="KEY", limit=_LISTED)
    key = found.primary_key
    for row in rows:
        named = {name: row[name] for name in key}
        if as_json:
            print(json.dumps({"key": named, "reason": row[found.heading.names[-1]]}, default=str, ensure_ascii=False))
    if not as_json and rows:
        print_table((*key, "reason"), [(*(row[name] for name in key), row[found.heading.names[-1]]) for row in rows])
    if len(rows) == _LISTED and (more := len(found.stale) - len(rows)):
        print(f"{more} more", file=sys.stderr)
    if not rows:
        print("nothing is stale", file=sys.stderr)


def _recompute(connection: Connection, options: argparse.Namespace) -> int:
    sys.path.insert(0, str(Path.cwd()))
    use(connection)
    table = imported_class(options.module, options.table)
    restrictions = [*options.restriction, *([table.stale()] if options.stale else [])]
    done = table.recompute(
        *restrictions, tolerance=dict(map(_tolerance, options.tolerance)), suppress_errors=options.suppress_errors
    )
    confirmed = options.yes
    if options.json:
        told = {
            "equal": done.equal_count,
            "different": done.different_count,
            "differences": done.to_dicts(),
            "errors": [{"key": key, "error": str(error)} for key, error in done.errors],
        }
        print(json.dumps(told, default=str, ensure_ascii=False))
    else:
        print(done)
        if not confirmed and done.equal_count + done.different_count:
            confirmed = user_choice("Replace what differs, and record that the rest is equal?", default="no") == "yes"
    if confirmed:
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
