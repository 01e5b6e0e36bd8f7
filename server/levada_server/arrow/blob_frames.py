"""Stored values that are compressed: how much each stands for, which whoever reads it has to hold in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPRESSED = b"lv1z"
"""The start of a value that is compressed; a frame of zstd follows."""
_HEAD_BYTES = 4 + 18
"""The longest head of a frame, behind the start."""


def decompressed_bytes(blobs: pa.Array) -> NDArray[np.int64]:
    """Return how many bytes each compressed value of a column stands for; 0 for others, -1 if a frame does not say it.

    Args:
        blobs: A column of `binary`.
    """
    sizes = np.zeros(len(blobs), np.int64)
    compressed = pc.fill_null(pc.starts_with(blobs, COMPRESSED.decode()), False)
    rows = pc.indices_nonzero(compressed)
    heads = pc.binary_slice(blobs.take(rows), 0, _HEAD_BYTES).to_pylist()
    for row, head in zip(rows.to_pylist(), heads, strict=True):
        sizes[row] = stands_for(head)
    return sizes


def stands_for(blob: bytes) -> int:
    """Return how many bytes a value stands for if it is compressed; 0 if it is not, -1 if its frame does not say it."""
    return _content_bytes(blob[len(COMPRESSED) : _HEAD_BYTES]) if blob.startswith(COMPRESSED) else 0


def _content_bytes(frame: bytes) -> int:
    """Read the size of a frame's content.

    Source: RFC 8878, "Zstandard Frames".
    """
    descriptor = frame[4] if len(frame) > 4 else 0
    single_segment, flag = bool(descriptor & 0x20), descriptor >> 6
    width = (int(single_segment), 2, 4, 8)[flag]
    if not width:
        return -1
    start = 5 + (not single_segment) + (0, 1, 2, 4)[descriptor & 3]
    size = int.from_bytes(frame[start : start + width], "little") + (256 if width == 2 else 0)
    return min(size, 2**62)
