"""Announce the private socket of a server to the other programs of its user on this machine.

Clients of this user that are given the server's TCP address find the socket here, and need no token.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from levada_server.embedded.data_folder import private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOG = logging.getLogger("levada.server")


def socket_folder() -> Path:
    """Return the folder of the sockets of this user's servers.

    Raises:
        PreconditionFailed: Something in its place is not ours alone.
    """
    return private_folder(Path("/tmp") / f"levada-{os.geteuid()}")  # it is checked to be ours alone


def announcement_folder() -> Path:
    """Return the folder of this user's announcements, a file for each port."""
    state = os.environ.get("XDG_STATE_HOME", "")
    return (Path(state) if state.startswith("/") else Path.home() / ".local" / "state") / "levada" / "servers"


@contextmanager
def announced(address: str, socket_address: str) -> Iterator[None]:
    """Announce a server for the length of the block.

    A user without a home folder gets no announcement, only the address of the socket in the log.

    Args:
        address: `host:port` of the server.
        socket_address: `unix:/path` of its private socket.
    """
    file = announcement_folder() / f"{address.rpartition(':')[2]}.json"
    content = json.dumps({"host": socket.gethostname(), "socket": socket_address, "pid": os.getpid()})
    _LOG.info("administrators call %s without a token", socket_address)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = file.with_suffix(".new")
        draft.write_text(content, encoding="utf-8")
        draft.chmod(0o600)
        draft.replace(file)
    except OSError as error:
        _LOG.warning("the private socket is not announced: %s", error)
    try:
        yield
    finally:
        with suppress(OSError):
            if json.loads(file.read_text(encoding="utf-8"))["pid"] == os.getpid():
                file.unlink()
