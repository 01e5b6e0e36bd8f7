"""A port that several of gRPC's servers listen on: nobody else does."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from levada_server.errors import Unavailable
from levada_server.rpc.ports import check_free

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sharing() -> Iterator[socket.socket]:
    """A socket that listens on a port and lets others of its user share it."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener


def test_a_port_that_another_program_would_share_is_refused(sharing: socket.socket) -> None:
    address = f"127.0.0.1:{sharing.getsockname()[1]}"
    with pytest.raises(Unavailable, match=f"Cannot listen on {address}; another server uses it"):
        check_free(address)
    sharing.close()
    check_free(address)


@pytest.mark.parametrize(
    "address", ["127.0.0.1:0", "[::1]:0", "127.0.0.1:port", f"127.0.0.1:{10**30}", "127.0.0.1:65536", "192.0.2.1:1"]
)
def test_an_address_that_nobody_uses_is_left_to_whoever_listens_on_it(address: str) -> None:
    check_free(address)
