"""Rows travel in chunks that fit into memory, with the files that they name."""

from __future__ import annotations

import json

import pytest

from levada._from_datajoint import bringing
from levada._from_datajoint.source import External

TESTS = ("levada._from_datajoint.bringing", "levada._from_datajoint.source")


@pytest.mark.parametrize(
    "value", [lambda size: json.dumps({"path": "a", "size": size}), lambda size: External(b"h" * 16, "", "", size)]
)
def test_the_files_of_a_chunk_count_as_its_bytes(value: object) -> None:
    assert callable(value)
    third = bringing.CHUNK_BYTES // 3 + 1
    rows = [(number, value(third)) for number in range(7)]
    assert [len(chunk) for chunk in bringing.chunks(iter(rows), [1])] == [3, 3, 1]
    assert [len(chunk) for chunk in bringing.chunks(iter([(1, None), (2, value(None))]), [1])] == [2]
