"""The dashboard's port: who opens it, when it closes, how it stops, with TLS and with several processes."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest

import levada as lv
from levada.errors import PermissionDenied
from levada_api.v1 import access_service_pb2 as access
from levada_api.v1 import job_service_pb2
from levada_server.certificates import make_certificates
from levada_server.cli import main
from levada_server.errors import InvalidRequest, Unavailable
from levada_server.rpc.web.door import WebSettings
from levada_server.rpc.web.rules import make_places
from tests.support.browser import HandMade, frame, path_of, serving, sign_in_code
from tests.support.processes import TIMEOUT, Server

if TYPE_CHECKING:
    from pathlib import Path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def user_token(address: str) -> str:
    """Add a user by the private socket, and return a token."""
    with lv.Connection(address) as connection:
        connection.call("AccessService/CreateUser", access.CreateUserRequest(name="anna"), access.CreateUserResponse)
        request = access.CreateTokenRequest(user="anna")
        return connection.call("AccessService/CreateToken", request, access.CreateTokenResponse).secret


async def test_only_the_servers_own_user_opens_the_port(database_url: str, tmp_path: Path) -> None:
    async with serving(database_url, tmp_path, web=None) as served:
        secret = await asyncio.to_thread(user_token, served.address)
        assert served.url == f"http://127.0.0.1:{served.server.web.port}/"
        with pytest.raises(PermissionDenied, match="--web"):
            await served.code(secret)
        browser = await served.signed_in()
        with pytest.raises(AssertionError, match="PERMISSION_DENIED"):  # a session opens nothing more
            assert (await browser.call("OpenDashboard")).code == "OK", "PERMISSION_DENIED"


async def test_the_port_closes_after_the_last_session(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And opens again on request; an open one counts as activity, so that a local server goes on."""
    monkeypatch.setattr("levada_server.rpc.web.door.ROUND_S", 0.01)
    async with serving(database_url, tmp_path, web=None) as served:
        browser = await served.signed_in()
        assert served.server.activity.idle_seconds == 0
        async with browser.connected() as (reader, _):
            monkeypatch.setattr("levada_server.rpc.web.door.EMPTY_S", 0.0)
            assert (await browser.call("GetCaller")).code == "OK"  # the session keeps it open
            await browser.call("DeleteBrowserSession")
            await reader.read()  # its end says that the port is closed
        with pytest.raises(OSError):  # refused, by whatever name
            await asyncio.open_connection(browser.host, browser.port)
        monkeypatch.setattr("levada_server.rpc.web.door.EMPTY_S", 120.0)
        url, code = await asyncio.to_thread(sign_in_code, served.address)
        again = HandMade(url)
        await again.sign_in(code)
        assert (await again.call("GetCaller")).code == "OK"


