"""Connecting in DataJoint's words: host, user and password are accepted, and the settings of Levada decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from levada._base.errors import warn
from levada._net import address
from levada._net.connection import Connection as _Connection

if TYPE_CHECKING:
    from collections.abc import Mapping


class _ConnectionType(type):
    """Every connection is an instance of DataJoint's class."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _Connection)


class Connection(metaclass=_ConnectionType):
    """Connects to the server that the settings of Levada name; the other arguments are not used.

    Args:
        host: A host of DataJoint's.
        user: Not used, like all further arguments.
    """

    def __new__(  # type: ignore[misc]  # its instances are those of the class beneath
        cls,
        host: str | None = None,
        user: str | None = None,
        password: str | None = None,
        port: int | None = None,
        init_fun: str | None = None,
        use_tls: bool | Mapping[str, Any] | None = None,
        *,
        database_name: str | None = None,
        backend: str | None = None,
        config_override: object = None,
    ) -> _Connection:
        _warn_of(host, user, password, port, init_fun, use_tls, database_name, backend, config_override)
        return address.open_found(host)


class _Conn:
    """The function `conn`, which has the connection as an attribute too."""

    def __call__(
        self,
        host: str | None = None,
        user: str | None = None,
        password: str | None = None,
        *,
        init_fun: str | None = None,
        reset: bool = False,
        use_tls: bool | Mapping[str, Any] | None = None,
    ) -> _Connection:
        """Return the connection that schemas use; connect first if there is none.

        Args:
            host: A host of DataJoint's. It is not used; if it is the only one that is named, nothing is connected.
            user: Not used.
            password: Not used.
            init_fun: Not used.
            reset: Connect anew.
            use_tls: Not used: the address says it, `https://…`.

        Raises:
            InvalidRequest: A host of DataJoint's is named, and no setting of Levada names a server.
        """
        _warn_of(host, user, password, init_fun, use_tls)
        if reset or not address.has_default():
            address.use(address.open_found(host))
        return address.conn()

    @property
    def connection(self) -> _Connection:
        """The connection that schemas use."""
        return address.conn()


conn = _Conn()

_told: set[str] = set()
"""Warnings that this process has given."""


def _warn_of(*arguments: object) -> None:
    text = (
        "host, user, password and the like have no effect here: the address and the token of a server come from "
        "LEVADA_URL and LEVADA_TOKEN, or from levada.toml."
    )
    if any(argument is not None for argument in arguments) and text not in _told:
        _told.add(text)
        warn(text)
