"""Jobs that a program reserves and finishes by itself, as loops around DataJoint's job tables do."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def square(connection: lv.Connection) -> Any:  # noqa: ANN401  # a class known only here
    schema = lv.Schema("byhand", connection=connection)

    @schema
    class Number(lv.Manual):
        definition = "n : int32"

    @schema
    class Square(lv.Computed):
        definition = """
        -> Number
        ---
        square : int64
        """

        def make(self, key: dict[str, Any]) -> None:
            self.insert1({**key, "square": key["n"] ** 2})

    Number.insert([{"n": n} for n in range(4)])
    made: Any = Square  # Any: as above
    made.schema = schema
    return made


def heartbeats() -> int:
    return sum(thread.name == "levada-heartbeat" for thread in threading.enumerate())


def test_a_loop_reserves_inserts_and_completes(square: Any, server_address: str) -> None:  # noqa: ANN401  # as above
    square.jobs.refresh()
    before = heartbeats()
    with lv.connect(server_address) as elsewhere:
        for key in square.jobs.pending.fetch("KEY"):
            assert square.jobs.reserve(key)
            other = lv.VirtualModule("other", "byhand", connection=elsewhere)
            assert not other.Square.jobs.reserve(key)
            assert not square.jobs.reserve(key)
            assert heartbeats() == before + 1
            square.insert1({**key, "square": key["n"] ** 2}, allow_direct_insert=True)
            square.jobs.complete(key, duration=2.5)
    assert heartbeats() == before
    assert square.to_arrays("square", order_by="n").tolist() == [0, 1, 4, 9]
    assert len(square.jobs.completed) == 4
    assert square.populate()["success_count"] == 0


def test_a_key_without_a_job_gets_one(square: Any) -> None:  # noqa: ANN401  # as above
    assert square.jobs.reserve({"n": 3, "further": 1})
    assert square.jobs.progress()["reserved"] == 1
    assert not square.jobs.reserve({"n": 99})
    square.jobs.error({"n": 3}, "ValueError: no square", "the stack")


def test_errors_are_kept_and_the_job_is_not_reserved_again(square: Any) -> None:  # noqa: ANN401  # as above
    square.schema.make_contract = "on"
    assert square.jobs.reserve({"n": 1})
    with pytest.raises(lv.errors.MakeContract):
        square.jobs.complete({"n": 1})
    square.jobs.error({"n": 1}, "ValueError: no square: 1", "the stack")
    assert (square.jobs.errors & "n = 1").fetch1("error_type", "error_message", "error_stack") == (
        "ValueError",
        "ValueError: no square: 1",
        "the stack",
    )
    assert not square.jobs.reserve({"n": 1})
    square.jobs.errors.delete()
    assert square.jobs.reserve({"n": 1})
    square.jobs.error({"n": 1}, "no square")
    assert (square.jobs.errors & "n = 1").fetch1("error_type", "error_stack") == ("", "")


def test_a_job_that_is_completed_without_its_rows_waits(square: Any) -> None:  # noqa: ANN401  # as above
    before = heartbeats()
    assert square.jobs.reserve({"n": 1})
    with pytest.warns(lv.LevadaWarning, match="inserted nothing"):
        square.jobs.complete({"n": 1})
    assert len(square.jobs.pending & "n = 1") == 1
    assert heartbeats() == before


def test_only_jobs_that_are_held_can_be_finished(square: Any) -> None:  # noqa: ANN401  # as above
    finishes: list[Callable[[], None]] = [
        lambda: square.jobs.complete({"n": 1}),
        lambda: square.jobs.error({"n": 1}, "x"),
    ]
    for finish in finishes:
        with pytest.raises(lv.errors.InvalidRequest, match="does not hold the job; `reserve` it"):
            finish()
        assert square.jobs.reserve({"n": 1})
        square.jobs.cancel()
        with pytest.raises(lv.errors.LeaseLost):
            finish()
        square.jobs.errors.retry()
    with pytest.raises(lv.errors.InvalidRequest, match="whole key; there is no n"):
        square.jobs.reserve({"square": 1})


def test_the_jobs_of_a_schema_are_reserved_by_the_name_of_the_table(square: Any) -> None:  # noqa: ANN401  # as above
    jobs = square.schema.jobs
    for number, name in enumerate(("Square", "__square", "`byhand`.`__square`")):
        key = {"n": number}
        assert jobs.reserve(name, key)
        square.insert1({**key, "square": number}, allow_direct_insert=True)
        jobs.complete(name, key)
    assert jobs.reserve(square.table_name, {"n": 3})
    jobs.error(square.table_name, {"n": 3}, "RuntimeError: x")
    assert jobs.progress()["error"] == 1
    assert square.jobs.target.full_table_name == square.full_table_name


def test_a_refresh_takes_the_timeouts_of_datajoint(square: Any) -> None:  # noqa: ANN401  # as above
    counts = square.jobs.refresh(stale_timeout=1.0, orphan_timeout=1.0)
    assert counts == {"added": 4, "removed": 0, "re_pended": 0, "orphaned": 0}
