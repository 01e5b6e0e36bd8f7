"""Bytes between this machine and a bucket, without the server in between: by requests that the server signs.

It uses `http.client`, which is part of Python: a few requests that never change need no package. Threads send them,
because reading files and hashing leave the interpreter free.
"""

from __future__ import annotations

import hashlib
import http.client
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from threading import Event, Lock, local
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from levada._base.errors import DamagedObject, LevadaError, LimitReached, LostConnectionError
from levada._net.backoff import RETRY, wait
from levada_api.v1 import object_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Future
    from pathlib import Path
    from socket import socket

    from levada._base.progress import Progress
    from levada._net.connection import Connection
    from levada_api.v1 import object_pb2

STREAMS = 4
"""Parts that are on their way at once."""
_RANGE_BYTES = 8 * 2**20
_CONNECT_SECONDS = 10.0
PATIENCE_SECONDS = 60.0
"""How long a part is retried; then a transfer that has moved no byte goes through the server."""


_ADVICE = "Try again later; if that does not help, ask its owner whether it runs and has space."


class StoreUnreachable(Exception):
    """This machine cannot use the store itself, so the bytes must go through the server."""


@dataclass(frozen=True)
class SignedAddress:
    """A request that the server signed, without its signature wherever it is shown: in logs, and in tracebacks.

    Args:
        method: `GET` or `PUT`.
        scheme: `http` or `https`.
        host: The host of the store, and its port.
        target: The path and the query; whoever has them may send the request.
        headers: The client must send these.
    """

    method: str
    scheme: str
    host: str
    target: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, request: object_pb2.SignedRequest) -> SignedAddress:
        """Take over what the server sent."""
        parts = urlsplit(request.url)
        return cls(request.method, parts.scheme, parts.netloc, f"{parts.path}?{parts.query}", dict(request.headers))


class _Requests:
    """Sends requests to stores, with a connection that is kept for each thread."""

    def __init__(self) -> None:
        self._local = local()
        self._opened: list[http.client.HTTPConnection] = []

    def send(
        self,
        request: SignedAddress,
        body: bytes | None,
        headers: Mapping[str, str],
        buffer: memoryview | None = None,
    ) -> tuple[int, bytes | memoryview, Mapping[str, str]]:
        """Send a request; return the status, the body and the headers of the answer.

        Args:
            request: The address, and the headers that are part of its signature.
            body: The bytes to send.
            headers: More headers.
            buffer: Takes the body of the answer if that has exactly its size; the returned body is then this buffer.

        Raises:
            OSError: The store cannot be reached, or broke the connection.
        """
        connection = self._connection(request.scheme, request.host)
        try:
            if connection.sock is None:
                connection.connect()
                _settle(connection.sock)
            connection.request(request.method, request.target, body, {**request.headers, **headers})
            answer = connection.getresponse()
            return answer.status, _body(answer, buffer), answer.headers  # type: ignore[return-value]  # it is a mapping in use
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            failure = error if isinstance(error, OSError) else ConnectionError(type(error).__name__)
        # Outside the block, and from here: the frames of `http.client` hold the address.
        raise failure.with_traceback(None)

    def _connection(self, scheme: str, host: str) -> http.client.HTTPConnection:
        kept: dict[tuple[str, str], http.client.HTTPConnection] = self._local.__dict__.setdefault("kept", {})
        if (scheme, host) not in kept:
            kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
            kept[scheme, host] = kind(host, timeout=_CONNECT_SECONDS)
            kept[scheme, host].set_debuglevel(0)  # programs turn it on for the class, and it prints addresses
            self._opened.append(kept[scheme, host])
        return kept[scheme, host]

    def close(self) -> None:
        """Close all connections; call it when no thread uses them."""
        for connection in self._opened:
            connection.close()


class Source(Protocol):
    """One file to upload: its path within a folder (empty for a single file), its size, and its bytes."""

    @property
    def path(self) -> str:
        """Path within the folder."""
        ...

    @property
    def size(self) -> int:
        """Total size in bytes."""
        ...

    @property
    def file(self) -> Path | None:
        """The file on this machine that has the bytes; None if none has."""
        ...

    @property
    def hash(self) -> str:
        """BLAKE3 of the bytes, if it is known; else empty."""
        ...

    def chunks(self, offset: int) -> Iterator[bytes]:
        """Yield the bytes from an offset on."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes of a range; fewer at the end."""
        ...


