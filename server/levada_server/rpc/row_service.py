"""RowService: decode, one operation, encode."""

from __future__ import annotations

import asyncio
import io
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from levada_api.methods import METHODS
from levada_api.v1 import row_service_pb2 as pb
from levada_server.errors import InvalidRequest
from levada_server.operations import deletes, erasure, inserts, row_checks, updates
from levada_server.operations.arrival import Arrival
from levada_server.operations.make_contract import Repeatable, begin_read
from levada_server.rpc import encode
from levada_server.rpc.decoding import values
from levada_server.rpc.decoding.relations import received_relation
from levada_server.rpc.status import status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_server.rpc.dispatch import Call
    from levada_server.storage.postgres.spool import SpoolSpace


class RowService:
    """Changes rows."""

    async def InsertRows(
        self, request_iterator: AsyncIterator[pb.InsertRowsRequest], call: Call
    ) -> pb.InsertRowsResponse:
        """Insert the rows of a stream while they arrive."""
        messages = aiter(request_iterator)
        first = await anext(messages, None)
        if first is None or first.WhichOneof("content") != "header":
            raise InvalidRequest("An insert must begin with its header.", field="header")
        await call.identify(METHODS["RowService/InsertRows"], first)
        header = first.header
        async with _arriving(messages, call.engine.spool) as content:
            name, options = values.table_name("name", header.name), values.insert_options(header.options)
            who = call.under_lease(header.lease_token)
            count = await call.repeat_if_behind(lambda: inserts.insert(call.engine, who, name, options, content))
        return pb.InsertRowsResponse(row_count=count)

    async def InsertFewRows(self, request: pb.InsertFewRowsRequest, call: Call) -> pb.InsertFewRowsResponse:
        """Insert the rows of one message."""
        header = request.header
        name, options = values.table_name("name", header.name), values.insert_options(header.options)
        who = call.under_lease(header.lease_token)
        count = await inserts.insert(call.engine, who, name, options, io.BytesIO(request.arrow_ipc))
        return pb.InsertFewRowsResponse(row_count=count)

    async def CheckRows(self, request: pb.CheckRowsRequest, call: Call) -> pb.CheckRowsResponse:
        """Return which rows could not be inserted."""
        faults = await row_checks.check_rows(
            call.engine,
            call.caller,
            values.table_name("name", request.name),
            values.insert_options(request.options),
            request.arrow_ipc,
        )
        return pb.CheckRowsResponse(
            faults=(
                pb.RowFault(
                    row=fault.row, attribute=fault.error.details.get("attribute", ""), error=status(fault.error)[1]
                )
                for fault in faults
            ),
            more=len(faults) == row_checks.MAX_FAULTS,
        )

    async def InsertRelation(self, request: pb.InsertRelationRequest, call: Call) -> pb.InsertRelationResponse:
        """Insert the entities of a relation."""
        who = call.under_lease(request.lease_token)
        relation = await received_relation("relation", request.relation)
        reading = None
        if who.job is not None:
            # The rows are copied in the server, which digests none: this read cannot be compared later.
            copied = Repeatable(request.relation.SerializeToString(deterministic=True), "rows")
            reading = await begin_read(call.engine, who, relation, request.read_receipt, copied)
        count = await inserts.insert_relation(
            call.engine,
            who,
            values.table_name("name", request.name),
            relation,
            values.insert_options(request.options),
        )
        if reading is None:
            return pb.InsertRelationResponse(row_count=count)
        reading.add(count)
        return pb.InsertRelationResponse(row_count=count, read_receipt=reading.receipt())

    async def UpdateRow(self, request: pb.UpdateRowRequest, call: Call) -> pb.UpdateRowResponse:
        """Change secondary attributes of one entity."""
        row = {entry.name: values.value(entry.value) for entry in request.row}
        who = call.under_lease(request.lease_token)
        await updates.update(call.engine, who, values.table_name("name", request.name), row)
        return pb.UpdateRowResponse()

    async def PlanDelete(self, request: pb.PlanDeleteRequest, call: Call) -> pb.PlanDeleteResponse:
        """Return which entities a delete would remove."""
        doomed = await deletes.plan_delete(
            call.engine,
            call.caller,
            await received_relation("relation", request.relation),
            values.part_integrity(request.part_integrity),
        )
        return pb.PlanDeleteResponse(tables=encode.counts(doomed.counts), digest=doomed.digest)

    async def DeleteRows(self, request: pb.DeleteRowsRequest, call: Call) -> pb.DeleteRowsResponse:
        """Delete entities and all entities that depend on them."""
        who = call.under_lease(request.lease_token)
        doomed = await deletes.delete(
            call.engine,
            who,
            await received_relation("relation", request.relation),
            values.part_integrity(request.part_integrity),
            digest=request.digest,
            quick=request.quick,
        )
        return pb.DeleteRowsResponse(tables=encode.counts(doomed.counts))

    async def EraseRows(self, request: pb.EraseRowsRequest, call: Call) -> pb.EraseRowsResponse:
        """Erase entities for good, with all that depends on them."""
        erased = await erasure.erase(
            call.engine,
            call.caller,
            await received_relation("relation", request.relation),
            values.part_integrity(request.part_integrity),
            digest=request.digest,
        )
        return pb.EraseRowsResponse(
            tables=encode.counts(erased.counts),
            object_count=erased.object_count,
            object_bytes=erased.object_bytes,
            remaining_object_count=erased.remaining_count,
            kept_file_count=erased.kept_file_count,
        )


@asynccontextmanager
async def _arriving(messages: AsyncIterator[pb.InsertRowsRequest], space: SpoolSpace) -> AsyncIterator[Arrival]:
    """Keep the rows of an insert as they arrive, for the length of the block."""
    arrival = Arrival(space)

    async def receive() -> None:
        async for message in messages:
            if message.WhichOneof("content") != "arrow_ipc":
                raise InvalidRequest("An insert must send its header once, first, and then its rows.", field="content")
            await arrival.add(message.arrow_ipc)

    receiving = asyncio.create_task(receive())
    receiving.add_done_callback(lambda task: arrival.end(None if task.cancelled() else task.exception()))
    try:
        yield arrival
    finally:
        receiving.cancel()
        await asyncio.wait({receiving})
        arrival.close()
