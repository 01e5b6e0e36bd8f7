"""Calls that stay open, and what becomes of them at the end of the interpreter and in a forked child."""

from __future__ import annotations

import atexit
import os
import threading
import time
from typing import Any
from weakref import WeakSet

OPEN_CALLS: WeakSet[Any] = WeakSet()
"""Calls of gRPC that stay open for their user, or for the process."""
_END_SECONDS = 1.0
"""How long the end of the interpreter waits for such calls to end."""


@atexit.register
def _end_open_calls() -> None:
    """End what is still open while gRPC's thread can follow.

    The interpreter stops that thread wherever it is: if it holds the lock of a call, who clears the call away waits for
    ever.
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
