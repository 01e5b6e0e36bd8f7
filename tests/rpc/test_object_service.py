"""ObjectService on a real channel: uploads that break, bytes that change, paths that lead elsewhere, wrong requests."""

from __future__ import annotations

import asyncio
import os
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from blake3 import blake3
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from levada_api.v1 import object_pb2, schema_pb2
from levada_api.v1 import object_service_pb2 as pb
from levada_api.v1 import object_service_pb2_grpc as pb_grpc
from levada_server.operations.transactions import TransactionLimits
from levada_server.rpc.server import RpcServer
from tests.support.make import make_table
from tests.support.objects import EVERY_STORE, states, stored_files
from tests.support.private_address import private_address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from levada_server.operations.context import Engine
    from levada_server.storage.objects.storage import StoreFolders

DEFINITION = """
subject : varchar(100)
---
data = null : <hash@main>
file = null : <attach@raw>
folder = null : <object@raw>
movie = null : <filepath@raw>
image = null : <npy@raw>
inline = null : <blob>
"""
NAME = schema_pb2.TableName(schema="lab", table="Thing")


@pytest_asyncio.fixture
async def stub(engine: Engine) -> AsyncIterator[pb_grpc.ObjectServiceStub]:
    await make_table(engine, "Thing", DEFINITION)
    server = RpcServer(engine, "0", embedded=False, transaction_limits=TransactionLimits())
    address = server.listen(private_address())
    await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        yield pb_grpc.ObjectServiceStub(channel)
    await server.stop(0)


def reason(error: grpc.aio.AioRpcError) -> str:
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    assert status is not None and status.details[0].Unpack(info)
    name: str = info.reason
    return name


@contextmanager
def refused(wanted: str, match: str | None = None) -> Iterator[None]:
    """Expect a call to be refused for a reason."""
    with pytest.raises(grpc.aio.AioRpcError, match=match) as caught:
        yield
    assert reason(caught.value) == wanted, caught.value.details()


def chunk(content: bytes) -> pb.UploadObjectRequest:
    return pb.UploadObjectRequest(chunk=object_pb2.ObjectChunk(content=content, crc32=zlib.crc32(content)))


def header(id_: str, path: str = "", offset: int = 0) -> pb.UploadObjectRequest:
    return pb.UploadObjectRequest(header=pb.UploadHeader(upload_id=id_, path=path, offset=offset))


async def stage(stub: pb_grpc.ObjectServiceStub, attribute: str = "data", **fields: Any) -> str:  # noqa: ANN401  # as the message has them
    request = pb.StageObjectRequest(name=NAME, attribute=attribute, **fields)
    response: pb.StageObjectResponse = await stub.StageObject(request)
    return response.upload_id


async def upload(stub: pb_grpc.ObjectServiceStub, *requests: pb.UploadObjectRequest) -> int:
    return int((await stub.UploadObject(iter(requests))).received_bytes)


async def commit(stub: pb_grpc.ObjectServiceStub, id_: str, content: bytes) -> object_pb2.ObjectReference:
    request = pb.CommitObjectRequest(upload_id=id_, size_bytes=len(content), hash=blake3(content).hexdigest())
    reference: object_pb2.ObjectReference = (await stub.CommitObject(request)).object
    return reference


async def put(stub: pb_grpc.ObjectServiceStub, content: bytes, attribute: str = "data", name: str = "") -> str:
    id_ = await stage(stub, attribute, file_name=name)
    await upload(stub, header(id_), chunk(content))
    return (await commit(stub, id_, content)).id


async def download(stub: pb_grpc.ObjectServiceStub, id_: str, **fields: Any) -> bytes:  # noqa: ANN401  # as above
    request = pb.DownloadObjectRequest(object_id=id_, **fields)
    pieces = []
    async for response in stub.DownloadObject(request):
        assert zlib.crc32(response.chunk.content) == response.chunk.crc32
        pieces.append(response.chunk.content)
    return b"".join(pieces)


# ------------------------------------------------------------------------------------------------------ uploads


