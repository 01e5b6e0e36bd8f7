"""Objects are stored, named, copied, registered and collected in any order, with kills between any two steps.

Two servers work in turn, and commit uploads at the same time.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest_asyncio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from levada_server.errors import DamagedObject, Unavailable, UnknownObject
from levada_server.model.table import PartIntegrity
from levada_server.operations import deletes, updates
from levada_server.operations.objects import copies, holds, objects, registration
from levada_server.operations.objects.objects import Staged, Target
from levada_server.query.algebra import Equalities, Restrict, TableOperand
from tests.support.make import ME, fetch, insert, make_table, named
from tests.support.objects import EVERY_STORE, age, collect, get, put, put_file, stored_files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    import pytest

    from levada_server.operations.context import Engine
    from levada_server.storage.objects.storage import StoreFolders
    from levada_server.storage.postgres.database import Connection

STEPS = int(os.environ.get("LEVADA_OBJECT_STEPS", "150"))
"""How many steps are made in all; `make objects` makes ten thousand."""
_AT_ONCE = 50
_STALLED_SECONDS = 1_200
"""After so long a step hangs; a machine that sleeps for some minutes, or is busy, makes no test fail."""
CONTENTS = [b"one", b"two", b"three"]
KEYS = st.integers(0, 3)
CONTENT = st.sampled_from(CONTENTS)
ATTRIBUTES = st.sampled_from(["data", "file", "folder", "movie"])
SERVERS = st.integers(0, 1)
FUSES = st.one_of(st.none(), st.integers(0, 14))
"""After how many touches of a store or of the table of objects the server is killed; None for never."""
FILES = {"data": 1, "file": 1, "folder": 3, "movie": 0}
"""Files of an object in its store; a folder has a list of its files."""


class Killed(BaseException):
    """The server was killed: whatever it would have done then, it does not do."""


class Fuse:
    """Kills the server at a touch of a store, before it or after it, or before one of the table of objects."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.burnt = False

    def touch(self) -> None:
        if self.left is None:
            return
        if self.left <= 0:
            self.burnt = True
        self.left -= 1
        if self.burnt:
            raise Killed


class BreakingStore:
    """A store whose calls touch a fuse."""

    def __init__(self, store: Any, fuse: Fuse) -> None:  # noqa: ANN401  # of any kind
        self._store = store
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # as the store has it
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401  # as the store has it
            self._fuse.touch()
            result = found(*arguments, **options)
            try:
                self._fuse.touch()
            except Killed:
                if hasattr(result, "close"):  # the end of a process closes its files
                    result.close()
                raise
            return result

        return call


