"""Check that a port is free which several listen on at once."""

from __future__ import annotations

import errno
import socket

from levada_server.errors import Unavailable


def check_free(address: str) -> None:
    """Check that no other program listens on an address, because a port can be shared even with another server.

    Args:
        address: `host:port`; an address that does not exist is left to whoever listens on it.

    Raises:
        Unavailable: Another program listens on it.
    """
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, ValueError, OverflowError):
        return
    for family, kind, protocol, _, place in found:
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ports of ended connections are free
                probe.bind(place)
        except OverflowError:
            return
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Unavailable(
                    f"Cannot listen on {address}; another server uses it. Choose another address with --listen."
                ) from error