@EVERY_STORE
async def test_an_upload_that_broke_goes_on_where_it_was(stub: pb_grpc.ObjectServiceStub) -> None:
    content = os.urandom(3_000_000)
    id_ = await stage(stub)

    def broken() -> Iterator[pb.UploadObjectRequest]:
        yield header(id_)
        yield chunk(content[:1_000_000])
        yield pb.UploadObjectRequest(chunk=object_pb2.ObjectChunk(content=content[1_000_000:], crc32=1))

    with refused("DAMAGED_OBJECT", "checksum"):
        await stub.UploadObject(broken())
    progress = await stub.GetUpload(pb.GetUploadRequest(upload_id=id_))
    assert progress.received_bytes == 1_000_000
    assert await upload(stub, header(id_, offset=1_000_000), chunk(content[1_000_000:])) == 2_000_000
    reference = await commit(stub, id_, content)
    assert await download(stub, reference.id) == content
    assert await download(stub, reference.id, offset=2_999_990) == content[-10:]
    assert await download(stub, reference.id, offset=5, length_bytes=7) == content[5:12]
    assert await download(stub, reference.id, offset=3_000_000, length_bytes=1) == b""
    assert await commit(stub, id_, content) == reference  # its answer may have been lost


async def test_a_sender_that_comes_back_while_the_old_call_lingers(stub: pb_grpc.ObjectServiceStub) -> None:
    content = os.urandom(300_000)
    id_ = await stage(stub)
    old = stub.UploadObject()
    await old.write(header(id_))
    await old.write(chunk(content[:100_000]))
    while (await stub.GetUpload(pb.GetUploadRequest(upload_id=id_))).received_bytes < 100_000:
        pass
    await upload(stub, header(id_, offset=100_000), chunk(content[100_000:]))
    await old.write(chunk(content[100_000:200_000]))
    await old.done_writing()
    await old
    reference = await commit(stub, id_, content)
    assert await download(stub, reference.id) == content


@EVERY_STORE
async def test_a_commit_that_is_asked_for_again_meanwhile_is_one(
    stub: pb_grpc.ObjectServiceStub, store_folders: StoreFolders
) -> None:
    for attribute in ("data", "file"):
        content = os.urandom(3_000_000)
        id_ = await stage(stub, attribute, file_name="a")
        await upload(stub, header(id_), chunk(content))
        references = await asyncio.gather(*(commit(stub, id_, content) for _ in range(5)))
        assert {reference.id for reference in references} == {id_}
        assert await download(stub, id_) == content
    assert len(stored_files(store_folders)) == 2


@EVERY_STORE
@pytest.mark.parametrize("wrong", ["hash", "size"])
async def test_what_is_not_what_was_sent_is_not_kept(
    engine: Engine, stub: pb_grpc.ObjectServiceStub, store_folders: StoreFolders, wrong: str
) -> None:
    id_ = await stage(stub)
    await upload(stub, header(id_), chunk(b"content"))
    request = pb.CommitObjectRequest(upload_id=id_, size_bytes=7, hash=blake3(b"content").hexdigest())
    if wrong == "hash":
        request.hash = blake3(b"another").hexdigest()
    else:
        request.size_bytes = 6
    with refused("DAMAGED_OBJECT"):
        await stub.CommitObject(request)
    assert stored_files(store_folders) == []
    assert await states(engine) == []
    with refused("UNKNOWN_OBJECT"):
        await upload(stub, header(id_), chunk(b"content"))


@EVERY_STORE
async def test_the_hash_need_not_be_given(stub: pb_grpc.ObjectServiceStub) -> None:
    ids = []
    for _ in range(2):
        id_ = await stage(stub)
        await upload(stub, header(id_), chunk(b"same"))
        request = pb.CommitObjectRequest(upload_id=id_, size_bytes=4)
        reference = (await stub.CommitObject(request)).object
        assert reference.hash == blake3(b"same").hexdigest()
        ids.append(reference.id)
    assert len(set(ids)) == 1


