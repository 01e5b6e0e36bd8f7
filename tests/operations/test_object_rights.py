"""Who may read an object, name it in rows, and go on with an upload."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from blake3 import blake3

from levada_server.errors import PermissionDenied, UnknownObject
from levada_server.model.table import Ownership, TableName, Tier
from levada_server.operations import inserts, schemas, updates, users
from levada_server.operations.inserts import InsertOptions
from levada_server.operations.objects import downloads, objects
from levada_server.operations.objects.objects import Target
from levada_server.permissions.roles import Role
from levada_server.query.algebra import TableOperand
from levada_server.storage.postgres.migrations import migration_files
from tests.support import make
from tests.support.make import ME, named
from tests.support.roles import make_caller, new_token

if TYPE_CHECKING:
    from levada_server.model.object_reference import ObjectReference
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine

CONTENT = b"recorded"
DEFINITION = "id : int32\n---\ndata = null : <hash@main>\nfile = null : <attach@raw>\n"


@pytest.fixture
async def lab(engine: Engine) -> Engine:
    """Two tables of objects."""
    for table in ("Mine", "Yours"):
        await make.make_table(engine, table, DEFINITION)
    return engine


async def user(engine: Engine, name: str, *granted: tuple[Role, str]) -> Caller:
    """Add a user with roles on tables of the lab."""
    caller, _ = await make_caller(engine, name)
    for role, table in granted:
        await users.grant_role(engine, ME, name, role, named(table))
    return caller


async def staged(engine: Engine, caller: Caller, table: str, hash_: str = "") -> UUID | ObjectReference:
    target = Target(named(table), "data")
    begun = await objects.stage(engine, caller, target, key={}, file_name="", folder=False, hash_=hash_)
    return begun.upload if isinstance(begun, objects.Staged) else begun


async def put(engine: Engine, caller: Caller, table: str, content: bytes = CONTENT) -> UUID:
    """Send bytes for a table, and commit them."""
    id_ = await staged(engine, caller, table)
    assert isinstance(id_, UUID)
    opened = await objects.open_upload(engine, caller, id_)
    await opened.rewind("", 0)
    await opened.write(content)
    await opened.flush()
    return (await objects.commit(engine, caller, id_, hash_="", size_bytes=len(content))).id


async def insert(engine: Engine, caller: Caller, table: str, id_: UUID, number: int = 1) -> None:
    rows = make.arrow([{"id": number, "data": str(id_)}])
    await inserts.insert(engine, caller, named(table), InsertOptions(), rows)


async def read(engine: Engine, caller: Caller, id_: UUID) -> bytes:
    chunks = downloads.download(engine, caller, id_, "", offset=0, length_bytes=None)
    return b"".join([chunk async for chunk in chunks])


async def refusal(engine: Engine, caller: Caller, id_: UUID) -> str:
    with pytest.raises(UnknownObject) as caught:
        await read(engine, caller, id_)
    return caught.value.message


async def test_an_object_is_read_through_a_table_whose_rows_name_it(lab: Engine) -> None:
    owner, reader = await user(lab, "ann", (Role.OWNER, "Mine")), await user(lab, "ben", (Role.VIEWER, "Mine"))
    other = await user(lab, "eve", (Role.OWNER, "Yours"))
    id_ = await put(lab, owner, "Mine")
    for nobody in (reader, other):
        assert await refusal(lab, nobody, id_) == await refusal(lab, nobody, UUID(int=7))
    await insert(lab, owner, "Mine", id_)
    assert await read(lab, reader, id_) == await read(lab, owner, id_) == CONTENT
    await refusal(lab, other, id_)
    await users.revoke_role(lab, ME, "ben", Role.VIEWER, named("Mine"))
    await refusal(lab, reader, id_)


@pytest.mark.parametrize("hidden", [False, True])
async def test_the_objects_of_hidden_rows_are_hidden_too(engine: Engine, hidden: bool) -> None:
    await make.make_table(engine, "Mine", f"{DEFINITION}team : varchar(8)\n")
    owner = await user(engine, "ann", (Role.EDITOR, "Mine"))
    reader, other = await user(engine, "ben", (Role.EDITOR, "Mine")), await user(engine, "eve", (Role.EDITOR, "Mine"))
    await users.set_team(engine, ME, "a", ["ann", "ben"])
    await users.set_team(engine, ME, "e", ["eve"])
    await schemas.set_ownership(engine, ME, named("Mine"), Ownership("team", hidden))
    id_ = await put(engine, owner, "Mine")
    await insert(engine, owner, "Mine", id_)
    assert await read(engine, reader, id_) == CONTENT
    if not hidden:
        assert await read(engine, other, id_) == CONTENT
        return
    assert await refusal(engine, other, id_) == await refusal(engine, other, UUID(int=7))
    with pytest.raises(UnknownObject):
        await insert(engine, other, "Mine", id_, 2)
    # The same bytes do not tell that they are there, and whoever sends them reads what was sent.
    assert isinstance(await staged(engine, other, "Mine", blake3(CONTENT).hexdigest()), UUID)
    # The row changes hands, and its object with it.
    await updates.update(engine, ME, named("Mine"), {"id": 1, "team": "e"})
    assert await read(engine, other, id_) == CONTENT
    await refusal(engine, reader, id_)


async def test_a_row_names_only_what_its_writer_may_read(lab: Engine) -> None:
    owner, other = await user(lab, "ann", (Role.OWNER, "Mine")), await user(lab, "eve", (Role.OWNER, "Yours"))
    id_ = await put(lab, owner, "Mine")
    await insert(lab, owner, "Mine", id_)
    with pytest.raises(UnknownObject, match="gone or never existed"):
        await insert(lab, other, "Yours", id_)
    await inserts.insert(lab, other, named("Yours"), InsertOptions(), make.arrow([{"id": 2}]))
    with pytest.raises(UnknownObject):
        await updates.update(lab, other, named("Yours"), {"id": 2, "data": id_})
    await users.grant_role(lab, ME, "eve", Role.VIEWER, named("Mine"))
    await insert(lab, other, "Yours", id_)
    await users.revoke_role(lab, ME, "eve", Role.VIEWER, named("Mine"))
    assert await read(lab, other, id_) == CONTENT


async def test_the_objects_of_copied_rows_are_read_through_the_copy(lab: Engine) -> None:
    both = await user(lab, "ann", (Role.OWNER, "Mine"), (Role.OWNER, "Yours"))
    reader = await user(lab, "ben", (Role.VIEWER, "Yours"))
    id_ = await put(lab, both, "Mine")
    await insert(lab, both, "Mine", id_)
    await refusal(lab, reader, id_)
    await inserts.insert_relation(lab, both, named("Yours"), TableOperand(named("Mine")), InsertOptions())
    assert await read(lab, reader, id_) == CONTENT


async def test_only_readers_learn_that_bytes_are_there_already(lab: Engine) -> None:
    owner, other = await user(lab, "ann", (Role.OWNER, "Mine")), await user(lab, "eve", (Role.OWNER, "Yours"))
    hash_ = blake3(CONTENT).hexdigest()
    id_ = await put(lab, owner, "Mine")
    await insert(lab, owner, "Mine", id_)
    assert isinstance(await staged(lab, other, "Yours", hash_), UUID)
    assert not isinstance(await staged(lab, owner, "Mine", hash_), UUID)
    # Who has sent the bytes shares them.
    assert await put(lab, other, "Yours") == id_
    assert await read(lab, other, id_) == CONTENT
    assert not isinstance(await staged(lab, other, "Yours", hash_), UUID)


async def test_an_upload_is_its_users(lab: Engine) -> None:
    owner, other = await user(lab, "ann", (Role.OWNER, "Mine")), await user(lab, "eve", (Role.OWNER, "Mine"))
    id_ = await staged(lab, owner, "Mine")
    assert isinstance(id_, UUID)
    for work in (
        objects.open_upload(lab, other, id_),
        objects.commit(lab, other, id_, hash_="", size_bytes=0),
    ):
        with pytest.raises(UnknownObject):
            await work
    await (await objects.open_upload(lab, owner, id_)).rewind("", 0)
    for _ in range(2):  # again, after a lost answer
        assert (await objects.commit(lab, owner, id_, hash_="", size_bytes=0)).size_bytes == 0
    with pytest.raises(UnknownObject):
        await objects.commit(lab, other, id_, hash_="", size_bytes=0)


async def test_a_token_with_a_scope_reads_only_what_it_put_there_itself(lab: Engine) -> None:
    whole = await user(lab, "ann", (Role.OWNER, "Mine"))
    id_ = await put(lab, whole, "Mine")
    scoped, _ = await new_token(lab, "ann", [(Role.DEPOSITOR, named("Mine"))])
    await refusal(lab, scoped, id_)
    own = await put(lab, scoped, "Mine", b"another")
    assert await read(lab, scoped, own) == await read(lab, whole, own)


async def test_a_worker_stores_objects_of_computed_tables_alone(lab: Engine) -> None:
    await make.make_table(lab, "Result", "-> Mine\n---\ndata : <hash@main>\n", Tier.COMPUTED)
    worker, depositor = await make_caller(lab, "wes"), await make_caller(lab, "dora")
    await users.grant_role(lab, ME, "wes", Role.WORKER, TableName("lab", ""))
    await users.grant_role(lab, ME, "dora", Role.DEPOSITOR, TableName("lab", ""))
    assert isinstance(await staged(lab, worker[0], "Result"), UUID)
    assert isinstance(await staged(lab, depositor[0], "Mine"), UUID)
    for caller, table in ((worker[0], "Mine"), (depositor[0], "Result")):
        with pytest.raises(PermissionDenied):
            await staged(lab, caller, table)


async def test_the_objects_of_older_rows_are_read_through_them(lab: Engine) -> None:
    owner, reader = await user(lab, "ann", (Role.OWNER, "Mine")), await user(lab, "ben", (Role.VIEWER, "Mine"))
    id_ = await put(lab, owner, "Mine")
    await insert(lab, owner, "Mine", id_)
    text = next(text for _, name, text in migration_files() if name == "holders")
    block = re.search(r"^DO .*?^\$body\$;", text, re.DOTALL | re.MULTILINE)
    assert block is not None
    async with lab.scope.connection() as connection:
        await connection.execute("DELETE FROM levada.object_table")
    await refusal(lab, reader, id_)
    async with lab.scope.connection() as connection:
        await connection.execute(block[0])
    assert await read(lab, reader, id_) == CONTENT
