"""The commands about servers: the one of this folder, any other, and the server itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._cli.grammar import parsing

if TYPE_CHECKING:
    from levada._cli.grammar.parsing import Commands

SERVER_COMMANDS = {
    "serve": "run a server",
    "certificates": "make certificates for a server",
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
        json="one object: client, server, named by or data, state, size, version, PostgreSQL, schemas, tables, error",
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
        json="one object: deleted_count, deleted_bytes, quarantined_count, quarantined_bytes, dry_run",
    )
    collect.add_argument("--dry-run", action="store_true", help="change nothing, only show what would be done")
    for command, what in SERVER_COMMANDS.items():
        parser = commands.add_parser(command, help=what, description=f"{what[0].upper()}{what[1:]}.", add_help=False)
        parser.set_defaults(run=None, parser=parser)
