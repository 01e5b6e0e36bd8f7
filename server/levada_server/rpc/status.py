"""The one table from error class to gRPC code and reason, and the status that carries both."""

from __future__ import annotations

import logging
import uuid

from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode

from levada_api.v1 import error_pb2
from levada_server import errors

DOMAIN = "levada"
MAX_MESSAGE_CHARACTERS = 4_000
"""A status travels in headers, which proxies and clients limit to a few kilobytes."""
_LOG = logging.getLogger("levada.calls")
_PREFIX = "ERROR_REASON_"

TABLE: dict[type[errors.LevadaError], tuple[StatusCode, str]] = {
    errors.InvalidRequest: (StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"),
    errors.InvalidDefinition: (StatusCode.INVALID_ARGUMENT, "INVALID_DEFINITION"),
    errors.InvalidExpression: (StatusCode.INVALID_ARGUMENT, "INVALID_EXPRESSION"),
    errors.UnknownAttribute: (StatusCode.INVALID_ARGUMENT, "UNKNOWN_ATTRIBUTE"),
    errors.MissingAttribute: (StatusCode.INVALID_ARGUMENT, "MISSING_ATTRIBUTE"),
    errors.WrongValue: (StatusCode.INVALID_ARGUMENT, "WRONG_VALUE"),
    errors.ValueOutOfRange: (StatusCode.INVALID_ARGUMENT, "VALUE_OUT_OF_RANGE"),
    errors.MismatchedLineage: (StatusCode.INVALID_ARGUMENT, "MISMATCHED_LINEAGE"),
    errors.QueryTooDeep: (StatusCode.INVALID_ARGUMENT, "QUERY_TOO_DEEP"),
    errors.MakeContract: (StatusCode.INVALID_ARGUMENT, "MAKE_CONTRACT"),
    errors.Unauthenticated: (StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"),
    errors.PermissionDenied: (StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"),
    errors.NotFound: (StatusCode.NOT_FOUND, "NOT_FOUND"),
    errors.UnknownSchema: (StatusCode.NOT_FOUND, "UNKNOWN_SCHEMA"),
    errors.UnknownTable: (StatusCode.NOT_FOUND, "UNKNOWN_TABLE"),
    errors.UnknownJob: (StatusCode.NOT_FOUND, "UNKNOWN_JOB"),
    errors.UnknownWorkerSession: (StatusCode.NOT_FOUND, "UNKNOWN_WORKER_SESSION"),
    errors.UnknownStore: (StatusCode.NOT_FOUND, "UNKNOWN_STORE"),
    errors.UnknownObject: (StatusCode.NOT_FOUND, "UNKNOWN_OBJECT"),
    errors.AlreadyExists: (StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS"),
    errors.DuplicateEntity: (StatusCode.ALREADY_EXISTS, "DUPLICATE_ENTITY"),
    errors.TableExists: (StatusCode.ALREADY_EXISTS, "TABLE_EXISTS"),
    errors.PreconditionFailed: (StatusCode.FAILED_PRECONDITION, "PRECONDITION_FAILED"),
    errors.MissingParent: (StatusCode.FAILED_PRECONDITION, "MISSING_PARENT"),
    errors.HasChildren: (StatusCode.FAILED_PRECONDITION, "HAS_CHILDREN"),
    errors.PlanChanged: (StatusCode.FAILED_PRECONDITION, "PLAN_CHANGED"),
    errors.InputsChanged: (StatusCode.FAILED_PRECONDITION, "INPUTS_CHANGED"),
    errors.WrongJobState: (StatusCode.FAILED_PRECONDITION, "WRONG_JOB_STATE"),
    errors.LeaseLost: (StatusCode.ABORTED, "LEASE_LOST"),
    errors.Conflict: (StatusCode.ABORTED, "CONFLICT"),
    errors.LimitReached: (StatusCode.RESOURCE_EXHAUSTED, "LIMIT_REACHED"),
    errors.DamagedObject: (StatusCode.DATA_LOSS, "DAMAGED_OBJECT"),
    errors.Unavailable: (StatusCode.UNAVAILABLE, "UNAVAILABLE"),
    errors.OutcomeUnknown: (StatusCode.UNKNOWN, "OUTCOME_UNKNOWN"),
    errors.Unsupported: (StatusCode.UNIMPLEMENTED, "UNSUPPORTED"),
    errors.Cancelled: (StatusCode.CANCELLED, "CANCELLED"),
    errors.DeadlineExceeded: (StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
}


def status(error: errors.LevadaError) -> tuple[StatusCode, status_pb2.Status]:
    """Give the code and the rich status of a domain error."""
    code, reason = TABLE[type(error)]
    return code, _rich(code, reason, error.message, error.details)


def status_of(path: str, error: Exception) -> tuple[StatusCode, status_pb2.Status]:
    """Return the status of whatever serving a call raised. The log has what is not a domain error, under an incident.

    Args:
        path: Of the method.
        error: What was raised.
    """
    if isinstance(error, errors.LevadaError):
        return status(error)
    incident = uuid.uuid4().hex[:12]
    _LOG.error("%s failed, incident %s", path, incident, exc_info=error, extra={"details": {"incident": incident}})
    return internal(incident)


def shortened(rich: status_pb2.Status) -> status_pb2.Status:
    """Cut a status down to what fits into headers."""
    if len(rich.message) > MAX_MESSAGE_CHARACTERS:
        rich.message = rich.message[: MAX_MESSAGE_CHARACTERS - 1] + "…"
    if any(len(detail.value) > MAX_MESSAGE_CHARACTERS for detail in rich.details):
        del rich.details[:]
    return rich


def internal(incident: str) -> tuple[StatusCode, status_pb2.Status]:
    """Give the status of a fault of ours: it names an incident and nothing of the inside."""
    message = f"The server failed; report incident {incident}, under which its log has the cause."
    return StatusCode.INTERNAL, _rich(StatusCode.INTERNAL, "INTERNAL", message, {"incident": incident})


def _rich(code: StatusCode, reason: str, message: str, details: dict[str, str]) -> status_pb2.Status:
    error_pb2.ErrorReason.Value(_PREFIX + reason)  # a reason that the clients do not know must not leave
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=details))
    return status_pb2.Status(code=code.value[0], message=message, details=[detail])
