"""Refuse clients that are too old; each call names its client and that client's version."""

from __future__ import annotations

import re
from functools import lru_cache

from levada_server.errors import InvalidRequest, VersionMismatch

CLIENT = "levada-client"
"""The metadata key under which a call names its client: `python/0.1.0`."""
OLDEST_CLIENT = "0.1.0"
"""The oldest client, in any language, that this server serves; docs/releasing.md says when it changes."""
UNCHECKED_METHOD = "GetServerInfo"
"""The method that serves a client of any version, so that the client can learn whether it is too old."""
_NAMED = re.compile(r"(?P<language>[a-z]{1,20})/(?P<release>\d{1,6}\.\d{1,6}\.\d{1,6})(?:(?:[+-]|\.?[a-z]).{0,60})?")
_UPGRADES = {
    "python": f"install Levada {OLDEST_CLIENT} or newer from its wheel or repository",
    "matlab": f"install the toolbox `+levada` of release {OLDEST_CLIENT} or newer",
}


@lru_cache(maxsize=64)
def check_client(named: str) -> None:
    """Check that this server serves the client that makes a call.

    Values that pass are cached, so a call costs one look-up.

    Args:
        named: The value under `CLIENT`; empty if the call has none. Calls of grpcurl and of programs with their own
            stubs have none and are not checked.

    Raises:
        InvalidRequest: The value is not a name and a version.
        VersionMismatch: The client is older than `OLDEST_CLIENT`.
    """
    if not named:
        return
    parts = _NAMED.fullmatch(named)
    if parts is None:
        raise InvalidRequest(
            f"The metadata `{CLIENT}` is not a client and its version; send it as `python/{OLDEST_CLIENT}`.",
            field=CLIENT,
        )
    if _numbers(parts["release"]) < _numbers(OLDEST_CLIENT):
        upgrade = _UPGRADES.get(parts["language"], f"take release {OLDEST_CLIENT} or newer")
        raise VersionMismatch(
            f"The client {named} is older than {OLDEST_CLIENT}, the oldest that this server serves. "
            f"Upgrade the client: {upgrade}.",
            client=named,
            oldest=OLDEST_CLIENT,
        )


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(map(int, release.split(".")))
