"""Bad names and paths of files from outside are refused, and no path of the server itself is."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada_server.errors import InvalidRequest, WrongValue
from levada_server.model.object_names import (
    MAX_PATH_BYTES,
    attached_name,
    attachment_path,
    check_file_name,
    check_path,
    content_path,
    keyed_path,
    wrong_name,
)
from levada_server.model.table import TableName

TABLE = TableName("lab", "Session.Trial")
ID = UUID("0123456789abcdef0123456789abcdef")


@given(st.text(st.characters(), max_size=300))
def test_a_name_that_is_taken_leads_nowhere_else(name: str) -> None:
    try:
        check_file_name(name)
    except InvalidRequest:
        return
    assert "/" not in name
    assert "\\" not in name
    assert "\0" not in name
    assert name not in ("", ".", "..")
    assert check_path(attachment_path(name, ID)).endswith(f"/{name}")
    assert attached_name(name.encode() + b"\0content") == name


@given(st.lists(st.text(st.characters(), max_size=300), max_size=12))
def test_a_path_that_is_taken_stays_below_where_it_begins(parts: list[str]) -> None:
    path = "/".join(parts)
    wrong = [part for part in path.split("/") if wrong_name(part) is not None]
    if wrong or len(path.encode(errors="replace")) > MAX_PATH_BYTES:
        with pytest.raises(InvalidRequest):
            check_path(path)
    else:
        assert check_path(path) == path


@given(
    st.lists(st.tuples(st.from_regex(r"[a-z][a-z0-9_]{0,62}", fullmatch=True), st.text(st.characters())), max_size=32)
)
def test_a_path_made_from_any_key_is_one(key: list[tuple[str, str]]) -> None:
    path = keyed_path(TABLE, "a" * 63, key, "x.tar.gz", uuid4())
    assert check_path(path + ".files")
    assert path.isascii()


def test_a_path_made_from_a_long_key_is_short_enough() -> None:
    key = [(f"{n:03}".ljust(63, "a"), "ä" * 500) for n in range(32)]
    path = keyed_path(TABLE, "a" * 63, key, "x.tar.gz", ID)
    assert check_path(path + ".files")
    assert path.count("/") > 5


def test_people_find_an_object_by_its_key() -> None:
    path = keyed_path(TABLE, "raw", [("subject", "Ann/1"), ("trial", 3)], "run.zarr", ID)
    assert path == "_levada/object/lab/session__trial/subject=Ann%2F1/trial=3/raw_0123456789abcdef.zarr"
    assert keyed_path(TABLE, "raw", [], "no suffix. at all", ID).endswith("/raw_0123456789abcdef")
    assert content_path("blob", "ab" * 32, ID) == f"_levada/blob/ab/{'ab' * 32}-0123456789abcdef"


def test_an_attachment_needs_its_name() -> None:
    for value in (b"", b"name", b"\0", b"a/b\0", b"\xff\0", b"n" * 256 + b"\0"):
        with pytest.raises(WrongValue):
            attached_name(value)
