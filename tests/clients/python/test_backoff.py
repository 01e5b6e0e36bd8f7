"""Temporary failures are retried after a pause, as long as the patience lasts."""

from __future__ import annotations

from itertools import islice

import pytest

import levada as lv
from levada._net.backoff import Backoff, repeat
from levada_api.v1 import server_service_pb2 as pb


def test_pauses_grow_up_to_the_longest() -> None:
    assert list(islice(Backoff(first_seconds=0.5, longest_seconds=3.0).pauses(), 5)) == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_pauses_end_where_the_next_attempt_would_come_too_late() -> None:
    assert list(Backoff(first_seconds=1.0).pauses(patience=3.5)) == [1.0, 2.0]
    assert list(Backoff(first_seconds=1.0).pauses(patience=0)) == []


def test_pauses_with_jitter_are_no_longer_than_without() -> None:
    pauses = list(islice(Backoff(first_seconds=1.0, longest_seconds=4.0, jitter=True).pauses(), 6))
    assert len(set(pauses)) > 1
    assert all(0 <= pause <= longest for pause, longest in zip(pauses, (1, 2, 4, 4, 4, 4), strict=True))


def test_an_attempt_is_repeated_while_its_failure_may_pass() -> None:
    failures: list[Exception] = [lv.errors.Unavailable("gone"), lv.errors.Conflict("in the way")]

    def attempt() -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert repeat(attempt, patience=30) == "done"


@pytest.mark.parametrize(("error", "patience"), [(lv.errors.Unavailable, 0.0), (lv.errors.InvalidRequest, 30.0)])
def test_the_last_failure_is_raised_as_it_is(error: type[lv.errors.LevadaError], patience: float) -> None:
    attempts = []

    def attempt() -> None:
        attempts.append(1)
        raise error("no")

    with pytest.raises(error, match="no"):
        repeat(attempt, patience)
    assert len(attempts) == 1


def test_a_method_that_does_not_exist_is_noticed_before_anything_is_sent(lab: lv.VirtualModule) -> None:
    with pytest.raises(KeyError, match="GetServerinfo"):
        lab.schema.connection.call(
            "ServerService/GetServerinfo",  # type: ignore[arg-type]  # the mistake that a type checker finds
            pb.GetServerInfoRequest(),
            pb.GetServerInfoResponse,
        )
