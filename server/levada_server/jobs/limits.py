"""The limits of jobs: how many go into one call, and how many are completed together."""

from __future__ import annotations

from datetime import timedelta

MAX_JOBS = 1_000
"""Jobs that one call may reserve, complete or release."""
MAX_SESSIONS = 1_000
"""Worker sessions that one call may renew."""
MAX_DISCOVERIES = 1_000
"""Tables whose discoveries one call may name."""
MAX_WAIT = timedelta(seconds=60)
"""How long one call may wait for a job."""
MAX_RECEIPTS = 1_000
"""The maximum number of receipts of one job."""
MAX_VERIFIED_READS = 1_000
"""The maximum number of reads of one job that are repeated before its commit."""
MAX_OUTPUT = 2**20
"""The maximum number of characters that a job keeps of what its `make` printed."""
MAX_REPLACED = 10_000
"""Results that one call may replace, in one transaction."""
MAX_INPUTS = 1_000
"""The most reads of one job that are kept, to see later whether they changed."""

COMPLETION_JOBS = 256
COMPLETION_BYTES = 16 * 2**20
"""How many jobs, or bytes of their rows, share one transaction: beyond this a commit costs little in comparison."""
FEW_JOBS_BYTES = 2**20
"""The size of rows up to which one message is quicker than a stream."""

MERGED_BYTES = 2**20
"""An insert up to this size is read together with those of other jobs."""
STATEMENT_INSERTS = 8
"""How many inserts one statement does besides the state of their jobs."""
INLINE_BYTES = 2**16
"""The size up to which reading rows is quicker than handing them to a thread."""
