"""Convert errors to statuses with code, reason, message and details."""

from __future__ import annotations

import logging
import uuid
from bisect import bisect_right
from itertools import accumulate

from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode

from levada_server.errors import Internal, LevadaError

DOMAIN = "levada"
MAX_MESSAGE_BYTES = 2_000
"""The longest message, written as in headers; it is in them twice, and clients refuse more than 8 kB of all headers."""
MAX_DETAILS_BYTES = 1_000
"""The longest details of an error."""
_DOTS = "…"
_DOTS_BYTES = 9
_LOG = logging.getLogger("levada.calls")


def status(error: LevadaError) -> tuple[StatusCode, status_pb2.Status]:
    """Return the code and the rich status of a domain error."""
    code = StatusCode[error.code]
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.details))
    return code, status_pb2.Status(code=code.value[0], message=error.message, details=[detail])


def reason_of(error: Exception) -> str:
    """Return the reason that clients read of an error."""
    return error.reason if isinstance(error, LevadaError) else Internal.reason


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


def identified(rich: status_pb2.Status, call: str | None) -> status_pb2.Status:
    """Add the id of the call to a status, so that a user can report where the server's log has more."""
    if call is not None:
        rich.details.add().Pack(error_details_pb2.RequestInfo(request_id=call))
    return rich


def shortened(rich: status_pb2.Status) -> status_pb2.Status:
    """Shorten a status until it fits into headers; its reason, on which clients branch, stays."""
    rich.message = _cut(rich.message, MAX_MESSAGE_BYTES)
    for detail in rich.details:
        if len(detail.value) > MAX_DETAILS_BYTES and detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
            for name in sorted(info.metadata):
                info.metadata[name] = _cut(info.metadata[name], MAX_DETAILS_BYTES // len(info.metadata))
            detail.Pack(info)
    return rich


def _cut(text: str, size: int) -> str:
    """Cut a text to a number of bytes in headers, where what is not printable ASCII takes three for each of its own."""
    widths = (1 if " " <= letter <= "~" and letter != "%" else 3 * len(letter.encode()) for letter in text[: size + 1])
    ends = list(accumulate(widths))
    if not ends or ends[-1] <= size:
        return text
    return text[: bisect_right(ends, size - _DOTS_BYTES)] + _DOTS


def internal(incident: str) -> tuple[StatusCode, status_pb2.Status]:
    """Return the status of an internal error, which names an incident and no internals."""
    message = f"The server failed; report incident {incident}, under which the server's log has the cause."
    return status(Internal(message, incident=incident))
