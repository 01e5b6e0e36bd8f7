"""Open the stores of a server, and its separate connections to the table of objects."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from levada_server.errors import InvalidRequest, LevadaError, PreconditionFailed, UnknownStore
from levada_server.model.object_names import MANAGED_FOLDER, is_managed, under
from levada_server.storage.objects import object_rows, owners
from levada_server.storage.objects.bucket_settings import BucketKind
from levada_server.storage.objects.bucket_store import BucketStore
from levada_server.storage.objects.folder_store import FolderStore
from levada_server.storage.objects.part_uploads import AzurePartUploads, S3PartUploads
from levada_server.storage.postgres.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
    from pathlib import Path

    from levada_server.storage.objects.bucket_settings import BucketSettings
    from levada_server.storage.objects.store import PartUploads, Store
    from levada_server.storage.postgres.database import Connection

_LOG = logging.getLogger("levada.objects")
_Result = TypeVar("_Result")
POOL_SIZE = 4
LOOK_S = 60.0
"""The pause before a store is looked at again that could not be reached."""
REFUSED_S = 60.0
"""How long a store that belongs to another database is not asked again."""
CLOSE_S = 15.0
"""How long `close` waits for work that has begun: the disk or bucket that it waits for may never answer."""
ANY_SCHEMA = "*"
"""In place of a schema's name: any schema."""


@dataclass(frozen=True, slots=True)
class StoreFolders:
    """The places of a server's stores.

    Args:
        folders: The folders by the stores' names.
        preferred: The store that `<blob@>` means; None if there is none.
        file: The file in which stores are named, for messages.
        buckets: The buckets by the stores' names.
        registrable: For each store, the folders whose files each schema may register in place, by the schema's name;
            `*` stands for any schema, and the empty folder for the whole store.
    """

    folders: Mapping[str, Path] = field(default_factory=dict)
    preferred: str | None = None
    file: str = "the server's file stores.toml"
    buckets: Mapping[str, BucketSettings] = field(default_factory=dict)
    registrable: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)


def open_stores(stores: StoreFolders) -> dict[str, Store]:
    """Open stores; return them by their names.

    Raises:
        PreconditionFailed: The folder of a store does not exist.
    """
    found: dict[str, Store] = {name: FolderStore(name, folder) for name, folder in stores.folders.items()}
    for name, bucket in stores.buckets.items():
        found[name] = BucketStore(name, bucket, _part_uploads(name, bucket))
    return dict(sorted(found.items()))


def expect_objects(stores: Mapping[str, Store], named: Iterable[str]) -> None:
    """Let stores that are folders know that the database has objects there."""
    for name in named:
        store = stores[name]
        if isinstance(store, FolderStore):
            store.expect_objects()


def _part_uploads(name: str, bucket: BucketSettings) -> PartUploads | None:
    """Return the uploads that clients send to a bucket themselves; only a key signs them, never a machine's role."""
    if bucket.kind is BucketKind.S3 and bucket.secret:
        return S3PartUploads(name, bucket)
    if bucket.kind is BucketKind.AZURE and bucket.secret:
        return AzurePartUploads(name, bucket)
    return None


