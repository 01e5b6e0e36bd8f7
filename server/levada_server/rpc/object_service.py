"""ObjectService: decode, one operation, encode."""

from __future__ import annotations

import zlib
from contextlib import aclosing
from typing import TYPE_CHECKING

from levada_api.v1 import object_pb2
from levada_api.v1 import object_service_pb2 as pb
from levada_server.errors import DamagedObject, InvalidRequest, LevadaError
from levada_server.operations.objects import collection, copies, downloads, objects, registration, usage, verification
from levada_server.operations.objects.objects import OpenUpload, Target
from levada_server.operations.objects.verification import NOBODY
from levada_server.rpc import encode
from levada_server.rpc.decoding import values
from levada_server.rpc.page_token import page, read_name, read_number, write_name, write_number
from levada_server.storage.objects.store import LocalFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_api.v1 import schema_pb2
    from levada_server.model.object_reference import ObjectReference
    from levada_server.operations.objects.verification import Damage
    from levada_server.rpc.dispatch import Call
    from levada_server.storage.objects.store import SignedRequest

STORES_PAGE = 100
FILES_PAGE = 1_000
OBJECTS_PAGE = 1_000


class ObjectService:
    """Stores and reads objects."""

    async def ListStores(self, request: pb.ListStoresRequest, call: Call) -> pb.ListStoresResponse:
        """List the stores by name."""
        storage = call.engine.objects
        size = values.page_size(request.page_size, default=STORES_PAGE)
        shown, next_token = page(
            list(storage.stores.values()), lambda store: store.name, size=size, token=request.page_token
        )
        stores = [
            object_pb2.Store(name=s.name, preferred=s.name == storage.preferred, folder=str(s.folder or ""))
            for s in shown
        ]
        return pb.ListStoresResponse(stores=stores, next_page_token=next_token)

    async def StageObject(self, request: pb.StageObjectRequest, call: Call) -> pb.StageObjectResponse:
        """Begin an object, or find one with the same content."""
        staged = await objects.stage(
            call.engine,
            call.caller,
            _target(request.name, request.attribute),
            key={entry.name: values.value(entry.value) for entry in request.key},
            file_name=request.file_name,
            folder=request.folder,
            hash_=request.hash,
        )
        if isinstance(staged, objects.Staged):
            return pb.StageObjectResponse(upload_id=str(staged.upload), part_bytes=staged.part_bytes)
        return pb.StageObjectResponse(object=_reference(staged))

    async def UploadObject(
        self, request_iterator: AsyncIterator[pb.UploadObjectRequest], call: Call
    ) -> pb.UploadObjectResponse:
        """Write the chunks of an upload as they arrive."""
        upload: OpenUpload | None = None
        received = 0
        try:
            async for request in request_iterator:
                match request.WhichOneof("content"):
                    case "header":
                        id_ = values.uuid("upload_id", request.header.upload_id)
                        if upload is None or upload.upload.id != id_:
                            if upload is not None:
                                await upload.flush()
                            upload = await objects.open_upload(call.engine, call.caller, id_)
                        if request.header.removed:
                            await upload.drop(request.header.path)
                        else:
                            await upload.rewind(request.header.path, request.header.offset)
                    case "chunk" if upload is not None:
                        content = _checked(request.chunk)
                        await upload.write(content)
                        received += len(content)
                    case _:
                        raise InvalidRequest("An upload must send a header before its chunks.", field="content")
        finally:
            if upload is not None:
                await upload.flush()
        return pb.UploadObjectResponse(received_bytes=received)

    async def GetUpload(self, request: pb.GetUploadRequest, call: Call) -> pb.GetUploadResponse:
        """Return how much of a file has arrived."""
        upload = await objects.open_upload(call.engine, call.caller, values.uuid("upload_id", request.upload_id))
        return pb.GetUploadResponse(received_bytes=await upload.received_bytes(request.path))

    async def BeginParts(self, request: pb.BeginPartsRequest, call: Call) -> pb.BeginPartsResponse:
        """Begin a file that the client sends to the store itself."""
        begun = await objects.begin_parts(
            call.engine,
            call.caller,
            values.uuid("upload_id", request.upload_id),
            request.path,
            size_bytes=request.size_bytes,
            hash_=request.hash,
        )
        if isinstance(begun, LocalFile):
            return pb.BeginPartsResponse(file=_local(begun))
        return pb.BeginPartsResponse(part_bytes=begun.part_bytes, arrived_parts=begun.arrived)

    async def SignParts(self, request: pb.SignPartsRequest, call: Call) -> pb.SignPartsResponse:
        """Sign the requests that send parts of a file."""
        signed = await objects.sign_parts(
            call.engine,
            call.caller,
            values.uuid("upload_id", request.upload_id),
            request.path,
            wanted=[(part.number, part.md5) for part in request.parts],
        )
        return pb.SignPartsResponse(requests=[_signed(one) for one in signed])

    async def CommitObject(self, request: pb.CommitObjectRequest, call: Call) -> pb.CommitObjectResponse:
        """Check an upload and move it to its place."""
        reference = await objects.commit(
            call.engine,
            call.caller,
            values.uuid("upload_id", request.upload_id),
            hash_=request.hash,
            size_bytes=request.size_bytes,
        )
        return pb.CommitObjectResponse(object=_reference(reference))

    async def RegisterFile(self, request: pb.RegisterFileRequest, call: Call) -> pb.RegisterFileResponse:
        """Register a file that is already in a store."""
        target = _target(request.name, request.attribute)
        reference = await registration.register(call.engine, call.caller, target, request.path)
        return pb.RegisterFileResponse(object=_reference(reference))

    async def ListStoreFiles(self, request: pb.ListStoreFilesRequest, call: Call) -> None:
        """Send the files of a store that may be registered."""
        target = _target(request.name, request.attribute)
        unchanged = values.duration(request.unchanged_duration) if request.HasField("unchanged_duration") else None
        found = registration.list_files(call.engine, call.caller, target, request.prefix, request.after, unchanged)
        async with aclosing(found):
            async for some in found:
                files = [pb.StoreFile(path=file.path, size_bytes=file.size_bytes) for file in some.files]
                await call.send(pb.ListStoreFilesResponse(files=files, skipped_count=some.skipped_count))

    async def RegisterFiles(self, request: pb.RegisterFilesRequest, call: Call) -> pb.RegisterFilesResponse:
        """Register many files."""
        target = _target(request.name, request.attribute)
        outcomes = await registration.register_files(call.engine, call.caller, target, request.paths)
        return pb.RegisterFilesResponse(
            files=[
                pb.RegisteredFile(problem=outcome.message)
                if isinstance(outcome, LevadaError)
                else pb.RegisteredFile(object=_reference(outcome))
                for outcome in outcomes
            ]
        )

    async def DownloadObject(self, request: pb.DownloadObjectRequest, call: Call) -> None:
        """Send bytes of an object, or how the client reads them from the store."""
        found = await downloads.find_readable(call.engine, call.caller, values.uuid("object_id", request.object_id))
        length = request.length_bytes if request.HasField("length_bytes") else None
        if request.direct:
            direct = await downloads.direct(
                found, call.caller, request.path, offset=request.offset, length_bytes=length
            )
            if direct is not None:
                address, size = direct
                if isinstance(address, LocalFile):
                    await call.send(pb.DownloadObjectResponse(file=_local(address), size_bytes=size))
                else:
                    await call.send(pb.DownloadObjectResponse(request=_signed(address), size_bytes=size))
                return
        chunks = downloads.read(found, request.path, offset=request.offset, length_bytes=length)
        async with aclosing(chunks):
            async for content in chunks:
                await call.send(encode.downloaded(content))

    async def ListObjectFiles(self, request: pb.ListObjectFilesRequest, call: Call) -> pb.ListObjectFilesResponse:
        """List the files of a folder by path."""
        size = values.page_size(request.page_size, default=FILES_PAGE)
        found = await downloads.list_files(call.engine, call.caller, values.uuid("object_id", request.object_id))
        shown, next_token = page(found, lambda file: file.path, size=size, token=request.page_token)
        files = [object_pb2.ObjectFile(path=f.path, size_bytes=f.size_bytes, hash=f.hash) for f in shown]
        return pb.ListObjectFilesResponse(files=files, next_page_token=next_token)

    async def CollectObjects(self, request: pb.CollectObjectsRequest, call: Call) -> pb.CollectObjectsResponse:
        """Remove the objects that no row names."""
        collected = await collection.collect(call.engine, call.caller, dry_run=request.dry_run)
        return pb.CollectObjectsResponse(
            quarantined_count=collected.quarantined_count,
            quarantined_bytes=collected.quarantined_bytes,
            deleted_count=collected.deleted_count,
            deleted_bytes=collected.deleted_bytes,
            kept_because=collected.kept_because,
        )

    async def ListObjects(self, request: pb.ListObjectsRequest, call: Call) -> pb.ListObjectsResponse:
        """List objects by id."""
        size = values.page_size(request.page_size, default=OBJECTS_PAGE)
        after = values.uuid("page_token", read_name(request.page_token)) if request.page_token else NOBODY
        found = await verification.list_objects(
            call.engine, call.caller, store=request.store, schema=request.schema, after=after, count=size + 1
        )
        entries = [
            pb.ObjectEntry(
                object=_reference(listed.stored.reference),
                schema=listed.schema,
                codec=listed.stored.codec,
                quarantined=listed.quarantined,
                tables=listed.tables,
            )
            for listed in found[:size]
        ]
        token = write_name(entries[-1].object.id) if len(found) > size else ""
        return pb.ListObjectsResponse(objects=entries, next_page_token=token)

    async def VerifyObjects(self, request: pb.VerifyObjectsRequest, call: Call) -> None:
        """Read objects, and send the progress with the damaged ones."""
        after = values.uuid("after", request.after) if request.after else NOBODY
        verified = verification.verify(
            call.engine, call.caller, store=request.store, schema=request.schema, after=after
        )
        async with aclosing(verified):
            async for some in verified:
                await call.send(
                    pb.VerifyObjectsResponse(
                        object_count=some.object_count,
                        size_bytes=some.size_bytes,
                        damages=map(_damage, some.damages),
                        last_id=str(some.last_id),
                    )
                )

    async def CopyObjects(self, request: pb.CopyObjectsRequest, call: Call) -> None:
        """Copy objects into another store, and send the progress."""
        copied = copies.copy(
            call.engine,
            call.caller,
            source=request.source,
            target=request.target,
            schema=request.schema,
            dry_run=request.dry_run,
        )
        async with aclosing(copied):
            async for some in copied:
                await call.send(
                    pb.CopyObjectsResponse(
                        object_count=some.object_count,
                        size_bytes=some.size_bytes,
                        row_count=some.row_count,
                        damages=map(_damage, some.damages),
                    )
                )

    async def ListObjectUsage(self, request: pb.ListObjectUsageRequest, call: Call) -> pb.ListObjectUsageResponse:
        """List how much the objects of each schema and user take."""
        size = values.page_size(request.page_size, default=OBJECTS_PAGE)
        offset = read_number(request.page_token) if request.page_token else 0
        found = await usage.list_usage(call.engine, call.caller, offset=offset, count=size + 1)
        response = pb.ListObjectUsageResponse(
            usages=[
                pb.ObjectUsage(
                    schema=each.schema, user=each.user, object_count=each.object_count, size_bytes=each.size_bytes
                )
                for each in found[:size]
            ],
            next_page_token=write_number(offset + size) if len(found) > size else "",
        )
        if found:
            response.measure_time.FromDatetime(found[0].measure_time)
        return response