@pytest_asyncio.fixture
async def servers(engine: Engine, other_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> tuple[Server, Server]:
    """The tables, and two servers whose holds end after a moment, so that calls take over from others at work too."""
    monkeypatch.setattr(holds, "HOLD", dt.timedelta(milliseconds=50))
    monkeypatch.setattr(holds, "_PAUSE_S", 0.001)
    definition = (
        "id : int32\n---\ndata = null : <hash@main>\nfile = null : <attach@main>\n"
        "folder = null : <object@main>\nmovie = null : <filepath@raw>"
    )
    await make_table(engine, "Trace", definition)
    return Server.breaking(engine), Server.breaking(other_engine)


@dataclass(frozen=True)
class Server:
    """A server that can be killed."""

    engine: Engine
    fuse: Fuse

    @classmethod
    def breaking(cls, engine: Engine) -> Server:
        """Put a fuse into the stores of a server."""
        fuse, storage = Fuse(), engine.objects
        storage.stores = {name: BreakingStore(store, fuse) for name, store in storage.stores.items()}
        connect = storage.connection

        @asynccontextmanager
        async def touching() -> AsyncIterator[Connection]:
            fuse.touch()
            async with connect() as connection:
                yield connection

        storage.connection = touching  # type: ignore[method-assign]  # a kill between any two statements
        return cls(engine, fuse)


@EVERY_STORE
async def test_no_row_loses_its_object_and_no_object_stays_for_ever(
    servers: tuple[Server, Server], store_folders: StoreFolders
) -> None:
    loop = asyncio.get_running_loop()

    class Machine(ObjectMachine):
        def __init__(self) -> None:
            super().__init__(servers, store_folders, loop)

    checks = settings(
        max_examples=max(1, STEPS // _AT_ONCE), stateful_step_count=_AT_ONCE, deadline=None, database=None
    )
    await asyncio.to_thread(run_state_machine_as_test, Machine, settings=checks)


class ObjectMachine(RuleBasedStateMachine):
    """The rows and what each of their attributes must contain, beside the real ones."""

    def __init__(self, servers: tuple[Server, Server], stores: StoreFolders, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.servers = servers
        self.server = servers[0]
        self.stores = stores
        self.loop = loop
        self.rows: dict[int, dict[str, bytes]] = {}
        self.held: list[tuple[str, UUID, bytes]] = []

    def run(self, work: Coroutine[Any, Any, Any], fuse: int | None = None) -> Any:  # noqa: ANN401  # its result
        """Run some work; return None if it was killed, and start again."""
        burning = self.server.fuse
        burning.left, burning.burnt = fuse, False
        result = None
        try:
            result = asyncio.run_coroutine_threadsafe(work, self.loop).result(_STALLED_SECONDS)
        except* Killed:  # alone, or in a group
            pass
        finally:
            burning.left, burning.burnt = None, False
        return result

    @property
    def engine(self) -> Engine:
        """The server that works now."""
        return self.server.engine

    @initialize()
    def empty(self) -> None:
        self.run(self._delete(None))
        self.end_in_order()
        for content in CONTENTS:
            put_file(self.stores, "raw", f"{content.decode()}.avi", content)

    # --------------------------------------------------------------------------------------- rules

    @rule(number=SERVERS)
    def turn(self, number: int) -> None:
        self.server = self.servers[number]

    @rule(attribute=st.sampled_from(["data", "file", "folder"]), content=CONTENT, fuse=FUSES)
    def commit_twice(self, attribute: str, content: bytes, fuse: int | None) -> None:
        """Two servers commit one upload at the same time; one of them may be killed."""
        staged = self.run(self._stage(attribute, content))
        for id_ in self.run(self._commit_twice(staged, content), fuse):
            self.held = [*self.held[-5:], (attribute, id_, content)]

    @rule(attribute=ATTRIBUTES, content=CONTENT, fuse=FUSES)
    def store(self, attribute: str, content: bytes, fuse: int | None) -> None:
        id_ = self.run(self._store(attribute, content), fuse)
        if id_ is not None:
            self.held = [*self.held[-5:], (attribute, id_, content)]

    @rule(key=KEYS, attribute=ATTRIBUTES, content=CONTENT, fuse=FUSES, which=st.integers(0, 5))
    def name(self, key: int, attribute: str, content: bytes, fuse: int | None, which: int) -> None:
        """Let a row name an object: one that was stored before, perhaps long ago, or a new one."""
        if which < len(self.held):
            attribute, id_, content = self.held[which]
        else:
            found = self.run(self._store(attribute, content))
            assert found is not None
            id_ = found
        self.run(self._name(key, attribute, id_), fuse)
        stored = self._read()
        if attribute in stored.get(key, {}) and UUID(stored[key][attribute]["id"]) == id_:
            self.rows.setdefault(key, {})[attribute] = content
        assert key in self.rows or key not in stored

    @rule(key=KEYS, attribute=ATTRIBUTES)
    def forget(self, key: int, attribute: str) -> None:
        if attribute in self.rows.get(key, {}):
            self.run(updates.update(self.engine, ME, named("Trace"), {"id": key, attribute: None}))
            del self.rows[key][attribute]

    @rule(key=KEYS)
    def delete(self, key: int) -> None:
        self.run(self._delete(key))
        self.rows.pop(key, None)

    @rule(fuse=FUSES)
    def collect(self, fuse: int | None) -> None:
        self.run(collect(self.engine), fuse)

    @rule()
    def let_days_pass(self) -> None:
        self.run(age(self.engine))

    @rule(there=st.booleans(), fuse=FUSES)
    def copy(self, there: bool, fuse: int | None) -> None:
        self.run(self._copy(*(("main", "raw") if there else ("raw", "main"))), fuse)

    @invariant()
    def each_row_names_a_whole_object(self) -> None:
        stored = self._read()
        assert {key: set(values) for key, values in stored.items()} == {
            key: set(values) for key, values in self.rows.items()
        }
        for key, values in stored.items():
            for attribute, reference in values.items():
                path = "b/c" if attribute == "folder" else ""
                content = self.run(get(self.engine, UUID(reference["id"]), path))
                assert content == self.rows[key][attribute], (key, attribute)

    def teardown(self) -> None:
        self.end_in_order()

    def end_in_order(self) -> None:
        """Let days pass, and check that only the objects of rows are left."""
        for _ in range(3):
            self.run(age(self.engine))
            self.run(collect(self.engine))
        ids = {
            (UUID(reference["id"]), attribute)
            for values in self._read().values()
            for attribute, reference in values.items()
        }
        left = [file for file in stored_files(self.stores) if "_levada" in file.parts]
        assert len(left) == sum(FILES[attribute] for _, attribute in ids), (left, ids)

    # -------------------------------------------------------------------------------------- inside

    async def _store(self, attribute: str, content: bytes) -> UUID | None:
        target = Target(named("Trace"), attribute)
        try:
            if attribute == "movie":
                return (await registration.register(self.engine, ME, target, f"{content.decode()}.avi")).id
            if attribute != "folder":
                return (await put(self.engine, "Trace", attribute, content)).id
            staged = await self._stage(attribute, content)
            return (await objects.commit(self.engine, ME, staged, hash_="", size_bytes=len(content))).id
        except (UnknownObject, DamagedObject):  # it was killed in between, and days have passed
            return None

    async def _stage(self, attribute: str, content: bytes) -> UUID:
        target, folder = Target(named("Trace"), attribute), attribute == "folder"
        name = "run.zarr" if folder else "a.bin"
        staged = await objects.stage(self.engine, ME, target, key={}, file_name=name, folder=folder, hash_="")
        assert isinstance(staged, Staged)
        upload = await objects.open_upload(self.engine, ME, staged.upload)
        for path, part in (("a", b""), ("b/c", content)) if folder else (("", content),):
            await upload.rewind(path, 0)
            await upload.write(part)
        await upload.flush()
        return staged.upload

    async def _commit_twice(self, id_: UUID, content: bytes) -> set[UUID]:
        """Return the objects; another one than the upload has the same content."""
        commits = [objects.commit(server.engine, ME, id_, hash_="", size_bytes=len(content)) for server in self.servers]
        outcomes = await asyncio.gather(*commits, return_exceptions=True)
        failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert all(isinstance(one, (Killed, UnknownObject, DamagedObject, Unavailable)) for one in failed), failed
        return {outcome.id for outcome in outcomes if not isinstance(outcome, BaseException)}

    async def _name(self, key: int, attribute: str, id_: UUID) -> None:
        try:
            if key in self.rows:
                await updates.update(self.engine, ME, named("Trace"), {"id": key, attribute: str(id_)})
            else:
                await insert(self.engine, "Trace", [{"id": key, attribute: str(id_)}])
        except UnknownObject:  # nobody named it for days
            pass

    async def _delete(self, key: int | None) -> None:
        table = TableOperand(named("Trace"))
        chosen = table if key is None else Restrict(table, Equalities((("id", key),)))
        await deletes.delete(self.engine, ME, chosen, PartIntegrity.ENFORCE, digest="", quick=False)

    async def _copy(self, source: str, target: str) -> None:
        async for some in copies.copy(self.engine, ME, source=source, target=target, schema="", dry_run=False):
            assert not some.damages

    def _read(self) -> dict[int, dict[str, dict[str, str]]]:
        rows = self.run(fetch(self.engine, "Trace"))
        return {
            row["id"]: {name: json.loads(value) for name, value in row.items() if name != "id" and value}
            for row in rows
        }
