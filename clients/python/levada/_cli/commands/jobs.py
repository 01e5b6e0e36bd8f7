"""The commands `levada jobs`."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from levada._base.job_counts import JOB_COUNTS
from levada._base.names import parse_full_name
from levada._base.text import plural
from levada._cli.asking import agreed
from levada._cli.output import json_text, print_json, print_table, write_styled
from levada._jobs import job_calls
from levada._jobs.discovery import list_discoveries
from levada._jobs.job_table import has_jobs, job_table
from levada._net.pages import pages
from levada_api.v1 import job_pb2, job_service_pb2, schema_pb2, schema_service_pb2

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from google.protobuf.timestamp_pb2 import Timestamp

    from levada._jobs.job_table import Jobs
    from levada._net.connection import Connection

_AUTO_POPULATED = (schema_pb2.TABLE_TIER_IMPORTED, schema_pb2.TABLE_TIER_COMPUTED)
_ASKED_ABOUT = {"ignore": ("pending", "error"), "cancel": ("reserved",)}
"""The actions that ask first if they touch all jobs of a table, and the states of the jobs that they change."""
_STATES = {
    job_pb2.JOB_STATE_PENDING: "pending",
    job_pb2.JOB_STATE_RESERVED: "reserved",
    job_pb2.JOB_STATE_SUCCESS: "success",
    job_pb2.JOB_STATE_ERROR: "error",
}
"""The states of discoveries."""
_LISTED_ERRORS = 100
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>\S+)')
_NOT_THE_USERS = re.compile(r"[/\\](?:levada[/\\]_\w+|site-packages|lib[/\\]python3[^/\\]*|<frozen)[/\\]?")


def progress(connection: Connection, options: argparse.Namespace) -> int:
    """Show the progress of the tables of a schema."""
    rows: list[Sequence[object]] = []
    for table in _computed(connection, options.name):
        if has_jobs(connection, table):
            (found,) = job_calls.progress(connection, [table])
            rows.append((shown_name(table), *_counts(found)))
        else:
            rows.append((shown_name(table), *[None] * len(JOB_COUNTS)))
    _print_progress(rows, as_json=options.json)
    return 0


def watch(connection: Connection, options: argparse.Namespace) -> int:
    """Show the progress again whenever it changes."""
    request = job_service_pb2.WatchProgressRequest(names=tables_with_jobs(connection, options.name))
    for answer in connection.receive("JobService/WatchProgress", request, job_service_pb2.WatchProgressResponse):
        _print_progress([(shown_name(p.table), *_counts(p)) for p in answer.progress], as_json=options.json)
        sys.stdout.flush()
    return 0


def _counts(progress: job_pb2.Progress) -> Sequence[int]:
    return [getattr(progress, f"{name}_count") for name in JOB_COUNTS]


def _print_progress(rows: Sequence[Sequence[object]], *, as_json: bool) -> None:
    if not as_json:
        shown = [["-" if value is None else value for value in row] for row in rows]
        print_table(("table", "keys", *JOB_COUNTS[1:]), shown)
        return
    for name, *counts in rows:
        print_json({"table": name, **dict(zip(JOB_COUNTS, counts, strict=True))})


def discoveries(connection: Connection, options: argparse.Namespace) -> int:
    """Show when the tables of a schema last looked for new rows, and how that ended."""
    rows = [
        {
            "table": shown_name(found.table),
            "state": _STATES[found.state],
            "rows": found.row_count,
            "total_rows": found.total_row_count,
            "began": _time(found.reserve_time),
            "next": _time(found.schedule_time),
            "error": f"{found.error.type}: {found.error.message}" if found.HasField("error") else None,
            "error_stack": found.error.stack or None,
            "host": found.worker.host,
        }
        for found in _discoveries(connection, options.name)
    ]
    if options.json:
        for row in rows:
            print_json(row)
    else:
        names = ("table", "state", "rows", "total_rows", "began", "next", "error")
        print_table(names, [["-" if row[name] is None else row[name] for name in names] for row in rows])
    return 0


def _discoveries(connection: Connection, name: str) -> Sequence[job_pb2.Discovery]:
    if not connection.has_feature("discoveries"):
        return []
    if "." in name:
        return list_discoveries(connection, names=[parse_full_name(name)])
    return list_discoveries(connection, schema=name)


def _time(moment: Timestamp) -> str:
    return moment.ToDatetime().strftime("%Y-%m-%dT%H:%M:%SZ")


def errors(connection: Connection, options: argparse.Namespace) -> int:
    """Show failed jobs, with their keys and the place in the code, and discoveries that failed."""
    found = _discoveries(connection, options.name)
    for discovery in found:
        if discovery.HasField("error"):
            error, place = discovery.error, location(discovery.error.stack)
            name = shown_name(discovery.table)
            if options.json:
                told = {"error_type": error.type, "error_message": error.message, "error_stack": error.stack}
                about = {"location": place or None, "attempt": discovery.attempt, "host": discovery.worker.host}
                print_json({"table": name, "key": None, **told, "output": None, **about})
            else:
                print_error(f"{name} discover", {}, f"{error.type}: {error.message}", place)
    for table in tables_with_jobs(connection, options.name):
        if found and not has_jobs(connection, table):
            continue
        failed = job_table(connection, table.schema, table.table).errors
        rows = failed.to_dicts(order_by="KEY", limit=_LISTED_ERRORS)
        for row in rows:
            key = {name: row[name] for name in failed.primary_key}
            place = location(row["error_stack"] or "")
            if options.json:
                told = {name: row[name] for name in ("error_type", "error_message", "error_stack", "output")}
                about = {"location": place or None, "attempt": row["attempt"], "host": row["host"]}
                print_json({"table": shown_name(table), "key": key, **told, **about})
            else:
                print_error(shown_name(table), key, f"{row['error_type']}: {row['error_message']}", place)
        if len(rows) == _LISTED_ERRORS and (more := len(failed) - len(rows)):
            print(f"{shown_name(table)}: {more} more", file=sys.stderr)
    return 0


def print_error(table: str, key: Mapping[str, object], message: str, place: str) -> None:
    """Print the error of a job: its table and key, the message, and the place in the user's code."""
    write_styled(f"{table} {json_text(key)}" if key else table, "bold")
    print(f": {message}")
    if place:
        write_styled(f"    {place}", "dim")
        print()