async def test_a_known_hash_needs_no_upload_in_its_schema_alone(
    engine: Engine, stub: pb_grpc.ObjectServiceStub
) -> None:
    id_ = await put(stub, b"secret")
    hash_ = blake3(b"secret").hexdigest()
    request = pb.StageObjectRequest(name=NAME, attribute="data", hash=hash_)
    assert (await stub.StageObject(request)).object.id == id_
    # A known hash reveals nothing of other schemas: there the content counts as missing.
    async with engine.scope.connection() as connection:
        await connection.execute("UPDATE levada.object SET schema_id = schema_id + 1")
    assert (await stub.StageObject(request)).WhichOneof("outcome") == "upload_id"


@EVERY_STORE
async def test_messages_out_of_order_are_refused(stub: pb_grpc.ObjectServiceStub) -> None:
    id_ = await stage(stub)
    with refused("INVALID_REQUEST", "header before"):
        await upload(stub, chunk(b"a"))
    with refused("INVALID_REQUEST", "header before"):
        await upload(stub, pb.UploadObjectRequest())
    for offset in (1, -1, 2**60):
        with refused("INVALID_REQUEST", "cannot continue at"):
            await upload(stub, header(id_, offset=offset))
    with refused("INVALID_REQUEST", "not have a path"):
        await upload(stub, header(id_, path="a"))
    for wrong in ("", "no id", "../../etc"):
        with refused("INVALID_REQUEST"):
            await upload(stub, header(wrong))
    with refused("UNKNOWN_OBJECT"):
        await upload(stub, header(str(uuid4())))
    with refused("UNKNOWN_OBJECT", "Nothing was uploaded"):
        await stub.CommitObject(pb.CommitObjectRequest(upload_id=id_))


_REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"attribute": "inline"}, "INVALID_REQUEST"),
    ({"attribute": "subject"}, "INVALID_REQUEST"),
    ({"attribute": "nothing"}, "UNKNOWN_ATTRIBUTE"),
    ({"attribute": "movie"}, "INVALID_REQUEST"),
    ({"attribute": "data", "folder": True}, "INVALID_REQUEST"),
    ({"attribute": "file", "folder": True, "file_name": "a"}, "INVALID_REQUEST"),
    ({"attribute": "data", "hash": "abc"}, "INVALID_REQUEST"),
    ({"attribute": "data", "hash": "A" * 64}, "INVALID_REQUEST"),
    ({"attribute": "data", "name": schema_pb2.TableName(schema="lab", table="Nothing")}, "UNKNOWN_TABLE"),
    *(
        ({"attribute": attribute, "file_name": name}, "INVALID_REQUEST")
        for attribute in ("file", "folder")
        for name in ("", ".", "..", "a/b", "/etc/passwd", "a\\b", "a\0b", "a\nb", "x" * 256, "ä" * 128)
    ),
]


async def test_what_cannot_be_staged_is_refused(engine: Engine, stub: pb_grpc.ObjectServiceStub) -> None:
    for fields, wanted in _REFUSED:
        with refused(wanted):
            await stub.StageObject(pb.StageObjectRequest(**{"name": NAME, **fields}))
    assert await states(engine) == []


# --------------------------------------------------------------------------------- no path leaves its store


TRAVERSALS = (
    "..",
    "../x",
    "a/../../x",
    "a/./x",
    "/etc/passwd",
    "//etc/passwd",
    "a//x",
    "a/",
    "a\\..\\x",
    "a\0/x",
    "a/\x7f",
    "x/" * 2000 + "x",
    "n" * 256,
)


