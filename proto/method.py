"""A method of a service, as its descriptor has it. The build copies this module into the package `levada_api`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.message import Message


@dataclass(frozen=True, slots=True)
class Method:
    """What clients and servers need to know of a method.

    Args:
        service: Full name of its service, `levada_api.v1.QueryService`.
        name: `CountRelation`.
        reads: It changes nothing (`idempotency_level = NO_SIDE_EFFECTS`).
        idempotent: It reads, or repeating it changes nothing more (`IDEMPOTENT`).
        quick: It touches no rows (option `quick`).
        request_streaming: Its request is a stream of messages.
        response_streaming: Its response is a stream of messages.
        id_field: Where its request carries the id under which it has one effect: `request_id`, `header.request_id`, or
            empty where it has none.
        call_field: The field of `OpenCallsRequest` and `OpenCallsResponse` that carries it; empty where none does.
        session_field: The same of `OpenSessionRequest` and `OpenSessionResponse`.
    """

    service: str
    name: str
    reads: bool = False
    idempotent: bool = False
    quick: bool = False
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
        """Return the id that a request, or the first of a stream of them, carries; empty if it has none."""
        if not self.id_field:
            return ""
        carrier = request
        for part in self.id_field.split("."):
            carrier = getattr(carrier, part)
        return str(carrier)

    def repeatable(self, request: Message) -> bool:
        """Return whether sending a request again has no further effect."""
        return self.idempotent or bool(self.request_id(request))
