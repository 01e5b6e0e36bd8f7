"""A TCP proxy before a server, that withholds what the server answers and cuts connections."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE_BYTES = 2**16


class Proxy:
    """Passes bytes on between clients and one server. `proxy` opens and closes it."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._servers: set[socket.socket] = set()
        self._withheld: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def withhold(self) -> None:
        """On connections that are open now, let requests through and answers not."""
        with self._lock:
            self._withheld = self._open & self._servers

    def cut(self) -> None:
        """End all connections."""
        with self._lock:
            ended, self._open = self._open, set()
        for side in ended:
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Accept no more, and end all connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        self.cut()
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(client,), daemon=True))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._target) as server:
            with self._lock:
                self._open |= {client, server}
                self._servers.add(server)
            answers = threading.Thread(target=self._pump, args=(server, client), daemon=True)
            answers.start()
            self._pump(client, server)
            answers.join()
            with self._lock:
                self._open -= {client, server}
                self._servers.discard(server)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE_BYTES):
                if source not in self._withheld:
                    sink.sendall(piece)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """Put a proxy before a server, `host:port`, for the length of the block."""
    opened = Proxy(target)
    try:
        yield opened
    finally:
        opened.close()
