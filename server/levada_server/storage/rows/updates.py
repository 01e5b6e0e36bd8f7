"""Update an entity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.query.ddl import qualified
from levada_server.query.postgres_types import value_type
from levada_server.query.sql import quote_name
from levada_server.storage.catalog.stored_catalog import current, require_current
from levada_server.storage.postgres.request_outcomes import recording_each
from levada_server.storage.postgres.sql_files import fill, statements
from levada_server.storage.rows.changes import change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levada_server.model.dependencies import Basis
    from levada_server.model.request import Request
    from levada_server.model.table import Table
    from levada_server.storage.postgres.database import Connection

_SQL = statements("rows")


async def update_row(
    connection: Connection,
    table: Table,
    key: Mapping[str, object],
    changes: Mapping[str, object],
    basis: Basis,
    request: Request | None = None,
) -> bool:
    """Change attributes of the entity with a key, to the default for None; return whether the entity exists.

    If it exists, the same statement records the outcome of a request.

    Raises:
        Conflict: A table of the basis was altered meanwhile.
        DuplicateEntity: Another entity has the same unique combination of values.
        MissingParent: A parent does not exist.
    """
    bound = {name: value for name, value in changes.items() if value is not None}
    places = {name: f"${i}::{value_type(table.heading[name].type)}" for i, name in enumerate((*key, *bound), 1)}
    statement = fill(
        _SQL["update"],
        table=qualified(table.name),
        changes=", ".join(f"{quote_name(name)} = {places.get(name, 'DEFAULT')}" for name in changes),
        same=" AND ".join(f"{quote_name(name)} = {places[name]}" for name in key) or "TRUE",
        here=current(f"${len(places) + 1}::bigint", basis),
    )
    values: list[object] = [*key.values(), *bound.values(), basis.version]
    if request is not None:
        statement, recorded = recording_each(statement, len(values), request)
        values += recorded
    count = await change(connection, table, None, lambda: connection.execute(statement, *values))
    if not count:
        await require_current(connection, basis)
    return count == 1
