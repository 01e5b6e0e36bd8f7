"""Find the address of a server, and keep the default connection of schemas."""

from __future__ import annotations

import os
import stat
import threading
import tomllib
from dataclasses import dataclass
from pathlib import Path

from levada._base.config import config
from levada._base.errors import InvalidRequest, warn
from levada._net import embedded
from levada._net.connection import Connection
from levada._net.credentials import find_credential

_SETTINGS_FILE = "levada.toml"
_EMBEDDED_FOLDER = ".levada"


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
    if it runs already, with its data in the folder `.levada` here.

    A token belongs to one server: it is the argument, or LEVADA_TOKEN if the address is LEVADA_URL, or what
    `levada login` keeps for the address. A server that this user runs on this machine needs none.

    Raises:
        Unavailable: No server answers at the address.
        InvalidRequest: A setting of DataJoint names a server, and no setting of Levada does.
    """
    connection = _open(_Source(url, certificates) if url else _find_source(), token)
    use(connection)
    return connection


def open_found(other_host: str | None = None) -> Connection:
    """Connect to the server that `connect()` finds, without making it the one that schemas use.

    Args:
        other_host: A host of DataJoint's that the caller names; with it, no local server is started.

    Raises:
        InvalidRequest: A host of DataJoint's is named, and no setting of Levada names a server.
    """
    source = _find_source()
    if source.url is None and other_host is not None:
        raise _other_host(other_host, "The call")
    return _open(source)


def has_default() -> bool:
    """Return whether there is a connection that schemas use."""
    return _default.connection is not None


def _open(source: _Source, token: str | None = None) -> Connection:
    if source.url is None:
        return Connection(embedded.join_or_start(Path.cwd() / _EMBEDDED_FOLDER))
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


def conn(url: str | None = None, token: str | None = None, *, reset: bool = False) -> Connection:
    """Return the connection that schemas use; connect first if there is none.

    Args:
        reset: Connect anew.
    """
    with _default.lock:
        if _default.connection is None or reset or url is not None:
            return connect(url, token)
        return _default.connection


@dataclass(frozen=True)
class _Source:
    """How to reach a server; `url` is None for the embedded one."""

    url: str | None
    certificates: str | os.PathLike[str] | None = None


def _find_source() -> _Source:
    if url := os.environ.get("LEVADA_URL"):
        return _Source(url)
    for folder in (Path.cwd(), *Path.cwd().parents):
        file = folder / _SETTINGS_FILE
        if not _ours_alone(folder):  # others could name a server there
            if file.is_file():
                warn(f"{file} is not used, because others can write in its folder; run `chmod go-w {folder}`.")
            break
        if file.is_file():
            return _read_settings(file)
    _refuse_datajoint_settings()
    return _Source(None)


def _ours_alone(folder: Path) -> bool:
    """Return whether a folder belongs to this user, and nobody else can write there."""
    if os.name == "nt":
        return True
    found = folder.stat()
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _read_settings(file: Path) -> _Source:
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{file} is not valid TOML: {error}.") from None
    url = settings.get("url")
    if not isinstance(url, str):
        raise InvalidRequest(f'{file} names no server; write a line such as url = "lab-server:50051".')
    if "token" in settings:
        raise InvalidRequest(
            f"{file} holds a token, which others get with the project. Remove it there, and run `levada login {url}`."
        )
    certificates = settings.get("certificates")
    return _Source(url, file.parent / certificates if certificates else None)


def _refuse_datajoint_settings() -> None:
    """Refuse to start an empty local server when the settings of a DataJoint pipeline name a host.

    Raises:
        InvalidRequest: The settings name a host.
    """
    found = config.datajoint_host()
    if found is not None:
        raise _other_host(*found)


def _other_host(host: str, where: str) -> InvalidRequest:
    return InvalidRequest(
        f"{where} names the database host {host!r}, which Levada does not use. Set LEVADA_URL to the address of a "
        'Levada server, or write it into levada.toml, or call levada.connect("host:port").'
    )