@EVERY_STORE
async def test_no_path_of_a_folder_leaves_it(stub: pb_grpc.ObjectServiceStub, store_folders: StoreFolders) -> None:
    id_ = await stage(stub, "folder", file_name="f", folder=True)
    for path in TRAVERSALS:
        with refused("INVALID_REQUEST"):
            await upload(stub, header(id_, path=path), chunk(b"x"))
        with refused("INVALID_REQUEST"):
            await stub.GetUpload(pb.GetUploadRequest(upload_id=id_, path=path))
    assert stored_files(store_folders) == []
    await upload(stub, header(id_, path="a/x"), chunk(b"x"))
    files = f"{blake3(b'x').hexdigest()} 1 a/x\n".encode()
    request = pb.CommitObjectRequest(upload_id=id_, size_bytes=1, hash=blake3(files).hexdigest())
    reference = (await stub.CommitObject(request)).object
    assert await download(stub, reference.id, path="a/x") == b"x"
    for path in TRAVERSALS:
        with refused("INVALID_REQUEST"):
            await download(stub, reference.id, path=path)


async def test_a_path_cannot_be_a_file_and_a_folder(stub: pb_grpc.ObjectServiceStub) -> None:
    id_ = await stage(stub, "folder", file_name="f", folder=True)
    await upload(stub, header(id_, path="a"), chunk(b"x"))
    with refused("INVALID_REQUEST", "file and a folder at once"):
        await upload(stub, header(id_, path="a/b"), chunk(b"x"))
    await upload(stub, header(id_, path="c/d"), chunk(b"x"))
    with refused("INVALID_REQUEST", "file and a folder at once"):
        await upload(stub, header(id_, path="c"), chunk(b"x"))


async def register(stub: pb_grpc.ObjectServiceStub, path: str, attribute: str = "movie") -> object_pb2.ObjectReference:
    request = pb.RegisterFileRequest(name=NAME, attribute=attribute, path=path)
    reference: object_pb2.ObjectReference = (await stub.RegisterFile(request)).object
    return reference


@EVERY_STORE
async def test_no_registered_path_leaves_its_store(
    engine: Engine, stub: pb_grpc.ObjectServiceStub, store_folders: StoreFolders
) -> None:
    if store := store_folders.folders.get("raw"):
        (store.parent / "x").write_bytes(b"outside")
        (store / "a").mkdir()
    for path in TRAVERSALS:
        with refused("INVALID_REQUEST"):
            await register(stub, path)
    assert await states(engine) == []


async def test_links_lead_nowhere_but_within_their_store(
    stub: pb_grpc.ObjectServiceStub, store_folders: StoreFolders, tmp_path: Path
) -> None:
    store = store_folders.folders["raw"]
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (store / "data").mkdir()
    (store / "data" / "film").write_bytes(b"film")
    (store / "file").symlink_to(outside / "secret")
    (store / "folder").symlink_to(outside)
    (store / "relative").symlink_to("../../outside/secret")
    (store / "inside").symlink_to("data")
    (store / "broken").symlink_to("nowhere")
    (store / "round").symlink_to("round")
    os.mkfifo(store / "pipe")
    for path in ("file", "folder/secret", "relative"):
        with refused("INVALID_REQUEST", "leads out of the store"):
            await register(stub, path)
    for path in ("broken", "round", "pipe", "data", "none", "none/film", "data/film/x"):
        with refused("NOT_FOUND"):
            await register(stub, path)
    reference = await register(stub, "inside/film")
    assert reference.path == "data/film"
    assert await download(stub, reference.id) == b"film"
    # Placing a link there afterwards gains nothing, wherever it leads.
    (outside / "film").write_bytes(b"evil")
    (store / "other").mkdir()
    (store / "other" / "film").write_bytes(b"ours")
    (store / "data").rename(store / "moved")
    for place in (outside, store / "other"):
        (store / "data").symlink_to(place)
        with refused("DAMAGED_OBJECT", "lost"):
            await download(stub, reference.id)
        (store / "data").unlink()


@EVERY_STORE
async def test_what_the_server_keeps_cannot_be_registered(
    stub: pb_grpc.ObjectServiceStub, store_folders: StoreFolders
) -> None:
    await put(stub, b"mine", "file", "a.txt")
    (managed,) = stored_files(store_folders)
    paths = ["/".join(managed.parts[managed.parts.index("_levada") :])]
    if store := store_folders.folders.get("raw"):
        (store / "link").symlink_to(store / paths[0])
        paths.append("link")
    for path in paths:
        with refused("INVALID_REQUEST", "belong to the server"):
            await register(stub, path)
    with refused("INVALID_REQUEST", "takes copies"):
        await register(stub, "link", "file")


