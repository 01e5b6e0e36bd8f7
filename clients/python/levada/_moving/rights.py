"""The rights of the caller on a server, as far as moving data there needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_api.v1 import access_pb2, access_service_pb2

if TYPE_CHECKING:
    from levada._net.connection import Connection

_WRITERS = (access_pb2.ROLE_EDITOR, access_pb2.ROLE_OWNER)


class Rights:
    """The rights of the caller, as the server had them when it was asked."""

    def __init__(self, connection: Connection) -> None:
        request = access_service_pb2.GetCallerRequest()
        self._caller = connection.call("AccessService/GetCaller", request, access_service_pb2.GetCallerResponse)

    @property
    def user(self) -> str:
        """The caller's name."""
        name: str = self._caller.user.name
        return name

    def may_make(self, schema: str) -> bool:
        """Return whether the caller may make a schema."""
        user = self._caller.user
        allowed = user.administrator or any(map(schema.startswith, user.schema_prefixes))
        return allowed and not self._caller.token.scoped

    def may_write(self, schema: str, table: str = "") -> bool:
        """Return whether the caller may declare a table of a schema and fill it; without a name, any table."""
        allowed = self._caller.user.administrator or any(_writes(one, schema, table) for one in self._caller.grants)
        token = self._caller.token
        return allowed and (not token.scoped or any(_writes(one, schema, table) for one in token.scopes))

    def how_to_make(self, schema: str, where: str) -> str:
        """Write how the caller gets a schema that it may not make.

        Args:
            where: `here` or `there`.
        """
        return (
            f"You may not make the schema `{schema}` {where}. An administrator lets you: `levada users change "
            f"{self.user} --schemas {schema}`, or makes it and grants you the role editor."
        )

    def how_to_write(self, name: str, schema: str, where: str) -> str:
        """Write how the caller gets the right to declare and fill a table or a whole schema.

        Args:
            where: `here` or `there`.
        """
        return (
            f"You may not declare `{name}` {where} and fill it. Its owner lets you: `levada grants add editor {schema} "
            f"{self.user}`."
        )


def _writes(given: access_pb2.Grant | access_pb2.Scope, schema: str, table: str) -> bool:
    return given.schema == schema and given.role in _WRITERS and given.table in ("", table.partition(".")[0])
