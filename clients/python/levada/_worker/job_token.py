"""A token for the workers of a cluster's job, in a file of its own: the user's token stays where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._net.credentials import Credential, credentials_file, keep_credential
from levada._tables.table import Table
from levada_api.v1 import access_pb2
from levada_api.v1 import access_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from levada._net.connection import Connection


def make_job_token(
    connection: Connection, module: str, tables: Iterable[Table], discovering: Iterable[Table] = ()
) -> Path | None:
    """Make a token that allows to compute some tables, and to read the schemas of all classes in this process.

    Args:
        connection: The connection; its caller becomes the token's user.
        module: The module of the tables, whose import has made the classes.
        tables: The tables to compute.
        discovering: The tables into which rows may be inserted that their classes discover.

    Returns:
        The file with the token, which only this user can read; None if the caller needs no token.

    Raises:
        PermissionDenied: The caller's own token has scopes.
    """
    caller = connection.call("AccessService/GetCaller", pb.GetCallerRequest(), pb.GetCallerResponse)
    if not caller.HasField("token"):
        return None
    schemas = sorted(set(_schemas(Table, connection)))
    scopes = [access_pb2.Scope(role=access_pb2.ROLE_VIEWER, schema=schema) for schema in schemas]
    for table in tables:
        name = table._name
        scopes.append(access_pb2.Scope(role=access_pb2.ROLE_WORKER, schema=name.schema, table=name.table))
    for table in discovering:
        name = table._name
        scopes.append(access_pb2.Scope(role=access_pb2.ROLE_DEPOSITOR, schema=name.schema, table=name.table))
    request = pb.CreateTokenRequest(label=f"job of {module}"[:200], scopes=scopes)
    made = connection.call("AccessService/CreateToken", request, pb.CreateTokenResponse)
    address, _, certificates, authority = connection.arguments
    if certificates is not None:
        authority = certificates.read_text(encoding="utf-8")
    file = credentials_file().absolute().parent / "jobs" / f"{made.token.id}.json"
    return keep_credential(address, Credential(made.secret, authority), file)


def end_job_token(connection: Connection, file: Path) -> None:
    """Revoke a token that `make_job_token` made, and remove its file."""
    connection.call("AccessService/RevokeTokens", pb.RevokeTokensRequest(id=file.stem), pb.RevokeTokensResponse)
    file.unlink()


def _schemas(base: type[Table], connection: Connection) -> Iterator[str]:
    """Return the schemas of the classes of a server's tables."""
    for table in base.__subclasses__():
        schema = table._schema
        if schema is not None and schema.database and schema.connection.address == connection.address:
            yield schema.database
        yield from _schemas(table, connection)
