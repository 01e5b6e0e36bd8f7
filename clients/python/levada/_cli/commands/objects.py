"""The command `levada objects`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._base.text import size_text
from levada._cli.output import print_json
from levada_api.v1 import object_service_pb2

if TYPE_CHECKING:
    import argparse

    from levada._net.connection import Connection


def collect(connection: Connection, options: argparse.Namespace) -> int:
    """Remove objects without a reference, or show what would be removed."""
    request = object_service_pb2.CollectObjectsRequest(dry_run=options.dry_run)
    done = connection.call("ObjectService/CollectObjects", request, object_service_pb2.CollectObjectsResponse)
    if options.json:
        names = ("deleted_count", "deleted_bytes", "quarantined_count", "quarantined_bytes")
        print_json({name: getattr(done, name) for name in names} | {"dry_run": options.dry_run})
        return 0
    would = "would be " if options.dry_run else ""
    print(f"{done.deleted_count} objects {would}removed ({size_text(done.deleted_bytes)})")
    print(f"{done.quarantined_count} objects {would}put into quarantine ({size_text(done.quarantined_bytes)})")
    return 0
