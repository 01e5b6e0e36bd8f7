"""Few rows as bytes: the same as Arrow's own streams, written and read without them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from levada._values.few_rows import only_batch, stream_of
from levada.errors import WrongValue

PLAIN = pa.record_batch({"id": pa.array([1, 2]), "name": pa.array(["a", None])})
CODES = pa.record_batch({"label": pa.array(["x", "y", "x"]).dictionary_encode()})
NESTED = pa.record_batch({"labels": pa.array([["x"], None], pa.list_(pa.dictionary(pa.int32(), pa.utf8())))})
EMPTY = pa.record_batch({"id": pa.array([], pa.int64())})


def written(*batches: pa.RecordBatch) -> bytes:
    """Write a stream as Arrow does."""
    content = pa.BufferOutputStream()
    with pa.ipc.new_stream(content, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    stream: bytes = content.getvalue().to_pybytes()
    return stream


@pytest.mark.parametrize("batch", [PLAIN, CODES, NESTED, EMPTY], ids=["plain", "codes", "codes in lists", "empty"])
def test_the_bytes_are_those_of_a_stream(batch: pa.RecordBatch) -> None:
    stream = stream_of(batch.schema, [batch])
    assert pa.ipc.open_stream(stream).read_all().combine_chunks().to_batches() == [batch] or not batch.num_rows
    assert stream == written(batch)


def test_several_batches_are_put_together() -> None:
    stream = stream_of(PLAIN.schema, [PLAIN, PLAIN])
    assert only_batch(stream) == pa.concat_batches([PLAIN, PLAIN])


def test_a_stream_of_one_batch_is_read() -> None:
    for _ in range(2):
        assert only_batch(written(PLAIN)) == PLAIN
        assert only_batch(memoryview(written(PLAIN))) == PLAIN
    with_metadata = PLAIN.replace_schema_metadata({"levada.primary_key": "id"})
    found = only_batch(written(with_metadata))
    assert found is not None
    assert found.schema.metadata == {b"levada.primary_key": b"id"}


@pytest.mark.parametrize(
    "stream",
    [
        written(PLAIN, PLAIN),
        written(PLAIN)[:-8],
        written(CODES),
        written(NESTED),
        stream_of(PLAIN.schema, []),
        b"",
        b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    ],
    ids=["two batches", "cut", "codes", "codes in lists", "no batch", "nothing", "a length without its bytes"],
)
def test_a_stream_of_another_form_is_left_to_arrow(stream: bytes) -> None:
    assert only_batch(stream) is None


def test_a_type_that_is_not_read_is_refused() -> None:
    run_ends = pa.record_batch({"n": pa.RunEndEncodedArray.from_arrays([1, 2], [1, 2])})
    with pytest.raises(WrongValue, match="`n`"):
        only_batch(written(run_ends))
