"""The command `levada export`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._base.text import plural
from levada._cli.commands import slices
from levada._cli.output import print_json
from levada._moving import exporting

if TYPE_CHECKING:
    import argparse

    from levada._moving.folder import WrittenTable
    from levada._net.connection import Connection


def export(connection: Connection, options: argparse.Namespace) -> int:
    """Write schemas and tables, or the slice of a recording, as files."""
    if options.slice is not None:
        return slices.export(connection, options)
    if options.author or options.licence or options.writer:
        raise InvalidRequest("--author, --licence and --writer go with --slice.")
    if not options.names:
        raise InvalidRequest("Name schemas or tables to export, or a recording by --slice.")

    def done(written: WrittenTable) -> None:
        if not options.json:
            print(f"{written.name}: {plural(written.row_count, 'row')}", flush=True)

    tables = exporting.export(connection, options.names, options.where, options.to, done)
    if options.json:
        facts = [{"table": one.name, "rows": one.row_count, "digest": one.digest} for one in tables]
        print_json({"to": str(options.to), "tables": facts})
    else:
        rows = sum(one.row_count for one in tables)
        print(f"wrote {plural(len(tables), 'table')}, {plural(rows, 'row')} into {options.to}", file=sys.stderr)
    return 0
