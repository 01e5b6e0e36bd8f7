"""Modules of users, which commands import from the working folder."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._net.source import find_source
from levada._tables.table import Table

if TYPE_CHECKING:
    from types import ModuleType


def import_module(name: str, url: str | None) -> ModuleType:
    """Import a module, also from the working folder, as `python -m` does.

    Args:
        url: The address of the server that the command was given, if it was.

    Raises:
        InvalidRequest: There is no such module, or its settings name a server of DataJoint's.
    """
    sys.path.insert(0, str(Path.cwd()))
    if name.endswith(".py"):
        raise InvalidRequest(f"Name the module, not its file: `{name.removesuffix('.py').replace('/', '.')}`.")
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise InvalidRequest(
            f"There is no module `{name}`; run this in the folder that contains it, or set PYTHONPATH to that folder."
        ) from None
    if not url:
        find_source()  # refuses a database host in the module's settings, as it would in a script
    return module


def tables_of(module: ModuleType) -> list[type[Table]]:
    """Return the classes of a module that are tables of a schema, in their order there, without parts."""
    found = []
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Table) and value._schema is not None and value not in found:
            found.append(value)
    return found
