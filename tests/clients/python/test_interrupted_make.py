"""A make is interrupted by a failure of something that it needs, or by a cancellation, without a fault of its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from tests.support.client import shorten_leases
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Key = dict[str, Any]  # Any: an attribute's value
Squares = Any
"""A class that only a test knows."""

LOST_ATTEMPTS = 5
"""How often a job is tried if it loses its worker or its server each time."""


class Bench:
    """Numbers, and their squares, which are computed in a transaction over a connection that can be cut."""

    def __init__(self, connection: lv.Connection, cut: Callable[[], object]) -> None:
        schema = lv.Schema("bench", connection=connection)
        self.calls: list[int] = []
        self.breaks: Callable[[Key], bool] = lambda _: False
        bench = self

        @schema
        class Number(lv.Lookup):
            definition = "n : int32"
            contents = ((n,) for n in range(4))

        @schema
        class Square(lv.Computed):
            definition = """
            -> Number
            ---
            square : int64
            """
            buffer_inserts = False

            def make(self, key: Key) -> None:
                bench.calls.append(key["n"])
                self.insert1({**key, "square": key["n"] ** 2})
                if bench.breaks(key):
                    cut()
                assert (self & key).fetch1("square") == key["n"] ** 2

        self.squares: Squares = Square


@pytest.fixture
def bench(server_address: str) -> Iterator[Bench]:
    with Proxy([server_address]) as proxy, lv.Connection(proxy.address) as connection:
        yield Bench(connection, proxy.reset)


@pytest.mark.parametrize("order", ["original", "reverse"])
def test_job_whose_server_was_lost_is_tried_again(bench: Bench, order: str) -> None:
    bench.breaks = lambda key: key["n"] == 1 and bench.calls.count(1) == 1
    assert bench.squares.populate(order=order) == {"success_count": 4, "error_list": []}
    assert sorted(bench.calls) == [0, 1, 1, 2, 3]
    assert (bench.squares.jobs & "n = 1").fetch1("attempt", "error_type") == (2, None)
    assert bench.squares.to_arrays("square", order_by="n").tolist() == [0, 1, 4, 9]


def test_job_whose_server_is_lost_each_time_is_given_up(bench: Bench) -> None:
    bench.breaks = lambda key: key["n"] == 1
    result = bench.squares.populate(suppress_errors=True, return_exception_objects=True)
    ((key, error),) = result["error_list"]
    assert (result["success_count"], key) == (3, {"n": 1})
    assert isinstance(error, lv.errors.Unavailable)
    assert bench.calls.count(1) == LOST_ATTEMPTS
    assert bench.squares.jobs.errors.fetch1("attempt", "error_type") == (LOST_ATTEMPTS, "Unavailable")
    assert len(bench.squares & "n = 1") == 0


def test_make_in_a_notebook_learns_that_its_job_was_cancelled(
    connection: lv.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_leases(monkeypatch)
    schema = lv.Schema("bench", connection=connection)
    ended: list[BaseException] = []

    @schema
    class Number(lv.Lookup):
        definition = "n : int32"
        contents = ((0,), (1,))

    @schema
    class Square(lv.Computed):
        definition = "-> Number"

        def make(self, key: Key) -> None:
            self.insert1(key)
            if key["n"] == 1:
                return
            with lv.Connection(connection.address) as other:
                assert lv.VirtualModule("bench", "bench", connection=other).Square.jobs.cancel() == 1
            try:
                while True:  # until the next heartbeat
                    len(Number & key)
            except lv.errors.LeaseLost as error:
                ended.append(error)
            self.insert1({"n": 2})  # it may not go on in any other way

    assert Square.populate("n = 0") == {"success_count": 0, "error_list": []}
    assert "was cancelled" in str(ended)
    assert Square.jobs.errors.fetch1("error_type") == "JobCancelled"
    assert Square.populate(reserve_jobs=True)["success_count"] == 1
    assert Square.to_dicts() == [{"n": 1}]
