"""Addresses of databases of DataJoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from levada._base.errors import InvalidRequest, Unsupported
from levada._base.installation import install_command

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMES = ("mysql", "postgresql")


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a database.

    Args:
        scheme: `mysql` or `postgresql`.
        password: None if the address does not have it.
        options: `unix_socket` for MySQL; for PostgreSQL whatever libpq takes.
    """

    scheme: str
    host: str
    port: int | None
    user: str
    password: str | None
    database: str
    options: Mapping[str, str]

    def __str__(self) -> str:
        """Return it without the password."""
        place = f"{self.host}:{self.port}" if self.port else self.host
        return f"{self.scheme}://{place or 'localhost'}/{self.database}".rstrip("/")


def read_address(text: str) -> Address:
    """Read an address such as `mysql://anna@db.example.org:3306` or `postgresql://anna@db.example.org/pipelines`.

    Raises:
        InvalidRequest: It is not one.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    scheme = {"mariadb": "mysql", "postgres": "postgresql"}.get(parts.scheme, parts.scheme)
    if scheme not in SCHEMES:
        raise InvalidRequest(
            f"{text!r} is not the address of a database; write mysql://USER@HOST:3306 or postgresql://USER@HOST/DATABASE."
        )
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    password = None if parts.password is None else unquote(parts.password)
    user = unquote(parts.username or "")
    return Address(scheme, parts.hostname or "", port, user, password, parts.path.lstrip("/"), options)


def missing_driver(package: str) -> Unsupported:
    """Build the error for a driver, or a package that it needs, that is not installed."""
    return Unsupported(f"Reading this database needs {package}: {install_command('import-datajoint')}")