# ---------------------------------------------------------------------------------------------------- downloads


@EVERY_STORE
async def test_what_cannot_be_downloaded_is_refused(
    stub: pb_grpc.ObjectServiceStub, store_folders: StoreFolders
) -> None:
    id_ = await put(stub, b"content")
    with refused("UNKNOWN_OBJECT"):
        await download(stub, str(uuid4()))
    for fields in ({"offset": 8}, {"offset": -1}, {"length_bytes": -1}, {"path": "a"}):
        with refused("INVALID_REQUEST"):
            await download(stub, id_, **fields)
    with refused("INVALID_REQUEST", "single file"):
        await stub.ListObjectFiles(pb.ListObjectFilesRequest(object_id=id_))
    upload_id = await stage(stub)
    with refused("UNKNOWN_OBJECT"):
        await download(stub, upload_id)  # it is not complete
    (file,) = stored_files(store_folders)
    file.chmod(0o600)
    file.write_bytes(b"short")
    with refused("DAMAGED_OBJECT", "5 bytes but had 7"):
        await download(stub, id_)
    file.unlink()
    with refused("DAMAGED_OBJECT", "lost"):
        await download(stub, id_)
    with refused("DAMAGED_OBJECT"):  # and no row gets it either
        await stub.StageObject(pb.StageObjectRequest(name=NAME, attribute="data", hash=blake3(b"content").hexdigest()))


@EVERY_STORE
async def test_files_of_a_folder_come_by_pages(stub: pb_grpc.ObjectServiceStub) -> None:
    id_ = await stage(stub, "folder", file_name="f", folder=True)
    names = [f"{n:02}" for n in range(7)]
    await upload(stub, *(request for name in names for request in (header(id_, path=name), chunk(name.encode()))))
    reference = (await stub.CommitObject(pb.CommitObjectRequest(upload_id=id_, size_bytes=14))).object
    assert reference.file_count == 7
    found, token = [], ""
    while True:
        request = pb.ListObjectFilesRequest(object_id=reference.id, page_size=3, page_token=token)
        page = await stub.ListObjectFiles(request)
        found += [(file.path, file.size_bytes, file.hash) for file in page.files]
        token = page.next_page_token
        if not token:
            break
    listed = "".join(f"{blake3(name.encode()).hexdigest()} 2 {name}\n" for name in names).encode()
    assert await download(stub, reference.id) == listed
    assert blake3(listed).hexdigest() == reference.hash
    assert found == [(name, 2, blake3(name.encode()).hexdigest()) for name in names]


@EVERY_STORE
async def test_an_empty_folder_and_an_empty_file_are_objects(stub: pb_grpc.ObjectServiceStub) -> None:
    id_ = await stage(stub, "folder", file_name="f", folder=True)
    reference = (await stub.CommitObject(pb.CommitObjectRequest(upload_id=id_))).object
    assert (reference.file_count, reference.size_bytes, reference.HasField("file_count")) == (0, 0, True)
    assert not (await stub.ListObjectFiles(pb.ListObjectFilesRequest(object_id=reference.id))).files
    id_ = await stage(stub)
    await upload(stub, header(id_))
    assert await download(stub, (await commit(stub, id_, b"")).id) == b""


async def test_stores_are_listed(stub: pb_grpc.ObjectServiceStub, store_folders: StoreFolders) -> None:
    first = await stub.ListStores(pb.ListStoresRequest(page_size=1))
    second = await stub.ListStores(pb.ListStoresRequest(page_token=first.next_page_token))
    stores = [(s.name, s.preferred, s.folder) for s in (*first.stores, *second.stores)]
    assert stores == [(n, n == "main", str(f.resolve())) for n, f in sorted(store_folders.folders.items())]