def location(stack: str) -> str:
    """Return the innermost line of the user's own code in a stack, as `file:line in function`; empty if it has none."""
    frames = [match for match in _FRAME.finditer(stack)]
    own = [match for match in frames if not _NOT_THE_USERS.search(match["file"])] or frames
    return f"{own[-1]['file']}:{own[-1]['line']} in {own[-1]['function']}" if own else ""


def act(connection: Connection, options: argparse.Namespace) -> int:
    """Retry, ignore or cancel jobs."""
    name = parse_full_name(options.table)
    chosen: Jobs = job_table(connection, name.schema, name.table)
    for condition in options.conditions:
        chosen &= condition
    if not options.conditions and options.action in _ASKED_ABOUT and not _agreed(chosen, options):
        return 1
    count: int = getattr(chosen, options.action)()
    if options.json:
        print_json({"table": shown_name(name), "action": options.action, "jobs": count})
    else:
        print(plural(count, "job"))
    return 0


def _agreed(jobs: Jobs, options: argparse.Namespace) -> bool:
    """Ask before all jobs of a table are changed."""
    counts = jobs.progress()
    states = {state: counts[state] for state in _ASKED_ABOUT[options.action] if counts[state]}
    if not states:
        return True
    told = " and ".join(f"{count} {state}" for state, count in states.items())
    lines = [f"About to {options.action} all jobs of {options.table}: {told}."]
    return agreed(lines, f"{options.action.title()} them?", options)


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
