"""Makes that break the rules: each is warned or refused, its job is in the right state, and nothing is half-written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Callable

Key = dict[str, Any]  # Any: an attribute's value
Table = Any
"""A class, or its instance, that only a test knows."""
Make = "Callable[[Table, Key], None]"
CONTRACTS = ("off", "warn", "on")


class Bench:
    """Number → Square, with a part, → Cube; and Log and Other, on which nothing depends."""

    def __init__(self, connection: lv.Connection) -> None:
        self.connection = connection
        self.schema = lv.Schema("bench", connection=connection)
        self.make: Callable[[Table, Key], None] = insert_own

        bench = self

        @self.schema
        class Number(lv.Manual):
            definition = "n : int32"

        @self.schema
        class Log(lv.Manual):
            definition = "entry : int32"

        @self.schema
        class Square(lv.Computed):
            definition = """
            -> Number
            ---
            square : int64
            """

            class Digit(lv.Part):
                definition = """
                -> master
                place : int16
                """

            def make(self, key: Key) -> None:
                bench.make(self, key)

        @self.schema
        class Cube(lv.Computed):
            definition = "-> Square"

            def make(self, key: Key) -> None:
                self.insert1(key)

        self.Number, self.Log, self.Square, self.Cube = Number, Log, Square, Cube
        Number.insert([{"n": n} for n in range(2)])

    def run(self, make: Callable[[Table, Key], None]) -> BaseException | None:
        """Let a `make` run once, for n = 0; return its error."""
        self.make = make
        errors = self.Square.populate(max_calls=1, suppress_errors=True, return_exception_objects=True)["error_list"]
        return errors[0][1] if errors else None

    def state(self) -> str:
        """Return the state of the job of n = 0."""
        return str((self.Square.jobs & {"n": 0}).fetch1("state"))

    def rows(self) -> tuple[int, int, int]:
        """Count the rows of Square, its part, and Log."""
        return len(self.Square()), len(self.Square.Digit()), len(self.Log())


def insert_own(table: Table, key: Key) -> None:
    table.insert1({**key, "square": key["n"] ** 2})
    table.Digit.insert1({**key, "place": 0})


@pytest.fixture
def bench(connection: lv.Connection) -> Bench:
    return Bench(connection)


@pytest.fixture
def strict(bench: Bench) -> Bench:
    """The same pipeline with the contract on."""
    bench.schema.make_contract = "on"
    return bench


# ------------------------------------------------------------------------------------------------ inserts elsewhere


def writes_log(table: Table, key: Key) -> None:
    insert_own(table, key)
    (lv.FreeTable(table.connection, "bench.Log")).insert1({"entry": key["n"]})


def test_a_write_elsewhere_is_told_once_and_joins_the_commit(bench: Bench) -> None:
    assert bench.schema.make_contract == "warn"
    with pytest.warns(
        lv.errors.LevadaWarning, match=r"make of `bench\.Square` writes into `bench\.Log`.*`bench\.Square\.Digit`"
    ):
        assert bench.run(writes_log) is None
    assert bench.run(writes_log) is None  # no second warning: it would be an error here
    assert bench.rows() == (2, 2, 2)
    assert (bench.Square.jobs & {"n": 0}).fetch1("writes") == {
        "bench.Square": 1,
        "bench.Square.Digit": 1,
        "bench.Log": 1,
    }


@pytest.mark.parametrize("contract", CONTRACTS)
def test_nothing_of_a_make_that_raises_is_kept(bench: Bench, contract: str) -> None:
    bench.schema.make_contract = contract

    def make(table: Table, key: Key) -> None:
        insert_own(table, key)
        raise RuntimeError("after the inserts")

    assert isinstance(bench.run(make), RuntimeError)
    assert (bench.state(), bench.rows()) == ("error", (0, 0, 0))


def test_a_write_elsewhere_is_undone_with_the_job(bench: Bench) -> None:
    def make(table: Table, key: Key) -> None:
        writes_log(table, key)
        raise RuntimeError("after the inserts")

    assert isinstance(bench.run(make), RuntimeError)
    assert (bench.state(), bench.rows()) == ("error", (0, 0, 0))


def test_a_write_elsewhere_is_refused_where_the_contract_is_held(strict: Bench) -> None:
    error = strict.run(writes_log)
    assert isinstance(error, lv.errors.MakeContract)
    assert "`bench.Log`" in str(error)
    assert "`bench.Square` and its parts" in str(error)
    assert (strict.state(), strict.rows()) == ("error", (0, 0, 0))


def test_nothing_is_said_where_the_contract_is_off(bench: Bench) -> None:
    bench.schema.make_contract = "off"

    def make(table: Table, key: Key) -> None:
        writes_log(table, key)
        assert len(bench.Cube()) == 0

    assert bench.run(make) is None
    assert bench.rows() == (1, 1, 1)
    with pytest.raises(lv.errors.InvalidRequest, match="'off', 'warn' or 'on'"):
        bench.schema.make_contract = "strict"


# ------------------------------------------------------------------------------------------------------ other keys


def for_another_key(table: Table, key: Key) -> None:
    table.insert([{**key, "square": 0}, {"n": key["n"] + 1, "square": 1}])


def test_an_insert_for_another_key_is_told(bench: Bench) -> None:
    with pytest.warns(lv.errors.LevadaWarning, match="another key than its own, n=1"):
        assert bench.run(for_another_key) is None
    assert bench.rows() == (2, 0, 0)
    assert bench.Square.populate()["success_count"] == 0  # the other job has nothing left to do


def test_an_insert_for_another_key_passes_where_the_contract_is_off(bench: Bench) -> None:
    bench.schema.make_contract = "off"
    assert bench.run(for_another_key) is None
    assert (bench.state(), bench.rows()) == ("success", (2, 0, 0))


def test_an_insert_for_another_key_is_refused_where_the_contract_is_held(strict: Bench) -> None:
    assert isinstance(strict.run(for_another_key), lv.errors.MakeContract)
    assert (strict.state(), strict.rows()) == ("error", (0, 0, 0))


def test_parts_of_another_key_are_refused_too(strict: Bench) -> None:
    assert strict.run(insert_own) is None

    def make(table: Table, key: Key) -> None:
        insert_own(table, key)
        table.Digit.insert1({"n": 0, "place": 7})

    error = strict.run(make)  # for n = 1
    assert isinstance(error, lv.errors.MakeContract)
    assert strict.rows() == (1, 1, 0)


def for_another_key_only(table: Table, key: Key) -> None:
    table.insert1({"n": key["n"] + 1, "square": 1})


def forgets(table: Table, key: Key) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "contract"), [*((for_another_key_only, contract) for contract in CONTRACTS), (forgets, "on")]
)
def test_a_make_that_does_not_insert_its_key_is_an_error(
    bench: Bench, contract: str, make: Callable[[Table, Key], None]
) -> None:
    bench.schema.make_contract = contract
    error = bench.run(make)
    assert isinstance(error, lv.errors.MakeContract)
    assert "key" in str(error)
    assert (bench.state(), bench.rows()) == ("error", (0, 0, 0))


# ----------------------------------------------------------------------------------------------------------- reads


def reads_downstream(table: Table, key: Key) -> None:
    assert len(lv.FreeTable(table.connection, "bench.Cube") & key) == 0
    insert_own(table, key)


def test_a_read_downstream_is_told_once(bench: Bench) -> None:
    with pytest.warns(
        lv.errors.LevadaWarning, match=r"make of `bench\.Square` reads `bench\.Cube`.*may read .*`bench\.Number`"
    ):
        assert bench.run(reads_downstream) is None
    assert bench.run(reads_downstream) is None
    assert "bench.Cube" in (bench.Square.jobs & {"n": 0}).fetch1("reads")


def test_a_read_downstream_passes_where_the_contract_is_off(bench: Bench) -> None:
    bench.schema.make_contract = "off"
    assert bench.run(reads_downstream) is None
    assert (bench.state(), bench.rows()) == ("success", (1, 1, 0))


def test_a_read_downstream_is_refused_where_the_contract_is_held(strict: Bench) -> None:
    error = strict.run(reads_downstream)
    assert isinstance(error, lv.errors.MakeContract)
    assert "`bench.Cube`" in str(error)
    assert (strict.state(), strict.rows()) == ("error", (0, 0, 0))


# ---------------------------------------------------------------------------------------------------- transactions


def opens_a_transaction(table: Table, key: Key) -> None:
    with pytest.raises(ZeroDivisionError), table.connection.transaction:
        insert_own(table, key)
        1 / 0  # noqa: B018  # undoes only the block
    with table.connection.transaction:
        insert_own(table, key)


def test_a_transaction_of_its_own_is_told_and_becomes_a_part_of_the_job(bench: Bench) -> None:
    with pytest.warns(lv.errors.LevadaWarning, match="opens a transaction"):
        assert bench.run(opens_a_transaction) is None
    assert (bench.state(), bench.rows()) == ("success", (1, 1, 0))
    assert not bench.connection.in_transaction

    def make(table: Table, key: Key) -> None:
        opens_a_transaction(table, key)
        raise RuntimeError("after the block")

    assert isinstance(bench.run(make), RuntimeError)
    assert bench.rows() == (1, 1, 0)
    assert not bench.connection.in_transaction


def test_a_transaction_of_its_own_passes_where_the_contract_is_off(bench: Bench) -> None:
    bench.schema.make_contract = "off"
    assert bench.run(opens_a_transaction) is None
    assert (bench.state(), bench.rows()) == ("success", (1, 1, 0))


def test_a_transaction_of_its_own_is_refused_where_the_contract_is_held(strict: Bench) -> None:
    def make(table: Table, key: Key) -> None:
        with table.connection.transaction:
            insert_own(table, key)

    assert isinstance(strict.run(make), lv.errors.MakeContract)
    assert (strict.state(), strict.rows()) == ("error", (0, 0, 0))


# ----------------------------------------------------------------------------------------------- late, and for ever


@pytest.mark.parametrize("contract", CONTRACTS)
@pytest.mark.parametrize("in_transaction", [False, True])
def test_a_result_that_comes_after_a_cancel_is_dropped(bench: Bench, contract: str, *, in_transaction: bool) -> None:
    bench.schema.make_contract = contract

    def make(table: Table, key: Key) -> None:
        insert_own(table, key)
        if in_transaction:
            assert (table & key).fetch1("square") == 0  # must see the inserted rows
        cancel(bench)

    bench.make = make
    assert bench.Square.populate(max_calls=1) == {"success_count": 0, "error_list": []}
    assert bench.rows() == (0, 0, 0)
    assert (bench.Square.jobs & {"n": 0}).fetch1("state", "error_type") == ("error", "JobCancelled")


def cancel(bench: Bench) -> None:
    """Cancel all jobs that are held, as somebody else does."""
    with lv.Connection(bench.connection.address) as other:
        assert lv.VirtualModule("bench", "bench", connection=other).Square.jobs.cancel() == 1


# ---------------------------------------------------------------------------------------- makes that need a transaction


def test_inserts_may_go_into_a_transaction_at_once(bench: Bench) -> None:
    bench.Square.buffer_inserts = False

    def make(table: Table, key: Key) -> None:
        insert_own(table, key)
        assert table.connection.in_transaction
        table.update1({**key, "square": 7})
        assert (table & key).fetch1("square") == 7
        with pytest.raises(lv.errors.DuplicateEntity):  # errors that only the database can find come at once
            table.insert1({**key, "square": 8})

    assert bench.run(make) is None
    assert bench.rows() == (1, 1, 0)
    job = (bench.Square.jobs & {"n": 0}).fetch1()
    assert (job["state"], job["writes"]) == ("success", {"bench.Square": 2, "bench.Square.Digit": 1})
    assert job["reads"]["bench.Square"]["key_restricted"]

    def fails(table: Table, key: Key) -> None:
        insert_own(table, key)
        raise RuntimeError("after the inserts")

    assert isinstance(bench.run(fails), RuntimeError)
    assert bench.rows() == (1, 1, 0)
    assert not bench.connection.in_transaction
