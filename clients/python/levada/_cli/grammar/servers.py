"""The commands about servers: the one of this folder, any other, and the server itself."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from levada._cli.grammar import parsing

if TYPE_CHECKING:
    from levada._cli.grammar.parsing import Commands

SERVER_COMMANDS = {
    "serve": "run a server",
    "certificates": "make certificates for a server",
    "try-alerts": "send a trial alert to everybody whom the settings of alerts name",
    "backup": "save a database with its objects to a folder",
    "verify": "check a backup by restoring it into a database of its own",
    "restore": "restore a backup into an empty database",
    "recovered": "end leases in a database that PostgreSQL recovered to an earlier moment",
}
"""They are in the package `levada_server`, which need not be installed, and which reads their options."""


def add_commands(commands: Commands) -> None:
    """Add them to the command line."""
    parsing.add(
        commands,
        "status",
        "show which server this folder uses, and start nothing",
        run="local:status",
        examples=("status",),
        server=parsing.NONE,
        json="one object: client, server, named by or data, state, size, version, PostgreSQL, schemas, tables, "
        "stale results, error",
    ).add_argument("--url", metavar="ADDRESS", help="another server, as host:port")
    parsing.add(
        commands,
        "stop",
        "stop the local server of this folder; the next program starts it again",
        run="local:stop",
        examples=("stop",),
        server=parsing.NONE,
        json="one object: stopped, data",
    )
    parsing.add(
        commands,
        "dashboard",
        "open the server's dashboard in a browser, signed in as you",
        run="dashboard:show",
        examples=("dashboard", "dashboard --no-browser", "dashboard --url lab.example.org:50051"),
        json="one object: url, code, seconds",
    ).add_argument("--no-browser", action="store_true", help="only print the address and a code to type there")
    connections = parsing.add_group(commands, "connect", "check the connection")
    parsing.add(
        connections,
        "check",
        "show which server answers, and how fast",
        run="catalog:check",
        examples=("connect check", "connect check --url lab.example.org:50051"),
        json="one object: server, version, postgresql, embedded, round_trip_ms",
    )
    objects = parsing.add_group(commands, "objects", "manage the objects in stores")
    collect = parsing.add(
        objects,
        "collect",
        "remove objects without a reference for some days",
        run="objects:collect",
        examples=("objects collect --dry-run",),
        json="one object: deleted_count, deleted_bytes, quarantined_count, quarantined_bytes, kept_because, dry_run",
    )
    collect.add_argument("--dry-run", action="store_true", help="change nothing, only show what would be done")
    _add_objects(objects)
    for command, what in SERVER_COMMANDS.items():
        parser = commands.add_parser(command, help=what, description=f"{what[0].upper()}{what[1:]}.", add_help=False)
        parser.set_defaults(run=None, parser=parser)


def _add_objects(objects: Commands) -> None:
    register = parsing.add(
        objects,
        "register",
        "register files that are already in a store, with a row for each; may be repeated",
        run="objects:register",
        examples=(
            'objects register lab.Movie "2026/{subject}/{session}_*.avi" --folder 2026',
            "objects register lab.File --dry-run",
        ),
        json="one object: registered, size_bytes, existing, unmatched, failed, skipped, problems, dry_run",
    )
    parsing.table(register)
    register.add_argument(
        "pattern",
        metavar="PATTERN",
        nargs="?",
        help="of the paths: {name} is an attribute within a name, {name*} also with slashes, * and ** anything else "
        "(default: the path is the key)",
    )
    register.add_argument(
        "--attribute", metavar="NAME", help="the attribute of type <filepath@…>, if there are several"
    )
    register.add_argument("--folder", metavar="PATH", default="", help="the folder of the store (default: all allowed)")
    register.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        type=_assignment,
        help="the same value of another attribute for all rows; may be repeated",
    )
    register.add_argument("--dry-run", action="store_true", help="only show what would be done")
    parsing.yes(register)
    listing = parsing.add(
        objects,
        "list",
        "list the objects that rows may name",
        run="objects:list_objects",
        examples=("objects list --store main", "objects list --schema lab --json"),
        json="one object per line: id, schema, codec, store, path, size_bytes, hash, quarantined, tables",
    )
    _add_choice(listing)
    verify = parsing.add(
        objects,
        "verify",
        "read every byte of the objects, and show the damaged ones with their rows",
        run="objects:verify",
        examples=("objects verify --store main",),
        json="one object: object_count, size_bytes, damages (id, store, path, problem, rows)",
    )
    _add_choice(verify)
    verify.add_argument("--after", metavar="ID", default="", help="only objects whose ids come after this one")
    copy = parsing.add(
        objects,
        "copy",
        "copy the objects of one store into another, and let the rows follow; may be repeated",
        run="objects:copy",
        examples=("objects copy main bucket", "objects copy main bucket --schema lab --dry-run"),
        json="one object: object_count, size_bytes, row_count, damages (id, store, path, problem, rows), dry_run",
    )
    copy.add_argument("source", metavar="SOURCE", help="the store that has them")
    copy.add_argument("target", metavar="TARGET", help="the store to copy to")
    copy.add_argument("--schema", metavar="SCHEMA", default="", help="only objects of this schema")
    copy.add_argument("--dry-run", action="store_true", help="only count them")
    parsing.add(
        objects,
        "usage",
        "show how much the objects of each schema and user take, as last measured",
        run="objects:usage",
        examples=("objects usage",),
        json="one object per line: schema, user (empty for all), object_count, size_bytes, measure_time",
    )


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", metavar="STORE", default="", help="only objects of this store")
    parser.add_argument("--schema", metavar="SCHEMA", default="", help="only objects of this schema")


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value
