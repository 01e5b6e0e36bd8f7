"""The command `levada`."""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING

from levada._base.errors import LevadaError
from levada._base.installation import install_command
from levada._base.names import parse_full_name
from levada._cli import access, audit, erase, jobs, local, staleness, worker
from levada._cli.output import print_table, safe_terminal, size_text
from levada._net.address import connect, connect_to_existing
from levada._net.backoff import repeat
from levada._net.pages import pages
from levada._net.versions import own_version
from levada_api.v1 import object_service_pb2, schema_service_pb2, server_service_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada._net.connection import Connection

_EXIT_INTERRUPTED = 130
_ROUND_TRIPS = 5
_SERVER_COMMANDS = {
    "serve": "run a server",
    "certificates": "make certificates for a server",
    "backup": "save a database with its objects to a folder",
    "verify": "check a backup by restoring it into a database of its own",
    "restore": "restore a backup into an empty database",
    "recovered": "end leases in a database that PostgreSQL recovered to an earlier moment",
}
_SERVER_MODULES = ("levada_server", "asyncpg", "grpc_health", "grpc_reflection", "prometheus_client")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 for a failure, 2 for wrong arguments, 130 for an interrupt."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[0:1] and words[0] in _SERVER_COMMANDS:
        return _run_server(words)
    options = _parser().parse_args(words)
    try:
        with safe_terminal():
            return _run(options)
    except BrokenPipeError:  # the reader of the output has closed it
        sys.stdout = None  # so that Python does not try to flush it
        return 0


def _run(options: argparse.Namespace) -> int:
    try:
        if hasattr(options, "run_alone"):
            done: int = options.run_alone(options)
            return done
        opened = connect if hasattr(options, "declares") else connect_to_existing
        with repeat(lambda: opened(options.url), getattr(options, "connect_seconds", 0)) as connection:
            code: int = options.run(connection, options)
            return code
    except LevadaError as error:
        print(f"levada {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _EXIT_INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="levada", description="Scientific data pipelines.")
    parser.add_argument("--version", action="version", version=f"levada {own_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command, what in _SERVER_COMMANDS.items():
        commands.add_parser(command, help=f"{what} (`levada {command} --help` has its options)", add_help=False)

    server = argparse.ArgumentParser(add_help=False)
    server.add_argument(
        "--url", help="address of the server, as host:port (default: LEVADA_URL, levada.toml, or your own server)"
    )

    worker.add_commands(commands, server)

    check = commands.add_parser("connect", help="check the connection")
    checks = check.add_subparsers(dest="action", metavar="ACTION", required=True)
    checks.add_parser("check", parents=[server], help="show which server answers, and how fast").set_defaults(
        run=_check
    )

    local.add_commands(commands, server)

    schemas = commands.add_parser("schemas", parents=[server], help="list the schemas")
    schemas.set_defaults(run=_schemas)

    describe = commands.add_parser("describe", parents=[server], help="show the definition of a table")
    describe.add_argument("table", help="its name, such as lab.Session or lab.Session.Trial")
    describe.set_defaults(run=_describe)

    objects = commands.add_parser("objects", help="manage the objects in stores")
    actions = objects.add_subparsers(dest="action", metavar="ACTION", required=True)
    collect = actions.add_parser("collect", parents=[server], help="remove objects without a reference for some days")
    collect.add_argument("--dry-run", action="store_true", help="change nothing, only show what would be done")
    collect.set_defaults(run=_collect)

    jobs.add_commands(commands, server)
    staleness.add_commands(commands, server)
    access.add_commands(commands, server)
    audit.add_commands(commands, server)
    erase.add_commands(commands, server)
    return parser


# ---------------------------------------------------------------------------------------------------- commands


def _run_server(words: Sequence[str]) -> int:
    """Become the server, which has its own command line."""
    missing = [name for name in _SERVER_MODULES if importlib.util.find_spec(name) is None]
    if missing:
        why = f"the server is not completely installed ({missing[0]} is missing)"
        print(f"levada {words[0]}: {why}; run {install_command('server')}", file=sys.stderr)
        return 1
    os.execv(sys.executable, [sys.executable, "-m", "levada_server", *words])


def _check(connection: Connection, _options: argparse.Namespace) -> int:
    times: list[float] = []
    for _ in range(_ROUND_TRIPS):
        started = time.perf_counter()
        info = connection.call(
            "ServerService/GetServerInfo",
            server_service_pb2.GetServerInfoRequest(),
            server_service_pb2.GetServerInfoResponse,
        )
        times.append(time.perf_counter() - started)
    print(f"server      {connection.address}")
    print(f"version     {info.version}")
    print(f"PostgreSQL  {info.postgresql_version}{' (embedded)' if info.embedded else ''}")
    print(f"round trip  {1000 * statistics.median(times):.1f} ms")
    return 0


def _schemas(connection: Connection, _options: argparse.Namespace) -> int:
    request = schema_service_pb2.ListSchemasRequest()
    listed = pages(connection, "SchemaService/ListSchemas", request, schema_service_pb2.ListSchemasResponse)
    rows = [(s.name, s.table_count, f"{s.create_time.ToDatetime():%Y-%m-%d}") for page in listed for s in page.schemas]
    print_table(("schema", "tables", "created"), rows)
    return 0


def _collect(connection: Connection, options: argparse.Namespace) -> int:
    request = object_service_pb2.CollectObjectsRequest(dry_run=options.dry_run)
    done = connection.call("ObjectService/CollectObjects", request, object_service_pb2.CollectObjectsResponse)
    would = "would be " if options.dry_run else ""
    print(f"{done.deleted_count} objects {would}removed ({size_text(done.deleted_bytes)})")
    print(f"{done.quarantined_count} objects {would}put into quarantine ({size_text(done.quarantined_bytes)})")
    return 0


def _describe(connection: Connection, options: argparse.Namespace) -> int:
    table = connection.describe_table(parse_full_name(options.table)).table
    print(table.definition)
    return 0
