"""Schemas, tables and queries as Parquet files, with the content of stores beside."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from blake3 import blake3

import levada as lv
from levada._moving.digests import RowDigests, Total
from levada._moving.folder import read_contents
from levada.errors import InvalidRequest
from levada_server.embedded.postgres_programs import caller, find_programs
from tests.conftest import cloned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.moving.conftest import Lab

TESTS = ("levada._moving.digests", "levada._moving.folder")
COUNTS = {"animals.Animal": 2, "animals.Litter": 2, "work.Session": 2, "work.Session.Trial": 4, "work.Rate": 1}


@pytest.fixture
def empty_database() -> Iterator[str]:
    """The address of a database of PostgreSQL that has never met Levada."""
    with cloned("/template0") as url:
        yield url


def psql(database_url: str, *words: str) -> None:
    """Run PostgreSQL's own client."""
    program = find_programs(caller()).folder / "psql"
    subprocess.run([program, "-X", "-q", "-d", database_url, *words], check=True, capture_output=True, text=True)


def test_a_schema_becomes_a_folder_with_a_file_for_each_table(
    laptop: Lab, levada: Callable[..., tuple[int, Any]], tmp_path: Path
) -> None:
    code, told = levada("export", "animals", "work", "--to", tmp_path / "out", "--url", laptop.address)
    assert code == 0
    counts = {one["table"]: one["rows"] for one in told["tables"]}
    assert counts == COUNTS
    contents = read_contents(tmp_path / "out")
    assert [one.name for one in contents.tables] == list(counts)
    assert {schema.name: schema.confidential for schema in contents.schemas} == {"animals": False, "work": True}
    with laptop.connection as connection:
        for one in contents.tables:
            table = pq.read_table(tmp_path / "out" / one.file)
            assert table.num_rows == one.row_count
            fetched, total = lv.FreeTable(connection, one.name), Total()
            for row in RowDigests(fetched.heading).take(fetched.to_arrow())[1]:
                total.add_digest(row)
            assert total.text == one.digest


def test_the_files_keep_types_keys_comments_and_every_value(laptop: Lab, tmp_path: Path) -> None:
    with laptop.connection as connection:
        session = lv.FreeTable(connection, "work.Session")
        assert session.to_parquet(tmp_path / "sessions.parquet") == 2
        fetched = session.to_arrow(order_by="KEY")
    table = pq.read_table(tmp_path / "sessions.parquet").sort_by("session")
    assert table.schema.metadata[b"levada.primary_key"] == b"animal,session"
    day = table.schema.field("day")
    assert day.metadata[b"levada.type"] == b"date"
    assert day.metadata[b"levada.comment"] == b"by the lab's clock"
    assert table.schema.field("animal").metadata[b"levada.origin"] == b"animals.Animal.animal"
    stored = {"large", "trace", "video", "folder", "exact", "camera"}
    for name in fetched.schema.names:
        if name not in stored:
            assert table.column(name).to_pylist() == fetched.column(name).to_pylist(), name
            assert table.schema.field(name).type == fetched.schema.field(name).type
    assert table.schema.field("span").type == pa.duration("us")


def test_content_of_stores_lies_in_files_beside(laptop: Lab, tmp_path: Path) -> None:
    with laptop.connection as connection:
        lv.FreeTable(connection, "work.Session").to_parquet(tmp_path / "sessions.parquet")
    rows = pq.read_table(tmp_path / "sessions.parquet").sort_by("session").to_pylist()
    trace = tmp_path / rows[1]["trace"]["file"]
    assert np.array_equal(np.load(trace), np.random.default_rng(2).normal(size=(50, 4)))
    assert rows[1]["trace"]["shape"] == [50, 4]
    assert (tmp_path / rows[0]["video"]["file"]).read_text(encoding="utf-8") == "a note"
    assert (tmp_path / rows[0]["folder"]["file"] / "deep" / "b.bin").read_bytes() == bytes(range(256))
    assert np.array_equal(lv.blob.unpack((tmp_path / rows[1]["large"]["file"]).read_bytes()), np.arange(1000) * 2)
    assert (tmp_path / rows[1]["exact"]["file"]).read_bytes() == b"exactlyexactly"
    assert (tmp_path / rows[0]["camera"]["file"]).read_bytes() == b"frames"
    assert rows[0]["camera"]["path"] == "2026/eye.avi"
    assert rows[1]["camera"] is None
    assert blake3(trace.read_bytes()).hexdigest() == rows[1]["trace"]["hash"]
    # The same content is there once.
    assert rows[0]["video"]["file"] == rows[1]["video"]["file"]


