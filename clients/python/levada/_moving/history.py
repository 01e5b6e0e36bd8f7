"""The history of what was moved to a server, in a schema of its own beside the rest."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from levada._moving.digests import digest, token
from levada._pipeline.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from levada._net.connection import Connection
    from levada._pipeline.tiers import Manual

_CHUNK_ROWS = 1_000


class History:
    """Tables that say what was moved here, and from where.

    Args:
        schema: The schema to keep them in.
        source: The address of the place that they came from, without a password.
        compared: The class for the tables that were moved.
        others: Further classes.
    """

    def __init__(
        self, connection: Connection, schema: str, source: str, compared: type[Manual], *others: type[Manual]
    ) -> None:
        self._source = source
        self._connection = connection
        self._compared = compared.__name__
        self._tables = Schema(schema, connection=connection)
        for table in (compared, *others):
            self._tables(type(table.__name__, (table,), {"__doc__": table.__doc__, "definition": table.definition}))

    def compared(self, there: str, **values: Any) -> None:  # noqa: ANN401  # of a table
        """Note how the two sides of a table compare."""
        now = datetime.now(UTC).replace(tzinfo=None)
        row = {"source": self._source, "there": there, **values, "compared": now}
        self._tables[self._compared].insert1(row, replace=True)

    def row(self, there: str, key: Mapping[str, Any], **values: Any) -> dict[str, Any]:  # noqa: ANN401  # of a table
        """Return a row about the entity that a key names."""
        key_digest = digest([token(dict(key), json=True)]).hex()
        return {"source": self._source, "there": there, "key_digest": key_digest, "key": key, **values}

    def insert(self, name: str, rows: Iterable[Mapping[str, Any]], *, replace: bool = False) -> int:
        """Insert rows a chunk at a time; return how many there are.

        Args:
            replace: Rows that are here already are replaced, rather than left alone.
        """
        count, chunk, table = 0, [], self._tables[name]
        for row in rows:
            chunk.append(row)
            count += 1
            if len(chunk) == _CHUNK_ROWS:
                table.insert(chunk, replace=replace, skip_duplicates=not replace)
                chunk = []
        if chunk:
            table.insert(chunk, replace=replace, skip_duplicates=not replace)
        return count


def as_json(value: Any) -> Any:  # noqa: ANN401  # any value
    """Return a value as JSON has it; what JSON does not have becomes text."""
    return json.loads(json.dumps(value, default=str))
