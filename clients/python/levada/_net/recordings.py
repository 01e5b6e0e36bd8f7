"""Recordings: the server keeps what is read over a connection under a name."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

from levada._net.pages import pages
from levada_api.v1 import recording_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.message import Message

    from levada_api.methods import MethodName

_Response = TypeVar("_Response", bound="Message")


class Recorder(Protocol):
    """A connection whose reads can be kept."""

    recordings: list[str]

    def call(self, method: MethodName, request: Message, response: type[_Response], /) -> _Response:
        """Call a method with one request and one response."""


RECORDING_VARIABLE = "LEVADA_RECORDING"
"""The environment variable that names the recordings of a process, separated by commas."""


def begin_recording(connection: Recorder, name: str) -> pb.Recording:
    """Begin a recording, or go on with it.

    Raises:
        InvalidRequest: It cannot have such a name.
    """
    request = pb.CreateRecordingRequest(name=name)
    return connection.call("RecordingService/CreateRecording", request, pb.CreateRecordingResponse).recording


def list_recordings(connection: Recorder) -> list[pb.Recording]:
    """Return the user's recordings, by name."""
    listed = pages(connection, "RecordingService/ListRecordings", pb.ListRecordingsRequest(), pb.ListRecordingsResponse)
    return [recording for page in listed for recording in page.recordings]


def recorded_reads(connection: Recorder, name: str, *, compare: bool = False) -> list[pb.RecordedRead]:
    """Return the reads of a recording, in order.

    Args:
        compare: Also let the server find what they give now.

    Raises:
        NotFound: The user has no such recording.
    """
    request = pb.ListRecordedReadsRequest(name=name, compare=compare)
    listed = pages(connection, "RecordingService/ListRecordedReads", request, pb.ListRecordedReadsResponse)
    return [read for page in listed for read in page.reads]


def delete_recording(connection: Recorder, name: str) -> None:
    """Delete a recording.

    Raises:
        NotFound: The user has no such recording.
    """
    request = pb.DeleteRecordingRequest(name=name)
    connection.call("RecordingService/DeleteRecording", request, pb.DeleteRecordingResponse)


@contextmanager
def recorded(connection: Recorder, name: str) -> Iterator[None]:
    """Keep what is read over a connection within a block, by any thread, and by processes that the block starts."""
    begin_recording(connection, name)
    before = os.environ.get(RECORDING_VARIABLE)
    with kept_by(connection, (name,)):
        os.environ[RECORDING_VARIABLE] = ",".join(dict.fromkeys(connection.recordings))
        try:
            yield
        finally:
            if before is None:
                del os.environ[RECORDING_VARIABLE]
            else:
                os.environ[RECORDING_VARIABLE] = before


@contextmanager
def kept_by(connection: Recorder, names: Iterable[str]) -> Iterator[None]:
    """Let recordings that exist keep what is read over a connection within a block, by any thread."""
    connection.recordings.extend(names)
    try:
        yield
    finally:
        for name in names:
            connection.recordings.remove(name)
