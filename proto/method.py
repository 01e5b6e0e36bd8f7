"""A method of a service, as described by its descriptor. The build copies this module into the package `levada_api`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.message import Message


@dataclass(frozen=True, slots=True)
class Method:
    """The properties of a method that clients and servers need.

    Args:
        service: Full name of its service, `levada_api.v1.QueryService`.
        name: `CountRelation`.
        reads: It changes nothing (`idempotency_level = NO_SIDE_EFFECTS`).
        idempotent: It reads, or repeating it has no further effect (`IDEMPOTENT`).
        quick: It touches no rows (option `quick`).
        endless: It answers until its caller leaves (option `endless`).
        request_streaming: Its request is a stream of messages.
        response_streaming: Its response is a stream of messages.
        id_field: The field of its request with the id that makes it take effect once: `request_id`,
            `header.request_id`, or empty if it has none.
        call_field: The field of `OpenCallsRequest` and `OpenCallsResponse` that carries it; empty if there is none.
        session_field: The same in `OpenSessionRequest` and `OpenSessionResponse`.
    """

    service: str
    name: str
    reads: bool = False
    idempotent: bool = False
    quick: bool = False
    endless: bool = False
    request_streaming: bool = False
    response_streaming: bool = False
    id_field: str = ""
    call_field: str = ""
    session_field: str = ""

    @property
    def path(self) -> str:
        """The path on the wire, `/levada_api.v1.QueryService/CountRelation`."""
        return f"/{self.service}/{self.name}"

    def request_id(self, request: Message) -> str:
        """Return the id of a request, or of the first message of a stream of requests; empty if it has none."""
        if not self.id_field:
            return ""
        carrier = request
        for part in self.id_field.split("."):
            carrier = getattr(carrier, part)
        return str(carrier)

    def repeatable(self, request: Message) -> bool:
        """Return whether sending a request again has no further effect."""
        return self.idempotent or bool(self.request_id(request))
