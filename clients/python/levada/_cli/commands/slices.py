"""The commands `levada recordings`, `levada export --slice` and `levada import`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._base.text import plural
from levada._cli.asking import agreed
from levada._cli.modules import import_module
from levada._cli.output import print_json, print_table
from levada._moving.opening import open_as_database
from levada._moving.slices import export_slice, open_export
from levada._net.recordings import delete_recording, list_recordings, recorded_reads

if TYPE_CHECKING:
    import argparse

    from google.protobuf.timestamp_pb2 import Timestamp

    from levada._moving.folder import WrittenTable
    from levada._moving.opening import OpenedTable
    from levada._moving.slices import Writer
    from levada._net.connection import Connection


def recordings(connection: Connection, options: argparse.Namespace) -> int:
    """List the user's recordings."""
    found = [
        (one.name, one.read_count, _time(one.create_time), _time(one.last_read_time) if one.read_count else None)
        for one in list_recordings(connection)
    ]
    if options.json:
        for name, reads, begun, last in found:
            print_json({"name": name, "reads": reads, "begun": begun, "last_read": last})
    else:
        print_table(("name", "reads", "begun", "last read"), [["-" if v is None else v for v in row] for row in found])
    return 0


def show_recording(connection: Connection, options: argparse.Namespace) -> int:
    """List the reads of a recording."""
    for read in recorded_reads(connection, options.name, compare=True):
        operands = [node.table.name for node in read.relation.nodes if node.HasField("table")]
        names = {f"{name.schema}.{name.table}" for name in operands}
        changed = not read.HasField("present_digest") or read.present_digest != read.digest
        about = {
            "tables": sorted(names),
            "kind": read.kind,
            "first": _time(read.first_time),
            "last": _time(read.last_time),
            "count": read.read_count,
            "changed": changed,
        }
        if options.json:
            print_json(about)
        else:
            note = "  changed since" if changed else ""
            print(f"{about['last']}  {read.kind:<6} {', '.join(sorted(names)) or '(no table)'}{note}")
    return 0


def delete(connection: Connection, options: argparse.Namespace) -> int:
    """Delete a recording, after asking."""
    if not agreed([f"The recording {options.name}; no rows."], "Delete it?", options):
        return 1
    delete_recording(connection, options.name)
    if options.json:
        print_json({"deleted": options.name})
    return 0


def export(connection: Connection, options: argparse.Namespace) -> int:
    """Write the slice of a recording."""

    def done(written: WrittenTable) -> None:
        if not options.json:
            print(f"{written.name}: {plural(written.row_count, 'row')}", flush=True)

    if options.names or options.where:
        raise InvalidRequest("--slice exports what a recording has read; name no tables or conditions beside it.")
    writer = _writer(options.writer, options.url) if options.writer else None
    exported = export_slice(
        connection,
        options.slice,
        options.to,
        authors=options.author,
        licence=options.licence,
        writer=writer,
        done=done,
    )
    tables = exported.contents.tables
    if options.json:
        listed = [{"table": one.name, "rows": one.row_count, "digest": one.digest} for one in tables]
        print_json({"to": str(options.to), "tables": listed, "changed": list(exported.changed)})
        return 0
    for told in exported.changed:
        print(f"levada export: {told}", file=sys.stderr)
    rows = sum(one.row_count for one in tables)
    print(f"wrote {plural(len(tables), 'table')}, {plural(rows, 'row')} into {options.to}", file=sys.stderr)
    return 0


def open_archive(connection: Connection, options: argparse.Namespace) -> int:
    """Open a folder of an export as a database."""

    def done(table: OpenedTable) -> None:
        if not options.json:
            print(f"{table.name}: {plural(table.row_count, 'row')}", flush=True)

    opened = open_as_database(connection, open_export(options.folder), done)
    if options.json:
        print_json({"tables": [{"table": one.name, "rows": one.row_count} for one in opened]})
        return 0
    rows = sum(one.row_count for one in opened)
    told = f"opened {plural(len(opened), 'table')}, {plural(rows, 'row')}: equal to those of {options.folder}"
    print(told, file=sys.stderr)
    return 0


def _writer(named: str, url: str | None) -> Writer:
    module, _, name = named.partition(":")
    writer: Writer | None = getattr(import_module(module, url), name, None) if name else None
    if not callable(writer):
        raise InvalidRequest(f"{named!r} is not a function; write it as module:function.")
    return writer


def _time(moment: Timestamp) -> str:
    return moment.ToDatetime().strftime("%Y-%m-%dT%H:%M:%SZ")
