"""Make a backup, check one, and restore from one."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import shutil
import tempfile
from collections import defaultdict
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from levada_server.backup import programs
from levada_server.backup.manifest import DUMP, OBJECTS, Manifest, read_manifest, write_manifest
from levada_server.embedded import embedded
from levada_server.errors import AlreadyExists, Conflict, DamagedObject, LevadaError, PreconditionFailed
from levada_server.model.object_names import check_file_name
from levada_server.storage.backup.attempts import record_attempt
from levada_server.storage.backup.snapshot import (
    begin_restoring,
    check_empty,
    check_restored,
    make_independent,
    snapshot,
)
from levada_server.storage.objects import object_files, object_rows
from levada_server.storage.objects.folder_store import FolderStore
from levada_server.storage.objects.owners import keep_for, own
from levada_server.storage.objects.storage import expect_objects
from levada_server.storage.postgres.database import Database
from levada_server.storage.postgres.migrations import migrate, migration_files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from uuid import UUID

    from levada_server.storage.backup.snapshot import Snapshot
    from levada_server.storage.objects.object_files import NamedObject
    from levada_server.storage.objects.store import Store

_ATTEMPTS = 5
"""How often to begin a backup while tables are dropped."""


async def back_up(database_url: str, stores: Mapping[str, Store], folder: Path) -> Manifest:
    """Save a database and the objects that its rows name, as they are at one moment, while others write on.

    Args:
        database_url: The database.
        stores: The stores by their names.
        folder: A new folder, which appears when the backup is complete.

    Returns:
        The description of the backup, with the objects that are damaged.

    Raises:
        AlreadyExists: The folder exists.
        NotFound: The database is not one of Levada.
        Unavailable: The database cannot be reached, or pg_dump failed.
        LimitReached: The disk is full.
    """
    draft = await asyncio.to_thread(_begin, folder)
    try:
        async with _opened(database_url) as database:
            try:
                manifest = await _save(database, database_url, stores, draft)
                await asyncio.to_thread(_finish, draft, manifest, folder)
            except LevadaError as error:
                with suppress(LevadaError):  # the first error is the one to report
                    await record_attempt(database, error.message)
                raise
            lost = len(manifest.damaged)
            await record_attempt(
                database, f"{lost} objects are not in their stores as they were stored" if lost else ""
            )
        return manifest
    finally:
        shutil.rmtree(draft, ignore_errors=True)


async def _save(database: Database, database_url: str, stores: Mapping[str, Store], draft: Path) -> Manifest:
    """Save a database and its objects to a folder, and return the description."""
    async with _held(database) as held:
        now = dt.datetime.now(dt.UTC)
        migration, database_id = await held.migration(), await held.database_id()
        dumping = asyncio.create_task(programs.dump(database_url, held.id, draft / DUMP))
        try:
            tables, named = await held.digests(), await held.objects()
            kept, damaged = await asyncio.to_thread(_save_objects, stores, named, draft / OBJECTS)
            await dumping
        finally:
            dumping.cancel()
            await asyncio.wait([dumping])  # it ends pg_dump, which writes into the draft
    made_by = version("levada"), database.postgresql_version, migration
    return Manifest(now.isoformat(), *made_by, database_id, tables, kept, damaged)


async def verify(folder: Path) -> Manifest:
    """Load a backup into a database of its own, compare every table with its digest, and read every object.

    Args:
        folder: The backup.

    Raises:
        DamagedObject: A table or object differs from the saved one.
        NotFound: The folder is not a backup.
        Unavailable: pg_restore failed.
    """
    manifest = read_manifest(folder)
    await asyncio.to_thread(_check_objects, manifest, folder)
    with tempfile.TemporaryDirectory(prefix="levada-verify-") as parent:
        # For root, PostgreSQL runs as another user. Without access, its database would lie elsewhere, and stay there.
        await asyncio.to_thread(os.chmod, parent, 0o711)
        postgres = await asyncio.to_thread(embedded.start, Path(parent, "data"))
        try:
            await programs.load(postgres.dsn, folder / DUMP)
            async with _opened(postgres.dsn) as database:
                await _compare(database, manifest)
        finally:
            await asyncio.to_thread(postgres.stop)
    return manifest


async def restore(folder: Path, database_url: str, stores: Mapping[str, Store], *, copy: bool) -> Manifest:
    """Load a backup into an empty database, and its objects into stores of the same names.

    Leases and worker sessions end, and a new key signs new ones.

    Args:
        folder: The backup.
        database_url: The empty database.
        stores: The stores by their names.
        copy: The database that was saved goes on beside this one, so no token is valid in both.

    Raises:
        DamagedObject: A table or object differs from the saved one.
        InvalidRequest: The database is not empty, or a store has another content in an object's place.
        NotFound: The folder is not a backup.
        PreconditionFailed: The backup is of a newer version of Levada, or a copy's is of one without ids, or a store is
            missing, or one belongs to another database and lacks an object.
        Unavailable: The database cannot be reached, or pg_restore failed.
    """
    manifest = read_manifest(folder)
    _check_migration(manifest)
    _check_stores(manifest.objects, stores)
    origin = manifest.database
    if copy and origin is None:
        raise PreconditionFailed(
            "The backup is of an older version of Levada, whose databases could not be told from their copies. Start a "
            "server of this version on the database that was saved, and make another backup."
        )
    async with _opened(database_url) as database:
        await check_empty(database)
        restored = await begin_restoring(database)
        copied_to = None
        if copy and origin is not None:
            copied_to = restored
            await asyncio.to_thread(keep_for, stores.values(), origin, {named.store for named in manifest.objects})
        await asyncio.to_thread(_put_back, manifest, folder, stores, copied_to or origin)
        await programs.load(database_url, folder / DUMP)
        await _compare(database, manifest)
        await migrate(database)
        await make_independent(database, copied_to)
    return manifest


async def end_leases(database_url: str, stores: Mapping[str, Store], *, copy: bool) -> None:
    """End leases and worker sessions in a database that PostgreSQL recovered, as `restore` does in one that it loads.

    Args:
        database_url: The recovered database.
        stores: The stores by their names; a copy's are looked at.
        copy: The database that was saved goes on beside this one, so no token is valid in both.

    Raises:
        NotFound: The database is not one of Levada.
        PreconditionFailed: A restore into it has not ended.
        Unavailable: The database cannot be reached, or for a copy a store with objects.
    """
    async with _opened(database_url) as database:
        async with snapshot(database) as held:
            await held.migration()
        await check_restored(database)
        await migrate(database)
        if copy:
            async with database.connection() as connection:
                origin = await object_rows.database_id(connection)
                named = await object_rows.stores_with_objects(connection, stores)
            expect_objects(stores, named)
            await asyncio.to_thread(keep_for, stores.values(), origin, named)
        await make_independent(database, uuid4() if copy else None)


# -------------------------------------------------------------------------------------------------- the database


@asynccontextmanager
async def _opened(database_url: str) -> AsyncIterator[Database]:
    database = await Database.connect(database_url, size=1)
    try:
        if database.pooled:
            raise PreconditionFailed(
                "There is a connection pooler before the database, and pg_dump and pg_restore need one session from "
                "beginning to end. Name PostgreSQL itself with --database-url."
            )
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def _held(database: Database) -> AsyncIterator[Snapshot]:
    for attempt in range(1, _ATTEMPTS + 1):
        begun = False
        try:
            async with snapshot(database) as held:
                begun = True
                yield held
                return
        except Conflict:
            if begun or attempt == _ATTEMPTS:
                raise


async def _compare(database: Database, manifest: Manifest) -> None:
    async with snapshot(database) as held:
        found = await held.digests()
    different = sorted({table.name for table in {*found} ^ {*manifest.tables}})
    if different:
        raise DamagedObject(f"These tables differ from what was saved: {', '.join(different)}.")


def _check_migration(manifest: Manifest) -> None:
    known = migration_files()[-1][0]
    if manifest.migration > known:
        raise PreconditionFailed(
            f"The backup is at migration {manifest.migration}, and this version of Levada knows {known}. Install "
            f"Levada {manifest.levada} or newer."
        )


# --------------------------------------------------------------------------------------------------- the objects


def _save_objects(
    stores: Mapping[str, Store], named: Iterable[NamedObject], folder: Path
) -> tuple[list[NamedObject], list[NamedObject]]:
    """Copy objects to the folder of a backup; return the whole ones, and the damaged ones."""
    kept, damaged = [], []
    folders = _ObjectFolders(folder)
    for one in named:
        try:
            if one.store not in stores:
                raise DamagedObject(f"There is no store `{one.store}` here.")
            object_files.copy(one, stores[one.store], folders[one.store])
        except DamagedObject:
            if not one.quarantined:
                damaged.append(one)
        else:
            kept.append(one)
    return kept, damaged


def _check_objects(manifest: Manifest, folder: Path) -> None:
    sources = _ObjectFolders(folder / OBJECTS)
    for named in manifest.objects:
        object_files.check(sources[named.store], named)


def _put_back(manifest: Manifest, folder: Path, stores: Mapping[str, Store], database: UUID | None) -> None:
    sources = _ObjectFolders(folder / OBJECTS)
    for named in manifest.objects:
        if not object_files.is_there(named, stores[named.store]):
            if database is not None:
                own(stores[named.store], database)
            object_files.copy(named, sources[named.store], stores[named.store])


class _ObjectFolders(defaultdict[str, FolderStore]):
    """The folders of a backup that hold the objects of each store, made when they are needed."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __missing__(self, name: str) -> FolderStore:
        place = self._folder / check_file_name(name)
        place.mkdir(parents=True, exist_ok=True)
        self[name] = FolderStore(name, place)
        return self[name]


def _check_stores(objects: Iterable[NamedObject], stores: Mapping[str, Store]) -> None:
    missing = sorted({named.store for named in objects} - stores.keys())
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        raise PreconditionFailed(
            f"The backup has objects of the stores {names}, which are not here. Name them in stores.toml, each with "
            "an empty folder or the folder that has its objects."
        )


def _begin(folder: Path) -> Path:
    """Make the folder in which a backup is made.

    Raises:
        AlreadyExists: The backup's own folder exists.
    """
    if folder.exists():
        raise AlreadyExists(f"{folder} exists already; a backup makes its own folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))


def _finish(draft: Path, manifest: Manifest, folder: Path) -> None:
    """Complete a backup: its description, its files for this user alone, and its name."""
    write_manifest(draft, manifest)
    for path in draft.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    os.sync()
    draft.rename(folder)
