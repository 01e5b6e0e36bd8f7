"""Schemas that came from DataJoint leave as files and come again on another server, with equal digests."""

from __future__ import annotations

import io
import json
import shutil
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from levada._cli import main
from levada_server.storage.objects.storage import StoreFolders
from tests.conftest import cloned, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TESTS = ("levada._cli.main",)

Tables = dict[str, tuple[int, str]]
"""The number of rows and the digest of each table."""


@pytest.fixture
def elsewhere(tmp_path: Path, stores: StoreFolders) -> Iterator[str]:
    """The address of a server without any schema, whose store `raw` has the same files."""
    folders = {name: tmp_path / "elsewhere" / name for name in stores.folders}
    folders["main"].mkdir(parents=True)
    shutil.copytree(stores.folders["raw"], folders["raw"])
    there = StoreFolders(folders, "main", registrable={"raw": {"*": ("",)}})
    with cloned() as url, served(url, stores=there) as address:
        yield address


def run(*words: str | Path) -> Any:  # noqa: ANN401  # JSON
    """Run a command, and return what it says."""
    with redirect_stdout(io.StringIO()) as written:
        assert main.main([*map(str, words), "--json"]) == 0
    return json.loads(written.getvalue())


def exported(to: Path, address: str, *what: str) -> Tables:
    told = run("export", *what, "--to", to, "--url", address)
    return {one["table"]: (one["rows"], one["digest"]) for one in told["tables"]}


def there_and_back(server: str, elsewhere: str, tmp_path: Path, *what: str) -> tuple[Tables, Tables]:
    """Export from one server, import on the other, and export there; return what was exported here and there."""
    out = exported(tmp_path / "out", server, *what)
    opened = run("import", tmp_path / "out", "--url", elsewhere)
    assert {one["table"]: one["rows"] for one in opened["tables"]} == {name: rows for name, (rows, _) in out.items()}
    schemas = sorted({name.partition(".")[0] for name in out})
    return out, exported(tmp_path / "again", elsewhere, *schemas)


@pytest.mark.usefixtures("imported_0_14", "imported_2_3")
def test_all_schemas_are_equal_after_an_export_and_an_import(
    server: str, elsewhere: str, connection: lv.Connection, tmp_path: Path
) -> None:
    schemas = sorted(lv.list_schemas(connection))
    assert {"a_animal", "lab", "upper", "loop", "lab2", "from_datajoint"} <= set(schemas)
    out, again = there_and_back(server, elsewhere, tmp_path, *schemas)
    assert again == out
    with lv.Connection(elsewhere) as other:
        for name in out:
            assert lv.FreeTable(other, name).describe() == lv.FreeTable(connection, name).describe()
        animals = lv.FreeTable(other, "a_animal.Animal")
        animals.insert1({"species": "Rat", "nick": "counted"})
        assert (animals & "nick = 'counted'").fetch1("animal_id") >= 10  # 9 was deleted in DataJoint


@pytest.mark.usefixtures("imported_0_14", "imported_2_3")
def test_a_slice_is_equal_after_an_export_and_an_import(
    server: str, elsewhere: str, connection: lv.Connection, tmp_path: Path
) -> None:
    names = ["lab.Blobs", "lab.Stored", "lab.Scan.Field", "lab.Rate", "lab.Pair", "lab2.Rate", "lab2.Stored"]
    with lv.recording("paper", connection=connection):
        for name in names:
            lv.FreeTable(connection, name).to_arrow()
    out, again = there_and_back(server, elsewhere, tmp_path, "--slice", "paper")
    assert set(names) < set(out)
    assert again == out
