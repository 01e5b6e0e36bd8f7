"""Find which server a program works with, from what its user set and from the folders around it."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.config import config
from levada._base.errors import InvalidRequest
from levada._base.folders import is_ours, is_ours_alone, warn_of_others

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada._base.config import NamedHost

_SETTINGS_FILE = "levada.toml"
_DATA_FOLDER = ".levada"


@dataclass(frozen=True)
class Source:
    """How to reach a server: by an address, or as the local server of a data folder.

    Args:
        url: Its address; None if it is local.
        certificates: The file of the authorities to trust, as `Connection` takes it.
        data_folder: The folder with the local server's data, which it makes at its first start.
        found_in: The place that named it: LEVADA_URL, a file, or a folder.
    """

    url: str | None
    certificates: str | os.PathLike[str] | None = None
    data_folder: Path | None = None
    found_in: str = ""


def find_source() -> Source:
    """Find the server: by LEVADA_URL, else `levada.toml`, else the data folder `.levada`, else a new one here.

    File and folder are looked for in the working folder and above it, as far up as the folders belong to this user
    alone; the nearest one counts.

    Raises:
        InvalidRequest: A file cannot be used, or a setting of DataJoint names a server and none of Levada does.
    """
    if url := os.environ.get("LEVADA_URL"):
        return Source(url, found_in="LEVADA_URL")
    here = Path.cwd()
    folders = list(_own_folders(here))
    for folder in folders:
        if (file := folder / _SETTINGS_FILE).is_file():
            return _read_settings(file)
    _refuse_datajoint_settings()
    if (data := here / _DATA_FOLDER).is_dir() and not is_ours(data):
        raise InvalidRequest(
            f"{data} belongs to another user, and so does the local server that uses it. Work in a folder of your "
            'own, or name a server: set LEVADA_URL, or call levada.connect("host:port").'
        )
    for folder in (here, *folders):
        if (data := folder / _DATA_FOLDER).is_dir() and is_ours(data):
            return Source(None, data_folder=data, found_in=str(data))
    return Source(None, data_folder=here / _DATA_FOLDER)


def other_host(named: NamedHost) -> InvalidRequest:
    """Return the error for a database of DataJoint's that is named where Levada needs a server."""
    return InvalidRequest(
        f"{named.place} names the database host {named.host!r}, which Levada does not use. To use your own server, "
        f"whose data are in the folder .levada, {named.removal}. To use another one, set LEVADA_URL to its address, "
        'or write it into levada.toml, or call levada.connect("host:port").'
    )


def _own_folders(here: Path) -> Iterator[Path]:
    """Yield a folder and those above it, up to the first in which others could put a file."""
    for folder in (here, *here.parents):
        if not is_ours_alone(folder):
            if (file := folder / _SETTINGS_FILE).is_file():
                warn_of_others(file)
            return
        yield folder


def _read_settings(file: Path) -> Source:
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
    return Source(url, file.parent / certificates if certificates else None, found_in=str(file))


def _refuse_datajoint_settings() -> None:
    """Refuse to start an empty local server when the settings of a DataJoint pipeline name a host.

    Raises:
        InvalidRequest: The settings name a host.
    """
    found = config.datajoint_host()
    if found is not None:
        raise other_host(found)
