"""Callers with every role, each with a schema of the same tables, behind a real server on TCP."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from blake3 import blake3

from levada_api.v1 import relation_pb2, schema_pb2
from levada_server.jobs.lease import Worker
from levada_server.jobs.signing import lease_content
from levada_server.model.table import TableName, Tier
from levada_server.operations import declarations, discoveries, inserts, job_refresh, jobs, recordings, schemas, users
from levada_server.operations.caller import Caller
from levada_server.operations.inserts import InsertOptions
from levada_server.operations.objects import objects
from levada_server.operations.objects.objects import Target
from levada_server.permissions.roles import Role
from tests.support import make
from tests.support.make import ME, NO_TIME

if TYPE_CHECKING:
    import io
    from collections.abc import Sequence
    from uuid import UUID

    from levada_server.jobs.lease import DiscoveryLease, Lease
    from levada_server.operations.context import Engine

SESSIONS = 12
TABLES: dict[str, tuple[Tier, str]] = {
    "Subject": (
        Tier.MANUAL,
        "subject : int32\n---\nname = '' : varchar(8)\ndata = null : <hash@main>\nfolder = null : <object@main>\n"
        "movie = null : <filepath@raw>\n",
    ),
    "Session": (Tier.MANUAL, "-> Subject\nsession : int32\n"),
    "Stat": (Tier.COMPUTED, "-> Session\n---\nrate : int32\n"),
    "Altered": (Tier.MANUAL, "altered : int32\n"),
    "Counted": (Tier.MANUAL, "counted : int32 auto_increment\n"),
    "Doomed": (Tier.MANUAL, "doomed : int32\n"),
}
CONTENT = b"some bytes"
MOVIE = "movie.avi"


@dataclass
class Lab:
    """The schema of one caller, who may have a role on it.

    Args:
        caller: The caller.
        secret: The caller's token; empty for none.
        schema: The schema's name.
        worker_session: A worker session of the caller.
        leases: Leases of the caller on jobs of `Stat`.
        object_id: An object that a row of `Subject` names.
        folder_id: A folder that a row of `Subject` names.
        uploads: Uploads of the caller of `CONTENT` for `data`; the last has no bytes yet.
        token_id: A further token of the caller.
        discovery: A lease of the caller on the discovery of `Subject`.
        renamed: Whether the schema was renamed, to `{schema}_renamed`.
    """

    engine: Engine
    caller: Caller
    secret: str
    schema: str
    worker_session: UUID
    leases: list[Lease]
    object_id: UUID
    folder_id: UUID
    uploads: list[UUID]
    token_id: UUID
    discovery: DiscoveryLease
    renamed: bool = False

    def name(self, table: str) -> schema_pb2.TableName:
        """Name a table of the schema."""
        return schema_pb2.TableName(schema=self.schema, table=table)

    def table(self, table: str) -> relation_pb2.Relation:
        """Return a table of the schema as a relation."""
        return relation_of(self.name(table))

    def lease_token(self, lease: Lease) -> str:
        """Return the text of a lease as its holder got it."""
        return self.engine.signer.of(self.caller.identity.token_id).lease(lease_content(lease))


def relation_of(name: schema_pb2.TableName) -> relation_pb2.Relation:
    """Return the relation of a table."""
    operand = relation_pb2.TableOperand(name=name)
    return relation_pb2.Relation(nodes=[relation_pb2.RelationNode(table=operand)])


async def make_caller(
    engine: Engine, name: str, *, administrator: bool = False, prefixes: tuple[str, ...] = ()
) -> tuple[Caller, str]:
    """Add a user, and return the user as a caller with a token."""
    await users.create_user(engine, ME, name, prefixes, administrator=administrator)
    return await new_token(engine, name)


async def new_token(engine: Engine, name: str, scopes: Sequence[tuple[Role, TableName]] = ()) -> tuple[Caller, str]:
    """Return a user as a caller with another token."""
    secret, _ = await users.create_token(engine, ME, name, "", None, scopes)
    return Caller(engine.gate.permissions.current.identify(secret, "", dt.datetime.now(dt.UTC))), secret


async def make_tables(engine: Engine, schema: str) -> None:
    """Make the tables of a schema, with rows and jobs."""
    await schemas.create_schema(engine, ME, schema, allow_existing=False)
    for table, (tier, definition) in TABLES.items():
        declaration = declarations.Declaration(
            TableName(schema, table), tier, definition, {}, has_make=tier.auto_populated
        )
        await declarations.declare_table(engine, ME, declaration)
    rows = [{"subject": number} for number in range(3)]
    await inserts.insert(engine, ME, TableName(schema, "Subject"), InsertOptions(), make.arrow(rows))
    rows = [{"subject": 1, "session": number} for number in range(SESSIONS)]
    await inserts.insert(engine, ME, TableName(schema, "Session"), InsertOptions(), make.arrow(rows))
    await job_refresh.refresh(
        engine, ME, TableName(schema, "Stat"), None, priority=None, delay=NO_TIME, retry_errors=False
    )


async def make_lab(engine: Engine, caller: Caller, secret: str, schema: str, role: Role | None) -> Lab:
    """Make a schema on which a caller has a role, or none, and everything that the caller may have from before."""
    await make_tables(engine, schema)
    user, whole = caller.identity.user, TableName(schema, "")
    await users.grant_role(engine, ME, user, Role.EDITOR, whole)  # as if the caller had been one, and is none any more
    session, _ = await jobs.create_session(engine, caller, Worker("host", 1, "user"), timedelta(hours=1), "")
    leases = await jobs.reserve(
        engine, caller, session, [TableName(schema, "Stat")], max_jobs=4, wait=NO_TIME, restriction=None
    )
    subject = {TableName(schema, "Subject"): timedelta(hours=1)}
    await recordings.create(engine, caller, "paper")
    discovery = await discoveries.reserve(engine, caller, session, subject, at_once=False)
    assert discovery is not None
    uploads = [await upload(engine, caller, schema, b"x" * count) for count in (1, 2, 3)]
    await users.revoke_role(engine, ME, user, Role.EDITOR, whole)
    if role is not None:
        await users.grant_role(engine, ME, user, role, whole)
    object_id, folder_id = await put_objects(engine, schema)
    _, token = await users.create_token(engine, ME, user, "further", None, ())
    return Lab(engine, caller, secret, schema, session, leases, object_id, folder_id, uploads, token.id, discovery)


async def upload(engine: Engine, caller: Caller, schema: str, content: bytes) -> UUID:
    """Upload bytes for `Subject.data` without committing them."""
    target = Target(TableName(schema, "Subject"), "data")
    staged = await objects.stage(engine, caller, target, key={}, file_name="", folder=False, hash_="")
    assert isinstance(staged, objects.Staged), "without a hash nothing is found"
    opened = await objects.open_upload(engine, caller, staged.upload)
    await opened.rewind("", 0)
    await opened.write(content)
    await opened.flush()
    return opened.upload.id


async def put_objects(engine: Engine, schema: str) -> tuple[UUID, UUID]:
    """Let the first row of `Subject` name an object and a folder, and return both."""
    id_ = await upload(engine, ME, schema, CONTENT)
    reference = await objects.commit(engine, ME, id_, hash_=blake3(CONTENT).hexdigest(), size_bytes=len(CONTENT))
    target = Target(TableName(schema, "Subject"), "folder")
    staged = await objects.stage(engine, ME, target, key={"subject": 0}, file_name="run", folder=True, hash_="")
    assert isinstance(staged, objects.Staged), "a folder is never found by its content"
    opened = await objects.open_upload(engine, ME, staged.upload)
    await opened.rewind("a.txt", 0)
    await opened.write(CONTENT)
    await opened.flush()
    folder = await objects.commit(engine, ME, opened.upload.id, hash_="", size_bytes=len(CONTENT))
    row = {"subject": 0, "data": str(reference.id), "folder": str(folder.id)}
    await inserts.insert(engine, ME, TableName(schema, "Subject"), InsertOptions(replace=True), make.arrow([row]))
    return reference.id, folder.id


def rows(table: str, number: int) -> bytes:
    """Return a row of a table as an Arrow IPC stream."""
    content: dict[str, dict[str, object]] = {
        "Subject": {"subject": number},
        "Stat": {"subject": 1, "session": number, "rate": 1},
    }
    stream: io.BytesIO = make.arrow([content[table]])
    return stream.getvalue()
