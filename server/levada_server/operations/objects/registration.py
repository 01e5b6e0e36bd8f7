"""Register files that are already in a store: list them, read each once, and record it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING
from uuid import uuid4

from levada_server.errors import InvalidRequest, LevadaError
from levada_server.model.object_names import check_path
from levada_server.model.object_reference import ObjectReference
from levada_server.operations.objects.objects import note_user, read_schema_id, target_of
from levada_server.storage.objects import object_rows

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence
    from datetime import timedelta

    from levada_server.model.heading import Attribute
    from levada_server.model.table import Table
    from levada_server.operations.access.gate import View
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.operations.objects.objects import Target
    from levada_server.storage.objects.content import Content, Scanned
    from levada_server.storage.objects.store import Store

MAX_FILES = 1_000
"""At most this many files are registered by one call, and sent in one message of a list."""
_READERS = 4
"""Files of one call that are read at once."""


@dataclass(frozen=True, slots=True)
class Found:
    """Some files of a store that may be registered, and how many before them were left out."""

    files: tuple[Scanned, ...]
    skipped_count: int


async def list_files(
    engine: Engine, caller: Caller, target: Target, prefix: str, after: str, unchanged: timedelta | None = None
) -> AsyncGenerator[Found, None]:
    """Yield the files of a store that an attribute may register, in byte order of their paths.

    Args:
        engine: The parts to work with.
        caller: The caller.
        target: The attribute.
        prefix: The folder to list; empty for all folders that the schema may register.
        after: Only paths that come after this one.
        unchanged: Only files that have not changed for this long; None for all.

    Raises:
        InvalidRequest: The attribute is not a `<filepath@…>`, or the schema may not register files of the folder.
    """
    view = await engine.gate.open(caller)
    table, store = _place(engine, view, target)
    schema = table.name.schema
    if prefix:
        prefix = check_path(prefix.rstrip("/"))
        engine.objects.check_registrable(store.name, schema, prefix)
    folders = (prefix,) if prefix else _outermost(engine.objects.registrable(store.name, schema))
    files = (file for folder in folders for file in store.scan(folder, after))
    latest = None if unchanged is None else datetime.now(UTC) - unchanged
    while entries := await asyncio.to_thread(lambda: list(islice(files, MAX_FILES))):
        found = tuple(entry for entry in entries if entry.size_bytes is not None)
        skipped = len(entries) - len(found)
        if latest is not None:
            found = tuple(file for file in found if file.change_time is not None and file.change_time <= latest)
        yield Found(found, skipped)


async def register(engine: Engine, caller: Caller, target: Target, path: str) -> ObjectReference:
    """Register a file that is already in a store; return the object, which rows may name.

    Raises:
        NotFound: The file does not exist.
        InvalidRequest: The attribute is not a `<filepath@…>`, or its schema may not register the file.
    """
    (done,) = await _register(engine, caller, target, (path,))
    if isinstance(done, LevadaError):
        raise done
    return done


async def register_files(
    engine: Engine, caller: Caller, target: Target, paths: Sequence[str]
) -> list[ObjectReference | LevadaError]:
    """Register many files; return the object of each, or the reason that it cannot be registered.

    Raises:
        InvalidRequest: There are too many, or the attribute is not a `<filepath@…>`.
    """
    if len(paths) > MAX_FILES:
        raise InvalidRequest(f"{len(paths)} paths are too many for one call; send at most {MAX_FILES}.", field="paths")
    return await _register(engine, caller, target, paths)


async def _register(
    engine: Engine, caller: Caller, target: Target, paths: Sequence[str]
) -> list[ObjectReference | LevadaError]:
    view = await engine.gate.open(caller)
    table, store = _place(engine, view, target)
    outcomes: list[ObjectReference | LevadaError] = [InvalidRequest("")] * len(paths)

    def read(places: range) -> None:
        for place in places:
            try:
                real, content = _read(engine, table, store, paths[place])
            except LevadaError as error:
                outcomes[place] = error
                continue
            name = paths[place].rpartition("/")[2]
            outcomes[place] = ObjectReference(uuid4(), store.name, real, name, content.size_bytes, content.hash)

    readers = min(_READERS, len(paths))
    await asyncio.gather(*(asyncio.to_thread(read, range(i, len(paths), readers)) for i in range(readers)))
    files = [outcome for outcome in outcomes if isinstance(outcome, ObjectReference)]
    async with engine.objects.connection() as connection:
        schema_id = await read_schema_id(connection, table)
        async with connection.transaction():
            await object_rows.insert_registered(connection, schema_id, files)
            await note_user(connection, caller, *(file.id for file in files))
    return outcomes


def _place(engine: Engine, view: View, target: Target) -> tuple[Table, Store]:
    table, attribute = target_of(view, target)
    _check_codec(attribute)
    return table, engine.objects.store(attribute.type.store)


def _check_codec(attribute: Attribute) -> None:
    if attribute.type.codec != "filepath":
        raise InvalidRequest(f"`{attribute.name}` is a {attribute.type}, which takes copies.", field="attribute")


def _read(engine: Engine, table: Table, store: Store, path: str) -> tuple[str, Content]:
    """Return the path to which a path leads, and the content of the file there."""
    real = store.resolve(path)
    for checked in (path, real):
        engine.objects.check_registrable(store.name, table.name.schema, checked)
    return real, store.read_content(real)


def _outermost(folders: Sequence[str]) -> Iterator[str]:
    """Yield folders in the order of their files, without those inside others."""
    last: str | None = None
    for folder in sorted(set(folders), key=lambda folder: f"{folder}/".encode() if folder else b""):
        if last is None or not (not last or folder.startswith(f"{last}/")):
            last = folder
            yield folder
