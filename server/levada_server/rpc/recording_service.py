"""RecordingService: decode, one operation, encode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_api.v1 import recording_service_pb2 as pb
from levada_api.v1 import relation_pb2
from levada_server.operations import recordings
from levada_server.rpc import encode
from levada_server.rpc.decoding import values
from levada_server.rpc.page_token import page, read_number, write_number

if TYPE_CHECKING:
    from levada_server.rpc.dispatch import Call
    from levada_server.storage.jobs.recordings import RecordedRead, Recording

LISTED = 100
COMPARED = 10
"""The most reads of a page that are repeated for comparison: each may read whole tables."""


class RecordingService:
    """Keeps what users read."""

    async def CreateRecording(self, request: pb.CreateRecordingRequest, call: Call) -> pb.CreateRecordingResponse:
        """Begin a recording, or go on with one."""
        recording = await recordings.create(call.engine, call.caller, request.name)
        return pb.CreateRecordingResponse(recording=_recording(recording))

    async def ListRecordings(self, request: pb.ListRecordingsRequest, call: Call) -> pb.ListRecordingsResponse:
        """List the caller's recordings."""
        size = values.page_size(request.page_size, default=LISTED)
        found = await recordings.listed(call.engine, call.caller)
        shown, next_token = page(found, lambda recording: recording.name, size=size, token=request.page_token)
        return pb.ListRecordingsResponse(recordings=map(_recording, shown), next_page_token=next_token)

    async def ListRecordedReads(self, request: pb.ListRecordedReadsRequest, call: Call) -> pb.ListRecordedReadsResponse:
        """List the reads of a recording."""
        size = values.page_size(request.page_size, default=LISTED)
        if request.compare:
            size = min(size, COMPARED)
        after = read_number(request.page_token) if request.page_token else 0
        found = await recordings.listed_reads(call.engine, call.caller, request.name, after=after, limit=size + 1)
        reads = [_read(read) for read in found[:size]]
        if request.compare:
            for read, message in zip(found, reads, strict=False):
                now = await recordings.present_digest(call.engine, call.caller, read)
                if now is not None:
                    message.present_digest = now
        return pb.ListRecordedReadsResponse(
            reads=reads,
            next_page_token=write_number(found[size - 1].id) if len(found) > size else "",
        )

    async def DeleteRecording(self, request: pb.DeleteRecordingRequest, call: Call) -> pb.DeleteRecordingResponse:
        """Delete a recording."""
        await recordings.delete(call.engine, call.caller, request.name)
        return pb.DeleteRecordingResponse()


def _recording(source: Recording) -> pb.Recording:
    last = source.last_read_time
    return pb.Recording(
        name=source.name,
        create_time=encode.timestamp(source.create_time),
        read_count=source.read_count,
        last_read_time=None if last is None else encode.timestamp(last),
    )


def _read(source: RecordedRead) -> pb.RecordedRead:
    return pb.RecordedRead(
        relation=relation_pb2.Relation.FromString(source.relation),
        kind=source.kind,
        digest=source.digest,
        first_time=encode.timestamp(source.first_time),
        last_time=encode.timestamp(source.last_time),
        read_count=source.read_count,
    )
