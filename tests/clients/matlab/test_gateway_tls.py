"""The gateway sends token, client and deadline with each request, as a proxy that ends TLS sees."""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import levada as lv
from levada_api.v1 import access_service_pb2 as pb
from tests.clients.matlab.conftest import TOOLBOX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.matlab.conftest import Octave

_CERTIFICATE = Path(__file__).parent / "loopback.pem"


class Front:
    """Ends TLS before a server, as a proxy of a lab does, and records the plain bytes."""

    def __init__(self, backend: str) -> None:
        self._backend = backend.removeprefix("unix:")
        self.passed = bytearray()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._backend)
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            while piece := await reader.read(65536):
                self.passed += piece
                writer.write(piece)
                await writer.drain()
        writer.close()


@contextmanager
def _encrypted(backend: str) -> Iterator[tuple[int, Front]]:
    """Listen on a port with TLS, before a server that has none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_CERTIFICATE)
    context.set_alpn_protocols(["h2"])
    front = Front(backend)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(front.serve, "127.0.0.1", 0, ssl=context))
    port = server.sockets[0].getsockname()[1]
    stop = asyncio.Event()

    async def run() -> None:
        await stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:  # connections that are still open
            task.cancel()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    try:
        yield port, front
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def test_tls_and_token(octave: Octave) -> None:
    with lv.Connection(octave.address) as owner:
        asked = pb.CreateUserRequest(name="anna")
        owner.call("AccessService/CreateUser", asked, pb.CreateUserResponse)
        made = pb.CreateTokenRequest(user="anna")
        token = owner.call("AccessService/CreateToken", made, pb.CreateTokenResponse).secret
    with _encrypted(octave.address) as (port, front):
        octave.run(
            """
            function told = refusal(action)
                told.identifier = 'nothing was raised'; told.message = '';
                try, action(); catch told, end
            end
            information = '/levada_api.v1.ServerService/GetServerInfo';
            certificates = fileread(file);
            trusting = levada.internal.calls.Caller(address, token, certificates);
            answer = levada.internal.calls.call(trusting, information, struct());
            if isempty(answer.version), error('test:Failed', 'no answer'); end
            strange = levada.internal.calls.Caller(address, '', '');
            told = refusal(@() levada.internal.calls.call(strange, information, struct(), 5));
            if ~strcmp(told.identifier, 'levada:Unavailable'), error('test:Failed', told.message); end
            """,
            address=f"https://localhost:{port}",
            file=str(_CERTIFICATE),
            token=token,
        )
    assert f"Bearer {token}".encode() in front.passed, "the token travels with the call"


def test_every_call_names_its_client_and_has_a_deadline_that_suits_its_work(octave: Octave) -> None:
    with _encrypted(octave.address) as (port, front):
        octave.run(
            """
            connection = levada.connect(address, '', 'Certificates', file);
            schema = levada.Schema('', 'lab');
            schema.create();
            """,
            address=f"https://localhost:{port}",
            file=str(_CERTIFICATE),
        )
    version = re.search(r"text = '(.+)'", (TOOLBOX / "+levada" / "version.m").read_text())
    assert version is not None
    assert front.passed.count(f"octave/{version[1]}".encode()) == 2
    units = {b"m": 0.001, b"S": 1, b"M": 60, b"H": 3600}
    timeouts = re.findall(rb"grpc-timeout.(\d+)(\w)", front.passed, re.DOTALL)
    asking, creating = (int(count) * units[unit] for count, unit in timeouts)
    assert asking <= 60, "the information of the server is there at once"
    assert creating > 3600, "a declaration may wait for others"
