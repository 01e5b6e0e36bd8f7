"""Two servers on one database: a change of tables through one is known to the other at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import levada as lv
from tests.conftest import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada import Connection, Manual


@pytest.fixture
def two(database_url: str) -> Iterator[tuple[Connection, Connection]]:
    """Connections to two servers; neither knows what the other has seen."""
    with (
        served(database_url) as first,
        served(database_url) as second,
        lv.Connection(first) as one,
        lv.Connection(second) as other,
    ):
        yield one, other


def declare(connection: Connection, name: str, definition: str) -> type[Manual]:
    return lv.Schema("lab", connection=connection)(type(name, (lv.Manual,), {"definition": definition}))


def test_a_table_is_used_through_another_server_as_soon_as_it_is_declared(two: tuple[Connection, Connection]) -> None:
    one, other = two
    for number in range(3):
        table = declare(one, f"Thing{number}", "id : int32\n---\nx : float64\n")
        there = lv.FreeTable(other, f"lab.Thing{number}")
        there.insert1({"id": 1, "x": 0.5})
        assert there.fetch1() == table.fetch1() == {"id": 1, "x": 0.5}
        assert len(there) == 1
        assert (there & "x > 0.4").to_arrow().num_rows == 1
        there.update1({"id": 1, "x": 0.25})
        there.insert(there & "id = 1", skip_duplicates=True)
        assert (there & "id = 1").delete(prompt=False) == 1


def test_a_declaration_finds_the_parent_that_another_server_declared(two: tuple[Connection, Connection]) -> None:
    one, other = two
    parent = declare(one, "Parent", "id : int32\n")
    child = type("Child", (lv.Manual,), {"definition": "-> Parent\n"})
    lv.Schema("lab", connection=other)(child, context={"Parent": parent})
    parent.insert1({"id": 1})
    lv.FreeTable(other, "lab.Child").insert1({"id": 1})
    with pytest.raises(lv.errors.HasChildren):
        parent.delete_quick()


def test_a_table_that_another_server_altered_is_used_as_it_is_now(two: tuple[Connection, Connection]) -> None:
    one, other = two
    table = declare(one, "Thing", "id : int32\n---\nx : int32\n")
    there = lv.FreeTable(other, "lab.Thing")
    for number in range(5):  # on several connections, so that there are prepared statements
        there.insert1({"id": number, "x": 1})
        assert (there & {"id": number}).fetch1("x") == 1
    table.definition = "id : int32\n---\nx : float64\ny = null : varchar(8)\n"
    assert table.alter(prompt=False)
    there = lv.FreeTable(other, "lab.Thing")
    assert not there & "y = 'new'"
    there.insert1({"id": 10, "x": 0.5, "y": "new"})
    assert (there & {"id": 10}).fetch1() == {"id": 10, "x": 0.5, "y": "new"}
    assert there.heading.names == ["id", "x", "y"]
    table.definition = "id : int32\n---\ny = null : varchar(8)\n"
    assert table.alter(prompt=False)
    assert lv.FreeTable(other, "lab.Thing").to_arrow().column_names == ["id", "y"]


def test_who_only_reads_learns_of_an_alteration_too(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("levada_server.app.KEEP_UP_S", 0.01)
    with (
        served(database_url) as first,
        served(database_url) as second,
        lv.Connection(first) as one,
        lv.Connection(second) as other,
    ):
        table = declare(one, "Thing", "id : int32\n")
        there = lv.FreeTable(other, "lab.Thing")
        assert there.to_arrow().column_names == ["id"]
        table.definition = "id : int32\n---\ny = null : varchar(8)\n"
        assert table.alter(prompt=False)
        # No request here needs anything that the old catalog lacks; each one is a chance to learn of the new catalog.
        names = (lv.FreeTable(other, "lab.Thing").to_arrow().column_names for _ in range(10_000))
        assert any(seen == ["id", "y"] for seen in names)


def test_writes_to_a_table_that_another_server_replaced_are_for_the_new_one(two: tuple[Connection, Connection]) -> None:
    one, other = two
    declare(one, "Thing", "id : int32\n---\nx = 1 : int32\n")
    there = lv.FreeTable(other, "lab.Thing")
    there.insert1({"id": 1})
    there.drop_quick()
    # The same names, and another default and type: an old catalog would write the old ones.
    declare(other, "Thing", "id : int32\n---\nx = 2 : int64\n")
    here = lv.FreeTable(one, "lab.Thing")
    here.insert1({"id": 1})
    here.insert([{"id": number} for number in range(2, 1000)])
    assert set(here.to_arrays("x").tolist()) == {2}
    assert here.heading["x"].type == "int64"


def test_a_table_that_another_server_dropped_is_unknown(two: tuple[Connection, Connection]) -> None:
    one, other = two
    table = declare(one, "Thing", "id : int32\n")
    there = lv.FreeTable(other, "lab.Thing")
    there.insert1({"id": 1})
    table.drop_quick()
    for use in (there.to_arrow, there.fetch1, lambda: len(there), lambda: there.insert1({"id": 2})):
        with pytest.raises(lv.errors.UnknownTable):
            use()
    declare(one, "Thing", "id : int32\n")
    there.insert1({"id": 2})
    assert len(there) == 1


def test_a_transaction_finds_what_another_server_declared(two: tuple[Connection, Connection]) -> None:
    one, other = two
    with other.transaction:
        declare(one, "Thing", "id : int32\n")
        there = lv.FreeTable(other, "lab.Thing")
        there.insert1({"id": 1})
        assert len(there) == 1
    assert len(lv.FreeTable(one, "lab.Thing")) == 1
