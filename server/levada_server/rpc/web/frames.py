"""Write and read the frames of gRPC-Web.

Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md
"""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING
from urllib.parse import quote

from levada_server.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    import grpc

HEAD_BYTES = 5
"""The bytes before each message: a flag, and the length."""
_TRAILERS = 0x80
_UNITS_S = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_DIGITS = 8


def frame_head(content: bytes) -> bytes:
    """Write the bytes that go before a message."""
    return struct.pack(">BI", 0, len(content))


def trailers_frame(code: grpc.StatusCode, details: str, trailers: Iterable[tuple[str, str | bytes]]) -> bytes:
    """Write the status and the metadata that end an answer."""
    number: int = code.value[0]
    lines = [f"grpc-status: {number}", f"grpc-message: {quote(details, safe=' ')}"]
    for key, value in trailers:
        text = base64.b64encode(value).rstrip(b"=").decode() if isinstance(value, bytes) else value
        lines.append(f"{key}: {text}")
    content = "".join(f"{line}\r\n" for line in lines).encode()
    return struct.pack(">BI", _TRAILERS, len(content)) + content


def read_messages(body: bytes) -> list[bytes]:
    """Return the messages of a request; browsers cannot stream one, so a stream comes whole.

    Raises:
        InvalidRequest: The body is not messages without compression.
    """
    messages = []
    place = 0
    while place < len(body):
        head = body[place : place + HEAD_BYTES]
        end = place + HEAD_BYTES + (struct.unpack(">I", head[1:])[0] if len(head) == HEAD_BYTES else 0)
        if len(head) < HEAD_BYTES or head[0] or end > len(body):
            raise InvalidRequest("The body of a call by gRPC-Web is messages without compression.")
        messages.append(body[place + HEAD_BYTES : end])
        place = end
    return messages


def read_timeout(text: str) -> float | None:
    """Return the seconds that a header `grpc-timeout` allows; None if there is none.

    Raises:
        InvalidRequest: It is not at most 8 digits with a unit.
    """
    if not text:
        return None
    number, unit = text[:-1], text[-1]
    if not (number.isascii() and number.isdecimal() and len(number) <= _DIGITS) or unit not in _UNITS_S:
        raise InvalidRequest("`grpc-timeout` is not at most 8 digits and a unit, such as 500m or 10S.")
    return int(number) * _UNITS_S[unit]
