"""The version of this client, and the servers it works with."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from levada._base.errors import VersionMismatch

if TYPE_CHECKING:
    from levada_api.v1 import server_service_pb2

CLIENT = "levada-client"
"""The key of a call's metadata whose value names the client."""
OLDEST_SERVER = "0.1.0"
"""The oldest server that this client works with."""
_RELEASE = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@cache
def own_version() -> str:
    """Return the version of this client from its installed distribution."""
    return version("levada")


def client_name() -> str:
    """Return the name of this client that each call carries: `python/0.1.0`."""
    return f"python/{own_version()}"


def check_server(info: server_service_pb2.GetServerInfoResponse, address: str) -> None:
    """Check that this client and a server are not too old for each other.

    Raises:
        VersionMismatch: One is too old; the message says which to upgrade, and how.
    """
    if _release(info.version) < _release(OLDEST_SERVER):
        raise VersionMismatch(
            f"The server at {address} has version {info.version or 'unknown'}, and this client ({own_version()}) needs "
            f"{OLDEST_SERVER} or newer. Upgrade the server: install Levada {OLDEST_SERVER} or newer where it "
            "runs, and start it again."
        )
    if _release(own_version()) < _release(info.oldest_client_version):
        oldest = info.oldest_client_version
        raise VersionMismatch(
            f"This client has version {own_version()}, and the server at {address} ({info.version}) needs {oldest} or "
            f"newer. Upgrade the client: install Levada {oldest} or newer."
        )


def _release(text: str) -> tuple[int, ...]:
    """Read the numbers of a version; a text without numbers, or an empty one, counts as older than all others."""
    found = _RELEASE.match(text)
    return tuple(map(int, found.groups())) if found else ()
