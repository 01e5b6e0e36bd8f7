"""The counts of jobs that the client shows are those of the protocol."""

from __future__ import annotations

from levada._base.job_counts import JOB_COUNTS
from levada_api.v1 import job_pb2

WITHIN_STATES = {"unready_count", "stale_count"}
"""Counts of some of the jobs of a state."""


def test_each_count_of_the_protocol_is_shown() -> None:
    fields = [field.name for field in job_pb2.Progress.DESCRIPTOR.fields if field.name.endswith("_count")]
    assert [f"{name}_count" for name in JOB_COUNTS] == [name for name in fields if name not in WITHIN_STATES]
