"""The file that names the stores of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from levada_server.config import read_stores
from levada_server.errors import InvalidRequest

if TYPE_CHECKING:
    from pathlib import Path


def test_each_store_has_a_folder_and_one_is_preferred(tmp_path: Path) -> None:
    file = tmp_path / "stores.toml"
    file.write_text('preferred = "raw-2"\n[stores.main]\nfolder = "/data/main"\n[stores.raw-2]\nfolder = "raw"\n')
    stores = read_stores(file)
    assert {name: str(folder) for name, folder in stores.folders.items()} == {
        "main": "/data/main",
        "raw-2": str(tmp_path / "raw"),
    }
    assert stores.preferred == "raw-2"
    file.write_text('[stores.main]\nfolder = "/data/main"\n')
    assert read_stores(file).preferred == "main"
    file.write_text('[stores.a]\nfolder = "/a"\n[stores.b]\nfolder = "/b"\n')
    assert read_stores(file).preferred is None
    file.write_text("")
    assert read_stores(file).folders == {}


def test_schemas_register_files_of_their_folders(tmp_path: Path) -> None:
    file = tmp_path / "stores.toml"
    file.write_text('[stores.a]\nfolder = "/a"\n[stores.a.register]\nlab = ["2026/", "x/y"]\n"*" = [""]\n')
    assert read_stores(file).registrable == {"a": {"lab": ("2026", "x/y"), "*": ("",)}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stores", "is not valid TOML"),
        ("stores = 1", "tables"),
        ("other = 1", "nothing else"),
        ("[stores]\na = 1", "needs one line: folder"),
        ("[stores.a]", "needs one line: folder"),
        ("[stores.a]\nfolder = 1", "needs one line: folder"),
        ('[stores.a]\nfolder = "/a"\nkey = "secret"', "needs one line: folder"),
        ('[stores."a b"]\nfolder = "/a"', "not a valid name of a store"),
        ('[stores."../a"]\nfolder = "/a"', "not a valid name of a store"),
        ('preferred = "b"\n[stores.a]\nfolder = "/a"', "prefers the store 'b'"),
        ('[stores.a]\nfolder = "/a"\nregister = ["x"]', "has lines such as"),
        ('[stores.a]\nfolder = "/a"\nregister = { lab = "x" }', "has lines such as"),
        ('[stores.a]\nfolder = "/a"\nregister = { lab = ["/x"] }', "is not allowed"),
        ('[stores.a]\nfolder = "/a"\nregister = { lab = ["../x"] }', "is not allowed"),
    ],
)
def test_anything_else_is_told_with_the_file(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "stores.toml"
    file.write_text(text)
    with pytest.raises(InvalidRequest, match=told) as caught:
        read_stores(file)
    assert str(file) in caught.value.message