def test_any_query_becomes_a_file(laptop: Lab, tmp_path: Path) -> None:
    with laptop.connection as connection:
        animal, session = lv.FreeTable(connection, "animals.Animal"), lv.FreeTable(connection, "work.Session")
        joined = (session * animal).proj("name", heavy="weight > 1")
        assert joined.to_parquet(tmp_path / "joined.parquet", order_by="session DESC", limit=1) == 1
        assert (session & "session > 7").to_parquet(tmp_path / "none.parquet") == 0
    assert pq.read_table(tmp_path / "joined.parquet").column("session").to_pylist() == [2]
    assert pq.read_table(tmp_path / "none.parquet").schema.field("trace").type.num_fields == 9


def test_conditions_choose_rows_of_one_table(
    laptop: Lab, levada: Callable[..., tuple[int, Any]], tmp_path: Path
) -> None:
    url = ("--url", laptop.address)
    code, told = levada("export", "work.Session.Trial", "--where", "trial > 1", "--to", tmp_path / "out", *url)
    assert (code, told["tables"][0]["rows"]) == (0, 2)
    assert not read_contents(tmp_path / "out").tables[0].whole
    code, told = levada("export", "work", "--where", "trial > 1", "--to", tmp_path / "other", *url)
    assert code == 1
    assert "one table" in told["message"]


