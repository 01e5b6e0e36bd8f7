"""Requests with bytes of a file, encoded here.

A protobuf message would copy the bytes into the message, and again, slowly, when it is serialised.

Source: Protocol Buffers, "Encoding".
"""

from __future__ import annotations

import zlib

from levada_api.v1 import object_pb2
from levada_api.v1 import object_service_pb2 as pb

_CHUNK = pb.UploadObjectRequest.CHUNK_FIELD_NUMBER << 3 | 2
_CONTENT = object_pb2.ObjectChunk.CONTENT_FIELD_NUMBER << 3 | 2
_CRC32 = object_pb2.ObjectChunk.CRC32_FIELD_NUMBER << 3


def chunk_request(content: bytes) -> bytes:
    """Return the UploadObjectRequest with some bytes and their checksum."""
    head = bytes([_CONTENT]) + _varint(len(content))
    tail = bytes([_CRC32]) + _varint(zlib.crc32(content))
    size = len(head) + len(content) + len(tail)
    return b"".join((bytes([_CHUNK]), _varint(size), head, content, tail))


def _varint(number: int) -> bytes:
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)
