"""Connect to a server, and keep the default connection of schemas."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.config import NamedHost
from levada._base.errors import InvalidRequest, NotFound, Unavailable
from levada._net import embedded
from levada._net.connection import Connection
from levada._net.credentials import find_credential
from levada._net.recordings import recorded
from levada._net.source import Source, find_source, other_host

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class _Default:
    """The connection of schemas that were created without one."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.connection: Connection | None = None


_default = _Default()


def connect(
    url: str | None = None,
    token: str | None = None,
    *,
    certificates: str | os.PathLike[str] | None = None,
) -> Connection:
    """Connect to a server, and make it the one that schemas use from now on.

    Without `url`, the address comes from LEVADA_URL; else from the file `levada.toml` (`url`, `certificates`) in this
    folder or one above, as far up as the folders belong to this user alone; else a local server is started, or joined
    if it runs already, with its data in the folder `.levada`: the nearest one, looked for in the same folders, or a new
    one here.

    A token belongs to one server: it is the argument, or LEVADA_TOKEN if the address is LEVADA_URL, or what
    `levada login` keeps for the address. A server that this user runs on this machine needs none.

    Raises:
        Unavailable: No server answers at the address.
        InvalidRequest: A setting of DataJoint names a server, and no setting of Levada does.
    """
    connection = _open(Source(url, certificates) if url else find_source(), token)
    use(connection)
    return connection


def connect_to_existing(url: str | None = None) -> Connection:
    """Connect as `connect` does, but to data that are there already: no database is created.

    Raises:
        NotFound: Nothing names a server, and there are no data of a local one.
        LevadaError: As by `connect`.
    """
    source = Source(url) if url else find_source()
    if source.data_folder is not None and not source.data_folder.is_dir():
        raise NotFound(
            f"There are no data here: neither a levada.toml nor a folder .levada lies in {Path.cwd()} or above it. "
            "Go to the folder of your project, or name a server by --url or LEVADA_URL."
        )
    connection = _open(source)
    use(connection)
    return connection


def connect_to_running(url: str | None = None) -> Connection:
    """Connect to a server that runs already, without making it the one that schemas use; nothing is started.

    Args:
        url: Its address; None: the one that `connect()` finds.

    Raises:
        Unavailable: None runs.
        LevadaError: As by `connect`.
    """
    source = Source(url) if url else find_source()
    if source.data_folder is None:
        return _open(source)
    found = embedded.running(source.data_folder)
    if found is None:
        raise Unavailable(f"No server of {source.data_folder} runs.")
    return Connection(found.address)


def open_found(host: str | None = None) -> Connection:
    """Connect to the server that `connect()` finds, without making it the one that schemas use.

    Args:
        host: A host of DataJoint's that the caller names; with it, no local server is started.

    Raises:
        InvalidRequest: A host of DataJoint's is named, and no setting of Levada names a server.
    """
    source = find_source()
    if source.url is None and host is not None:
        raise other_host(NamedHost(host, "The call", "leave its arguments out"))
    return _open(source)


def has_default() -> bool:
    """Return whether there is a connection that schemas use."""
    return _default.connection is not None


def _open(source: Source, token: str | None = None) -> Connection:
    if source.data_folder is not None:
        return Connection(embedded.join_or_start(source.data_folder))
    assert source.url is not None, "a source is an address or a folder"
    return open_connection(source.url, token, source.certificates)


def open_connection(
    url: str,
    token: str | None = None,
    certificates: str | os.PathLike[str] | None = None,
    authority: str | None = None,
) -> Connection:
    """Connect to a server with the token that belongs to it.

    Raises:
        LevadaError: As by `connect`.
    """
    if token is None and url == os.environ.get("LEVADA_URL"):
        token = os.environ.get("LEVADA_TOKEN") or None
    if token is None and (kept := find_credential(url)) is not None:
        return Connection(url, kept.token, certificates=certificates, authority=kept.authority)
    return Connection(url, token, certificates=certificates, authority=authority)


def use(connection: Connection) -> None:
    """Make a connection the one that schemas use from now on."""
    with _default.lock:
        _default.connection = connection


def recording(name: str, *, connection: Connection | None = None) -> AbstractContextManager[None]:
    """Keep what is read within a block under a name, for an archive of these rows: `with lv.recording("paper-x"):`.

    It covers all threads of this process, the processes that it starts within the block, and engines that populate for
    it; others take part if the environment variable `LEVADA_RECORDING` has the name. A name that exists is gone on
    with. The server keeps the queries and digests of their results, not the rows. A recording belongs to its user, and
    nobody else sees it.

    Args:
        name: 1 to 64 letters, digits, `.`, `_` and `-`.
        connection: Whose reads to keep; by default those of the connection that schemas use.

    Raises:
        InvalidRequest: It cannot have such a name.
    """
    return recorded(conn() if connection is None else connection, name)


def conn(url: str | None = None, token: str | None = None, *more: object, reset: bool = False) -> Connection:
    """Return the connection that schemas use; connect first if there is none.

    Args:
        more: Refused, with what to use instead of a user and a password.
        reset: Connect anew.
    """
    if more:
        raise InvalidRequest(
            "conn takes the address of a server and a token, not a user and a password: conn('host:port', token). "
            "`levada login host:port` gets a token and keeps it, and then conn('host:port') is enough."
        )
    with _default.lock:
        if _default.connection is None or reset or url is not None:
            return connect(url, token)
        return _default.connection
