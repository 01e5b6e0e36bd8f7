"""The counts of a table's progress that people see, in their order: of keys, then of jobs by state."""

from __future__ import annotations

JOB_COUNTS = ("total", "remaining", "pending", "reserved", "success", "error", "ignored")
"""The fields of the protocol's `Progress`, without `_count`."""
