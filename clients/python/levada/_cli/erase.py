"""The command `levada erase`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._base.prompt import confirm
from levada._base.text import size_text
from levada._tables.table import FreeTable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from levada._net.connection import Connection
    from levada_api.v1 import schema_pb2


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], server: argparse.ArgumentParser
) -> None:
    """Add it to the command line.

    Args:
        server: The options of every command that contacts a server.
    """
    erase = commands.add_parser(
        "erase", parents=[server], help="delete rows for good, with all that depends on them, their jobs and objects"
    )
    erase.add_argument("table", help="its name, such as lab.Subject")
    erase.add_argument("condition", help='which rows, such as "subject = 12"')
    erase.add_argument(
        "--with-masters", action="store_true", help="also the masters of parts that go, with all that depends on these"
    )
    erase.add_argument("--yes", action="store_true", help="do not ask")
    erase.set_defaults(run=_erase)


def _erase(connection: Connection, options: argparse.Namespace) -> int:
    chosen = FreeTable(connection, options.table) & options.condition
    deletion = chosen._deletion("cascade" if options.with_masters else "enforce")
    plan = deletion.plan()
    if not plan:
        print("No row has this condition.")
        return 1
    if not confirm(["About to erase, for good:", *_counts(plan.tables)], "Erase?", not options.yes):
        return 1
    erased = deletion.erase(plan.digest)
    print("\n".join(_counts(erased.tables)))
    print(f"{erased.object_count:>9} objects ({size_text(erased.object_bytes)})")
    if erased.kept_file_count:
        print(f"{erased.kept_file_count} registered files stay where they are; remove them yourself.")
    if erased.remaining_object_count:
        print(f"{erased.remaining_object_count} objects are still in their stores; run `levada objects collect`.")
    print("Backups still have all of it; the audit has numbers of rows and ids of jobs.")
    return 1 if erased.remaining_object_count else 0


def _counts(tables: Iterable[schema_pb2.TableCount]) -> list[str]:
    return [f"{table.entity_count:>9} rows of {table.name.schema}.{table.name.table}" for table in tables]
