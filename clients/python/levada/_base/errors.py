"""All deliberate errors: one class per reason, with DataJoint's names as base classes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from google.rpc import error_details_pb2

from levada._base.absent_names import Explained
from levada._base.user_code import stack_level

if TYPE_CHECKING:
    from google.rpc import status_pb2

_DOMAIN = "levada"
_LOG = logging.getLogger("levada")


class LevadaError(Explained, Exception):
    """An error reported to the caller; DataJoint calls it `DataJointError`.

    Args:
        message: The problem, its place, and the remedy.
        details: For programs to branch on, as text; the keys depend on the reason.
        more: More parts of the message.

    Attributes:
        reason: The reason, named as in the protocol's `ErrorReason`: `DUPLICATE_ENTITY`.
        details: As above.
        call_id: The id of the call in the server's log, for the person who runs the server; None if no call failed.
    """

    reason = "INTERNAL"
    call_id: str | None = None

    def __init__(self, message: object = "", details: Mapping[str, object] | object = None, *more: object) -> None:
        if details is not None and not isinstance(details, Mapping):  # older code has parts of the text here
            more, details = (details, *more), None
        super().__init__(" ".join(str(part) for part in (message, *more)))
        self.details = {name: str(value) for name, value in (details or {}).items()}

    def __reduce__(self) -> tuple[Any, ...]:  # Any: what pickle takes
        return type(self), (str(self), self.details), {"call_id": self.call_id}


DataJointError = LevadaError


class LevadaWarning(UserWarning):
    """Something works, but may not be what was intended."""


# DataJoint's names. Code that catches these catches the classes below.


class LostConnectionError(LevadaError):
    """The server is out of reach."""


class QueryError(LevadaError):
    """A query or a change was refused."""


class QuerySyntaxError(QueryError):
    """A query cannot be understood."""


class AccessError(QueryError):
    """The caller may not do this."""


class DuplicateError(QueryError):
    """An entity with this key exists."""


class IntegrityError(QueryError):
    """A foreign key forbids the change."""


class UnknownAttributeError(QueryError):
    """There is no such attribute."""


class MissingAttributeError(QueryError):
    """A row lacks an attribute that has no default."""


class MissingExternalFile(LevadaError):
    """A file is not in its store, or is damaged."""


class MissingTableError(LevadaError):
    """There is no such table."""


class ThreadSafetyError(LevadaError):
    """An object is used by a thread or process that does not own it."""


# One class per reason of the protocol.


class InvalidRequest(LevadaError):
    """The request can never be right, whatever the data."""

    reason = "INVALID_REQUEST"


class InvalidDefinition(InvalidRequest):
    """A definition cannot be parsed or declared; details: `line`, `column`, `expected`."""

    reason = "INVALID_DEFINITION"


class InvalidExpression(InvalidRequest, QuerySyntaxError):
    """An expression cannot be parsed; details: `column`, `expected`."""

    reason = "INVALID_EXPRESSION"


class UnknownAttribute(InvalidRequest, UnknownAttributeError, KeyError):
    """A name is not an attribute of the operand; details: `attribute`."""

    reason = "UNKNOWN_ATTRIBUTE"
    __str__ = Exception.__str__  # that of KeyError quotes the message


class MissingAttribute(InvalidRequest, MissingAttributeError):
    """A row lacks an attribute that has no default; details: `attribute`, `row`."""

    reason = "MISSING_ATTRIBUTE"


class WrongValue(InvalidRequest):
    """A value does not fit the type of its attribute; details: `attribute`, and `row` for inserts."""

    reason = "WRONG_VALUE"


class ValueOutOfRange(WrongValue):
    """A value of the right kind that the type of its attribute cannot hold."""

    reason = "VALUE_OUT_OF_RANGE"


class MismatchedLineage(InvalidRequest, QueryError):
    """Two operands share a name with different meanings; details: `attribute`, `left_origin`, `right_origin`."""

    reason = "MISMATCHED_LINEAGE"


class QueryTooDeep(InvalidRequest, QueryError):
    """A relation is deeper or larger than the server's limits; details: `limit`."""

    reason = "QUERY_TOO_DEEP"


class MakeContract(InvalidRequest):
    """`make` wrote or read outside its contract, or did not insert its key; details: `table`."""

    reason = "MAKE_CONTRACT"


class Unauthenticated(AccessError):
    """The call carries no or wrong credentials."""

    reason = "UNAUTHENTICATED"


class PermissionDenied(AccessError):
    """The caller may not do this."""

    reason = "PERMISSION_DENIED"


class NotFound(LevadaError):
    """The thing named does not exist."""

    reason = "NOT_FOUND"


class UnknownSchema(NotFound):
    """There is no such schema; details: `schema`."""

    reason = "UNKNOWN_SCHEMA"


class UnknownTable(NotFound, MissingTableError):
    """There is no such table; details: `table`."""

    reason = "UNKNOWN_TABLE"


class UnknownJob(NotFound):
    """There is no such job; details: `job`."""

    reason = "UNKNOWN_JOB"


class UnknownWorkerSession(NotFound):
    """There is no such worker session, or it has ended; details: `worker_session`."""

    reason = "UNKNOWN_WORKER_SESSION"


class UnknownStore(NotFound):
    """There is no such store."""

    reason = "UNKNOWN_STORE"


