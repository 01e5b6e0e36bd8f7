"""The commands `levada audit`."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._cli.output import print_table
from levada._query.restriction import Top
from levada._tables.table import FreeTable
from levada_api.v1 import schema_service_pb2 as pb

if TYPE_CHECKING:
    from levada._net.connection import Connection

AUDIT = "levada.Audit"
"""The audit as a table, which administrators may query."""


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], server: argparse.ArgumentParser
) -> None:
    """Add them to the command line.

    Args:
        server: The options of every command that contacts a server.
    """
    audit = commands.add_parser("audit", help="show who changed what, as an administrator")
    actions = audit.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = actions.add_parser("list", parents=[server], help="list the latest entries, the newest last")
    listed.add_argument("--user", help="only calls of a user")
    listed.add_argument("--subject", help="only changes of a table, schema, user or team, such as lab.Session")
    listed.add_argument("--refused", action="store_true", help="only refused calls")
    listed.add_argument("--since", type=_moment, metavar="TIME", help="only from a time on, such as 2026-01-31, UTC")
    listed.add_argument("--limit", type=int, default=50, help="at most this many (default: 50)")
    listed.set_defaults(run=_list)
    reads = actions.add_parser(
        "reads", parents=[server], help="record also who reads the tables of a schema, as its owner"
    )
    reads.add_argument("schema", help="its name")
    reads.add_argument("switch", choices=("on", "off"))
    reads.set_defaults(run=_reads)


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-01-31 or 2026-01-31 12:00") from None
    return moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)


def _list(connection: Connection, options: argparse.Namespace) -> int:
    if options.limit < 1:
        raise InvalidRequest("--limit is at least 1.")
    found = FreeTable(connection, AUDIT) & {
        column: value
        for column, value in (("username", options.user), ("subject", options.subject))
        if value is not None
    }
    if options.refused:
        found &= "outcome <> 'OK'"
    if options.since is not None:
        found &= f"time >= '{options.since.isoformat(' ')}'"
    rows = [
        (
            f"{row['time']:%Y-%m-%d %H:%M:%S}",
            row["username"],
            row["address"],
            row["method"],
            row["subject"],
            row["row_count"] or "",
            "" if row["outcome"] == "OK" else row["outcome"],
            json.dumps(row["details"], ensure_ascii=False) if row["details"] else "",
        )
        for row in (found & Top(options.limit, ["time DESC", "id DESC"])).to_dicts()
    ]
    print_table(("time", "user", "from", "call", "subject", "rows", "", "details"), rows[::-1])
    return 0


def _reads(connection: Connection, options: argparse.Namespace) -> int:
    request = pb.UpdateSchemaRequest(name=options.schema, confidential=options.switch == "on")
    connection.call("SchemaService/UpdateSchema", request, pb.UpdateSchemaResponse)
    return 0
