"""Real services of buckets on free ports of this machine: SeaweedFS speaks S3, and Azurite speaks Azure.

SeaweedFS comes with the packages for development. Azurite comes by `make azurite`, which needs npm.
"""

from __future__ import annotations

import base64
import email.utils
import hashlib
import hmac
import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from levada_server.storage.objects.bucket_settings import BucketKind, BucketSettings
from levada_server.storage.objects.signed_requests import Signer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

_KEY_ID, _SECRET = "levada-test", "levada-test-secret"
_ACCOUNT = "devstoreaccount1"
_ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account that every Azurite has."""
_BUCKET = "lab"
_START_SECONDS = 60
_AZURITE = (
    Path(__file__).parents[2] / "build" / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
)

Settings: TypeAlias = BucketSettings
"""How the server reaches the place of a service: another class for a kind of store that is not a bucket."""
SettingsOf: TypeAlias = "Callable[[str], Settings]"
"""Starts the service of a name when a test first asks for it, and returns how the server reaches its place."""


@dataclass(frozen=True)
class Service:
    """A service of buckets that tests and benchmarks start.

    Args:
        kind: The interface that it speaks.
        serve: Starts it, with its files in a folder.
        missing: Why this machine cannot start it; empty if it can.
    """

    kind: BucketKind
    serve: Callable[[Path], AbstractContextManager[Settings]]
    missing: str = ""


@contextmanager
def seaweedfs(folder: Path, *, options: tuple[str, ...] = ()) -> Iterator[BucketSettings]:
    """Serve a bucket by SeaweedFS, whose files are in a folder."""
    identity = {
        "name": "test",
        "credentials": [{"accessKey": _KEY_ID, "secretKey": _SECRET}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    identities = folder / "identities.json"
    identities.write_text(json.dumps({"identities": [identity]}), encoding="utf-8")
    parts = ("master", "volume", "filer", "s3")
    ports = _free_ports(2 * len(parts))
    listening = [
        option
        for part, port, grpc_port in zip(parts, ports[::2], ports[1::2], strict=True)
        for option in (f"-{part}.port={port}", f"-{part}.port.grpc={grpc_port}")
    ]
    command = [
        str(Path(sys.executable).with_name("weed")),
        "server",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-filer",
        f"-filer.localSocket={folder}/filer",
        "-s3",
        f"-s3.config={identities}",
        "-s3.iam=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.raftBootstrap",
        *(options or ("-volume.max=0", "-master.volumeSizeLimitMB=1024")),
        *listening,
    ]
    settings = BucketSettings(
        BucketKind.S3, _BUCKET, endpoint=f"http://127.0.0.1:{ports[6]}", key_id=_KEY_ID, secret=_SECRET
    )
    with _running(command, folder):
        signer = Signer(settings.region, _KEY_ID, _SECRET)
        _make(lambda: _status("PUT", signer.sign("PUT", settings.url, {}, {}, seconds=60), {}))
        yield settings


@contextmanager
def azurite(folder: Path) -> Iterator[BucketSettings]:
    """Serve a container by Azurite, whose files are in a folder."""
    (port,) = _free_ports(1)
    endpoint = f"http://127.0.0.1:{port}/{_ACCOUNT}"
    node = shutil.which("node")
    assert node is not None
    command = [node, str(_AZURITE), "--location", str(folder), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    with _running([*command, "--silent", "--disableTelemetry"], folder):
        _make(lambda: _status("PUT", f"{endpoint}/{_BUCKET}?restype=container", _shared_key()))
        yield BucketSettings(BucketKind.AZURE, _BUCKET, endpoint=endpoint, account=_ACCOUNT, secret=_ACCOUNT_KEY)


def _shared_key() -> dict[str, str]:
    """Sign the request that makes a container."""
    date = email.utils.formatdate(usegmt=True)
    lines = ["PUT", *[""] * 11, f"x-ms-date:{date}", "x-ms-version:2021-08-06"]
    text = "\n".join([*lines, f"/{_ACCOUNT}/{_ACCOUNT}/{_BUCKET}", "restype:container"])
    signature = base64.b64encode(hmac.new(base64.b64decode(_ACCOUNT_KEY), text.encode(), hashlib.sha256).digest())
    return {
        "x-ms-date": date,
        "x-ms-version": "2021-08-06",
        "Authorization": f"SharedKey {_ACCOUNT}:{signature.decode()}",
        "Content-Length": "0",
    }


@contextmanager
def _running(command: list[str], folder: Path) -> Iterator[None]:
    with ExitStack() as stack:
        log = stack.enter_context((folder / "log.txt").open("wb"))
        process = stack.enter_context(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder))
        stack.callback(process.kill)
        yield


def _make(request: object) -> None:
    """Send a request until a service that is starting accepts it."""
    assert callable(request)
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            status = request()
        except OSError:
            status = 0
        if status in (200, 201):
            return
        assert time.monotonic() < end, f"the service does not start: {status}"
        time.sleep(0.05)


def _status(method: str, url: str, headers: dict[str, str]) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


_HAS_AZURITE = _AZURITE.is_file() and shutil.which("node") is not None
SERVICES = {
    "s3": Service(BucketKind.S3, seaweedfs),
    "azure": Service(
        BucketKind.AZURE, azurite, "" if _HAS_AZURITE else "Azurite is missing; `make azurite` installs it by npm"
    ),
}
"""The kinds of stores beside folders, each with its service: the only list of them in tests and benchmarks."""
