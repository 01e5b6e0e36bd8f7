"""The file that names the stores of a server."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from levada_server.config import Settings, read_stores, store_folders
from levada_server.errors import InvalidRequest
from levada_server.storage.objects.bucket_settings import BucketKind

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
    assert read_stores(file, own_store=True).preferred == "default"  # new values do not go to a store for recordings
    file.write_text('preferred = "default"\n[stores.main]\nfolder = "/data/main"\n')
    assert read_stores(file, own_store=True).preferred == "default"
    with pytest.raises(InvalidRequest, match="prefers the store 'default'"):
        read_stores(file)
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
        ('[stores.a]\nkind = "s4"', "must be one of s3, gcs, azure"),
        ("[stores.a]\nkind = 3", "must be one of s3, gcs, azure"),
        ('[stores.a]\nkind = "s3"\nkey_id = "k"\nsecret = "s"', "has no `bucket`"),
        ('[stores.a]\nkind = "azure"\nbucket = "b"\nsecret = "s"', "has no `account`"),
        ('[stores.a]\nkind = "s3"\nbucket = "b"', "needs either a key"),
        ('[stores.a]\nkind = "s3"\nbucket = "b"\nsecret = "s"', "needs either a key"),
        (
            '[stores.a]\nkind = "s3"\nbucket = "b"\nkey_id = "k"\nsecret = "s"\ninstance_role = true',
            "needs either a key",
        ),
        ('[stores.a]\nkind = "gcs"\nbucket = "b"', "service_account"),
        ('[stores.a]\nkind = "s3"\nbucket = "b"\nfolder = "f"', "the key `folder` of the store `a` is unknown"),
        ('[stores.a]\nkind = "s3"\nbucket = 3', "`bucket` of the store `a` is not a text"),
        ('[stores.a]\nkind = "s3"\nbucket = "b"\nprefix = "../x"\ninstance_role = true', "is not allowed"),
        (
            '[stores.a]\nkind = "s3"\nbucket = "b"\nendpoint = "ftp://x"\ninstance_role = true',
            "must begin with https://",
        ),
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
    file.chmod(0o600)
    with pytest.raises(InvalidRequest, match=told) as caught:
        read_stores(file)
    assert "is not allowed" in told or str(file) in caught.value.message
    assert '"s"' not in caught.value.message


def test_buckets_have_their_keys_in_the_file_or_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "stores.toml"
    file.write_text(
        '[stores.raw-1]\nkind = "s3"\nbucket = "lab"\nprefix = "/a/b/"\nendpoint = "http://127.0.0.1:1/"\n'
        '[stores.cloud]\nkind = "azure"\nbucket = "c"\naccount = "a"\ninstance_role = true\n'
        '[stores.google]\nkind = "gcs"\nbucket = "g"\nservice_account = "key.json"\n'
        '[stores.main]\nfolder = "main"\n'
    )
    monkeypatch.setenv("LEVADA_STORE_RAW_1_KEY_ID", "id")
    monkeypatch.setenv("LEVADA_STORE_RAW_1_SECRET", "key")
    stores = read_stores(file)
    raw = stores.buckets["raw-1"]
    assert (raw.kind, raw.bucket, raw.prefix, raw.key_id, raw.secret) == (BucketKind.S3, "lab", "a/b", "id", "key")
    assert raw.url == "http://127.0.0.1:1/lab"
    assert stores.buckets["cloud"].secret == ""
    assert stores.buckets["google"].service_account == tmp_path / "key.json"
    assert (list(stores.folders), stores.preferred) == (["main"], None)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_a_file_with_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "stores.toml"
    file.write_text('[stores.a]\nkind = "s3"\nbucket = "b"\nkey_id = "k"\nsecret = "s"\n')
    file.chmod(0o644)
    with pytest.raises(InvalidRequest, match="chmod 600"):
        read_stores(file)
    file.chmod(0o600)
    assert read_stores(file).preferred == "a"


@pytest.mark.parametrize("made_before", [False, True])
def test_the_own_store_of_a_server_is_closed_to_other_users(tmp_path: Path, made_before: bool) -> None:
    folder = tmp_path / "objects"
    if made_before:
        folder.mkdir()
        folder.chmod(0o755)
    stores = store_folders(Settings(None, tmp_path))
    assert stores.folders == {"default": folder}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
