"""Credentials of servers, each for one address, in a file that only this user can read.

If a keyring is installed and unlocked, it holds the tokens, and the file the rest.
"""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._net import keyring
from levada._net.private_socket import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

TLS_SCHEMES = ("https", "grpcs")
PLAIN_SCHEMES = ("http", "grpc")
_HOST_AND_PORT = re.compile(r"(?:\[[^\[\]]+\]|[^\[\]:@/]+):\d+")
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Target:
    """The place of a server, or of several servers of one database.

    Args:
        places: `host:port` of each, or one `unix:/path`.
        encrypted: Whether by TLS.
    """

    places: tuple[str, ...]
    encrypted: bool

    @property
    def address(self) -> str:
        """The places, separated by commas."""
        return ",".join(self.places)


@dataclass(frozen=True, slots=True)
class Credential:
    """The credential of one server, as `levada login` keeps it.

    Args:
        token: The token; empty in the file if the keyring has it.
        authority: The certificate of its authority in PEM; None for the authorities of this system.
    """

    token: str
    authority: str | None = None


def parse_address(address: str) -> Target:
    """Read the address of a server: beyond this machine a name without a scheme is called by TLS.

    Args:
        address: `host:port`, `https://host[:port]` or `unix:/path`; several hosts are separated by commas.

    Raises:
        InvalidRequest: It is not an address.
    """
    if address.startswith("unix:"):
        return Target((address,), encrypted=False)
    if "://" not in address:
        places = tuple(map(str.strip, address.split(",")))
        for host, colon, port in (place.rpartition(":") for place in places):
            if not colon or not host or not port.isdecimal():
                raise _not_an_address(address)
        return Target(places, encrypted=not all(map(is_loopback, places)))
    # Not by urlsplit: newer releases of Python take no brackets after a comma.
    scheme, _, rest = address.partition("://")
    hosts = re.split("[/?#]", rest, maxsplit=1)[0]
    if scheme.lower() not in TLS_SCHEMES + PLAIN_SCHEMES or not hosts:
        raise _not_an_address(address)
    encrypted = scheme.lower() in TLS_SCHEMES
    places = tuple(_with_port(place.strip(), 443 if encrypted else 80) for place in hosts.split(","))
    if not all(map(_HOST_AND_PORT.fullmatch, places)):
        raise _not_an_address(address)
    return Target(places, encrypted)


def _with_port(place: str, port: int) -> str:
    return place if _HOST_AND_PORT.fullmatch(place) else f"{place}:{port}"


def _not_an_address(address: str) -> InvalidRequest:
    return InvalidRequest(
        f"`{address}` is not a server address; use host:port, https://host or unix:/path. Commas separate several "
        "servers of one database: host1:port,host2:port."
    )


def credentials_file() -> Path:
    """Return the file of this user's credentials: the one that LEVADA_CREDENTIALS names, as in jobs of a cluster."""
    if named := os.environ.get("LEVADA_CREDENTIALS"):
        return Path(named)
    folder = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(folder) if folder.startswith("/") else Path.home() / ".config") / "levada" / "credentials.json"


def find_credential(address: str) -> Credential | None:
    """Return what is kept for a server; None for nothing.

    Raises:
        InvalidRequest: Others can read the file, or it is damaged.
    """
    found = _read(credentials_file()).get(_key(address))
    if found is None or found.token:
        return found
    token = keyring.stored_token(_key(address))
    if token is None:
        raise InvalidRequest(
            f"The token of {address} is in a keyring that is locked or missing; unlock it, or log in again by "
            f"`levada login {address}`."
        )
    return replace(found, token=token)


def keep_credential(address: str, credential: Credential, file: Path | None = None) -> Path:
    """Keep a credential for a server, instead of an earlier one; return the file.

    Args:
        address: The server's address.
        credential: The credential.
        file: The file, which holds the token too; None for that of `credentials_file`, and the keyring.

    Raises:
        InvalidRequest: Others can read the file, or it is damaged.
    """
    key, place = _key(address), file or credentials_file()
    kept = _read(place)
    if file is None and keyring.store_token(key, credential.token):
        credential = replace(credential, token="")
    _write(place, kept | {key: credential})
    return place


def forget_credential(address: str) -> bool:
    """Forget what is kept for a server; return whether there was something.

    Raises:
        InvalidRequest: Others can read the file, or it is damaged.
    """
    file = credentials_file()
    kept = _read(file)
    if (gone := kept.pop(_key(address), None)) is None:
        return False
    if not gone.token:
        keyring.remove_token(_key(address))
    _write(file, kept)
    return True


def _key(address: str) -> str:
    target = parse_address(address)
    return f"{'https' if target.encrypted else 'http'}://{target.address}".lower()


def _read(file: Path) -> dict[str, Credential]:
    try:
        if os.name != "nt" and file.stat().st_mode & _OPEN_TO_OTHERS:
            raise InvalidRequest(f"Others can read {file}, which holds tokens; run `chmod 600 {file}`.")
        content = json.loads(file.read_text(encoding="utf-8"))
        return {str(one["address"]): Credential(str(one["token"]), str(one["authority"]) or None) for one in content}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError):
        raise InvalidRequest(f"{file} cannot be read; remove it, and log in again.") from None


def _write(file: Path, kept: Mapping[str, Credential]) -> None:
    # A list of objects with the same names, which MATLAB reads as an array.
    content = [{"address": key, "token": one.token, "authority": one.authority or ""} for key, one in kept.items()]
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    # Nobody else can ever open it, not even before it is complete.
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        json.dump(content, opened, indent=1)
    draft.replace(file)
