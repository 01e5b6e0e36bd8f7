"""Make, age and find objects through the operations of a real server and the folders of its stores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias
from uuid import uuid4

import obstore
import pytest
from blake3 import blake3

from levada_server.operations.objects import collection, downloads, objects
from levada_server.operations.objects.objects import Target
from levada_server.storage.objects.bucket_settings import open_bucket
from levada_server.storage.objects.owners import OWNER
from levada_server.storage.objects.storage import StoreFolders
from tests.support.bucket_services import SERVICES
from tests.support.make import ME, named

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from obstore.store import AzureStore, GCSStore, S3Store

    from levada_server.model.object_reference import ObjectReference
    from levada_server.operations.context import Engine
    from levada_server.operations.objects.collection import Collected
    from tests.support.bucket_services import SettingsOf


def stores_of(kinds: str, bucket_of: SettingsOf, folder: Path) -> StoreFolders:
    """Make two stores for one test, `main` and `raw`, in which every file may be registered.

    Args:
        kinds: Their kind, or, as in `folder and s3`, the kind of each.
        bucket_of: Returns a bucket of a service.
        folder: The place of stores that are folders.
    """
    place, folders, buckets = uuid4().hex, {}, {}
    one, _, other = kinds.partition(" and ")
    for name, kind in (("main", one), ("raw", other or one)):
        if kind == "folder":
            folders[name] = folder / "stores" / name
            folders[name].mkdir(parents=True)
        else:
            buckets[name] = replace(bucket_of(kind), prefix=f"{place}/{name}")
    return StoreFolders(folders, "main", buckets=buckets, registrable={name: {"*": ("",)} for name in ("main", "raw")})


async def stage(engine: Engine, table: str, attribute: str, *, hash_: str = "", name: str = "a.bin") -> UUID | None:
    """Begin an object; return None if the same content exists already."""
    target = Target(named(table), attribute)
    staged = await objects.stage(engine, ME, target, key={}, file_name=name, folder=False, hash_=hash_)
    return staged.upload if isinstance(staged, objects.Staged) else None


async def put(engine: Engine, table: str, attribute: str, content: bytes) -> ObjectReference:
    """Put an object into the store of an attribute, as a client does."""
    hash_ = blake3(content).hexdigest()
    target = Target(named(table), attribute)
    staged = await objects.stage(engine, ME, target, key={}, file_name="a.bin", folder=False, hash_=hash_)
    if not isinstance(staged, objects.Staged):
        return staged
    upload = await objects.open_upload(engine, ME, staged.upload)
    await upload.rewind("", 0)
    await upload.write(content)
    await upload.flush()
    return await objects.commit(engine, ME, staged.upload, hash_=hash_, size_bytes=len(content))


async def get(engine: Engine, id_: UUID, path: str = "") -> bytes:
    """Return the bytes of an object, or of one of its files."""
    chunks = downloads.download(engine, ME, id_, path, offset=0, length_bytes=None)
    return b"".join([chunk async for chunk in chunks])


async def collect(engine: Engine, *, dry_run: bool = False) -> Collected:
    """Collect the objects that no row names."""
    return await collection.collect(engine, ME, dry_run=dry_run)


async def age(engine: Engine) -> None:
    """Let eight days pass for all objects by moving the times of their rows."""
    async with engine.scope.transaction() as connection:
        await connection.execute("LOCK TABLE levada.object IN EXCLUSIVE MODE")  # others lock rows in other orders
        await connection.execute(
            "UPDATE levada.object SET expire_time = expire_time - interval '8 days',"
            " quarantine_time = quarantine_time - interval '8 days'"
        )


async def states(engine: Engine) -> list[str]:
    """Return the states of all objects."""
    async with engine.scope.connection() as connection:
        return [row["state"] for row in await connection.fetch("SELECT state FROM levada.object ORDER BY create_time")]


def stored_files(stores: StoreFolders) -> list[StoredFile]:
    """List all files in all stores, without the marks of uploads and of the database that a store belongs to."""
    found: list[StoredFile] = [
        file
        for folder in stores.folders.values()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and not (file.name == "mark" and file.parent.parent.name == "staging")
        and file.relative_to(folder).as_posix() != OWNER
    ]
    for settings in stores.buckets.values():
        bucket = open_bucket(settings)
        paths = [one["path"] for batch in obstore.list(bucket) for one in batch]
        found += [BucketFile(bucket, path) for path in paths if path != OWNER]
    return found


def put_file(stores: StoreFolders, store: str, path: str, content: bytes) -> StoredFile:
    """Put a file into a store, as another program does."""
    if store in stores.folders:
        place = stores.folders[store] / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return place
    file = BucketFile(open_bucket(stores.buckets[store]), path)
    file.write_bytes(content)
    return file


@dataclass(frozen=True)
class BucketFile:
    """A file in a bucket, which tests change behind the server's back as they do with a path."""

    bucket: AzureStore | GCSStore | S3Store
    path: str

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of its path."""
        return tuple(self.path.split("/"))

    def read_bytes(self) -> bytes:
        """Return its content."""
        return bytes(obstore.get(self.bucket, self.path).bytes())

    def write_bytes(self, content: bytes) -> None:
        """Replace its content."""
        obstore.put(self.bucket, self.path, content)

    def chmod(self, mode: int) -> None:
        """Do nothing: a file in a bucket has no mode."""

    def unlink(self) -> None:
        """Remove it."""
        obstore.delete(self.bucket, self.path)


StoredFile: TypeAlias = "Path | BucketFile"
"""A file in a store of any kind."""
BUCKETS = [
    pytest.param(name, marks=pytest.mark.skipif(bool(service.missing), reason=service.missing))
    for name, service in SERVICES.items()
]
"""Parameters of tests: every service of buckets that this machine has."""
EVERY_STORE = pytest.mark.parametrize("store_folders", ["folder", *BUCKETS], indirect=True)
"""Runs a test with stores of every kind."""
EVERY_BUCKET = pytest.mark.parametrize("store_folders", BUCKETS, indirect=True)
"""Runs a test with every kind of store that clients reach themselves."""
