"""One call at a time commits an upload, whichever server it reached; the others remove no bytes of it."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from contextlib import AsyncExitStack, contextmanager
from types import NoneType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio

from levada_server.errors import LevadaError, Unavailable, UnknownObject
from levada_server.operations.objects import copies, holds, objects
from levada_server.storage.objects import object_files, object_rows, storage
from levada_server.storage.objects.storage import POOL_SIZE
from tests.support.make import ME, insert, make_table, named
from tests.support.objects import EVERY_STORE, age, collect, get, put_file, states, stored_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from levada_server.model.object_reference import ObjectReference
    from levada_server.operations.context import Engine
    from levada_server.storage.objects.storage import StoreFolders

CONTENT = b"content"
ATTRIBUTES = pytest.mark.parametrize("attribute", ["data", "file"])


class Paused:
    """Calls of one method of a store, each paused until `go_on`."""

    def __init__(self) -> None:
        self._begun = threading.Event()
        self._may_go_on = threading.Event()

    async def begun(self) -> None:
        """Wait for a call."""
        await asyncio.to_thread(self._begun.wait)

    def go_on(self) -> None:
        """Let the calls go on."""
        self._may_go_on.set()

    def pause(self) -> None:
        """Wait as a call does."""
        self._begun.set()
        self._may_go_on.wait()


@contextmanager
def publishing_paused(engine: Engine, monkeypatch: pytest.MonkeyPatch, *, method: str = "publish") -> Iterator[Paused]:
    """Pause a server before it publishes an upload, or before another call of its store."""
    store = engine.objects.stores["main"]
    paused, original = Paused(), getattr(store, method)

    def pausing(*arguments: Any) -> object:  # noqa: ANN401  # as the store has them
        paused.pause()
        return original(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(store, method, pausing)
        try:
            yield paused
        finally:
            paused.go_on()


@contextmanager
def recording_paused(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[asyncio.Event, asyncio.Event]]:
    """Pause the next commit before it records the object; yield when it is there, and what lets it go on."""
    commit_upload = object_rows.commit_upload
    published, may_record = asyncio.Event(), asyncio.Event()

    async def recording(*arguments: Any, **options: Any) -> object:  # noqa: ANN401  # as the function has them
        patched.undo()
        published.set()
        await may_record.wait()
        return await commit_upload(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(object_rows, "commit_upload", recording)
        try:
            yield published, may_record
        finally:
            may_record.set()


@pytest_asyncio.fixture(autouse=True)
async def tables(engine: Engine) -> None:
    attributes = ("data = null : <hash@main>", "file = null : <attach@main>", "folder = null : <object@main>")
    await make_table(engine, "Trace", "\n".join(("id : int32", "---", *attributes)))


async def sent(engine: Engine, attribute: str) -> UUID:
    """Return an upload with all its bytes."""
    folder = attribute == "folder"
    target = objects.Target(named("Trace"), attribute)
    staged = await objects.stage(engine, ME, target, key={}, file_name="a.bin", folder=folder, hash_="")
    assert isinstance(staged, objects.Staged)
    upload = await objects.open_upload(engine, ME, staged.upload)
    for path, content in (("a", b""), ("b/c", CONTENT)) if folder else (("", CONTENT),):
        await upload.rewind(path, 0)
        await upload.write(content)
    await upload.flush()
    return staged.upload


def committing(engine: Engine, id_: UUID) -> asyncio.Task[ObjectReference]:
    return asyncio.create_task(objects.commit(engine, ME, id_, hash_="", size_bytes=len(CONTENT)))


async def end_holds(engine: Engine) -> None:
    """Let so much time pass that a hold ends which nobody renews."""
    async with engine.scope.connection() as connection:
        await connection.execute("UPDATE levada.object SET hold_time = hold_time - interval '1 hour'")


async def hold_time(engine: Engine) -> dt.datetime:
    async with engine.scope.connection() as connection:
        found: dt.datetime = await connection.fetchval("SELECT max(hold_time) FROM levada.object")
        return found


@EVERY_STORE
@ATTRIBUTES
async def test_a_late_commit_removes_no_bytes_of_the_call_that_took_over(
    engine: Engine, other_engine: Engine, monkeypatch: pytest.MonkeyPatch, attribute: str
) -> None:
    id_ = await sent(engine, attribute)
    with publishing_paused(engine, monkeypatch) as paused:
        late = committing(engine, id_)
        await paused.begun()
        await end_holds(engine)
        done = await committing(other_engine, id_)
    assert await late == done
    assert await get(engine, done.id) == CONTENT
    assert await states(engine) == ["whole"]


@EVERY_STORE
async def test_the_second_commit_waits_for_the_first(
    engine: Engine, other_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await sent(engine, "file")
    with publishing_paused(engine, monkeypatch) as paused:
        first = committing(engine, id_)
        await paused.begun()
        looked = asyncio.Event()
        hold_upload = object_rows.hold_upload

        async def looking(*arguments: Any) -> object:  # noqa: ANN401  # as the function has them
            found = await hold_upload(*arguments)
            assert found is None
            looked.set()
            return found

        with monkeypatch.context() as patched:
            patched.setattr(object_rows, "hold_upload", looking)
            second = committing(other_engine, id_)
            await looked.wait()
    assert await first == await second
    assert await get(engine, id_) == CONTENT


async def test_a_slow_commit_keeps_its_hold(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = await sent(engine, "file")
    monkeypatch.setattr(holds, "HOLD", dt.timedelta(milliseconds=50))
    renewals: asyncio.Queue[None] = asyncio.Queue()
    renew_hold = object_rows.renew_hold

    async def renewing(*arguments: Any) -> bool:  # noqa: ANN401  # as the function has them
        renewed = await renew_hold(*arguments)
        renewals.put_nowait(None)
        return renewed

    monkeypatch.setattr(object_rows, "renew_hold", renewing)
    with publishing_paused(engine, monkeypatch) as paused:
        commit = committing(engine, id_)
        await paused.begun()
        await renewals.get()
        before = await hold_time(engine)
        await renewals.get()
        await renewals.get()
        assert await hold_time(engine) > before
    await commit


@EVERY_STORE
async def test_a_commit_whose_caller_is_gone_goes_on(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its request to the store cannot be taken back, so nobody else may commit before it ends."""
    id_ = await sent(engine, "file")
    with publishing_paused(engine, monkeypatch) as paused:
        cancelled = committing(engine, id_)
        await paused.begun()
        cancelled.cancel()
        await asyncio.wait([cancelled])
        again = committing(engine, id_)
    done = await again
    assert cancelled.cancelled()
    assert await get(engine, done.id) == CONTENT
    assert done.id == id_


