"""The commands `levada objects …`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from levada._base.errors import LostConnectionError
from levada._base.progress import Progress
from levada._base.text import plural, size_text
from levada._cli.asking import agreed
from levada._cli.output import print_json, print_table
from levada._net.backoff import RETRY, wait
from levada._objects.transfer import PATIENCE_SECONDS
from levada._tables.table import FreeTable
from levada_api.v1 import object_service_pb2

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from levada._net.connection import Connection
    from levada._tables.file_registration import RegisteredFiles


def collect(connection: Connection, options: argparse.Namespace) -> int:
    """Remove objects without a reference, or show what would be removed."""
    request = object_service_pb2.CollectObjectsRequest(dry_run=options.dry_run)
    done = connection.call("ObjectService/CollectObjects", request, object_service_pb2.CollectObjectsResponse)
    if options.json:
        names = ("deleted_count", "deleted_bytes", "quarantined_count", "quarantined_bytes", "kept_because")
        print_json({name: getattr(done, name) for name in names} | {"dry_run": options.dry_run})
        return 0
    would = "would be " if options.dry_run else ""
    print(f"{done.deleted_count} objects {would}removed ({size_text(done.deleted_bytes)})")
    print(f"{done.quarantined_count} objects {would}put into quarantine ({size_text(done.quarantined_bytes)})")
    if done.kept_because:
        print(done.kept_because)
    return 0


def register(connection: Connection, options: argparse.Namespace) -> int:
    """Register files of a store, after showing what would be done."""
    table = FreeTable(connection, options.table)

    def run(*, dry_run: bool) -> RegisteredFiles:
        return table.register_files(
            options.pattern,
            attribute=options.attribute,
            folder=options.folder,
            values=dict(options.set),
            dry_run=dry_run,
            display_progress=not options.json,
        )

    if options.dry_run or not options.yes:
        plan = run(dry_run=True)
        if options.dry_run or not plan.registered:
            return _print_registered(plan, options, dry_run=True)
        lines = _registered_lines(plan, "would be registered")
        if not agreed(lines, f"Register {plural(plan.registered, 'file')}?", options):
            return 1
    return _print_registered(run(dry_run=False), options, dry_run=False)


def list_objects(connection: Connection, options: argparse.Namespace) -> int:
    """List objects, page by page."""
    request = object_service_pb2.ListObjectsRequest(store=options.store, schema=options.schema)
    while True:
        page = connection.call("ObjectService/ListObjects", request, object_service_pb2.ListObjectsResponse)
        if options.json:
            for entry in page.objects:
                print_json(_entry(entry))
        elif page.objects:
            rows = [
                (
                    e.object.id,
                    e.schema,
                    size_text(e.object.size_bytes),
                    e.object.store,
                    e.object.path,
                    ", ".join(e.tables),
                )
                for e in page.objects
            ]
            print_table(("id", "schema", "size", "store", "path", "tables"), rows)
        if not page.next_page_token:
            return 0
        request.page_token = page.next_page_token


def verify(connection: Connection, options: argparse.Namespace) -> int:
    """Read all objects, and show the damaged ones; 1 if there are any."""
    request = object_service_pb2.VerifyObjectsRequest(store=options.store, schema=options.schema, after=options.after)
    count = size = 0
    damages: list[object_service_pb2.ObjectDamage] = []
    with Progress("Verifying objects", None, "objects", shown=False if options.json else None) as progress:
        for part in _resumed(connection, request):
            count, size = count + part.object_count, size + part.size_bytes
            damages += part.damages
            progress.update(part.object_count)
    if options.json:
        print_json({"object_count": count, "size_bytes": size, "damages": list(map(_damage, damages))})
    else:
        _print_damages(damages)
        print(f"{plural(count, 'object')} read ({size_text(size)}), {len(damages)} damaged")
    return 1 if damages else 0


def copy(connection: Connection, options: argparse.Namespace) -> int:
    """Copy objects from one store to another; 1 if some are damaged."""
    request = object_service_pb2.CopyObjectsRequest(
        source=options.source, target=options.target, schema=options.schema, dry_run=options.dry_run
    )
    count = size = rows = 0
    damages: list[object_service_pb2.ObjectDamage] = []
    with Progress("Copying objects", None, "objects", shown=False if options.json else None) as progress:
        for part in connection.receive("ObjectService/CopyObjects", request, object_service_pb2.CopyObjectsResponse):
            count, size, rows = count + part.object_count, size + part.size_bytes, rows + part.row_count
            damages += part.damages
            progress.update(part.object_count)
    if options.json:
        told = {"object_count": count, "size_bytes": size, "row_count": rows, "dry_run": options.dry_run}
        print_json(told | {"damages": list(map(_damage, damages))})
    else:
        _print_damages(damages)
        would = "would be " if options.dry_run else ""
        followed = "" if options.dry_run else f", {plural(rows, 'row')} changed"
        print(f"{plural(count, 'object')} {would}copied ({size_text(size)}){followed}")
    return 1 if damages else 0


def usage(connection: Connection, options: argparse.Namespace) -> int:
    """Show how much the objects of each schema and user take."""
    request = object_service_pb2.ListObjectUsageRequest()
    rows: list[tuple[str, str, int, str]] = []
    measured = "never"
    while True:
        page = connection.call("ObjectService/ListObjectUsage", request, object_service_pb2.ListObjectUsageResponse)
        if page.HasField("measure_time"):
            measured = page.measure_time.ToJsonString()
        for each in page.usages:
            if options.json:
                names = ("schema", "user", "object_count", "size_bytes")
                print_json({name: getattr(each, name) for name in names} | {"measure_time": measured})
            rows.append((each.schema, each.user or "(all)", each.object_count, size_text(each.size_bytes)))
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    if not options.json:
        print_table(("schema", "user", "objects", "size"), rows)
        print(f"measured: {measured}")
    return 0


def _resumed(
    connection: Connection, request: object_service_pb2.VerifyObjectsRequest
) -> Iterator[object_service_pb2.VerifyObjectsResponse]:
    """Verify objects, and resume after a broken connection; a server may be restarting."""
    pauses = RETRY.pauses(PATIENCE_SECONDS)
    while True:
        try:
            for part in connection.receive(
                "ObjectService/VerifyObjects", request, object_service_pb2.VerifyObjectsResponse
            ):
                yield part
                request.after = part.last_id
                pauses = RETRY.pauses(PATIENCE_SECONDS)
            return
        except LostConnectionError as error:
            wait(pauses, error)


def _registered_lines(done: RegisteredFiles, verb: str) -> list[str]:
    counts = (
        (done.existing, "have rows already"),
        (done.unmatched, "do not fit the pattern"),
        (done.failed, "failed"),
        (done.skipped, "were skipped: links, and names that no path may have"),
    )
    lines = [f"{plural(done.registered, 'file')} {verb} ({size_text(done.size_bytes)})"]
    lines += [f"{count} {what}" for count, what in counts if count]
    return lines + [f"  {problem}" for problem in done.problems]


def _print_registered(done: RegisteredFiles, options: argparse.Namespace, *, dry_run: bool) -> int:
    names = ("registered", "size_bytes", "existing", "unmatched", "failed", "skipped", "problems")
    if options.json:
        print_json({name: getattr(done, name) for name in names} | {"dry_run": dry_run})
    else:
        print("\n".join(_registered_lines(done, "would be registered" if dry_run else "registered")))
    return 1 if done.failed else 0


def _entry(entry: object_service_pb2.ObjectEntry) -> dict[str, object]:
    names = ("id", "store", "path", "size_bytes", "hash")
    return {name: getattr(entry.object, name) for name in names} | {
        "schema": entry.schema,
        "codec": entry.codec,
        "quarantined": entry.quarantined,
        "tables": list(entry.tables),
    }


def _damage(damage: object_service_pb2.ObjectDamage) -> dict[str, object]:
    rows = [{"table": row.table, "attribute": row.attribute, "key": json.loads(row.key)} for row in damage.rows]
    names = ("id", "store", "path")
    return {name: getattr(damage.object, name) for name in names} | {"problem": damage.problem, "rows": rows}


def _print_damages(damages: Iterable[object_service_pb2.ObjectDamage]) -> None:
    for damage in damages:
        print(damage.problem)
        for row in damage.rows:
            key = ", ".join(f"{name}={value}" for name, value in json.loads(row.key).items())
            print(f"  {row.table}, {row.attribute}: {key}")
