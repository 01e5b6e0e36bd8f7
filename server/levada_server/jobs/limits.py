"""The limits of jobs: how many go into one call, and how much is completed together."""

from __future__ import annotations

from datetime import timedelta

MAX_JOBS = 1_000
"""Jobs that one call may reserve, complete or release."""
MAX_SESSIONS = 1_000
"""Worker sessions that one call may renew."""
MAX_WAIT = timedelta(seconds=60)
"""How long one call may wait for a job."""
MAX_RECEIPTS = 1_000
"""Receipts of what one job has read."""
MAX_VERIFIED_READS = 1_000
"""Reads of one job that are done again before its commit."""

COMPLETION_JOBS = 64
COMPLETION_BYTES = 16 * 2**20
"""So many jobs, or bytes of their rows, share one transaction: past that a commit costs little beside the rest."""
FEW_JOBS_BYTES = 2**20
"""Bytes of rows for which one message is quicker than a stream of them."""

MERGED_BYTES = 2**20
"""An insert up to this size is read together with those of other jobs."""
STATEMENT_INSERTS = 8
"""Inserts that one statement does beside the state of their jobs."""
INLINE_BYTES = 2**16
"""Up to here it is quicker to read rows than to hand them to a thread."""