async def test_a_server_that_stops_ends_its_commits(
    engine: Engine, other_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await sent(engine, "file")
    with publishing_paused(other_engine, monkeypatch) as paused:
        cancelled = committing(other_engine, id_)
        await paused.begun()
        cancelled.cancel()
        await asyncio.wait([cancelled])
    await other_engine.objects.close()
    assert await get(engine, id_) == CONTENT


async def test_a_server_whose_store_does_not_answer_stops_all_the_same(
    engine: Engine, other_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await sent(engine, "file")
    monkeypatch.setattr(storage, "CLOSE_S", 0.0)
    with publishing_paused(other_engine, monkeypatch) as paused:
        late = committing(other_engine, id_)
        await paused.begun()
        await other_engine.objects.close()
        await end_holds(engine)
        done = await committing(engine, id_)
    assert await get(engine, done.id) == CONTENT
    with pytest.raises(LevadaError):
        await late


@EVERY_STORE
async def test_bytes_that_come_after_the_end_of_their_upload_are_removed(
    engine: Engine, store_folders: StoreFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server stopped for days in the middle of a commit."""
    id_ = await sent(engine, "file")
    paused = Paused()

    def late(upload: UUID, path: str, content: object) -> None:
        paused.pause()
        put_file(store_folders, "main", path, CONTENT)

    monkeypatch.setattr(engine.objects.stores["main"], "publish", late)
    commit = committing(engine, id_)
    await paused.begun()
    await age(engine)
    await collect(engine)
    assert await states(engine) == []
    paused.go_on()
    with pytest.raises(UnknownObject):
        await commit
    assert stored_files(store_folders) == []


async def killed_after_publishing(engine: Engine, id_: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commit an upload by a server that is killed before it records the object; let its hold end."""

    class Killed(BaseException):
        pass

    async def kill(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(object_rows, "commit_upload", kill)
        patched.setattr(object_rows, "release_upload", kill)
        with pytest.raises(Killed):
            await objects.commit(engine, ME, id_, hash_="", size_bytes=len(CONTENT))
    await end_holds(engine)


@EVERY_STORE
@pytest.mark.parametrize("attribute", ["data", "file", "folder"])
@pytest.mark.parametrize("kills", [1, 2])
async def test_a_server_that_is_killed_before_it_records_what_it_published_loses_no_bytes(
    engine: Engine,
    other_engine: Engine,
    store_folders: StoreFolders,
    monkeypatch: pytest.MonkeyPatch,
    attribute: str,
    kills: int,
) -> None:
    id_ = await sent(engine, attribute)
    for _ in range(kills):
        await killed_after_publishing(engine, id_, monkeypatch)
    done = await committing(other_engine, id_)
    assert await get(engine, done.id, "b/c" if attribute == "folder" else "") == CONTENT
    assert await states(engine) == ["whole", *["uploading"] * kills]
    await insert(engine, "Trace", [{"id": 1, attribute: str(id_)}])
    await age(engine)
    await collect(engine)
    assert await states(engine) == ["whole"]
    assert len(stored_files(store_folders)) == (3 if attribute == "folder" else 1)


@EVERY_STORE
async def test_a_client_goes_on_where_a_commit_broke_off(
    engine: Engine, other_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await sent(engine, "file")
    await killed_after_publishing(engine, id_, monkeypatch)
    upload = await objects.open_upload(other_engine, ME, id_)
    assert await upload.received_bytes("") == len(CONTENT)
    await upload.rewind("", 4)
    await upload.write(b"inue")
    await upload.flush()
    done = await objects.commit(other_engine, ME, id_, hash_="", size_bytes=8)
    assert await get(engine, done.id) == b"continue"


@EVERY_STORE
async def test_nobody_takes_back_what_a_commit_is_about_to_record(
    engine: Engine, other_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await sent(engine, "file")
    commit_upload, take = object_rows.commit_upload, holds.take
    published, waiting = asyncio.Event(), asyncio.Event()

    async def recording(*arguments: Any, **options: Any) -> object:  # noqa: ANN401  # as the function has them
        published.set()
        await waiting.wait()
        return await commit_upload(*arguments, **options)

    async def taking(*arguments: Any) -> holds.Held:  # noqa: ANN401  # as the function has them
        waiting.set()
        return await take(*arguments)

    monkeypatch.setattr(object_rows, "commit_upload", recording)
    commit = committing(engine, id_)
    await published.wait()
    monkeypatch.setattr(holds, "take", taking)
    if other_engine.objects.stores["main"].is_moved(id_):
        with pytest.raises(UnknownObject):
            await objects.open_upload(other_engine, ME, id_)
    else:
        assert await (await objects.open_upload(other_engine, ME, id_)).received_bytes("") == len(CONTENT)
        waiting.set()
    assert await get(engine, (await commit).id) == CONTENT


async def test_a_call_whose_caller_is_gone_keeps_its_hold_while_it_takes_back(
    engine: Engine, other_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await sent(engine, "file")
    await killed_after_publishing(engine, id_, monkeypatch)
    with publishing_paused(engine, monkeypatch, method="take_back") as paused:
        opening = asyncio.create_task(objects.open_upload(engine, ME, id_))
        await paused.begun()
        opening.cancel()
        await asyncio.wait([opening])
        async with engine.objects.connection() as connection:
            assert await object_rows.hold_upload(connection, id_, uuid4(), holds.HOLD) is None
    assert await get(engine, (await committing(other_engine, id_)).id) == CONTENT


@pytest.mark.parametrize("method", ["take_over", "take_back"])
@pytest.mark.parametrize("attribute", ["data", "file", "folder"])
async def test_a_late_call_takes_back_nothing_that_the_next_one_is_about_to_record(
    engine: Engine, other_engine: Engine, monkeypatch: pytest.MonkeyPatch, method: str, attribute: str
) -> None:
    """A server paused for longer than its hold, while it took back what a third one had published."""
    id_ = await sent(engine, attribute)
    await killed_after_publishing(engine, id_, monkeypatch)
    with publishing_paused(engine, monkeypatch, method=method) as paused:
        late = asyncio.create_task(objects.open_upload(engine, ME, id_))
        await paused.begun()
        await end_holds(engine)
        with recording_paused(monkeypatch) as (published, may_record):
            commit = committing(other_engine, id_)
            await published.wait()
            paused.go_on()
            await asyncio.wait([late])
            may_record.set()
            done = await commit
    assert isinstance(late.exception(), UnknownObject if method == "take_over" else NoneType)
    assert await get(engine, done.id, "b/c" if attribute == "folder" else "") == CONTENT


async def test_a_late_commit_moves_nothing_after_another_call_took_over(
    engine: Engine, other_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await sent(engine, "file")
    with publishing_paused(engine, monkeypatch) as paused:
        late = committing(engine, id_)
        await paused.begun()
        await end_holds(engine)
        with publishing_paused(other_engine, monkeypatch) as other_paused:
            commit = committing(other_engine, id_)
            await other_paused.begun()
            paused.go_on()
            with pytest.raises(Unavailable, match="commit it again"):
                await late
        assert (await commit).id == id_
    assert await get(engine, id_) == CONTENT


@pytest.mark.parametrize("method", ["take_over", "take_back"])
@pytest.mark.parametrize("attribute", ["data", "file", "folder"])
async def test_a_commit_that_published_in_vain_leaves_the_bytes_to_the_call_that_took_over(
    engine: Engine, other_engine: Engine, monkeypatch: pytest.MonkeyPatch, method: str, attribute: str
) -> None:
    id_ = await sent(engine, attribute)
    with recording_paused(monkeypatch) as (published, may_record):
        late = committing(engine, id_)
        await published.wait()
        await end_holds(engine)
        with publishing_paused(other_engine, monkeypatch, method=method) as paused:
            commit = committing(other_engine, id_)
            await paused.begun()
            may_record.set()
            with pytest.raises(UnknownObject):
                await late
        assert (await commit).id == id_
    assert await get(engine, id_, "b/c" if attribute == "folder" else "") == CONTENT
    assert await states(engine) == ["whole"]


@EVERY_STORE
async def test_an_object_is_whole_even_if_the_rest_of_its_upload_cannot_be_removed(
    engine: Engine, store_folders: StoreFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is away")

    id_ = await sent(engine, "file")
    with monkeypatch.context() as patched:
        patched.setattr(engine.objects.stores["main"], "discard", fail)
        await committing(engine, id_)
    assert await get(engine, id_) == CONTENT
    await collect(engine)
    assert [file.read_bytes() for file in stored_files(store_folders)] == [CONTENT]


@EVERY_STORE
@ATTRIBUTES
async def test_a_late_commit_touches_no_bytes_that_the_next_call_has_put_there(
    engine: Engine, other_engine: Engine, monkeypatch: pytest.MonkeyPatch, attribute: str
) -> None:
    """Its request to the store comes to its end only when the next call has published, and is about to record it."""
    id_ = await sent(engine, attribute)
    commit_upload = object_rows.commit_upload
    published, may_record = asyncio.Event(), asyncio.Event()

    async def recording(*arguments: Any, **options: Any) -> object:  # noqa: ANN401  # as the function has them
        published.set()
        await may_record.wait()
        return await commit_upload(*arguments, **options)

    store, paused, remove = engine.objects.stores["main"], Paused(), engine.objects.stores["main"].remove

    def late(upload: UUID, path: str, content: object) -> None:
        paused.pause()
        remove(path)  # as whatever a late request does there

    with monkeypatch.context() as patched:
        patched.setattr(store, "publish", late)
        first = committing(engine, id_)
        await paused.begun()
        await end_holds(engine)
        with monkeypatch.context() as recorded:
            recorded.setattr(object_rows, "commit_upload", recording)
            second = committing(other_engine, id_)
            await published.wait()
        paused.go_on()
        with pytest.raises(UnknownObject):
            await first
    may_record.set()
    assert await get(engine, (await second).id) == CONTENT
    assert await states(engine) == ["whole"]


@EVERY_STORE
async def test_renewals_wait_for_no_other_statement(engine: Engine) -> None:
    held = await holds.take(engine, await sent(engine, "file"))
    async with AsyncExitStack() as stack:
        for _ in range(POOL_SIZE):
            await stack.enter_async_context(engine.objects.connection())
        assert await holds.keep(engine, held)
    await end_holds(engine)
    await holds.take(engine, held.upload.id)
    assert not await holds.keep(engine, held)


@EVERY_STORE
async def test_a_copy_that_comes_late_is_removed(
    engine: Engine, store_folders: StoreFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server stopped for days in the middle of a copy."""
    id_ = await sent(engine, "file")
    whole = await committing(engine, id_)
    await insert(engine, "Trace", [{"id": 1, "file": str(id_)}])
    copy = object_files.copy
    paused = Paused()

    def late(*arguments: Any) -> None:  # noqa: ANN401  # as the function has them
        paused.pause()
        copy(*arguments)

    monkeypatch.setattr(object_files, "copy", late)
    copying = asyncio.ensure_future(
        anext(copies.copy(engine, ME, source="main", target="raw", schema="", dry_run=False))
    )
    await paused.begun()
    await age(engine)
    await collect(engine)
    assert await states(engine) == ["whole"]
    paused.go_on()
    assert (await copying).object_count == 0
    assert len(stored_files(store_folders)) == 1
    assert await get(engine, whole.id) == CONTENT
