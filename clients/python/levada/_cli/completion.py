"""Completion by Tab in bash and zsh: of commands, options, files, and the names of schemas and tables.

Nothing here ever raises an error or starts a server: a shell would show the one amid the line that a person types, and
wait for the other.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from levada._net.connection import Connection

_SECONDS = 2.0
"""Longer than a server on the other side of the world takes, shorter than a person waits."""
_MOST_SCHEMAS = 100
"""The most schemas whose tables are asked for, when the word does not name the schema yet."""
_T = TypeVar("_T")


def complete(parser: argparse.ArgumentParser) -> None:
    """Write the completions of the line that a shell passes in its environment, and end the process."""
    from argcomplete import autocomplete
    from argcomplete.completers import SuppressCompleter

    autocomplete(parser, default_completer=SuppressCompleter(), always_complete_options=False)


def file_names(prefix: str, **_others: object) -> list[str]:
    """Complete the names of files."""
    from argcomplete.completers import FilesCompleter

    return list(FilesCompleter()(prefix))


def schema_names(parsed_args: argparse.Namespace, **_others: object) -> list[str]:
    """Complete the name of a schema."""
    return _asked(parsed_args, _schemas)


def table_names(prefix: str, parsed_args: argparse.Namespace, **_others: object) -> list[str]:
    """Complete the full name of a table."""
    return _asked(parsed_args, lambda connection: _tables(connection, prefix))


def schema_or_table_names(prefix: str, parsed_args: argparse.Namespace, **_others: object) -> list[str]:
    """Complete the name of a schema, or once it is there with a dot, the full name of a table."""
    if "." in prefix:
        return table_names(prefix, parsed_args)
    found = [name for name in schema_names(parsed_args) if name.startswith(prefix)]
    return found + table_names(prefix, parsed_args) if len(found) == 1 else found


def _asked(options: argparse.Namespace, ask: Callable[[Connection], Iterator[_T]]) -> list[_T]:
    """Ask the server that the line and the folder name, if one answers in time."""
    found: list[_T] = []

    def collect() -> None:
        with contextlib.suppress(Exception), _silence():
            from levada._net.address import connect_to_running

            with connect_to_running(getattr(options, "url", None)) as connection:
                found.extend(list(ask(connection)))

    # The process ends with `os._exit`, so that a thread that still waits does not hold it.
    asking = threading.Thread(target=collect, daemon=True)
    asking.start()
    asking.join(_SECONDS)
    return found


def _schemas(connection: Connection) -> Iterator[str]:
    from levada._net.pages import pages
    from levada_api.v1 import schema_service_pb2 as pb

    for page in pages(connection, "SchemaService/ListSchemas", pb.ListSchemasRequest(), pb.ListSchemasResponse):
        yield from (schema.name for schema in page.schemas)


def _tables(connection: Connection, prefix: str) -> Iterator[str]:
    from levada._net.pages import pages
    from levada_api.v1 import schema_service_pb2 as pb

    begun, dot, _ = prefix.partition(".")
    schemas = [begun] if dot else [name for name in _schemas(connection) if name.startswith(begun)][:_MOST_SCHEMAS]
    for schema in schemas:
        request = pb.ListTablesRequest(schema=schema)
        for page in pages(connection, "SchemaService/ListTables", request, pb.ListTablesResponse):
            yield from (f"{schema}.{table.name.table}" for table in page.tables)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Write no warning of ours into the terminal."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123  # not a file of the user's
        before, sys.stderr = sys.stderr, nowhere
        try:
            yield
        finally:
            sys.stderr = before
