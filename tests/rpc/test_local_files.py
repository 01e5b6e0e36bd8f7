"""Paths of files are for programs of the server's own user alone: nobody with a token and no browser gets one."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from blake3 import blake3

from levada_api.v1 import object_pb2, schema_pb2
from levada_api.v1 import object_service_pb2 as pb
from levada_api.v1 import object_service_pb2_grpc as pb_grpc
from levada_server.operations.caller import ADMINISTRATOR, Caller, server_itself
from levada_server.operations.transactions import TransactionLimits
from levada_server.permissions.permissions import ADMINISTRATOR_NAME, Identity
from levada_server.rpc.encode import downloaded
from levada_server.rpc.server import RpcServer
from tests.support.make import make_table
from tests.support.objects import EVERY_BUCKET, put
from tests.support.private_address import private_address
from tests.support.roles import make_caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_server.operations.context import Engine
    from levada_server.storage.objects.storage import StoreFolders

CONTENT = os.urandom(9 * 2**20)
HASH = blake3(CONTENT).hexdigest()
NAME = schema_pb2.TableName(schema="lab", table="Thing")


class Asking:
    """A client that asks for everything that a client may get directly."""

    def __init__(self, channel: grpc.aio.Channel, secret: str) -> None:
        self._stub = pb_grpc.ObjectServiceStub(channel)
        self._metadata = (("authorization", f"Bearer {secret}"),) if secret else ()

    async def stage(self) -> pb.StageObjectResponse:
        request = pb.StageObjectRequest(name=NAME, attribute="file", file_name="a.bin")
        answer: pb.StageObjectResponse = await self._stub.StageObject(request, metadata=self._metadata)
        return answer

    async def begin(self, upload_id: str, path: str = "") -> pb.BeginPartsResponse:
        request = pb.BeginPartsRequest(upload_id=upload_id, path=path, size_bytes=len(CONTENT), hash=HASH)
        answer: pb.BeginPartsResponse = await self._stub.BeginParts(request, metadata=self._metadata)
        return answer

    async def first_answer(self, object_id: str) -> pb.DownloadObjectResponse:
        request = pb.DownloadObjectRequest(object_id=object_id, direct=True)
        call = self._stub.DownloadObject(request, metadata=self._metadata)
        answer: pb.DownloadObjectResponse = await call.read()
        call.cancel()
        return answer


@pytest_asyncio.fixture
async def clients(engine: Engine) -> AsyncIterator[dict[str, Asking]]:
    """The owner at the private socket, and an administrator with a token there and on TCP."""
    await make_table(engine, "Thing", "id : int32\n---\nfile = null : <attach@main>")
    _, secret = await make_caller(engine, "anna", administrator=True)
    server = RpcServer(engine, "0", embedded=False, transaction_limits=TransactionLimits())
    private, public = server.listen(private_address()), server.listen("127.0.0.1:0")
    await server.start()
    async with AsyncExitStack() as stack:
        socket, tcp = [
            await stack.enter_async_context(grpc.aio.insecure_channel(address)) for address in (private, public)
        ]
        yield {"owner": Asking(socket, ""), "token": Asking(socket, secret), "tcp": Asking(tcp, secret)}
    await server.stop(0)


async def test_the_owner_alone_is_offered_paths(
    clients: dict[str, Asking], engine: Engine, store_folders: StoreFolders
) -> None:
    stored = await put(engine, "Thing", "file", CONTENT)
    for name, client in clients.items():
        staged, answer = await client.stage(), await client.first_answer(str(stored.id))
        if name == "owner":
            begun = await client.begin(staged.upload_id)
            assert staged.part_bytes > 0
            for file in (begun.file, answer.file):
                assert Path(file.path).is_relative_to(store_folders.folders["main"])
                assert await asyncio.to_thread(Path(file.path).is_file)
            assert answer.size_bytes == len(CONTENT)
            assert not answer.HasField("chunk")
            with pytest.raises(grpc.aio.AioRpcError) as refused:  # another path than that of the single file
                await client.begin(staged.upload_id, "../../a")
        else:
            assert staged.part_bytes == 0
            assert not answer.HasField("file")
            assert answer.SerializeToString() == downloaded(CONTENT[: 2**20])
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await client.begin(staged.upload_id)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT, name


@EVERY_BUCKET
async def test_a_bucket_has_no_files(clients: dict[str, Asking], engine: Engine) -> None:
    stored = await put(engine, "Thing", "file", CONTENT)
    staged = await clients["owner"].stage()
    begun, answer = await clients["owner"].begin(staged.upload_id), await clients["owner"].first_answer(str(stored.id))
    assert begun.part_bytes
    assert answer.HasField("request")
    for message in (begun, answer):
        assert not message.HasField("file")
    assert object_pb2.LocalFile() == begun.file


def test_a_program_of_the_servers_user_has_neither_token_nor_session() -> None:
    assert Caller(ADMINISTRATOR).local
    others = [
        Identity(ADMINISTRATOR_NAME, session_id=uuid4()),
        Identity(ADMINISTRATOR_NAME, user_id=1, token_id=uuid4()),
        Identity("anna", user_id=1, address="unix:"),
    ]
    assert not any(Caller(identity).local for identity in others)
    assert not server_itself().local
