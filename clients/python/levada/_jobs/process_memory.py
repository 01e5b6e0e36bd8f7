"""The memory that a process takes."""

from __future__ import annotations


def memory_bytes(pid: int) -> int:
    """Return the private memory of a process, 0 if it has ended; files that it maps do not count.

    Raises:
        ImportError: psutil is not installed.
    """
    import psutil  # only workers need it

    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.Error:
        return 0
    return int(memory.rss - getattr(memory, "shared", 0))
