"""The addresses that let anybody read or write an object stay out of logs, output and tracebacks."""

from __future__ import annotations

import http.client
import logging
import math
import os
import re
import socket
import subprocess
import sys
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import levada as lv
from levada._net.backoff import Backoff
from levada._objects import direct, transfer
from tests.support.client import hurry_transfers
from tests.support.objects import EVERY_BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from levada._objects.direct import SignedAddress

TESTS = ("levada._net.backoff", "levada._objects.direct", "levada._objects.transfer")

MIB = 2**20
SECRET = re.compile(r"X-Amz-(Signature|Credential)|[?&]sig=|Signature=", re.IGNORECASE)
DEFINITION = "id : int32\n---\nfile : <attach@raw>"


@pytest.fixture(autouse=True)
def far(server_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one request follow the other, try each once, and let every package write what it can."""
    assert server_address, "the services that start before are not of interest"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    hurry_transfers(monkeypatch)
    monkeypatch.setattr(direct, "STREAMS", 1)
    monkeypatch.setattr(direct, "RETRY", Backoff(first_seconds=math.inf))
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)


def declare(connection: lv.Connection) -> type[lv.Manual]:
    @lv.Schema("lab", connection=connection)
    class Thing(lv.Manual):
        definition = DEFINITION

    return Thing


def big_file(folder: Path) -> Path:
    file = folder / "big.bin"
    file.write_bytes(os.urandom(33 * MIB))
    return file


def forged(request: SignedAddress) -> SignedAddress:
    """Change the signature, so that the store refuses the request."""
    return replace(request, target=re.sub(r"((?:Signature|sig)=.)..", r"\1AA", request.target))


def misdirected(request: SignedAddress) -> SignedAddress:
    """Let the request go where nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return replace(request, host=f"127.0.0.1:{closed.getsockname()[1]}")


def from_the_second(monkeypatch: pytest.MonkeyPatch, spoil: Callable[[SignedAddress], SignedAddress]) -> list[bool]:
    """Spoil the requests after the first; return a list for whether each that was sent had a signature."""
    real, sent = direct._Requests.send, list[bool]()  # noqa: SLF001  # nothing else stands between the client and a store

    def send(self: direct._Requests, request: SignedAddress, *more: object) -> object:  # see above
        sent.append(SECRET.search(request.target) is not None)
        return real(self, request if len(sent) == 1 else spoil(request), *more)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(direct._Requests, "send", send)  # noqa: SLF001  # see above
    return sent


def shown(error: BaseException) -> str:
    """Write a traceback as notebooks and services for errors do: with the local variables of each frame."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


@EVERY_BUCKET
def test_a_transfer_shows_no_signed_address(
    server_address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    file = big_file(tmp_path)
    with caplog.at_level(logging.DEBUG), lv.Connection(server_address) as connection:
        things = declare(connection)
        things.insert1({"id": 1, "file": file})
        assert things.to_dicts()[0]["file"].download(tmp_path / "out").read_bytes() == file.read_bytes()
    told = capfd.readouterr()
    for text in (caplog.text, told.out, told.err):
        assert SECRET.search(text) is None


@EVERY_BUCKET
@pytest.mark.parametrize("spoil", [forged, misdirected])
def test_a_failed_upload_shows_no_signed_address(
    server_address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    spoil: Callable[[SignedAddress], SignedAddress],
) -> None:
    sent = from_the_second(monkeypatch, spoil)
    with caplog.at_level(logging.DEBUG), lv.Connection(server_address) as connection:
        things = declare(connection)
        with pytest.raises(lv.errors.LostConnectionError) as caught:
            things.insert1({"id": 1, "file": big_file(tmp_path)})
    assert len(sent) > 1
    assert all(sent)
    told = capfd.readouterr()
    for text in (caplog.text, told.out, told.err, shown(caught.value), repr(caught.value.__context__)):
        assert SECRET.search(text) is None


@EVERY_BUCKET
@pytest.mark.parametrize("spoil", [forged, misdirected])
def test_a_failed_download_shows_no_signed_address(
    server_address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    spoil: Callable[[SignedAddress], SignedAddress],
) -> None:
    file = big_file(tmp_path)
    failures: list[str] = []
    real = transfer.ranges  # type: ignore[attr-defined]  # as it is imported there

    def ranges(*arguments: object) -> object:
        try:
            yield from real(*arguments)  # type: ignore[arg-type]  # as they came
        except (lv.errors.LostConnectionError, direct.StoreUnreachable) as error:
            failures.append(shown(error))
            raise

    with caplog.at_level(logging.DEBUG), lv.Connection(server_address) as connection:
        things = declare(connection)
        things.insert1({"id": 1, "file": file})
        sent = from_the_second(monkeypatch, spoil)
        monkeypatch.setattr(transfer, "ranges", ranges)
        # In the end the bytes come through the server.
        assert things.to_dicts()[0]["file"].download(tmp_path / "out").read_bytes() == file.read_bytes()
    assert all(sent)
    assert failures
    told = capfd.readouterr()
    for text in (caplog.text, told.out, told.err, *failures):
        assert SECRET.search(text) is None


_TRANSFER = """
import sys
from pathlib import Path
import levada as lv

address, file, out = sys.argv[1:]
with lv.Connection(address) as connection:
    things = lv.VirtualModule("lab", "lab", connection=connection).Thing
    things.insert1({"id": 1, "file": file})
    handle = things.to_dicts()[0]["file"]
    assert handle.download(out).read_bytes() == Path(file).read_bytes()
"""


@EVERY_BUCKET
def test_grpc_writes_no_signed_address_when_it_traces_everything(server_address: str, tmp_path: Path) -> None:
    with lv.Connection(server_address) as connection:
        declare(connection)
    traced = subprocess.run(
        [sys.executable, "-c", _TRANSFER, server_address, str(big_file(tmp_path)), str(tmp_path / "out")],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "GRPC_VERBOSITY": "DEBUG", "GRPC_TRACE": "http,api,call,channel"},
    )
    assert traced.returncode == 0, traced.stderr[-2000:]
    assert "levada_api" in traced.stderr
    assert SECRET.search(traced.stderr + traced.stdout) is None
