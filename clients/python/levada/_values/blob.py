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
MAX_MESSAGE_BYTES = 2**31 - 1
"""The maximum size of a protobuf message."""
_PIECE_BYTES = 2**20
MAX_ROW_BYTES = 256 * 2**20
"""The maximum size of a value in a row, once decompressed: the largest that servers allowed so far."""


def encode_blob(value: object, path: str = "value", *, compress: bool = True) -> bytes:
    """Build the stored bytes of a `<blob>` attribute.

    Args:
        path: The value's name in errors: `row 3, attribute `trace``.
        compress: Compress it, if that makes it shorter.

    Raises:
        WrongValue: It contains something that no other language could read; the message gives the path to it.
    """
    message = encode_value(value, path)
    size = message.ByteSize()
    if size > MAX_MESSAGE_BYTES:
        raise WrongValue(f"{path}: a value of {size} bytes; keep it in a store: <blob@store>.")
    raw = message.SerializeToString()
    if compress and len(raw) > _COMPRESS_BYTES:
        compressed: bytes = pa.compress(raw, codec="zstd", asbytes=True)
        if len(compressed) < len(raw):
            return _COMPRESSED + compressed
    return _PLAIN + raw


def decode_blob(blob: bytes, limit_bytes: int = MAX_MESSAGE_BYTES) -> Stored:
    """Read the stored bytes of a `<blob>` attribute, written by this client or by DataJoint.

    Args:
        limit_bytes: Its maximum size once it is decompressed.

    Raises:
        WrongValue: The bytes are not a blob, or are damaged, or stand for too much.
    """
    if blob.startswith(HEADERS):
        return decode_datajoint_blob(blob, limit_bytes)
    header, body = blob[:4], memoryview(blob)[4:]
    message = pb.Value()
    try:
        if header == _COMPRESSED:
            message.ParseFromString(_decompressed(body, limit_bytes))
        elif header == _PLAIN:
            message.ParseFromString(body)  # type: ignore[arg-type]  # takes any buffer
        else:
            raise WrongValue(f"The blob begins with {bytes(header)!r}, which is not a format that this client reads.")
    except (DecodeError, OSError):
        raise WrongValue("The blob is damaged: its bytes cannot be parsed.") from None
    return decode_value(message)


def _decompressed(body: memoryview, limit_bytes: int) -> bytes:
    size = _content_bytes(body)
    if size is None:
        return _read_stream(body, limit_bytes)
    if size > limit_bytes:
        raise WrongValue(f"The blob stands for {size} bytes; at most {limit_bytes} are read.")
    whole: bytes = pa.decompress(body, size, codec="zstd", asbytes=True)
    return whole


def _read_stream(body: memoryview, limit_bytes: int) -> bytes:
    """Read a frame whose writer did not know its size, piece by piece, so that it takes no more memory than it has."""
    whole = bytearray()
    with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
        while piece := stream.read(_PIECE_BYTES):
            whole += piece
            if len(whole) > limit_bytes:
                raise WrongValue(f"The blob stands for more than {limit_bytes} bytes, and no more are read.")
    return bytes(whole)


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
