"""Update an entity."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from levada_server.model.spans import bindable
from levada_server.query.ddl import qualified
from levada_server.query.postgres_types import value_type
from levada_server.query.sql import quote_name
from levada_server.storage.catalog.stored_catalog import current, require_current
from levada_server.storage.postgres.audit import recorded_values, recording
from levada_server.storage.postgres.sql_files import fill, statements
from levada_server.storage.rows.changes import change_and_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levada_server.model.audit import Record
    from levada_server.model.dependencies import Basis
    from levada_server.model.table import Table
    from levada_server.storage.postgres.database import Connection

_SQL = statements("rows")

MAX_STATEMENTS = 200
"""The most statements that are kept; the least recently used go first."""


async def update_row(
    connection: Connection,
    table: Table,
    key: Mapping[str, object],
    changes: Mapping[str, object],
    basis: Basis,
    record: Record,
) -> bool:
    """Change attributes of the entity with a key, to the default for None; return whether the entity exists.

    If it exists, the same statement stores the record of the change.

    Raises:
        Conflict: A table of the basis was altered meanwhile.
        DuplicateEntity: Another entity has the same unique combination of values.
        MissingParent: A parent does not exist.
    """
    bound = tuple(name for name, value in changes.items() if value is not None)
    statement = _update(table, tuple(key), tuple(changes), bound, basis, requested=record.request is not None)
    given = map(bindable, (*key.values(), *(changes[name] for name in bound)))
    values = [*given, basis.version, *recorded_values(record)]
    count = await change_and_record(connection, table, None, statement, values, 1)
    if not count:
        await require_current(connection, basis)
    return count == 1


@lru_cache(maxsize=MAX_STATEMENTS)
def _update(
    table: Table,
    key: tuple[str, ...],
    changed: tuple[str, ...],
    bound: tuple[str, ...],
    basis: Basis,
    *,
    requested: bool,
) -> str:
    """Write an update of one row, which stores its record.

    The values: those of the key, of the attributes that are not set to their defaults, the version of the basis, and
    what `recorded_values` returns.
    """
    places = {name: f"${i}::{value_type(table.heading[name].type)}" for i, name in enumerate((*key, *bound), 1)}
    version = len(places) + 1
    statement = fill(
        _SQL["update"],
        table=qualified(table.name),
        changes=", ".join(f"{quote_name(name)} = {places.get(name, 'DEFAULT')}" for name in changed),
        same=" AND ".join(f"{quote_name(name)} = {places[name]}" for name in key) or "TRUE",
        here=current(f"${version}::bigint", basis),
    )
    return recording(statement, version, requested=requested)