async def test_an_idle_port_closes(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although a browser has a session."""
    monkeypatch.setattr("levada_server.rpc.web.door.ROUND_S", 0.01)
    async with serving(database_url, tmp_path, web=None) as served:
        browser = await served.signed_in()
        async with browser.connected() as (reader, _):
            monkeypatch.setattr("levada_server.rpc.web.door.IDLE_S", 0.0)
            await reader.read()


async def test_a_taken_port_is_reported(database_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        web = WebSettings("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(Unavailable, match="--web"):
            async with serving(database_url, tmp_path, web):
                pass


async def test_tls_by_the_certificate_of_the_server(database_url: str, tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "tls", ["localhost"])
    files = made.certificate, tmp_path / "tls" / "server.key"
    async with serving(database_url, tmp_path, certificate=files) as served:
        assert served.url.startswith("https://127.0.0.1:")
        url, code = await asyncio.to_thread(sign_in_code, served.address)
        trusting = ssl.create_default_context(cafile=str(made.authority))
        port = served.server.web.port
        request = urllib.request.Request(  # it is our own
            f"https://localhost:{port}/sign-in",
            data=f"code={code}".encode(),
            headers={"origin": f"https://localhost:{port}", "content-type": "application/x-www-form-urlencoded"},
        )

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_: object) -> None:
                return None

        def sign_in() -> str:
            opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trusting), Stay)
            try:
                opener.open(request, timeout=TIMEOUT)
            except urllib.request.HTTPError as answer:
                with answer:
                    return str(answer.headers["set-cookie"])
            raise AssertionError("no redirection")

        assert "; Secure" in await asyncio.to_thread(sign_in)
        with socket.create_connection(("127.0.0.1", port)) as plain:  # no handshake, and nobody waits for it
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert await asyncio.to_thread(plain.recv, 100) is not None
        assert url == served.url


async def test_stopping_ends_idle_connections_and_streams(database_url: str, tmp_path: Path) -> None:
    async with serving(database_url, tmp_path) as served:
        browser = await served.signed_in()
        await asyncio.to_thread(make_computed, served.address)
        idle = await asyncio.open_connection(browser.host, browser.port)
        body = frame(job_service_pb2.WatchProgressRequest(names=[{"schema": "lab", "table": "B"}]).SerializeToString())
        head = {**browser.headers(), "content-length": str(len(body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        stream = await asyncio.open_connection(browser.host, browser.port)
        stream[1].write(f"POST /{path_of('WatchProgress')} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        await stream[0].readuntil(b"\r\n\r\n")
    for reader, writer in (idle, stream):
        await reader.read()  # both have ended
        writer.close()
    with pytest.raises(OSError):  # as above
        await asyncio.open_connection(browser.host, browser.port)


def make_computed(address: str) -> None:
    with lv.Connection(address) as connection:
        schema = lv.Schema("lab", connection=connection)

        @schema
        class A(lv.Manual):
            definition = "a : int32"

        @schema
        class B(lv.Computed):
            definition = "-> A\n---\nb : int32"

            def make(self, key: dict[str, object]) -> None:
                raise NotImplementedError


def test_several_processes_share_port_and_sessions(database_url: str, tmp_path: Path) -> None:
    address, web = f"127.0.0.1:{free_port()}", free_port()
    with Server(database_url, address, "--processes", "2", "--web", str(web), "--data-dir", str(tmp_path)):

        async def look() -> set[str]:
            url, code = await asyncio.to_thread(sign_in_code, address)
            assert url == f"http://127.0.0.1:{web}/"
            browser = HandMade(url)
            await browser.sign_in(code)
            done = await asyncio.gather(*(browser.call("GetCaller") for _ in range(40)))
            return {one.code for one in done}

        assert asyncio.run(look()) == {"OK"}


def test_a_server_with_the_dashboard_ends_well_and_counts_its_calls(database_url: str, tmp_path: Path) -> None:
    address, web, metrics = f"127.0.0.1:{free_port()}", free_port(), free_port()
    command = [sys.executable, "-m", "levada_server", "serve", "--database-url", database_url, "--listen", address]
    command += ["--web", str(web), "--metrics", str(metrics), "--data-dir", str(tmp_path), "--grace", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "ready" in process.stdout.readline()

        async def look() -> None:
            url, code = await asyncio.to_thread(sign_in_code, address)
            browser = HandMade(url)
            await browser.sign_in(code)
            assert (await browser.call("GetCaller")).code == "OK"

        asyncio.run(look())
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=TIMEOUT) as page:
            counted = re.findall(r'levada_calls_total\{.*"AccessService/GetCaller".*\} (\S+)', page.read().decode())
        assert counted == ["1.0"]
        with socket.create_connection(("127.0.0.1", web)) as idle:
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT) == 0
            assert idle.recv(1) == b""


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--web", "lab.example.org:8443"], "nothing is encrypted"),
        (["--web", "0.0.0.0:8443", "--tls-in-front"], "--web-origin"),
        (["--web-origin", "https://lab.example.org"], "goes with --web"),
        (["--web", "8443", "--web-origin", "lab.example.org"], "is not an address"),
        (["--web", "8443", "--web-origin", "https://lab.example.org/a b"], "the path"),
        (["--web", "8443", "--web-origin", "https://lab.example.org/?x"], "is not an address"),
        (["--web", "0", "--processes", "2"], "choose one"),
    ],
)
def test_settings_that_cannot_be_served(
    options: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--data-dir", str(tmp_path), *options]) == 1
    assert told in capsys.readouterr().err


def test_names_of_a_port() -> None:
    plain = make_places("127.0.0.1", 8080, None, tls=False)
    assert plain.url == "http://127.0.0.1:8080/"
    assert plain.hosts == {"127.0.0.1:8080", "localhost:8080", "[::1]:8080"}
    lab = make_places("lab.example.org", 443, None, tls=True)
    assert (lab.url, set(lab.hosts), lab.encrypted) == ("https://lab.example.org/", {"lab.example.org"}, True)
    behind = make_places("127.0.0.1", 8080, "https://Hub.example.org:443/a/b/", tls=False)
    assert (behind.url, behind.prefix, behind.encrypted) == ("https://hub.example.org/a/b/", "/a/b", True)
    assert {"hub.example.org", "localhost:8080"} < behind.hosts
    assert make_places("::1", 8080, None, tls=False).url == "http://[::1]:8080/"
    with pytest.raises(InvalidRequest):
        make_places("::", 8080, None, tls=True)
