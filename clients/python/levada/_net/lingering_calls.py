"""Calls that stay open, and how they end with the interpreter and in a forked child."""

from __future__ import annotations

import atexit
import os
import threading
import time
from typing import Any
from weakref import WeakSet

OPEN_CALLS: WeakSet[Any] = WeakSet()
"""Open gRPC calls that last as long as their user or the process."""
_END_SECONDS = 1.0
"""How long the end of the interpreter waits for such calls to end."""


@atexit.register
def _end_open_calls() -> None:
    """End the open calls while gRPC's thread can still act on it.

    The interpreter stops that thread at any point: if it holds the lock of a call, the code that frees the call waits
    for ever.
    """
    ends = []
    for call in tuple(OPEN_CALLS):
        ended = threading.Event()
        if call.add_callback(ended.set):
            call.cancel()
            ends.append(ended)
    deadline = time.monotonic() + _END_SECONDS
    for ended in ends:
        ended.wait(max(0.0, deadline - time.monotonic()))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=OPEN_CALLS.clear)  # the parent's
