"""Rows that a `make` inserts are kept until its job completes, as batches of Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from levada._jobs.buffered_insert import BufferedInsert
from levada_api.v1 import row_service_pb2, schema_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGE_LETTERS = 300_000
"""Rows with so much text are not few any more."""


@pytest.mark.parametrize("letters", [1, LARGE_LETTERS], ids=["few", "many"])
@pytest.mark.parametrize("before", [1, LARGE_LETTERS], ids=["after few", "after many"])
def test_insert_that_breaks_off_leaves_the_rows_before_it(letters: int, before: int) -> None:
    def batch(text: str) -> pa.RecordBatch:
        return pa.record_batch({"note": [text]})

    def breaking() -> Iterator[pa.RecordBatch]:
        yield batch("bad" * letters)
        raise ValueError("wrong value")

    schema = batch("").schema
    rows = BufferedInsert(schema_pb2.TableName(), row_service_pb2.InsertOptions(), "pipeline.py:7", schema)
    rows.add([batch("a" * before)])
    with pytest.raises(ValueError, match="wrong value"):
        rows.add(breaking())
    rows.add([batch("b")])
    with pa.ipc.open_stream(b"".join(rows.ipc_pieces())) as reader:
        assert reader.read_all().column("note").to_pylist() == ["a" * before, "b"]
    assert rows.row_count == 2
    rows.close()
