"""The stored bytes of `<blob>` attributes."""

from __future__ import annotations

import pyarrow as pa
from google.protobuf.message import DecodeError

from levada._base.errors import WrongValue
from levada._values.datajoint_blobs import HEADERS, decode_datajoint_blob
from levada._values.message_decoding import Stored, decode_value
from levada._values.message_encoding import encode_value
from levada_api.v1 import value_pb2 as pb

_PLAIN, _COMPRESSED = b"lv1\0", b"lv1z"
"""The start of a blob; a `Value` message follows, plain or compressed with zstd."""
_COMPRESS_BYTES = 1024
"""Blobs up to this size are never compressed."""
_MAX_BYTES = 2**31 - 1
"""The maximum size of a protobuf message."""
_MAX_RATIO = 2**16
"""The maximum ratio between the content of a zstd frame and its own size."""


def encode_blob(value: object, path: str = "value") -> bytes:
    """Build the stored bytes of a `<blob>` attribute.

    Args:
        path: The value's name in errors: `row 3, attribute `trace``.

    Raises:
        WrongValue: It contains something that no other language could read; the message gives the path to it.
    """
    message = encode_value(value, path)
    size = message.ByteSize()
    if size > _MAX_BYTES:
        raise WrongValue(f"{path}: a value of {size} bytes; keep it in a store: <blob@store>.")
    raw = message.SerializeToString()
    if len(raw) > _COMPRESS_BYTES:
        compressed: bytes = pa.compress(raw, codec="zstd", asbytes=True)
        if len(compressed) < len(raw):
            return _COMPRESSED + compressed
    return _PLAIN + raw


def decode_blob(blob: bytes) -> Stored:
    """Read the stored bytes of a `<blob>` attribute, written by this client or by DataJoint.

    Raises:
        WrongValue: The bytes are not a blob, or are damaged.
    """
    if blob.startswith(HEADERS):
        return decode_datajoint_blob(blob)
    header, body = blob[:4], memoryview(blob)[4:]
    message = pb.Value()
    try:
        if header == _COMPRESSED:
            message.ParseFromString(_decompressed(body))
        elif header == _PLAIN:
            message.ParseFromString(body)  # type: ignore[arg-type]  # takes any buffer
        else:
            raise WrongValue(f"The blob begins with {bytes(header)!r}, which is not a format that this client reads.")
    except (DecodeError, OSError):
        raise WrongValue("The blob is damaged: its bytes cannot be parsed.") from None
    return decode_value(message)


def _decompressed(body: memoryview) -> bytes:
    size = _content_bytes(body)
    if size is None:
        with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
            raw: bytes = stream.read(_MAX_BYTES)
            return raw
    if size > min(_MAX_BYTES, _MAX_RATIO * len(body)):
        raise WrongValue(f"The blob is damaged: it claims to take {size} bytes.")
    whole: bytes = pa.decompress(body, size, codec="zstd", asbytes=True)
    return whole


def _content_bytes(body: memoryview) -> int | None:
    """Read the length of a zstd frame's content; None if its writer did not record it.

    Source: RFC 8878, "Zstandard Frames".
    """
    descriptor = body[4] if len(body) > 4 else 0
    single_segment, flag = bool(descriptor & 0x20), descriptor >> 6
    width = (int(single_segment), 2, 4, 8)[flag]
    start = 5 + (not single_segment) + (0, 1, 2, 4)[descriptor & 3]
    if not width:
        return None
    return int.from_bytes(body[start : start + width], "little") + (256 if width == 2 else 0)
