"""A webhook and a mail server on this machine, which keep what they get."""

from __future__ import annotations

import base64
import json
import socketserver
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMEOUT_S = 30.0


class Webhook:
    """A webhook: its address, what was posted there, and the status with which it answers."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.status = 200
        self.redirect = ""
        self.arrived = threading.Event()
        self.url = ""


@contextmanager
def webhook(path: str = "/services/secret") -> Iterator[Webhook]:
    """Run a webhook for the length of the block."""
    kept = Webhook()

    class Handler(BaseHTTPRequestHandler):
        timeout = TIMEOUT_S

        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["Content-Type"] == "application/json"
            assert self.path == path
            if kept.status == 200:
                kept.texts.append(content["text"])
                kept.arrived.set()
            self.send_response(kept.status)
            if kept.redirect:
                self.send_header("Location", kept.redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}{path}"
    with _running(server):
        yield kept


class MailServer:
    """A mail server: what it accepted, as (user, password, sender, recipients, text), and whether it encrypts."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.encrypts = True
        self.mails: list[tuple[str, str, str, list[str], str]] = []


@contextmanager
def mail_server(certificate: Path, key: Path) -> Iterator[MailServer]:
    """Run a mail server that begins in the clear and offers STARTTLS, for the length of the block."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Handler(socketserver.StreamRequestHandler):
        timeout = TIMEOUT_S

        def handle(self) -> None:
            secure, user, password, sender = False, "", "", ""
            recipients: list[str] = []
            self.say("220 here")
            while line := self.rfile.readline().decode().strip():
                word, _, rest = line.partition(" ")
                match word.upper():
                    case "EHLO":
                        offered = ["AUTH PLAIN"] if secure else ["STARTTLS"] if kept.encrypts else []
                        lines = ["here", *offered]
                        for number, text in enumerate(lines, 1):
                            self.say(f"250{' ' if number == len(lines) else '-'}{text}")
                    case "STARTTLS":
                        self.say("220 go on")
                        self.connection = context.wrap_socket(self.connection, server_side=True)
                        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
                        secure = True
                    case "AUTH":
                        _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
                        self.say("235 known")
                    case "MAIL":
                        sender = rest
                        self.say("250 ok")
                    case "RCPT":
                        recipients.append(rest)
                        self.say("250 ok")
                    case "DATA":
                        self.say("354 go on")
                        content = []
                        while (part := self.rfile.readline()) != b".\r\n":
                            content.append(part.decode())
                        kept.mails.append((user, password, sender, recipients, "".join(content)))
                        self.say("250 ok")
                    case _:
                        self.say("221 bye")
                        return

        def finish(self) -> None:
            super().finish()
            self.rfile.close()
            self.connection.close()

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())
            self.wfile.flush()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # a client that ended in the middle

    server = Server(("127.0.0.1", 0), Handler)
    kept = MailServer(server.server_address[1])
    with _running(server):
        yield kept


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
