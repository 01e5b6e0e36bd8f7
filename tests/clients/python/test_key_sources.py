"""Key sources that cannot be used yet: the table is declared with a warning, and using the source is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from tests.support.processes import Worker, write_pipeline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Key = dict[str, Any]  # Any: an attribute's value
Declare = Any
"""A function that declares a class with a key source."""

LATER = '''
import levada as lv

schema = lv.Schema("later")

@schema
class Number(lv.Lookup):
    definition = "n : int32"
    contents = [(n,) for n in range(4)]

@schema
class Square(lv.Computed):
    definition = """
    -> Number
    ---
    square : int64
    """

    @property
    def key_source(self):
        return Number & Wanted

    def make(self, key):
        self.insert1({**key, "square": key["n"] ** 2})

@schema
class Wanted(lv.Lookup):
    definition = "-> Number"
    contents = [(1,), (2,)]
'''
"""A key source that names a class below it in its module."""


@pytest.fixture
def number(connection: lv.Connection) -> type[lv.Manual]:
    """The table `Number`, with some rows."""
    schema = lv.Schema("numbers", connection=connection)

    @schema
    class Number(lv.Manual):
        definition = "n : int32"

    Number.insert([(n,) for n in range(4)])
    return Number


@pytest.fixture
def declare(number: type[lv.Manual]) -> Declare:
    """Declare the table `Square` of the class's own key source."""
    schema = lv.Schema("numbers", connection=number().connection)

    def declared(source: Callable[[Any], object]) -> type[lv.Computed]:
        class Square(lv.Computed):
            definition = """
            -> Number
            ---
            square : int64
            """

            key_source = property(source)

            def make(self, key: Key) -> None:
                self.insert1({**key, "square": key["n"] ** 2})

        return schema(Square, context={"Number": number})

    return declared


def squares(table: type[lv.Table]) -> list[int]:
    found: list[int] = table.to_arrays("square", order_by="KEY").tolist()
    return found


def test_a_key_source_may_name_a_class_that_is_declared_later(number: type[lv.Manual], declare: Declare) -> None:
    later: dict[str, Any] = {}
    with pytest.warns(lv.LevadaWarning, match=r"`Square` is declared, but its key source is at fault.*KeyError"):
        square = declare(lambda _: number & later["wanted"])
    with pytest.raises(KeyError, match="wanted"):
        square.populate()
    with pytest.raises(KeyError, match="wanted"):
        square.progress()
    later["wanted"] = "n > 1"
    assert square.progress() == (2, 2)
    assert square.populate()["success_count"] == 2
    assert squares(square) == [4, 9]


def test_the_server_learns_a_key_source_when_it_can_be_used(number: type[lv.Manual], declare: Declare) -> None:
    later: dict[str, Any] = {}
    with pytest.warns(lv.LevadaWarning, match="at fault"):
        square = declare(lambda _: number & later["wanted"])
    unaware = lv.VirtualModule("numbers", "numbers", connection=number().connection)
    with pytest.raises(lv.errors.InvalidRequest, match="not known to the server"):
        unaware.Square.progress()
    later["wanted"] = "n > 1"
    square.jobs.refresh()
    assert unaware.Square.progress() == (2, 2)
    # Another program, whose class cannot evaluate it yet, leaves it as it is.
    del later["wanted"]
    with pytest.warns(lv.LevadaWarning, match="at fault"):
        declare(lambda _: number & later["wanted"])
    assert unaware.Square.progress() == (2, 2)


def test_a_key_source_may_use_its_own_table(number: type[lv.Manual], declare: Declare) -> None:
    square = declare(lambda table: number - "n = 0" if len(table) else number & "n = 0")
    assert square.populate()["success_count"] == 1
    assert square.populate()["success_count"] == 3


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda number: number & "nth(n) > 1", "nth"),
        (lambda number: number & "m > 1", "m"),
        (lambda number: number & number.proj(m="n").proj(n="m + 1"), "origin"),
        (lambda number: lv.FreeTable(number().connection, "numbers.missing"), "missing"),
        (lambda number: lv.U("m") & number.proj(m="n"), "neither an attribute of its primary key"),
    ],
)
def test_a_fault_that_the_server_finds_is_a_warning_too(
    number: type[lv.Manual], declare: Declare, source: Callable[[Any], object], message: str
) -> None:
    with pytest.warns(lv.LevadaWarning, match=f"at fault.*{message}"):
        square = declare(lambda _: source(number))
    assert square.is_declared
    with pytest.raises(lv.LevadaError):
        square.populate()
    with pytest.raises(lv.LevadaError):
        square.progress()
    assert declare(lambda _: number & "n > 1").populate()["success_count"] == 2


def test_a_fault_that_is_mended_is_gone(number: type[lv.Manual], declare: Declare) -> None:
    wanted = lv.FreeTable(number().connection, "numbers.wanted")
    with pytest.warns(lv.LevadaWarning, match="at fault"):
        square = declare(lambda _: number & wanted)
    schema = lv.Schema("numbers", connection=number().connection)

    @schema
    class Wanted(lv.Lookup):
        definition = "-> Number"
        contents = ((1,), (2,))

    assert square.populate()["success_count"] == 2
    assert lv.VirtualModule("numbers", "numbers", connection=number().connection).Square.progress() == (0, 2)


def test_a_key_source_at_fault_costs_no_jobs(number: type[lv.Manual], declare: Declare) -> None:
    square = declare(lambda _: number & "n > 1")
    square.populate()
    with pytest.warns(lv.LevadaWarning, match="at fault"):
        declare(lambda _: number & "m > 1")
    assert len(square.jobs.completed) == 2


def test_a_key_source_that_is_not_a_query_is_at_fault(declare: Declare) -> None:
    with pytest.warns(lv.LevadaWarning, match="must be a query, not 5"):
        square = declare(lambda _: 5)
    with pytest.raises(lv.errors.InvalidDefinition, match="must be a query, not 5"):
        square.populate()


def test_a_large_key_source_is_sent_by_populate(number: type[lv.Manual], declare: Declare) -> None:
    with pytest.warns(lv.LevadaWarning, match="lookup table"):
        square = declare(lambda _: number & [{"n": 2 * i} for i in range(20_000)])
    assert square.populate()["success_count"] == 2
    assert squares(square) == [0, 4]


def test_rows_above_a_key_source_at_fault_are_committed(number: type[lv.Manual], declare: Declare) -> None:
    square = declare(lambda _: number())
    schema = lv.Schema("numbers", connection=number().connection)

    class Cube(lv.Computed):
        definition = "-> Square"
        key_source = square & "m > 1"

        def make(self, key: Key) -> None: ...

    with pytest.warns(lv.LevadaWarning, match="at fault"):
        schema(Cube, context={"Square": square})
    assert square.populate()["success_count"] == 4


def test_a_worker_learns_the_key_source_from_the_whole_module(tmp_path: Path, server_address: str) -> None:
    write_pipeline(tmp_path, "later", LATER)
    with Worker(tmp_path, server_address, "--drain", module="later") as worker:
        code, said = worker.end()
    assert (code, "cannot refresh" in said) == (0, False)
    with lv.Connection(server_address) as connection:
        assert squares(lv.VirtualModule("later", "later", connection=connection).Square) == [1, 4]
