"""The limits of one call that reads or inserts rows."""

from __future__ import annotations

from dataclasses import dataclass

from levada_server.errors import LimitReached
from levada_server.storage.postgres.database import STATEMENT_S

FETCH_S = 6 * 3600.0


@dataclass(slots=True)
class CallLimits:
    """How much one call may read or insert, and for how long.

    Args:
        rows: The most rows; None for no limit.
        size_bytes: The most bytes of these rows; None for no limit.
        statement_s: The longest time, in seconds, that a statement of PostgreSQL may run; connections keep it.
        fetch_s: The longest time, in seconds, that a client may take to read a result.
    """

    rows: int | None = None
    size_bytes: int | None = None
    statement_s: float = STATEMENT_S
    fetch_s: float = FETCH_S


class Meter:
    """Counts the rows of one call, and ends it at the limits.

    Args:
        limits: The limits.
    """

    def __init__(self, limits: CallLimits) -> None:
        self._limits = limits
        self._rows = 0
        self._size_bytes = 0

    def add(self, rows: int, size_bytes: int) -> None:
        """Count further rows.

        Raises:
            LimitReached: They are too many, or take too many bytes.
        """
        self._rows += rows
        self._size_bytes += size_bytes
        for name, unit, value, most in (
            ("call rows", "rows", self._rows, self._limits.rows),
            ("call bytes", "bytes", self._size_bytes, self._limits.size_bytes),
        ):
            if most is not None and value > most:
                raise LimitReached(
                    f"One call reads or inserts at most {most} {unit} on this server. Ask for parts: restrict what you "
                    "fetch, or insert fewer rows at once.",
                    limit=name,
                    value=most,
                )
