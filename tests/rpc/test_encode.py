"""Values of keys and states of jobs, as messages carry them."""

from __future__ import annotations

import pytest

from levada_api.v1 import job_pb2
from levada_server.model.job_table import STATES
from levada_server.model.table import TableName
from levada_server.model.types import parse_type
from levada_server.operations.jobs import Progress
from levada_server.rpc import encode
from levada_server.rpc.decoding import values
from tests.support.entities import same
from tests.support.pipelines import KEY_WORDS, POOLS


@pytest.mark.parametrize("word", KEY_WORDS)
def test_messages_carry_the_values_of_every_type_that_keys_hold(word: str) -> None:
    for value in POOLS[word]:
        carried = values.value(encode.value(value))
        assert type(carried) is type(value)
        assert same(carried, value, parse_type(word))


def test_messages_carry_every_state_of_a_job() -> None:
    jobs = [job_pb2.Job(state=encode.job_state(state)) for state in STATES]
    assert [values.job_state(job.state) for job in jobs] == list(STATES)


def test_progress_counts_the_jobs_of_every_state() -> None:
    counts = {state: number for number, state in enumerate(STATES, 1)}
    message = encode.progress(Progress(TableName("lab", "Square"), 9, 8, counts, 7))
    assert {state: getattr(message, f"{state}_count") for state in STATES} == counts
    assert (message.total_count, message.remaining_count, message.unready_count) == (9, 8, 7)
