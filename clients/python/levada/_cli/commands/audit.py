"""The commands `levada audit`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from levada._cli.output import print_json, print_table
from levada._query.restriction import Top
from levada._tables.table import FreeTable
from levada_api.v1 import schema_service_pb2 as pb

if TYPE_CHECKING:
    import argparse

    from levada._net.connection import Connection

AUDIT = "levada.Audit"
"""The audit as a table, which administrators may query."""


def list_entries(connection: Connection, options: argparse.Namespace) -> int:
    """List the latest entries."""
    found = FreeTable(connection, AUDIT) & {
        column: value
        for column, value in (("username", options.user), ("subject", options.subject))
        if value is not None
    }
    if options.refused:
        found &= "outcome <> 'OK'"
    if options.since is not None:
        found &= f"time >= '{options.since.isoformat(' ')}'"
    entries = (found & Top(options.limit, ["time DESC", "id DESC"])).to_dicts()[::-1]
    if options.json:
        for entry in entries:
            print_json(entry)
        return 0
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
        for row in entries
    ]
    print_table(("time", "user", "from", "call", "subject", "rows", "", "details"), rows)
    return 0


def reads(connection: Connection, options: argparse.Namespace) -> int:
    """Record who reads the tables of a schema, or stop that."""
    request = pb.UpdateSchemaRequest(name=options.schema, confidential=options.switch == "on")
    connection.call("SchemaService/UpdateSchema", request, pb.UpdateSchemaResponse)
    return 0
