"""One request of a user takes one call, and only the statements that it needs."""

from __future__ import annotations

import asyncio
import logging
import re
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import levada as lv
from levada_server import app
from levada_server.storage.postgres.database import Database
from tests.conftest import served
from tests.support.called_methods import LOGGER, called_methods

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from levada_server.storage.postgres.database import Connection

STATEMENTS: list[str] = []


class NotedDatabase(Database):
    """A pool that records the statements it gets, where one of them is about the table: others are the server's own."""

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[Connection]:
        statements: list[str] = []
        async with super()._lend() as connection:
            with connection.query_logger(lambda record: statements.append(record.query)):
                yield connection
                await asyncio.sleep(0)  # the driver calls the logger in the loop's next round
        if any('"thing"' in statement for statement in statements):
            STATEMENTS.extend(statements)


@pytest.fixture
def table(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[lv.Manual]]:
    monkeypatch.setattr(app, "Database", NotedDatabase)
    with served(database_url) as address, lv.Connection(address) as connection:
        declared = type("Thing", (lv.Manual,), {"definition": "id : int32\n---\nx : float64\n"})
        thing: type[lv.Manual] = lv.Schema("lab", connection=connection)(declared)
        thing.insert([{"id": number, "x": 0.5} for number in range(10)])
        yield thing


@contextmanager
def noted(caplog: pytest.LogCaptureFixture) -> Iterator[tuple[list[str], list[str]]]:
    """Return the methods that are called within the block, and the statements that PostgreSQL gets."""
    calls: list[str] = []
    with caplog.at_level(logging.DEBUG, LOGGER):
        caplog.clear()
        STATEMENTS.clear()
        statements: list[str] = []
        yield calls, statements
        calls += called_methods(caplog)
        statements += STATEMENTS


@pytest.mark.parametrize(
    ("use", "method"),
    [
        (lambda t, n: (t & {"id": n}).fetch1(), "FetchFewRows"),
        (lambda t, n: (t & {"id": n}).fetch1("x"), "FetchFewRows"),
        (lambda t, n: t.insert1({"id": 90 + n, "x": 1.0}), "InsertFewRows"),
        (lambda t, n: len(t & f"id > {n}"), "CountRelation"),
        (lambda t, n: bool(t & f"id > {n}"), "CheckExistence"),
        (lambda t, n: t.update1({"id": n, "x": 2.0}), "UpdateRow"),
    ],
)
def test_a_small_call_is_one_trip_and_one_statement(
    table: type[lv.Manual],
    caplog: pytest.LogCaptureFixture,
    use: Callable[[type[lv.Manual], int], object],
    method: str,
) -> None:
    use(table, 1)  # the calls that each connection makes once are over
    with noted(caplog) as (calls, statements):
        use(table, 2)
    assert calls == [method]
    assert len(statements) == 1, statements


def test_an_insert_that_skips_is_one_call(table: type[lv.Manual], caplog: pytest.LogCaptureFixture) -> None:
    # It takes a transaction: the number of inserted rows is known only after the statement, and is recorded with them.
    with noted(caplog) as (calls, _):
        table.insert1({"id": 3, "x": 1.0}, skip_duplicates=True)
    assert calls == ["InsertFewRows"]


def test_many_rows_are_one_call_each_way(table: type[lv.Manual], caplog: pytest.LogCaptureFixture) -> None:
    with noted(caplog) as (calls, _):
        table.insert([{"id": number, "x": 0.5} for number in range(100, 5000)])
    assert calls == ["InsertFewRows"]
    with noted(caplog) as (calls, _):
        assert table.to_arrow().num_rows == 4910
    assert calls == ["FetchRelation"]


def test_statements_are_prepared_once_for_all_values(table: type[lv.Manual], caplog: pytest.LogCaptureFixture) -> None:
    texts = set()
    for number in range(5):
        with noted(caplog) as (_, statements):
            (table & {"id": number}).fetch1()
            len(table & f"x > {number}.5")
        texts |= set(statements)
    assert len(texts) == 2


def test_the_page_counts_the_calls_of_each_method(table: type[lv.Manual], caplog: pytest.LogCaptureFixture) -> None:
    page = (Path(__file__).parents[3] / "docs" / "performance.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| (.+?) \| (\d+) \|$", page.partition("## Trips")[2].partition("\n## ")[0], re.M))
    uses = _uses(table)
    table.insert1({"id": 499, "x": 1.0})  # the connection knows the table
    found = {}
    for name, use in uses.items():
        with noted(caplog) as (calls, _):
            use()
        if not name.startswith("("):
            found[name] = str(len(calls))
    assert found == listed


def _uses(table: type[lv.Manual]) -> dict[str, Callable[[], object]]:
    """The uses of users, by their names on the page, in the order in which they are counted."""
    schema = lv.Schema("lab", connection=table().connection)
    declared = type("Other", (lv.Manual,), {"definition": "id : int32\n---\nx : float64\n"})
    squares = type(
        "Square",
        (lv.Computed,),
        {"definition": "-> Thing\n---\ny : float64\n", "make": _square(table), "__module__": __name__},
    )
    computed: type[lv.Computed] = schema(squares, context={"Thing": table})
    many = [{"id": number, "x": 0.5} for number in range(1000, 6000)]
    one = table & {"id": 3}

    return {
        "`insert1`": lambda: table.insert1({"id": 500, "x": 1.0}),
        "`insert` of 5,000 rows": lambda: table.insert(many),
        "`fetch1`": one.fetch1,
        "`to_dicts` of 5,000 rows": (table & "id >= 1000").to_dicts,
        "`to_pandas` of 5,000 rows": (table & "id >= 1000").to_pandas,
        "`fetch` of 5,000 rows": (table & "id >= 1000").fetch,
        "`head`": table.head,
        "`len`": lambda: len(one),
        "`bool`": lambda: bool(one),
        "`in`": lambda: {"id": 3} in table(),
        "`update1`": lambda: table.update1({"id": 3, "x": 2.0}),
        "`delete` without asking": lambda: (table & "id >= 400").delete(prompt=False),
        "`delete_quick`": lambda: (table & "id = 9").delete_quick(),
        "`describe`": lambda: table().describe(),
        "the preview in a notebook": one._repr_html_,
        "`progress`": computed.progress,
        "(whose calls depend on how long each key takes)": computed.populate,
        "`populate` when nothing is left": computed.populate,
        "`jobs.progress`": lambda: computed().jobs.progress(),
        "the preview of `jobs`": lambda: computed().jobs._repr_html_(),
        "`Diagram(schema)`": lambda: lv.Diagram(schema),
        "`schema(Table)`, which declares": lambda: schema(declared),
        "`drop` without asking": lambda: declared().drop(prompt=False),
    }


def _square(table: type[lv.Manual]) -> Callable[[lv.Computed, dict[str, int]], None]:
    def make(self: lv.Computed, key: dict[str, int]) -> None:
        self.insert1({**key, "y": (table & key).fetch1("x") ** 2})

    return make
