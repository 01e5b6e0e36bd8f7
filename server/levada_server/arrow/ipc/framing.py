"""Find the ends of the messages in an Arrow IPC stream while it arrives."""

from __future__ import annotations

import struct

from levada_server.arrow.ipc.metadata import CONTINUATION, MAX_METADATA_BYTES, PREFIX, has_rows, kind_and_body


class Frames:
    """Follows a stream as it arrives, to find where its complete record batches end; batches without rows do not count.

    It stops at a stream that is damaged or has another form; Arrow itself then reports the error.

    Attributes:
        whole_bytes: The end of the last complete record batch; the stream can be read up to here.

    Source: Arrow columnar format, "Encapsulated message format".
    """

    def __init__(self) -> None:
        """Begin without any bytes."""
        self.whole_bytes = 0
        self._arrived_bytes = 0
        self._head = bytearray()  # of a message: the prefix, then the metadata
        self._head_bytes = PREFIX.size  # its final size
        self._body_bytes = 0  # the missing bytes of a message whose head has arrived
        self._is_batch = False
        self._lost = False

    def add(self, piece: bytes) -> None:
        """Take the next bytes."""
        rest = memoryview(piece)
        while rest and not self._lost:
            in_body = self._body_bytes > 0
            taken = rest[: self._body_bytes if in_body else self._head_bytes - len(self._head)]
            rest = rest[len(taken) :]
            self._arrived_bytes += len(taken)
            if in_body:
                self._body_bytes -= len(taken)
                self._end_message()
                continue
            self._head += taken
            if len(self._head) == self._head_bytes:
                self._read_head()

    def _end_message(self) -> None:
        if not self._body_bytes and self._is_batch:
            self.whole_bytes = self._arrived_bytes

    def _read_head(self) -> None:
        continuation, metadata_bytes = PREFIX.unpack_from(self._head)
        if continuation != CONTINUATION or not 0 < metadata_bytes <= MAX_METADATA_BYTES:
            self._lost = True  # the end marker has no metadata
            return
        if len(self._head) == PREFIX.size:
            self._head_bytes += metadata_bytes
            return
        message, self._head, self._head_bytes = self._head[PREFIX.size :], bytearray(), PREFIX.size
        try:
            _, self._body_bytes = kind_and_body(message)
            self._is_batch = has_rows(message)
        except struct.error:
            self._lost = True
            return
        self._lost = self._body_bytes < 0
        self._end_message()
