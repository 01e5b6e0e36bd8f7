"""A proxy that serves a server below a path, as JupyterHub's does.

It takes the path away, and keeps an answer back until its end, unless the request accepts `text/event-stream` alone.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S = 60.0
_PIECE_BYTES = 2**14
_OF_ONE_STEP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@contextmanager
def path_proxy(path: str, port: int) -> Iterator[str]:
    """Serve what is at a port of this machine below a path, for the length of the block; return the address.

    Args:
        path: Without a `/` at its end: `/user/anna/proxy/8080`.
        port: The port of the server.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not self.path.startswith(f"{path}/"):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            upstream = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            try:
                upstream.request(self.command, self.path.removeprefix(path), body or None, headers)
                self._pass_on(upstream)
            except OSError:
                self.close_connection = True  # either side has left
            finally:
                upstream.close()

        do_POST = do_GET

        def _pass_on(self, upstream: HTTPConnection) -> None:
            answer = upstream.getresponse()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in _OF_ONE_STEP:
                    self.send_header(name, value)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            read = answer.read1 if self.headers["Accept"] == "text/event-stream" else answer.read
            while piece := read(_PIECE_BYTES):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{path}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
