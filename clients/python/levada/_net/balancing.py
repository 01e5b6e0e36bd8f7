"""Spread the calls of a connection over several servers of one database."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada._base.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from levada._net.credentials import Target

# Each call goes to the next server that says it is ready. Repeating calls is ours, because only we know which are safe.
# Any service but the empty one says so: a watcher of that keeps an embedded server running.
_BALANCED = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": "levada_api.v1.ServerService"},
    }
)


@dataclass(frozen=True, slots=True)
class Route:
    """How gRPC reaches the servers of a target.

    Args:
        name: The name for gRPC's resolver.
        options: Options of the channel.
    """

    name: str
    options: tuple[tuple[str, str], ...] = ()


def route(target: Target) -> Route:
    """Return how to reach a target: by its name, balanced if it stands for several addresses.

    Raises:
        Unavailable: It is a list of hosts, and none is known.
    """
    if target.address.startswith("unix:"):
        return Route(target.address)
    first = target.places[0]
    if len(target.places) == 1:
        # One server may have an address of each kind, as localhost has.
        return Route(first, _balanced() if max(map(len, _by_kind(_addresses(first)))) > 1 else ())
    four, six = _by_kind(address for place in target.places for address in _addresses(place))
    of_one_kind = four or six  # gRPC takes no mixed list
    if not of_one_kind:
        raise Unavailable(f"None of the hosts {', '.join(target.places)} is known. Are their names right?")
    kind = "ipv6" if of_one_kind[0].startswith("[") else "ipv4"
    host = first.rpartition(":")[0].strip("[]")
    # gRPC would look for the list itself in the certificate.
    named = (("grpc.default_authority", first), ("grpc.ssl_target_name_override", host))
    return Route(f"{kind}:{','.join(of_one_kind)}", (*_balanced(), *named))


def _by_kind(addresses: Iterable[str]) -> tuple[list[str], list[str]]:
    """Divide addresses into those of IPv4 and of IPv6, each once."""
    found = list(dict.fromkeys(addresses))
    return [one for one in found if not one.startswith("[")], [one for one in found if one.startswith("[")]


def _balanced() -> tuple[tuple[str, str], ...]:
    return (("grpc.service_config", _BALANCED),)


def _addresses(place: str) -> tuple[str, ...]:
    """Return the addresses behind `host:port`; none if the host is not known."""
    host, _, port = place.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(
        f"[{where[0]}]:{port}" if family == socket.AF_INET6 else f"{where[0]}:{port}"
        for family, _, _, _, where in found
    )
