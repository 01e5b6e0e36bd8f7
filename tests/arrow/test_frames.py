"""The ends of record batches are found in a stream that arrives in pieces."""

from __future__ import annotations

import io
from itertools import pairwise

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from levada_server.arrow.ipc.framing import Frames


def batch(count: int) -> pa.RecordBatch:
    """Make rows with their own dictionary."""
    words = pa.array([f"word {count}"] * count, pa.utf8()).dictionary_encode()
    return pa.record_batch({"id": pa.array(range(count), pa.int64()), "word": words})


BATCHES = [batch(count) for count in (3, 1000, 0, 1)]


def written() -> tuple[bytes, list[int]]:
    """Write the batches; return the stream, and the end of each batch."""
    content, ends = io.BytesIO(), []
    with pa.ipc.new_stream(content, BATCHES[0].schema) as writer:
        for batch in BATCHES:
            writer.write_batch(batch)
            ends.append(content.tell())
    return content.getvalue(), ends


STREAM, ENDS = written()


def followed(content: bytes, cuts: list[int]) -> Frames:
    frames = Frames()
    for begin, end in pairwise([0, *sorted(cuts), len(content)]):
        frames.add(content[begin:end])
    return frames


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(STREAM)), st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_the_batches_that_are_whole_are_known(size: int, cuts: list[int]) -> None:
    frames = followed(STREAM[:size], [min(cut, size) for cut in cuts])
    ends = [end for end, batch in zip(ENDS, BATCHES, strict=True) if batch.num_rows and end <= size]
    assert frames.whole_bytes == max(ends, default=0)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(STREAM) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_stream_is_followed_no_further_than_it_came(damage: list[tuple[int, int]]) -> None:
    damaged = bytearray(STREAM)
    for place, octet in damage:
        damaged[place] = octet
    assert 0 <= followed(bytes(damaged), []).whole_bytes <= len(STREAM)


def test_a_batch_without_rows_does_not_end_anything() -> None:
    assert followed(STREAM[: ENDS[2]], []).whole_bytes == ENDS[1]
    assert followed(STREAM[: ENDS[3]], []).whole_bytes == ENDS[3]


def test_other_bytes_are_not_followed() -> None:
    for content in (b"", b"PAR1", bytes(1000), b"\xff" * 1000, b"\xff\xff\xff\xff\x10\0\0\0" + b"\xff" * 100):
        assert followed(content, []).whole_bytes == 0