def test_an_interrupted_export_goes_on_where_it_was(
    laptop: Lab, levada: Callable[..., tuple[int, Any]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert levada("export", "work", "--to", out, "--url", laptop.address)[0] == 0
    before = {path: path.stat().st_mtime_ns for path in (out / "objects").rglob("*") if path.is_file()}
    (out / "levada.json").write_text(json.dumps({"form": 1, "complete": False}), encoding="utf-8")
    with pytest.raises(InvalidRequest, match="was interrupted"):
        read_contents(out)
    assert levada("export", "work", "--to", out, "--url", laptop.address)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in (out / "objects").rglob("*") if path.is_file()} == before
    assert read_contents(out).tables


def test_a_folder_of_something_else_is_left_alone(
    laptop: Lab, levada: Callable[..., tuple[int, Any]], tmp_path: Path
) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").touch()
    code, told = levada("export", "work", "--to", tmp_path / "thesis", "--url", laptop.address)
    assert code == 1
    assert "'chapter.tex'" in told["message"]
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter.tex"]


def test_a_database_of_duckdb_has_tables_keys_and_comments(
    laptop: Lab, levada: Callable[..., tuple[int, Any]], tmp_path: Path
) -> None:
    target = tmp_path / "lab.duckdb"
    code, told = levada("export", "animals", "work", "--to", target, "--url", laptop.address)
    assert (code, {one["table"]: one["rows"] for one in told["tables"]}) == (0, COUNTS)
    with closing(duckdb.connect(str(target), read_only=True)) as database:
        row = database.execute(
            "SELECT day, seen, span, clock, price, token, facts->>'b', kind, raw, image, epoch(begun) "
            "FROM work.session WHERE session = 2"
        ).fetchone()
        assert row == (
            dt.date(2026, 1, 2), dt.datetime(1999, 12, 31, 23, 59, 59, 999000), dt.timedelta(hours=-30),
            dt.time(1, 2, 3, 4), Decimal("-1.50"), UUID(int=2), "x", 'b "c"', bytes(range(256)),
            [0, 1, 2, 3, 4, 5], 1767268800.0,
        )  # fmt: skip
        (trace,) = database.execute("SELECT trace FROM work.session WHERE session = 2").fetchone()
        assert np.load(tmp_path / trace).shape == (50, 4)
        (comment,) = database.execute(
            "SELECT comment FROM duckdb_columns() WHERE table_name = 'session' AND column_name = 'day'"
        ).fetchone()
        assert comment == "by the lab's clock (date)"
        with pytest.raises(duckdb.Error):
            database.execute("INSERT INTO work.session__trial VALUES (5, 1, 1, true)")
    with closing(duckdb.connect(str(target))) as database:
        with pytest.raises(duckdb.ConstraintException, match="foreign key"):
            database.execute("INSERT INTO animals.litter VALUES (77, NULL)")
        with pytest.raises(duckdb.ConstraintException, match="primary key"):
            database.execute("INSERT INTO work.session__trial VALUES (5, 1, 1, true)")


async def test_a_file_of_sql_loads_into_any_postgresql(
    laptop: Lab, levada: Callable[..., tuple[int, Any]], tmp_path: Path, empty_database: str
) -> None:
    target = tmp_path / "lab.sql"
    code, told = levada("export", "animals", "work", "--to", target, "--url", laptop.address)
    assert (code, {one["table"]: one["rows"] for one in told["tables"]}) == (0, COUNTS)
    psql(empty_database, "-1", "-v", "ON_ERROR_STOP=1", "-f", str(target))
    database = await asyncpg.connect(empty_database)
    try:
        row = await database.fetchrow(
            "SELECT day, seen, span, clock, price, token, facts->>'b', kind, raw, image, extract(epoch from begun), "
            "length(value), note FROM work.session WHERE session = 2"
        )
        assert tuple(row)[:11] == (
            dt.date(2026, 1, 2), dt.datetime(1999, 12, 31, 23, 59, 59, 999000), dt.timedelta(hours=-30),
            dt.time(1, 2, 3, 4), Decimal("-1.50"), UUID(int=2), "x", 'b "c"', bytes(range(256)),
            [0, 1, 2, 3, 4, 5], 1767268800,
        )  # fmt: skip
        assert row["note"] is None
        animals = await database.fetch("SELECT name, weight FROM animals.animal ORDER BY animal")
        assert [row["name"] for row in animals] == ["Ünïcøde", "it's"]
        assert np.isnan(animals[1]["weight"])
        comment = await database.fetchval("SELECT col_description('work.rate'::regclass, 3)")
        assert comment == "in Hz (float64)"
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await database.execute("INSERT INTO work.session__trial VALUES (5, 9, 1, true)")
        with pytest.raises(asyncpg.UniqueViolationError):
            await database.execute("INSERT INTO work.session__trial VALUES (5, 1, 1, true)")
    finally:
        await database.close()


async def test_text_of_every_kind_survives_the_file_of_sql(
    bare: Lab, levada: Callable[..., tuple[int, Any]], tmp_path: Path, empty_database: str
) -> None:
    texts = ["\\.", "a\tb\nc\rd", "\\N", "", "'; DROP TABLE x; --", "\\\\x00", "é\N{MOUSE FACE}", '"', "\\"]
    with bare.connection as connection:
        schema = lv.Schema("odd", connection=connection)

        @schema
        class Word(lv.Manual):
            definition = """
            # it's '; a \\ comment
            n : int32
            ---
            word = null : text   # with 'quotes' and a \\ too
            """

        Word.insert([(n, word) for n, word in enumerate(texts)])
        Word.insert1({"n": 99})
    assert levada("export", "odd", "--to", tmp_path / "odd.sql", "--url", bare.address)[0] == 0
    psql(empty_database, "-1", "-v", "ON_ERROR_STOP=1", "-f", str(tmp_path / "odd.sql"))
    database = await asyncpg.connect(empty_database)
    try:
        found = await database.fetch("SELECT word FROM odd.word ORDER BY n")
        assert [row["word"] for row in found] == [*texts, None]
    finally:
        await database.close()