def _damage(damage: Damage) -> pb.ObjectDamage:
    rows = [pb.ObjectRow(table=row.table, attribute=row.attribute, key=row.key) for row in damage.rows]
    return pb.ObjectDamage(object=_reference(damage.reference), problem=damage.problem, rows=rows)


def _target(name: schema_pb2.TableName, attribute: str) -> Target:
    return Target(values.table_name("name", name), attribute)


def _checked(chunk: object_pb2.ObjectChunk) -> bytes:
    content = chunk.content
    if zlib.crc32(content) != chunk.crc32:
        raise DamagedObject(
            "A chunk does not match its checksum; continue the upload from the bytes that have arrived."
        )
    return content


def _signed(request: SignedRequest) -> object_pb2.SignedRequest:
    return object_pb2.SignedRequest(method=request.method, url=request.url, headers=request.headers)


def _local(file: LocalFile) -> object_pb2.LocalFile:
    return object_pb2.LocalFile(path=file.path, stamp=file.stamp)


def _reference(reference: ObjectReference) -> object_pb2.ObjectReference:
    return object_pb2.ObjectReference(
        id=str(reference.id),
        store=reference.store,
        path=reference.path,
        name=reference.name,
        size_bytes=reference.size_bytes,
        hash=reference.hash,
        file_count=reference.file_count,
        dtype=reference.dtype or "",
        shape=reference.shape or (),
    )
