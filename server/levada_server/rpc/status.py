"""Convert errors to statuses with code, reason, message and details."""

from __future__ import annotations

import logging
import uuid

from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode

from levada_server.errors import Internal, LevadaError

DOMAIN = "levada"
MAX_MESSAGE_CHARACTERS = 4_000
"""The longest message; a status travels in headers, which proxies and clients limit to a few kilobytes."""
_LOG = logging.getLogger("levada.calls")


def status(error: LevadaError) -> tuple[StatusCode, status_pb2.Status]:
    """Return the code and the rich status of a domain error."""
    code = StatusCode[error.code]
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.details))
    return code, status_pb2.Status(code=code.value[0], message=error.message, details=[detail])


def status_of(path: str, error: Exception) -> tuple[StatusCode, status_pb2.Status]:
    """Return the status of any error that serving a call raised; log it under an incident unless it is a domain error.

    Args:
        path: The path of the method.
        error: The error.
    """
    if isinstance(error, LevadaError):
        return status(error)
    incident = uuid.uuid4().hex[:12]
    _LOG.error("%s failed, incident %s", path, incident, exc_info=error, extra={"details": {"incident": incident}})
    return internal(incident)


def shortened(rich: status_pb2.Status) -> status_pb2.Status:
    """Shorten a status until it fits into headers; its reason, on which clients branch, stays."""
    if len(rich.message) > MAX_MESSAGE_CHARACTERS:
        rich.message = _cut(rich.message, MAX_MESSAGE_CHARACTERS)
    for detail in rich.details:
        if len(detail.value) > MAX_MESSAGE_CHARACTERS:
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
            for name in sorted(info.metadata):
                info.metadata[name] = _cut(info.metadata[name], MAX_MESSAGE_CHARACTERS // (4 * len(info.metadata)) + 1)
            detail.Pack(info)
    return rich


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"


def internal(incident: str) -> tuple[StatusCode, status_pb2.Status]:
    """Return the status of an internal error, which names an incident and no internals."""
    message = f"The server failed; report incident {incident}, under which the server's log has the cause."
    return status(Internal(message, incident=incident))
