"""The command `levada erase`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._base.text import size_text
from levada._cli.asking import agreed
from levada._cli.output import counted, print_json, row_lines
from levada._tables.table import FreeTable

if TYPE_CHECKING:
    import argparse

    from levada._net.connection import Connection


def erase(connection: Connection, options: argparse.Namespace) -> int:
    """Delete rows for good, with all that depends on them, their jobs and objects."""
    chosen = FreeTable(connection, options.table) & options.condition
    deletion = chosen._deletion("cascade" if options.with_masters else "enforce")
    plan = deletion.plan()
    if not plan:
        print("No row has this condition.")
        return 1
    if not agreed(["About to erase, for good:", *row_lines(plan.tables)], "Erase?", options):
        return 1
    erased = deletion.erase(plan.digest)
    if options.json:
        names = ("object_count", "object_bytes", "kept_file_count", "remaining_object_count")
        print_json({"tables": counted(erased.tables)} | {name: getattr(erased, name) for name in names})
        return 1 if erased.remaining_object_count else 0
    print("\n".join(row_lines(erased.tables)))
    print(f"{erased.object_count:>9} objects ({size_text(erased.object_bytes)})")
    if erased.kept_file_count:
        print(f"{erased.kept_file_count} registered files stay where they are; remove them yourself.")
    if erased.remaining_object_count:
        print(f"{erased.remaining_object_count} objects are still in their stores; run `levada objects collect`.")
    print("Backups still have all of it; the audit has numbers of rows and ids of jobs.")
    return 1 if erased.remaining_object_count else 0
