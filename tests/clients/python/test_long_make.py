"""The transaction of a long make lasts as long as the lease, whatever the server's limits are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from levada_server.operations.transactions import TransactionLimits
from tests.conftest import served
from tests.support import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Key = dict[str, Any]  # Any: an attribute's value
Table = Any
"""A class, or its instance, that only a test knows."""

SHORT = TransactionLimits(idle_s=0.05, open_s=0.1)


class Bench:
    """One number, whose square a test computes in a transaction, on a server that ends others soon."""

    def __init__(self, connection: lv.Connection, database_url: str) -> None:
        schema = lv.Schema("bench", connection=connection)
        self.connection = connection
        self.database_url = database_url
        self.going_on: Callable[[Table], object] = lambda _: None
        bench = self

        @schema
        class Number(lv.Lookup):
            definition = "n : int32"
            contents = ((3,),)

        @schema
        class Square(lv.Computed):
            definition = """
            -> Number
            ---
            square : int64
            """
            buffer_inserts = False

            def make(self, key: Key) -> None:
                self.insert1({**key, "square": 0})
                bench.going_on(self)
                self.update1({**key, "square": key["n"] ** 2})

        self.Square: Table = Square


@pytest.fixture
def bench(database_url: str) -> Iterator[Bench]:
    with served(database_url, SHORT) as address, lv.Connection(address) as connection:
        yield Bench(connection, database_url)


def until_a_transaction_of_others_was_ended(bench: Bench) -> None:
    """Wait until the limits have ended a transaction that was opened after the job's."""
    with lv.Connection(bench.connection.address) as other, pytest.raises(lv.errors.LimitReached), other.transaction():
        while True:
            len(lv.FreeTable(other, "bench.Number"))


def until_it_is_over(table: Table) -> None:
    """Ask until the server has ended the job's transaction."""
    while True:
        len(table)


def test_transaction_of_a_make_outlives_the_limits(bench: Bench) -> None:
    bench.going_on = lambda _: until_a_transaction_of_others_was_ended(bench)
    assert bench.Square.populate()["success_count"] == 1
    assert bench.Square.fetch1("square") == 9


@pytest.mark.parametrize("ending", [sql.WORKERS_ARE_SILENT, sql.WORKERS_HAVE_ENDED], ids=["silent for long", "ended"])
def test_transaction_ends_with_the_lease(bench: Bench, ending: str) -> None:
    def lose(table: Table) -> None:
        sql.run(bench.database_url, ending)
        with pytest.raises(lv.errors.LeaseLost, match="not renewed"):
            until_it_is_over(table)

    bench.going_on = lose
    result = bench.Square.populate(suppress_errors=True, max_calls=1, return_exception_objects=True)
    assert result == {"success_count": 0, "error_list": []}
    assert len(bench.Square()) == 0


def test_transaction_of_a_job_that_was_cancelled_ends(bench: Bench) -> None:
    def cancel(table: Table) -> None:
        with lv.Connection(bench.connection.address) as other:
            assert lv.VirtualModule("bench", "bench", connection=other).Square.jobs.cancel() == 1
        until_it_is_over(table)

    bench.going_on = cancel
    assert bench.Square.populate(suppress_errors=True)["success_count"] == 0
    assert len(bench.Square()) == 0
    assert bench.Square.jobs.errors.fetch1("error_type") == "JobCancelled"


def test_only_a_lease_prolongs_a_transaction(bench: Bench) -> None:
    with pytest.raises(lv.errors.InvalidRequest, match="lease_token"):
        bench.connection.begin_transaction("read_committed", "forged")
    assert not bench.connection.in_transaction
