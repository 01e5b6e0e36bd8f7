"""Settings of a server, read once and passed down."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada_server.errors import InvalidRequest
from levada_server.issuer import check_url
from levada_server.model.sizes import VALUE_BYTES
from levada_server.operations.transactions import TransactionLimits
from levada_server.permissions.id_tokens import IssuerSettings
from levada_server.storage.objects.storage import StoreFolders

if TYPE_CHECKING:
    from levada_server.logs import LogFormat

CERTIFICATE_FILES = Path("tls", "server.pem"), Path("tls", "server.key")
"""The certificate and its key in the data folder, as `levada certificates` makes them."""
ISSUER_FILE = "issuer.toml"
"""The file in the data folder that names the issuer of identities."""
AUDIT_MONTHS = 36
STORES_FILE = "stores.toml"
"""The file in the data folder that names the stores."""
OWN_STORE = "default"
OBJECTS_FOLDER = "objects"
"""The embedded server's own store, and its folder in the data folder."""
_KINDS = {bool: "true or false", str: "a text"}
_STORE_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a server.

    Args:
        database_url: An external PostgreSQL; None for the embedded one.
        data_folder: The folder of the embedded PostgreSQL and the server's own files.
        listen: `host:port` or `unix:/path`; None for a private socket of the data folder.
        idle_timeout_s: Stop after this many seconds without a call; None to run for ever.
        grace_s: How long running calls may take after a stop signal.
        spool_folder: The folder for the results of slow readers and the rows of inserts; None for the system's folder
            for temporary files.
        value_bytes: The maximum size of a value in a row.
        transaction_limits: How long a client's transaction may be idle and open.
        certificate: The files of a certificate and of its key, to serve TLS on TCP; None to serve without.
        processes: How many processes serve the port.
        shared_port: Others listen on it too.
        log_level: A level of the standard library's logging.
        log_format: Text for people, or JSON.
        audit_months: How many months the audit is kept.
        stores: The stores of objects; the embedded server has one more, in its data folder.
        issuer: The issuer of identities at which users log in; None if there is none.
    """

    database_url: str | None
    data_folder: Path
    listen: str | None = None
    idle_timeout_s: float | None = None
    grace_s: float = 10.0
    spool_folder: Path | None = None
    value_bytes: int = VALUE_BYTES
    transaction_limits: TransactionLimits = field(default_factory=TransactionLimits)
    certificate: tuple[Path, Path] | None = None
    processes: int = 1
    shared_port: bool = False
    log_level: str = "INFO"
    log_format: LogFormat = "text"
    audit_months: int = AUDIT_MONTHS
    stores: StoreFolders = field(default_factory=StoreFolders)
    issuer: IssuerSettings | None = None


def read_stores(file: Path) -> StoreFolders:
    """Read the stores.

    The file has a table `[stores.NAME]` for each, with its `folder`; a relative one is relative to the file.
    `preferred` names the store for definitions with `@` alone; a single store is preferred by default.

    Raises:
        InvalidRequest: The file cannot be read, or has other contents.
    """
    content = _read(file)
    tables = content.get("stores", {})
    if not isinstance(tables, dict) or content.keys() - {"stores", "preferred"}:
        raise InvalidRequest(f"{file} has tables [stores.NAME] and the key `preferred`, and nothing else.")
    folders = {}
    for name, table in tables.items():
        if not _STORE_NAME.fullmatch(name):
            raise InvalidRequest(f"{file}: {name!r} is not a valid name of a store; use letters, digits, `-` and `_`.")
        folder = table.get("folder") if isinstance(table, dict) else None
        if not isinstance(folder, str) or table.keys() != {"folder"}:
            raise InvalidRequest(f'{file}: the store `{name}` needs one line: folder = "/path/to/the/folder".')
        folders[name] = file.parent / folder
    preferred = content.get("preferred", next(iter(folders)) if len(folders) == 1 else None)
    if preferred is not None and preferred not in folders:
        raise InvalidRequest(f"{file} prefers the store {preferred!r}, which it does not name.")
    return StoreFolders(folders, preferred)


def store_folders(settings: Settings) -> StoreFolders:
    """Return the stores; a server with its own database has its own store, so that a notebook needs no settings."""
    named = settings.stores
    if settings.database_url is not None or OWN_STORE in named.folders:
        return named
    folder = settings.data_folder / OBJECTS_FOLDER
    folder.mkdir(exist_ok=True)
    file = str(settings.data_folder.resolve() / STORES_FILE)
    return StoreFolders({**named.folders, OWN_STORE: folder}, named.preferred or OWN_STORE, file)


def read_issuer(file: Path) -> IssuerSettings:
    """Read the issuer of identities at which users log in: a key for each field of `IssuerSettings`.

    Raises:
        InvalidRequest: The file cannot be read, has other contents, or others can read the secret in it.
    """
    content, known = _read(file), {one.name: one for one in fields(IssuerSettings)}
    for name, value in content.items():
        wanted = bool if name == "add_users" else str
        if name not in known or not isinstance(value, wanted):
            raise InvalidRequest(f"{file}: the key `{name}` is unknown, or is not {_KINDS[wanted]}.")
    missing = [name for name in ("url", "client_id") if not content.get(name)]
    if missing:
        raise InvalidRequest(f"{file} has no {' and no '.join(f'`{name}`' for name in missing)}.")
    if "client_secret" in content and os.name != "nt" and file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InvalidRequest(f"Others can read {file}, which holds a secret; run `chmod 600 {file}`.")
    check_url(content["url"])
    return IssuerSettings(**content)


def _read(file: Path) -> dict[str, Any]:  # Any: TOML
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidRequest(f"{file} cannot be read as TOML: {error}.") from None
