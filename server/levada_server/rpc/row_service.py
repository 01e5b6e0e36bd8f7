"""RowService: decode, one operation, encode."""

from __future__ import annotations

import io
import tempfile
from typing import IO, TYPE_CHECKING

from levada_api.v1 import row_service_pb2 as pb
from levada_api.v1 import row_service_pb2_grpc as pb_grpc
from levada_server.errors import InvalidRequest
from levada_server.operations import rows
from levada_server.operations.contract import begin_read
from levada_server.rpc import decode, encode
from levada_server.rpc.calls import answer, caller, worker
from levada_server.rpc.decode_relation import received_relation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_server.operations.engine import Engine
    from levada_server.rpc.calls import Context

SPOOL_BYTES = 8 * 2**20
"""What a client sends is kept in memory up to here, on disk from here on."""


def spool() -> IO[bytes]:
    """Open a place for the bytes of a client's Arrow IPC stream."""
    return tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)


class RowService(pb_grpc.RowServiceServicer):
    """Changes rows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def InsertRows(
        self, request_iterator: AsyncIterator[pb.InsertRowsRequest], context: Context
    ) -> pb.InsertRowsResponse:
        """Insert the rows of a stream."""
        header: pb.InsertHeader | None = None
        with spool() as content:
            async for request in request_iterator:
                match request.WhichOneof("content"):
                    case "header" if header is None:
                        header = request.header
                    case "arrow_ipc" if header is not None:
                        content.write(request.arrow_ipc)
                    case _:
                        raise InvalidRequest("An insert sends its header first and once, then rows.", field="content")
            if header is None:
                raise InvalidRequest("An insert begins with its header.", field="header")
            name, options = decode.table_name("name", header.name), decode.insert_options(header.options)
            who = worker(context, self._engine, header.lease_token, header)
            count = await rows.insert(self._engine, who, name, options, content)
        await answer(context, self._engine, notices=who.told)
        return pb.InsertRowsResponse(row_count=count)

    async def InsertFewRows(self, request: pb.InsertFewRowsRequest, context: Context) -> pb.InsertFewRowsResponse:
        """Insert the rows of one message."""
        header = request.header
        name, options = decode.table_name("name", header.name), decode.insert_options(header.options)
        who = worker(context, self._engine, header.lease_token, header)
        count = await rows.insert(self._engine, who, name, options, io.BytesIO(request.arrow_ipc))
        await answer(context, self._engine, notices=who.told)
        return pb.InsertFewRowsResponse(row_count=count)

    async def InsertRelation(self, request: pb.InsertRelationRequest, context: Context) -> pb.InsertRelationResponse:
        """Insert the entities of a relation."""
        who = worker(context, self._engine, request.lease_token, request)
        relation = await received_relation("relation", request.relation)
        reading = None if who.job is None else await begin_read(self._engine, who, relation, request.read_receipt)
        count = await rows.insert_relation(
            self._engine,
            who,
            decode.table_name("name", request.name),
            relation,
            decode.insert_options(request.options),
        )
        await answer(context, self._engine, notices=who.told)
        if reading is None:
            return pb.InsertRelationResponse(row_count=count)
        reading.add(count)
        return pb.InsertRelationResponse(row_count=count, read_receipt=reading.receipt())

    async def UpdateRow(self, request: pb.UpdateRowRequest, context: Context) -> pb.UpdateRowResponse:
        """Change secondary attributes of one entity."""
        row = {entry.name: decode.value(entry.value) for entry in request.row}
        who = worker(context, self._engine, request.lease_token, request)
        await rows.update(self._engine, who, decode.table_name("name", request.name), row)
        await answer(context, self._engine, notices=who.told)
        return pb.UpdateRowResponse()

    async def PlanDelete(self, request: pb.PlanDeleteRequest, context: Context) -> pb.PlanDeleteResponse:
        """Tell what a delete would take."""
        doomed = await rows.plan_delete(
            self._engine,
            caller(context),
            await received_relation("relation", request.relation),
            decode.part_integrity(request.part_integrity),
        )
        await answer(context, self._engine)
        return pb.PlanDeleteResponse(tables=encode.counts(doomed.counts), digest=doomed.digest)

    async def DeleteRows(self, request: pb.DeleteRowsRequest, context: Context) -> pb.DeleteRowsResponse:
        """Delete entities and all that depend on them."""
        who = worker(context, self._engine, request.lease_token, request)
        doomed = await rows.delete(
            self._engine,
            who,
            await received_relation("relation", request.relation),
            decode.part_integrity(request.part_integrity),
            digest=request.digest,
            quick=request.quick,
        )
        await answer(context, self._engine, notices=who.told)
        return pb.DeleteRowsResponse(tables=encode.counts(doomed.counts))
