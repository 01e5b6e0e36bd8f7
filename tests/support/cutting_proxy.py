"""A proxy on this machine that cuts each connection after a number of bytes."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 2**16


class CuttingProxy:
    """Passes bytes on until a connection has used its share; then both sides see a reset.

    Args:
        target: The server behind it, `unix:/path`.
        up_bytes: The share of a connection from client to server; None for any number.
        down_bytes: The same, from server to client.
        place: The socket at which it listens; by default a port of the loopback interface.

    Attributes:
        address: The address at which it listens.
        cuts: How many connections were cut.
    """

    def __init__(
        self, target: str, *, up_bytes: int | None = None, down_bytes: int | None = None, place: str | None = None
    ) -> None:
        self._target = target.removeprefix("unix:")
        self._shares = (up_bytes, down_bytes)
        if place is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(place.removeprefix("unix:"))
            self._listener.listen()
        self._open: list[socket.socket] = []
        self.address = place or f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                self._open += [client, server]
                for source, sink, share in ((client, server, self._shares[0]), (server, client, self._shares[1])):
                    threading.Thread(target=self._pass, args=(source, sink, share), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, share: int | None) -> None:
        with suppress(OSError):
            while content := source.recv(_PIECE):
                if share is not None:
                    share -= len(content)
                    if share < 0:
                        self.cuts += 1
                        break
                sink.sendall(content)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End all connections."""
        for end in (self._listener, *self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def cutting(
    target: str, *, up_bytes: int | None = None, down_bytes: int | None = None, place: str | None = None
) -> Iterator[CuttingProxy]:
    """Run a proxy for the length of the block."""
    proxy = CuttingProxy(target, up_bytes=up_bytes, down_bytes=down_bytes, place=place)
    try:
        yield proxy
    finally:
        proxy.close()
