"""Settings of a server, read once and passed down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada_server.operations.transactions import TransactionLimits

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """How a server runs.

    Args:
        database_url: An external PostgreSQL; None for the embedded one.
        data_folder: Where the embedded PostgreSQL and the server's own files live.
        listen: `host:port` or `unix:/path`; None for a private socket of the data folder.
        idle_timeout_s: Stop after so many seconds without a call; None to run for ever.
        grace_s: How long calls under way may finish at the end.
        spool_folder: Where the results of slow readers wait; None for the system's folder for temporary files.
        transaction_limits: How long a client's transaction may wait and be open.
        log_level: A level of the standard library's logging.
    """

    database_url: str | None
    data_folder: Path
    listen: str | None
    idle_timeout_s: float | None = None
    grace_s: float = 10.0
    spool_folder: Path | None = None
    transaction_limits: TransactionLimits = field(default_factory=TransactionLimits)
    log_level: str = "INFO"
