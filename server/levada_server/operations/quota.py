"""The limit on the storage of a schema: its tables and its objects."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from levada_server.errors import LimitReached
from levada_server.storage.catalog.schema_size import read_schema_bytes

if TYPE_CHECKING:
    from levada_server.storage.postgres.scope import Scope

LOOK_S = 10.0
"""How long, in seconds, a measured size counts; a schema may pass its limit by what it gains meanwhile."""


class Quota:
    """The limit, and the sizes as last measured.

    Args:
        schema_bytes: The most bytes of a schema; None for no limit.
    """

    def __init__(self, schema_bytes: int | None = None) -> None:
        self.schema_bytes = schema_bytes
        self._measured: dict[str, tuple[float, int]] = {}

    async def admit(self, scope: Scope, schema: str) -> None:
        """Check that a schema may grow.

        Raises:
            LimitReached: It has as much as it may.
        """
        if self.schema_bytes is None:
            return
        at, size = self._measured.get(schema, (float("-inf"), 0))
        if time.monotonic() - at > LOOK_S or size >= self.schema_bytes:  # it may have shrunk
            async with scope.connection() as connection:
                size = await read_schema_bytes(connection, schema)
            self._measured[schema] = time.monotonic(), size
        if size >= self.schema_bytes:
            raise LimitReached(
                f"The schema `{schema}` has {size} bytes of rows and objects, and {self.schema_bytes} are the most. "
                "Delete what is not needed, or ask the server's administrator for more.",
                limit="schema bytes",
                value=self.schema_bytes,
                schema=schema,
            )
