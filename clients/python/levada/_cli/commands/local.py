"""Commands about this folder's server: which one it is, and stop it if it is a local one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.errors import LevadaError, NotFound, PermissionDenied
from levada._base.text import size_text
from levada._cli.commands.jobs import tables_with_jobs
from levada._cli.output import print_facts, print_json
from levada._net import embedded
from levada._net.address import connect_to_existing
from levada._net.pages import pages
from levada._net.source import Source, find_source
from levada._net.versions import own_version
from levada._pipeline.staleness import known_stale_count
from levada_api.v1 import schema_service_pb2, server_service_pb2

if TYPE_CHECKING:
    import argparse

    from levada._net.connection import Connection


def status(options: argparse.Namespace) -> int:
    """Show which server this folder uses."""
    source = Source(options.url, found_in="--url") if options.url else find_source()
    told = {"client": own_version()} | _described(source)
    failed = "error" in told
    if told.get("state") != "not running" and not failed:
        try:
            with connect_to_existing(options.url) as connection:
                told |= _contents(connection)
        except LevadaError as error:
            told |= {"error": str(error)}
            failed = True
    print_facts(told, as_json=options.json)
    return int(failed)


def _described(source: Source) -> dict[str, object]:
    if source.data_folder is None:
        return {"server": source.url, "named by": source.found_in}
    if not source.data_folder.is_dir():
        return {
            "error": f"Nothing names a server, and there is no folder .levada in {Path.cwd()} or above it; the first "
            "program that declares a schema here makes one."
        }
    found = embedded.running(source.data_folder)
    told: dict[str, object] = {"server": "local" if found is None else found.address, "data": str(source.data_folder)}
    if found is None:
        return told | {"state": "not running", "size": _size(source.data_folder)}
    return told | {"state": f"running, process {found.pid}", "size": _size(source.data_folder)}


def _contents(connection: Connection) -> dict[str, object]:
    info = connection.call(
        "ServerService/GetServerInfo",
        server_service_pb2.GetServerInfoRequest(),
        server_service_pb2.GetServerInfoResponse,
    )
    request = schema_service_pb2.ListSchemasRequest()
    listed = pages(connection, "SchemaService/ListSchemas", request, schema_service_pb2.ListSchemasResponse)
    schemas = [schema for page in listed for schema in page.schemas]
    return {
        "version": info.version,
        "PostgreSQL": info.postgresql_version,
        "schemas": len(schemas),
        "tables": sum(schema.table_count for schema in schemas),
        "stale results": sum(_known_stale(connection, schema.name) for schema in schemas),
    }


def _known_stale(connection: Connection, schema: str) -> int:
    """Count the stale results of a schema that are known, in the tables that the user may read."""
    count = 0
    for table in tables_with_jobs(connection, schema):
        try:
            count += known_stale_count(connection, table)
        except (NotFound, PermissionDenied):  # dropped meanwhile, or shown by name alone
            continue
    return count


def _size(folder: Path) -> str:
    """Measure the files of a folder that this user may read."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118  # thousands of files
            except OSError:  # removed meanwhile
                continue
    return size_text(total)


def stop(options: argparse.Namespace) -> int:
    """Stop the local server of this folder."""
    source = find_source()
    if source.data_folder is None:
        raise NotFound(f"This folder uses the server {source.url}, named by {source.found_in}; it is not a local one.")
    if (found := embedded.running(source.data_folder)) is None:
        said = f"no local server runs; the data are in {source.data_folder}" if source.found_in else "no data here"
    else:
        embedded.stop(found)
        said = f"stopped the local server; the data are in {source.data_folder}"
    if options.json:
        print_json({"stopped": found is not None, "data": str(source.data_folder) if source.found_in else None})
    else:
        print(said)
    return 0