class ObjectStorage:
    """The stores, and connections apart from the shared pool.

    A change to the table of objects is committed at once, even if the caller's transaction is rolled back. If it needed
    a second connection of the shared pool, callers that hold all connections would wait for each other.
    """

    def __init__(self, database_url: str, stores: StoreFolders) -> None:
        """Open the stores; connections open when they are first needed.

        Raises:
            PreconditionFailed: The folder of a store does not exist.
        """
        self.stores = open_stores(stores)
        self.preferred = stores.preferred
        self._file = stores.file
        self._registrable = stores.registrable
        self._database_url = database_url
        self._database: Database | None = None
        self._opening = asyncio.Lock()
        self._own: set[str] = set()
        self._looked: set[str] = set()
        self._refused: dict[str, tuple[float, str]] = {}
        self._unfinished: set[asyncio.Task[Any]] = set()

    def store(self, name: str) -> Store:
        """Return the store with a name; the preferred store if the name is empty.

        Raises:
            UnknownStore: The server has no such store.
        """
        found = self.stores.get(name or self.preferred or "")
        if found is None:
            what = f"no store `{name}`" if name else "no preferred store, which a definition with `@` alone means"
            known = (
                f"it has {', '.join(f'`{known}`' for known in self.stores)}" if self.stores else "it has none at all"
            )
            raise UnknownStore(
                f"This server has {what}; {known}. The stores are listed in {self._file}: add a table "
                f'[stores.{name or "name"}] with a line such as folder = "/data"; settings of a client name no stores.',
                store=name or None,
            )
        return found

    async def own(self, name: str) -> Store:
        """Return the store with a name, as `store` does, in order to write into it or to remove something.

        A store is asked once. If it refuses, it is asked again after `REFUSED_S`, not for each of many objects.

        Raises:
            UnknownStore: The server has no such store.
            PreconditionFailed: It belongs to another database.
        """
        found = self.store(name)
        if found.name not in self._own:
            until, told = self._refused.get(found.name, (0.0, ""))
            if time.monotonic() < until:
                raise PreconditionFailed(told, store=found.name)
            async with self.connection() as connection:
                database = await object_rows.database_id(connection)
            try:
                await asyncio.to_thread(owners.own, found, database)
            except PreconditionFailed as error:
                error.message += f" The server asks the store again after {REFUSED_S:.0f} s."
                self._refused[found.name] = time.monotonic() + REFUSED_S, error.message
                raise
            self._own.add(found.name)
        return found

    async def look(self) -> None:
        """Claim the stores into which a server has written, and log which of them this one only reads.

        Each is looked at once; one that cannot be reached by each call until it can. A store without anything of a
        server is left alone: it may have only files that are registered.
        """
        stores = [store for store in self.stores.values() if store.name not in self._looked]
        if stores:
            await self._reached()  # an empty folder is that of a mount, if the database has objects there
        await asyncio.gather(*(self._look(store) for store in stores))

    async def _look(self, store: Store) -> None:
        try:
            if await asyncio.to_thread(store.is_used):
                await self.own(store.name)
        except PreconditionFailed as error:
            _LOG.warning("nothing can be stored in a store: %s", error)
        except LevadaError as error:
            _LOG.warning("the store %s cannot be looked at yet: %s", store.name, error)
            return
        except OSError as error:
            _LOG.warning("nothing can be stored in the store %s: %s", store.name, error)
        self._looked.add(store.name)

    def check_registrable(self, store: str, schema: str, path: str) -> None:
        """Check that a schema may register the files at a path of a store in place.

        Raises:
            InvalidRequest: They are the server's own, or the configuration gives them to other schemas or to none.
        """
        if is_managed(path):
            raise InvalidRequest(
                f"Files under {MANAGED_FOLDER!r} belong to the server and cannot be registered.", field="path"
            )
        folders = self.registrable(store, schema)
        if not under(path, folders):
            known = ", ".join(f"{folder!r}" for folder in folders) or "none"
            raise InvalidRequest(
                f"The schema `{schema}` may not register {path!r} of the store `{store}`; its folders there: {known}. "
                f"An administrator adds some in {self._file}, under [stores.{store}.register]: "
                f'{schema} = ["{path.partition("/")[0]}"]',
                field="path",
                store=store,
            )

    def registrable(self, store: str, schema: str) -> tuple[str, ...]:
        """Return the folders of a store whose files a schema may register; the empty one is the whole store."""
        given = self._registrable.get(store, {})
        return (*given.get(schema, ()), *given.get(ANY_SCHEMA, ()))

    async def finish(self, work: Coroutine[object, object, _Result]) -> _Result:
        """Do some work to its end, even if the caller does not wait for it any more; `close` waits for a while."""
        task = asyncio.create_task(work)
        self._unfinished.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[_Result]) -> None:
        self._unfinished.discard(task)
        if not task.cancelled():
            task.exception()  # a caller that is gone does not ask for it

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection in autocommit."""
        async with (await self._reached()).connection() as connection:
            yield connection

    @asynccontextmanager
    async def renewals(self) -> AsyncIterator[Connection]:
        """Lend a connection in autocommit for renewing holds, which end in seconds: others keep no call waiting."""
        async with (await self._reached()).share("leases").connection() as connection:
            yield connection

    async def _reached(self) -> Database:
        async with self._opening:
            if self._database is None:
                self._database = await self._opened()
            return self._database

    async def _opened(self) -> Database:
        """Connect, and tell the stores that are folders if the database has objects of theirs."""
        database = await Database.connect(self._database_url, size=POOL_SIZE)
        try:
            async with database.connection() as connection:
                expect_objects(self.stores, await object_rows.stores_with_objects(connection, self.stores))
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Finish the work that has begun, as far as that takes no longer than `CLOSE_S`, and close the connections."""
        if self._unfinished:
            _, late = await asyncio.wait(self._unfinished, timeout=CLOSE_S)
            if late:
                _LOG.warning("%d commits of objects did not end; another server goes on with each", len(late))
        if self._database is not None:
            await self._database.close()
