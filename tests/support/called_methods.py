"""Which methods the server's log says were called."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

LOGGER = "levada.calls"


def called_methods(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the names of the methods in the order in which they ended; `caplog` is at DEBUG for `LOGGER`."""
    calls = [record.args for record in caplog.records if record.name == LOGGER and isinstance(record.args, tuple)]
    return [str(args[0]).rpartition("/")[2] for args in calls]
