"""Values as bytes: the stored form of `<blob>` attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from levada._values.blob import decode_blob, encode_blob

__all__ = ["pack", "unpack"]


def pack(value: object, compress: bool = True) -> bytes:
    """Convert a value to its stored bytes.

    Args:
        compress: Compress it, if that makes it shorter.

    Raises:
        WrongValue: It cannot be stored; the message gives the path to the obstacle.
    """
    return encode_blob(value, compress=compress)


def unpack(blob: bytes | memoryview, squeeze: bool = False) -> Any:  # noqa: ANN401  # whatever was stored
    """Read a value from its stored bytes, also if DataJoint wrote them.

    Args:
        squeeze: Drop the dimensions of length 1 of an array.

    Raises:
        WrongValue: The bytes are not a blob, or are damaged.
    """
    value = decode_blob(bytes(blob))
    return value.squeeze() if squeeze and isinstance(value, np.ndarray) else value