class PartSender:
    """Sends one file of an upload in parts, several at once; parts that have arrived are not sent again."""

    def __init__(
        self,
        connection: Connection,
        upload_id: str,
        source: Source,
        begun: pb.BeginPartsResponse,
        progress: Progress,
    ) -> None:
        self._connection = connection
        self._id = upload_id
        self._source = source
        self._begun = begun
        self._progress = progress
        self._counting = Lock()
        self._stop = Event()
        self._sent_any = False
        self._requests = _Requests()

    def run(self) -> None:
        """Send the parts that are missing.

        Raises:
            StoreUnreachable: No part could be sent.
            LostConnectionError: The store, or the server, stays out of reach.
            LimitReached: The store is full.
            DamagedObject: The store received other bytes again and again.
        """
        size = self._begun.part_bytes
        count = -(-self._source.size // size)
        arrived = set(self._begun.arrived_parts)
        self._sent_any = bool(arrived)
        self._progress.update(sum(min(size, self._source.size - (number - 1) * size) for number in arrived))
        missing = [number for number in range(1, count + 1) if number not in arrived]
        pool = ThreadPoolExecutor(STREAMS, "levada-parts")
        try:
            for sent in [pool.submit(self._send, number, size) for number in missing]:
                sent.result()
        finally:
            self._stop.set()
            pool.shutdown(cancel_futures=True)
            self._requests.close()

    def _send(self, number: int, size: int) -> None:
        content = self._source.read((number - 1) * size, size)
        md5 = hashlib.md5(content, usedforsecurity=False).digest()
        pauses = RETRY.pauses(PATIENCE_SECONDS)
        while not self._stop.is_set():
            try:
                self._put(number, content, md5)
            except (LostConnectionError, DamagedObject) as error:
                if not self._sent_any and isinstance(error.__cause__, (OSError, _Refused)):
                    self._stop.set()
                    raise StoreUnreachable from error
                wait(pauses, error)
                continue
            with self._counting:
                self._sent_any = True
                self._progress.update(len(content))
            return

    def _put(self, number: int, content: bytes, md5: bytes) -> None:
        request = pb.SignPartsRequest(upload_id=self._id, path=self._source.path)
        request.parts.add(number=number, md5=md5)
        answer = self._connection.call(
            "ObjectService/SignParts", request, pb.SignPartsResponse, patience=PATIENCE_SECONDS
        )
        signed = SignedAddress.of(answer.requests[0])
        del answer  # its text has the address
        try:
            status, told, _ = self._requests.send(signed, content, {})
        except OSError as error:
            raise _unreachable() from error
        if status in (200, 201):
            return
        raise _error_of(status, told)


def ranges(request: SignedAddress, size: int, offset: int, end: int) -> Iterator[bytes | memoryview]:
    """Yield the bytes of a file from a store, in order, while later ranges are on their way.

    The buffers are used again, because the system is slow to give memory: each is valid until the next is asked for.

    Args:
        request: Reads the file.
        size: The size of the file.
        offset: The first byte.
        end: The byte after the last.

    Raises:
        LostConnectionError: The store broke the connection, or the request has expired; ask for another one.
        DamagedObject: The file has another size, or is gone.
        StoreUnreachable: Not a single range could be read.
    """
    requests = _Requests()
    pool = ThreadPoolExecutor(STREAMS, "levada-ranges")
    starts = iter(range(offset, end, _RANGE_BYTES))
    waiting: deque[Future[_Range]] = deque()
    any_read = False

    def read(start: int, buffer: bytearray) -> _Range:
        stop = min(start + _RANGE_BYTES, end)
        try:
            status, content, headers = requests.send(
                request, None, {"range": f"bytes={start}-{stop - 1}"}, memoryview(buffer)[: stop - start]
            )
        except OSError as error:
            raise _unreachable() from error
        if status == 404:
            raise DamagedObject("The store lost the object; bring it back from a backup.")
        if status != 206:
            raise _error_of(status, content)
        if headers.get("content-range", "").rpartition("/")[2] != str(size) or len(content) != stop - start:
            raise DamagedObject("The object has changed in its store.")
        return _Range(content, buffer)

    try:
        # One range is with the caller. A thread that is held up for a while lets each of the others go one range ahead.
        for start in islice(starts, 2 * STREAMS + 1):
            waiting.append(pool.submit(read, start, bytearray(min(_RANGE_BYTES, end - offset))))
        while waiting:
            arrived = waiting.popleft().result()
            yield arrived.content
            any_read = True
            for start in islice(starts, 1):
                waiting.append(pool.submit(read, start, arrived.buffer))
    except LostConnectionError as error:
        if not any_read:
            raise StoreUnreachable from error
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        requests.close()


@dataclass(frozen=True)
class _Range:
    """A range that was read: its bytes, most often in a buffer, and the buffer, which takes another range next."""

    content: bytes | memoryview = field(repr=False)
    buffer: bytearray = field(repr=False)


def store_is_full() -> LimitReached:
    """Return the error of a store that takes no more bytes."""
    return LimitReached("The store is full. Free some space, or ask its owner.", {"limit": "store"})


def _unreachable() -> LostConnectionError:
    return LostConnectionError(f"The store cannot be reached, or broke the connection. {_ADVICE}")


def _body(answer: http.client.HTTPResponse, buffer: memoryview | None) -> bytes | memoryview:
    """Read the body of an answer, into a buffer if it has exactly its size."""
    if buffer is None or answer.length != len(buffer):
        return answer.read()
    left = buffer
    while left:
        count = answer.readinto(left)
        if not count:
            raise http.client.IncompleteRead(b"", len(left))
        left = left[count:]
    return buffer


def _settle(opened: socket | None) -> None:
    """Wait longer for an answer than for a connection."""
    assert opened is not None
    opened.settimeout(PATIENCE_SECONDS)


class _Refused(Exception):
    """The store answered that it does not accept a request."""


def _error_of(status: int, answer: bytes | memoryview) -> LevadaError:
    text = bytes(answer[:2000]).decode(errors="replace")
    error: LevadaError
    if status == 507 or "QuotaExceeded" in text or "InsufficientStorage" in text:
        error = store_is_full()
    elif "BadDigest" in text or "Md5Mismatch" in text:
        error = DamagedObject("Bytes were damaged on their way to the store.")
    else:
        error = LostConnectionError(f"The store answers with the status {status}. {_ADVICE}")
        if status < 500:
            error.__cause__ = _Refused()
    return error
