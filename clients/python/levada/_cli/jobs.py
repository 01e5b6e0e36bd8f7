"""The commands `levada jobs` and `levada populate`."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada._base.errors import InvalidRequest
from levada._base.names import parse_full_name
from levada._cli.output import print_table
from levada._jobs import job_calls
from levada._jobs.job_table import has_jobs, job_table
from levada._net.address import use
from levada._net.pages import pages
from levada._pipeline.auto_populated import AutoPopulated
from levada_api.v1 import job_service_pb2, schema_pb2, schema_service_pb2

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from levada._jobs.job_table import Jobs
    from levada._net.connection import Connection
    from levada_api.v1 import job_pb2

_AUTO_POPULATED = (schema_pb2.TABLE_TIER_IMPORTED, schema_pb2.TABLE_TIER_COMPUTED)
_COUNTS = ("total", "remaining", "pending", "reserved", "success", "error", "ignored")
_ACTIONS = {
    "retry": "make failed or ignored jobs pending again",
    "ignore": "ignore jobs that are pending or failed",
    "cancel": "cancel jobs that workers hold",
}
_LISTED_ERRORS = 100
_JSON_HELP = "one JSON object per line"


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], server: argparse.ArgumentParser
) -> None:
    """Add them to the command line.

    Args:
        server: The options of every command that contacts a server.
    """
    jobs = commands.add_parser("jobs", help="show and control computations")
    actions = jobs.add_subparsers(dest="action", metavar="ACTION", required=True)
    for action, what, run in (
        ("list", "show the progress of the tables of a schema", _list),
        ("watch", "show it again whenever it changes, until interrupted", _watch),
        ("errors", "show errors, in the tables of a schema or in one table", _errors),
    ):
        shown = actions.add_parser(action, parents=[server], help=what)
        shown.add_argument("name", help="a schema, or schema.Table")
        shown.add_argument("--json", action="store_true", help=_JSON_HELP)
        shown.set_defaults(run=run)
    for action, what in _ACTIONS.items():
        acting = actions.add_parser(action, parents=[server], help=what)
        acting.add_argument("table", help="its name, such as lab.Stat")
        acting.add_argument("restriction", nargs="*", help='only jobs that meet all of these: "subject_id = 5"')
        acting.add_argument("--json", action="store_true", help=_JSON_HELP)
        acting.set_defaults(run=_act)

    populate = commands.add_parser("populate", parents=[server], help="compute a table's missing keys")
    populate.add_argument("module", help="the module with the table, such as my_pipeline.ephys")
    populate.add_argument("table", help="the name of its class")
    populate.add_argument("restriction", nargs="*", help='only keys that meet all of these: "subject_id = 5"')
    populate.add_argument("--processes", type=int, default=1, metavar="N", help="compute in N processes (default: 1)")
    populate.add_argument("--max-calls", type=int, metavar="N", help="call make at most this often")
    populate.add_argument("--suppress-errors", action="store_true", help="continue after an error, and list all errors")
    populate.add_argument("--stale", action="store_true", help="also recompute stale results, and replace them")
    populate.add_argument("--reserve-jobs", action="store_true", help="skip keys that failed before")
    populate.add_argument("--json", action="store_true", help="print the outcome as one JSON object")
    populate.set_defaults(run=_populate, declares=True)


# -------------------------------------------------------------------------------------------------------- jobs


def _list(connection: Connection, options: argparse.Namespace) -> int:
    rows: list[Sequence[object]] = []
    for table in _computed(connection, options.name):
        if has_jobs(connection, table):
            (found,) = job_calls.progress(connection, [table])
            rows.append((shown_name(table), *_counts(found)))
        else:
            rows.append((shown_name(table), *[None] * len(_COUNTS)))
    _print_progress(rows, as_json=options.json)
    return 0


def _watch(connection: Connection, options: argparse.Namespace) -> int:
    request = job_service_pb2.WatchProgressRequest(names=tables_with_jobs(connection, options.name))
    for answer in connection.receive("JobService/WatchProgress", request, job_service_pb2.WatchProgressResponse):
        _print_progress([(shown_name(p.table), *_counts(p)) for p in answer.progress], as_json=options.json)
        sys.stdout.flush()
    return 0


def _counts(progress: job_pb2.Progress) -> list[int]:
    return [getattr(progress, f"{name}_count") for name in _COUNTS]


def _print_progress(rows: Sequence[Sequence[object]], *, as_json: bool) -> None:
    if not as_json:
        shown = [["-" if value is None else value for value in row] for row in rows]
        print_table(("table", "keys", *_COUNTS[1:]), shown)
        return
    for name, *counts in rows:
        print(json.dumps({"table": name, **dict(zip(_COUNTS, counts, strict=True))}))


def _errors(connection: Connection, options: argparse.Namespace) -> int:
    for table in tables_with_jobs(connection, options.name):
        errors = job_table(connection, table.schema, table.table).errors
        rows = errors.to_dicts(order_by="KEY", limit=_LISTED_ERRORS)
        for row in rows:
            key = {name: row[name] for name in errors.primary_key}
            told = {name: row[name] for name in ("error_type", "error_message", "error_stack", "attempt", "host")}
            if options.json:
                print(json.dumps({"table": shown_name(table), "key": key, **told}, default=str, ensure_ascii=False))
            else:
                shown = json.dumps(key, default=str, ensure_ascii=False)
                print(f"{shown_name(table)} {shown}: {told['error_type']}: {told['error_message']}")
        if len(rows) == _LISTED_ERRORS and (more := len(errors) - len(rows)):
            print(f"{shown_name(table)}: {more} more", file=sys.stderr)
    return 0


def _act(connection: Connection, options: argparse.Namespace) -> int:
    name = parse_full_name(options.table)
    chosen: Jobs = job_table(connection, name.schema, name.table)
    for restriction in options.restriction:
        chosen &= restriction
    count: int = getattr(chosen, options.action)()
    if options.json:
        print(json.dumps({"table": shown_name(name), "action": options.action, "jobs": count}))
    else:
        print(f"{count} {'job' if count == 1 else 'jobs'}")
    return 0


def tables_with_jobs(connection: Connection, name: str) -> Iterator[schema_pb2.TableName]:
    """Return the tables of a schema that compute, or only the named one."""
    for table in _computed(connection, name):
        if "." in name or has_jobs(connection, table):
            yield table


def _computed(connection: Connection, name: str) -> Iterator[schema_pb2.TableName]:
    """Return the Imported and Computed tables of a schema, or only the named one."""
    if "." in name:
        yield parse_full_name(name)
        return
    request = schema_service_pb2.ListTablesRequest(schema=name)
    for page in pages(connection, "SchemaService/ListTables", request, schema_service_pb2.ListTablesResponse):
        yield from (table.name for table in page.tables if table.tier in _AUTO_POPULATED)


def shown_name(table: schema_pb2.TableName) -> str:
    """Return the name of a table as the command line takes it."""
    return f"{table.schema}.{table.table}"


# ---------------------------------------------------------------------------------------------------- populate


def _populate(connection: Connection, options: argparse.Namespace) -> int:
    sys.path.insert(0, str(Path.cwd()))
    use(connection)
    table = imported_class(options.module, options.table)
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
        print(json.dumps({"success_count": result["success_count"], "errors": errors}, default=str, ensure_ascii=False))
        return 1 if errors else 0
    for key, message in result["error_list"]:
        print(f"{json.dumps(key, default=str, ensure_ascii=False)}: {message}")
    print(f"{result['success_count']} computed, {len(result['error_list'])} failed", file=sys.stderr)
    return 1 if result["error_list"] else 0


def imported_class(module: str, name: str) -> type[AutoPopulated]:
    """Import a class.

    Raises:
        InvalidRequest: There is no such module, or no such table in it.
    """
    try:
        found: object = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise InvalidRequest(
            f"There is no module `{module}`; run this in the folder that contains it, or set PYTHONPATH to that folder."
        ) from None
    for part in name.split("."):
        found = getattr(found, part, None)
    if not (isinstance(found, type) and issubclass(found, AutoPopulated)):
        raise InvalidRequest(f"The module `{module}` has no Imported or Computed table `{name}`.")
    return found
