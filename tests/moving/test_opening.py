"""`levada import`: folders that `levada export` wrote, opened as a database on another server."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import levada as lv
from levada._cli import main
from levada_api.v1 import schema_pb2, schema_service_pb2
from tests.support.called_methods import LOGGER, called_methods

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.moving.conftest import Lab

    Levada = Callable[..., tuple[int, Any]]

TESTS = ("levada._cli.main",)
ANIMAL = schema_pb2.TableName(schema="animals", table="Animal")
COUNTS = {"animals.Animal": 2, "animals.Litter": 2, "work.Session": 2, "work.Session.Trial": 4, "work.Rate": 1}


@pytest.fixture
def out(laptop: Lab, levada: Levada, tmp_path: Path) -> Path:
    """An export of both schemas of the laboratory."""
    assert levada("export", "animals", "work", "--to", tmp_path / "out", "--url", laptop.address)[0] == 0
    return tmp_path / "out"


def next_number(connection: lv.Connection) -> int:
    request = schema_service_pb2.DescribeTableRequest(name=ANIMAL, include_next_number=True)
    return connection.call("SchemaService/DescribeTable", request, schema_service_pb2.DescribeTableResponse).next_number


def test_export_comes_back_with_equal_digests_settings_and_numbers(
    laptop: Lab, other: Lab, levada: Levada, tmp_path: Path
) -> None:
    (other.stores.folders["raw"] / "2026").mkdir()
    (other.stores.folders["raw"] / "2026" / "eye.avi").write_bytes(b"frames")
    teams = ("ownership", "animals.Animal", "--attribute", "name", "--url", laptop.address)
    assert levada(*teams)[0] == 0
    with laptop.connection as here:
        given_out = schema_service_pb2.RaiseNextNumberRequest(name=ANIMAL, next_number=50)
        here.call("SchemaService/RaiseNextNumber", given_out, schema_service_pb2.RaiseNextNumberResponse)
    words = ("export", "animals", "work")
    _, before = levada(*words, "--to", tmp_path / "out", "--url", laptop.address)
    code, told = levada("import", tmp_path / "out", "--url", other.address)
    assert (code, {one["table"]: one["rows"] for one in told["tables"]}) == (0, COUNTS)
    _, after = levada(*words, "--to", tmp_path / "again", "--url", other.address)
    assert after["tables"] == before["tables"]
    with laptop.connection as here, other.connection as there:
        work = lv.Schema("work", connection=there)
        assert (work.make_contract, work.confidential) == ("off", True)
        assert next_number(there) == next_number(here) == 50
        described = there.describe_table(ANIMAL).table
        assert described.ownership.attribute == "name"


def test_export_opens_where_its_stores_are_missing_and_other_values_there_are_found(
    bare: Lab, levada: Levada, out: Path
) -> None:
    for _ in range(2):
        code, told = levada("import", out, "--url", bare.address)
        assert (code, {one["table"]: one["rows"] for one in told["tables"]}) == (0, COUNTS)
    with bare.connection as there:
        session = lv.FreeTable(there, "work.Session")
        assert session.heading["camera"].type == "<attach@>"
        assert Path((session & "session = 1").fetch1("camera")).read_bytes() == b"frames"
        session.update1({"animal": 5, "session": 2, "day": "1999-01-01"})
    code, told = levada("import", out, "--url", bare.address)
    assert code == 1
    assert told["message"].startswith("1 of the 2 rows of `work.Session` have other values here: animal=5, session=2.")


def test_second_import_sends_nothing(bare: Lab, levada: Levada, out: Path, caplog: pytest.LogCaptureFixture) -> None:
    sending = {"InsertRows", "InsertFewRows", "StageObject", "UploadObject", "CommitObject", "RegisterFile"}

    def sent() -> set[str]:
        with caplog.at_level(logging.DEBUG, LOGGER):
            caplog.clear()
            assert levada("import", out, "--url", bare.address)[0] == 0
            return sending & set(called_methods(caplog))

    assert sent() >= {"InsertFewRows", "StageObject", "UploadObject"}
    assert sent() == set()


def test_stores_of_any_name_are_replaced_where_they_are_missing(
    cold: Lab, bare: Lab, levada: Levada, tmp_path: Path
) -> None:
    assert levada("export", "cold", "--to", tmp_path / "out", "--url", cold.address)[0] == 0
    code, told = levada("import", tmp_path / "out", "--url", bare.address)
    assert code == 0, told
    with bare.connection as there:
        value = lv.FreeTable(there, "cold.Value")
        assert [value.heading[name].type for name in ("value", "small")] == ["<blob@>", "<blob@>"]
        assert value.fetch1("value").tolist() == list(range(9))


def test_rows_of_others_do_not_count_but_may_be_in_the_way(
    laptop: Lab, bare: Lab, levada: Levada, tmp_path: Path
) -> None:
    for lab, rows in ((laptop, [(1, "one"), (2, "two")]), (bare, [(3, "three")])):
        with lab.connection as connection:
            schema = lv.Schema("words", connection=connection)

            @schema
            class Word(lv.Manual):
                definition = """
                number : int32
                ---
                word : varchar(10)
                unique index (word)
                """

            Word.insert(rows)
    assert levada("export", "words", "--to", tmp_path / "words", "--url", laptop.address)[0] == 0
    code, told = levada("import", tmp_path / "words", "--url", bare.address)
    assert (code, told["tables"]) == (0, [{"table": "words.Word", "rows": 2}])
    with bare.connection as connection:
        words = lv.FreeTable(connection, "words.Word")
        (words & "number = 2").delete_quick()
        words.insert1((4, "two"))
    code, told = levada("import", tmp_path / "words", "--url", bare.address)
    assert (code, told["error"]) == (1, "DuplicateEntity")


def test_tables_without_their_parents_are_refused_before_anything_changes(
    laptop: Lab, bare: Lab, levada: Levada, tmp_path: Path
) -> None:
    assert levada("export", "work", "--to", tmp_path / "work", "--url", laptop.address)[0] == 0
    code, told = levada("import", tmp_path / "work", "--url", bare.address)
    assert code == 1
    assert "neither the folder nor the server has `animals.Animal` (to which `work." in told["message"]
    with bare.connection as there:
        assert lv.list_schemas(there) == []


def test_the_end_of_an_import_says_what_was_compared(
    bare: Lab, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["import", str(tmp_path / "gone"), "--url", bare.address]) == 1
    assert f"There is no folder {tmp_path / 'gone'}." in capsys.readouterr().err
    assert main.main(["import", str(out), "--url", bare.address]) == 0
    assert re.fullmatch(
        rf"opened \d+ tables, \d+ rows: equal to those of {re.escape(str(out))}\n", capsys.readouterr().err
    )


def without_name(rows: pa.Table) -> pa.Table:
    return rows.drop_columns(["name"])


def with_another_row(rows: pa.Table) -> pa.Table:
    return pa.concat_tables([rows, rows.slice(0, 1)])


def with_another_name(rows: pa.Table) -> pa.Table:
    names = pa.array(["other"] * rows.num_rows, pa.utf8())
    return rows.set_column(1, rows.schema.field(1), names)


@pytest.mark.parametrize("change", [without_name, with_another_row, with_another_name])
def test_file_with_other_rows_is_damage(
    bare: Lab, levada: Levada, out: Path, change: Callable[[pa.Table], pa.Table]
) -> None:
    file = out / "animals" / "Animal.parquet"
    pq.write_table(change(pq.read_table(file)), file)
    code, told = levada("import", out, "--url", bare.address)
    assert (code, told["error"]) == (1, "DamagedObject")
    assert "copy the archive again" in told["message"]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no Parquet at all"])
def test_file_that_is_no_parquet_is_damage(bare: Lab, levada: Levada, out: Path, content: bytes) -> None:
    (out / "animals" / "Animal.parquet").write_bytes(content)
    code, told = levada("import", out, "--url", bare.address)
    assert (code, told["error"]) == (1, "DamagedObject")


def test_content_with_other_bytes_is_damage(bare: Lab, levada: Levada, out: Path) -> None:
    (place,) = (path for path in (out / "objects").rglob("note.txt") if path.is_file())
    place.write_bytes(b"a n0te")
    code, told = levada("import", out, "--url", bare.address)
    assert (code, told["error"]) == (1, "DamagedObject")


def test_folder_with_a_link_that_leads_out_is_refused(bare: Lab, levada: Levada, out: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"not for others")
    place = out / "work" / pq.read_table(out / "work" / "Session.parquet")["folder"][0].as_py()["file"]
    (place / "key").symlink_to(tmp_path / "secret")
    code, told = levada("import", out, "--url", bare.address)
    assert (code, told["error"]) == (1, "DamagedObject")
    assert "leads out of its folder" in told["message"]


def test_file_without_a_hash_or_that_is_missing_is_refused(bare: Lab, levada: Levada, out: Path) -> None:
    file = out / "work" / "Session.parquet"
    rows = pq.read_table(file)
    place = rows.schema.get_field_index("video")
    values = [{**value, "hash": ""} for value in rows["video"].to_pylist()]
    pq.write_table(rows.set_column(place, rows.schema.field(place), pa.array(values, rows["video"].type)), file)
    code, told = levada("import", out, "--url", bare.address)
    assert (code, told["error"]) == (1, "DamagedObject")
    assert "has a file without a hash" in told["message"]
    pq.write_table(rows, file)
    (out / "work" / values[0]["file"]).unlink()
    code, told = levada("import", out, "--url", bare.address)
    assert (code, told["error"]) == (1, "DamagedObject")
    assert "is missing" in told["message"]


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../secret"},
        {"file": "link"},
        {"file": 1},
        {"rows": "many"},
        {"rows": float("inf")},
        {"next_number": []},
        {"next_number": 2**70},
        {"table": {"name": 1}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_list_that_leads_out_or_is_none_is_refused(
    bare: Lab, levada: Levada, out: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    (tmp_path / "secret").write_bytes((out / "animals" / "Animal.parquet").read_bytes())
    (out / "link").symlink_to(tmp_path / "secret")
    listed = json.loads((out / "levada.json").read_text(encoding="utf-8"))
    listed["tables"][0].update(change)
    (out / "levada.json").write_text(json.dumps(listed), encoding="utf-8")
    code, told = levada("import", out, "--url", bare.address)
    assert (code, told["error"]) == (1, "InvalidRequest")
    assert "levada.json is damaged" in told["message"]
