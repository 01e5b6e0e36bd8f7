"""A peer that a client may meet in place of a server: it speaks HTTP/2, and ends every call in the same odd way."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Answer = Callable[[int], bytes]

_PREFACE_BYTES = 24
_HEADERS, _RESET, _SETTINGS, _PING = 1, 3, 4, 6
_ACKNOWLEDGED, _END_OF_STREAM, _END_OF_HEADERS = 1, 1, 4


def reset(code: int) -> Answer:
    """Answer a call by RST_STREAM with one of HTTP/2's error codes, as a proxy does that has lost the server."""
    return lambda stream: _frame(_RESET, 0, stream, struct.pack(">I", code))


def ended(**headers: str) -> Answer:
    """Answer a call by headers alone; `status` is HTTP's, `grpc_status` and others are gRPC's."""
    fields = {":status": headers.pop("status", "200"), "content-type": "application/grpc"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    # Each field is one that is not in HPACK's tables.
    block = b"".join(b"\0" + _literal(name) + _literal(value) for name, value in fields.items())
    return lambda stream: _frame(_HEADERS, _END_OF_STREAM | _END_OF_HEADERS, stream, block)


def _literal(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def _frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content))[1:] + struct.pack(">BBI", kind, flags, stream) + content


@contextmanager
def peer(answer: Answer) -> Iterator[str]:
    """Answer every call in one way within the block; yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, answer), daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, answer: Answer) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, answer), daemon=True).start()


def _serve(client: socket.socket, answer: Answer) -> None:
    with client, client.makefile("rb") as content, suppress(OSError):
        content.read(_PREFACE_BYTES)
        client.sendall(_frame(_SETTINGS, 0, 0))
        while len(head := content.read(9)) == 9:
            kind, flags, stream = struct.unpack(">BBI", head[3:])
            body = content.read(int.from_bytes(head[:3], "big"))
            if kind in (_SETTINGS, _PING) and not flags & _ACKNOWLEDGED:
                client.sendall(_frame(kind, _ACKNOWLEDGED, 0, body if kind == _PING else b""))
            elif kind == _HEADERS:
                client.sendall(answer(stream))