class UnknownObject(NotFound, MissingExternalFile):
    """There is no such object, or it is gone."""

    reason = "UNKNOWN_OBJECT"


class AlreadyExists(LevadaError):
    """The thing to be created exists already."""

    reason = "ALREADY_EXISTS"


class DuplicateEntity(AlreadyExists, DuplicateError):
    """An entity with this key exists; details: `table`, `row`, `key`, `constraint`."""

    reason = "DUPLICATE_ENTITY"


class TableExists(AlreadyExists):
    """A table exists with another definition or tier; details: `table`."""

    reason = "TABLE_EXISTS"


class PreconditionFailed(LevadaError):
    """The state of the data does not allow the call."""

    reason = "PRECONDITION_FAILED"


class MissingParent(PreconditionFailed, IntegrityError):
    """The parent entity does not exist; details: `table`, `row`, `key`, `constraint`, `parent`."""

    reason = "MISSING_PARENT"


class HasChildren(PreconditionFailed, IntegrityError):
    """Entities elsewhere depend on this one; details: `table`, `child`."""

    reason = "HAS_CHILDREN"


class PlanChanged(PreconditionFailed):
    """The rows changed since the plan was made; details: `digest`."""

    reason = "PLAN_CHANGED"


class InputsChanged(PreconditionFailed):
    """The data that `make_fetch` fetched changed before the result was committed; details: `table`."""

    reason = "INPUTS_CHANGED"


class VersionMismatch(PreconditionFailed):
    """Client or server is too old for the other; the message says which to upgrade. Details: `client`, `oldest`."""

    reason = "VERSION_MISMATCH"


class WrongJobState(PreconditionFailed):
    """The job is not in a state that allows this change; details: `job`, `state`."""

    reason = "WRONG_JOB_STATE"


class LeaseLost(LevadaError):
    """The job was handed to another worker; drop the result. Details: `job`."""

    reason = "LEASE_LOST"


class Conflict(LevadaError):
    """A concurrent transaction got in the way; repeat the whole transaction."""

    reason = "CONFLICT"


class LimitReached(LevadaError):
    """A limit of the server was reached; details: `limit`, `value`."""

    reason = "LIMIT_REACHED"


class DamagedObject(MissingExternalFile):
    """Bytes of an object were damaged in transit or in the store."""

    reason = "DAMAGED_OBJECT"


class Unavailable(LostConnectionError):
    """The server or its database is out of reach."""

    reason = "UNAVAILABLE"


class OutcomeUnknown(LostConnectionError):
    """The connection broke during commit: check before you repeat."""

    reason = "OUTCOME_UNKNOWN"


class Unsupported(LevadaError):
    """The server does not support this."""

    reason = "UNSUPPORTED"


class Cancelled(LevadaError):
    """The call was cancelled."""

    reason = "CANCELLED"


class DeadlineExceeded(LevadaError):
    """The call ran out of time."""

    reason = "DEADLINE_EXCEEDED"


class Internal(LevadaError):
    """A fault of the server; details: `incident`, the id under which the server's log records the cause."""

    reason = "INTERNAL"


def _by_reason(base: type[LevadaError]) -> dict[str, type[LevadaError]]:
    classes = {base.reason: base} if "reason" in vars(base) and base is not LevadaError else {}
    for child in base.__subclasses__():
        classes |= _by_reason(child)
    return classes


_CLASSES = _by_reason(LevadaError)

# gRPC's codes of statuses without an ErrorInfo: these come from the channel or from a proxy, not from the server.
_CLASS_BY_CODE: dict[int, type[LevadaError]] = {
    1: Cancelled,
    3: InvalidRequest,
    4: DeadlineExceeded,
    5: NotFound,
    6: AlreadyExists,
    7: PermissionDenied,
    8: LimitReached,
    9: PreconditionFailed,
    10: Conflict,
    12: Unsupported,
    14: Unavailable,
    16: Unauthenticated,
}


def error_from_status(status: status_pb2.Status) -> LevadaError:
    """Build the error for a `google.rpc.Status` of the server.

    Returns:
        The class follows the reason of its ErrorInfo, or without one, the code. For a reason that this client does not
        know yet it follows the code, with `reason` as sent. The log has the id of the call, at the level DEBUG.
    """
    error = _of_reason(status) or error_from_code(status.code, status.message)
    request = error_details_pb2.RequestInfo()
    for packed in status.details:
        if packed.Unpack(request):
            error.call_id = request.request_id
            _LOG.debug("call %s failed: %s: %s", error.call_id, type(error).__name__, error)
    return error


def _of_reason(status: status_pb2.Status) -> LevadaError | None:
    detail = error_details_pb2.ErrorInfo()
    for packed in status.details:
        if packed.Unpack(detail) and detail.domain == _DOMAIN:
            kind = _CLASSES.get(detail.reason) or _CLASS_BY_CODE.get(status.code, Internal)
            error = kind(status.message, dict(detail.metadata))
            error.reason = detail.reason
            return error
    return None


def error_from_code(code: int, message: str) -> LevadaError:
    """Build the error for a status without a reason.

    Args:
        code: gRPC's number for the code.
    """
    return _CLASS_BY_CODE.get(code, Internal)(message)


def warn(message: str) -> None:
    """Warn at the line of the user's code that called into this package."""
    warnings.warn(message, LevadaWarning, stacklevel=stack_level())
