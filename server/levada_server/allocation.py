"""Let the C library give memory back to the system."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

LARGE_BYTES = 2 * 2**20
"""Blocks of this size or more are mapped by themselves, and unmapped when they are freed; most messages are smaller."""
KEPT_BYTES = 4 * 2**20
"""How much free memory stays at the end of each heap, for the next messages."""
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def return_large_blocks() -> None:
    """Return the memory of large blocks as soon as they are freed.

    By default glibc raises the size from which it does so to that of the largest block freed so far, up to 32 MB. Large
    messages are then cut from its heaps, where a few small blocks behind them keep all their memory from the system.
    Once that size is fixed, a heap keeps only 128 kB of free memory at its end, so that each chunk of a transfer would
    come from the system, which clears it.
    """
    if sys.platform == "linux":
        with suppress(AttributeError):  # musl has no such rule
            library = ctypes.CDLL(None)
            library.mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
            library.mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
