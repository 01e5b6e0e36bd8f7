"""The call of a browser, as the dispatcher and the services see the context of a call over gRPC."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import grpc
import grpc.aio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    Metadata = Sequence[tuple[str, str | bytes]]


@dataclass(frozen=True, slots=True)
class Cookie:
    """A session that the browser is to keep instead of its last one.

    Args:
        secret: The secret of a session; empty to forget it.
        lifetime_s: For how long.
    """

    secret: str
    lifetime_s: int


class BrowserContext:
    """A call over gRPC-Web; only such a call may bring a session instead of a token.

    Args:
        metadata: The headers that calls over gRPC may have too.
        peer: The address from which the call came, as gRPC writes one.
        session: The secret in the cookie; empty without one.
        messages: The messages of the request.
        send: Sends a message of the response.
    """

    def __init__(
        self,
        metadata: Metadata,
        peer: str,
        session: str,
        messages: Iterable[bytes] = (),
        send: Callable[[bytes], Awaitable[None]] | None = None,
    ) -> None:
        self.session = session
        self.unread = deque(messages)
        self.cookie: Cookie | None = None
        self.code = grpc.StatusCode.OK
        self.details = ""
        self.trailers: Metadata = ()
        self._metadata = metadata
        self._peer = peer
        self._send = send

    def invocation_metadata(self) -> Metadata:
        """Return the metadata that came with the call."""
        return self._metadata

    def peer(self) -> str:
        """Return the address from which the call came."""
        return self._peer

    def set_trailing_metadata(self, trailers: Metadata) -> None:
        """Set what follows the answer."""
        self.trailers = tuple(trailers)

    def set_code(self, code: grpc.StatusCode) -> None:
        """Set the code of the status."""
        self.code = code

    def set_details(self, details: str) -> None:
        """Set the text of the status."""
        self.details = details

    async def read(self) -> object:
        """Return the next message of the request; gRPC's `EOF` after the last."""
        return self.unread.popleft() if self.unread else grpc.aio.EOF

    async def write(self, content: bytes) -> None:
        """Send a message of the response, and wait until the browser takes it."""
        assert self._send is not None, "the method has one response"
        await self._send(content)

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Metadata = ()) -> NoReturn:
        """End the call with a status."""
        self.code, self.details, self.trailers = code, details, tuple(trailing_metadata)
        raise grpc.aio.AbortError
