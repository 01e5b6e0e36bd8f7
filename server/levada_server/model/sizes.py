"""The maximum size of a value in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.errors import LimitReached

if TYPE_CHECKING:
    from levada_server.model.heading import Attribute
    from levada_server.model.table import Table

VALUE_BYTES = 64 * 2**20
"""PostgreSQL and its driver move a value as a whole; larger ones belong in a store. A server may set another limit."""
MOST_VALUE_BYTES = 256 * 2**20
"""The driver takes a few times as much memory, and refuses values that do not fit into a PostgreSQL message."""


def too_large(table: Table, attribute: Attribute, size: int, limit_bytes: int, row: int | None = None) -> LimitReached:
    """Build the error for a value that is too large for a row, with the way around."""
    codec = attribute.type.kind.traits.store_codec
    where = f"`{table.name}`" if row is None else f"`{table.name}`, row {row}"
    return LimitReached(
        f"{where}: `{attribute.name}` has {size} bytes; a value in a row has at most {limit_bytes}. Keep larger ones "
        f"in a store: declare it as <{codec}@store>.",
        table=table.name,
        attribute=attribute.name,
        row=row,
        limit="value",
        value=limit_bytes,
    )
