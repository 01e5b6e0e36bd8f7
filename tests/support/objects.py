"""Make, age and find objects through the operations of a real server and the folders of its stores."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from blake3 import blake3

from levada_server.operations.objects import collection, downloads, objects
from levada_server.operations.objects.objects import Target
from tests.support.make import ME, named

if TYPE_CHECKING:
    from pathlib import Path

    from levada_server.model.object_reference import ObjectReference
    from levada_server.operations.context import Engine
    from levada_server.operations.objects.collection import Collected
    from levada_server.storage.objects.storage import StoreFolders


async def stage(engine: Engine, table: str, attribute: str, *, hash_: str = "", name: str = "a.bin") -> UUID | None:
    """Begin an object; return None if the same content exists already."""
    target = Target(named(table), attribute)
    staged = await objects.stage(engine, ME, target, key={}, file_name=name, folder=False, hash_=hash_)
    return staged if isinstance(staged, UUID) else None


async def put(engine: Engine, table: str, attribute: str, content: bytes) -> ObjectReference:
    """Put an object into the store of an attribute, as a client does."""
    hash_ = blake3(content).hexdigest()
    target = Target(named(table), attribute)
    staged = await objects.stage(engine, ME, target, key={}, file_name="a.bin", folder=False, hash_=hash_)
    if not isinstance(staged, UUID):
        return staged
    upload = await objects.open_upload(engine, ME, staged)
    await upload.rewind("", 0)
    await upload.write("", 0, content)
    return await objects.commit(engine, ME, staged, hash_=hash_, size_bytes=len(content))


async def get(engine: Engine, id_: UUID) -> bytes:
    """Return the bytes of an object."""
    chunks = downloads.download(engine, ME, id_, "", offset=0, length_bytes=None)
    return b"".join([chunk async for chunk in chunks])


async def collect(engine: Engine, *, dry_run: bool = False) -> Collected:
    """Collect the objects that no row names."""
    return await collection.collect(engine, ME, dry_run=dry_run)


async def age(engine: Engine) -> None:
    """Let eight days pass for all objects by moving the times of their rows."""
    async with engine.scope.connection() as connection:
        await connection.execute(
            "UPDATE levada.object SET expire_time = expire_time - interval '8 days',"
            " quarantine_time = quarantine_time - interval '8 days'"
        )


async def states(engine: Engine) -> list[str]:
    """Return the states of all objects."""
    async with engine.scope.connection() as connection:
        return [row["state"] for row in await connection.fetch("SELECT state FROM levada.object ORDER BY create_time")]


def stored_files(stores: StoreFolders) -> list[Path]:
    """List all files in all stores."""
    return sorted(file for folder in stores.folders.values() for file in folder.rglob("*") if file.is_file())
