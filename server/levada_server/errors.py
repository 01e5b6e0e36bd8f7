"""Define the errors that callers see; any layer raises them, and only `rpc/status.py` turns them into statuses.

Each class is a row in the one table of errors: a reason, on which clients branch, and a gRPC code, which it inherits
unless it names its own. The SQLSTATEs that become an error are in `storage/postgres/failures.py`; tests compare
`error.proto`, the clients' classes and docs/reference/errors.md with both.
"""

from __future__ import annotations

from typing import ClassVar


class LevadaError(Exception):
    """A failure that is reported to the caller; only its subclasses are raised.

    Args:
        message: The problem, its place, and what to do, in plain words and without SQL.
        details: Values that a client may branch on or show, all as text.

    Attributes:
        reason: The reason, as an `ErrorReason` of the protocol without its prefix.
        code: The name of its gRPC code.
    """

    reason: ClassVar[str]
    code: ClassVar[str]

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = {name: str(value) for name, value in details.items() if value is not None}

    def __str__(self) -> str:
        """Return the current message, to which a layer may have added the place."""
        return self.message


class InvalidRequest(LevadaError):
    """The request is wrong for any data."""

    reason = "INVALID_REQUEST"
    code = "INVALID_ARGUMENT"


class InvalidDefinition(InvalidRequest):
    """A definition cannot be parsed or declared."""

    reason = "INVALID_DEFINITION"


class InvalidExpression(InvalidRequest):
    """An expression cannot be parsed or typed."""

    reason = "INVALID_EXPRESSION"


class UnknownAttribute(InvalidRequest):
    """A relation names an attribute that its operand does not have."""

    reason = "UNKNOWN_ATTRIBUTE"


class MissingAttribute(InvalidRequest):
    """A row lacks an attribute that has no default."""

    reason = "MISSING_ATTRIBUTE"


class WrongValue(InvalidRequest):
    """A value does not fit the type of its attribute."""

    reason = "WRONG_VALUE"


class ValueOutOfRange(WrongValue):
    """A value of the right kind that the type of its attribute cannot hold."""

    reason = "VALUE_OUT_OF_RANGE"


class MismatchedLineage(InvalidRequest):
    """Two operands share a name that means different things."""

    reason = "MISMATCHED_LINEAGE"


class QueryTooDeep(InvalidRequest):
    """A relation is deeper or larger than the limits."""

    reason = "QUERY_TOO_DEEP"


class MakeContract(InvalidRequest):
    """`make` wrote or read outside its contract, or did not insert its key."""

    reason = "MAKE_CONTRACT"


class Unauthenticated(LevadaError):
    """The call has no credentials, or wrong ones."""

    reason = "UNAUTHENTICATED"
    code = "UNAUTHENTICATED"


class PermissionDenied(LevadaError):
    """The caller may not do this."""

    reason = "PERMISSION_DENIED"
    code = "PERMISSION_DENIED"


class NotFound(LevadaError):
    """A named thing does not exist."""

    reason = "NOT_FOUND"
    code = "NOT_FOUND"


class UnknownSchema(NotFound):
    """A schema does not exist."""

    reason = "UNKNOWN_SCHEMA"


class UnknownTable(NotFound):
    """A table does not exist."""

    reason = "UNKNOWN_TABLE"


class UnknownJob(NotFound):
    """A job does not exist."""

    reason = "UNKNOWN_JOB"


class UnknownWorkerSession(NotFound):
    """A worker session does not exist, or it has ended."""

    reason = "UNKNOWN_WORKER_SESSION"


class UnknownStore(NotFound):
    """A store does not exist."""

    reason = "UNKNOWN_STORE"


class UnknownObject(NotFound):
    """An object or upload does not exist, or it is gone."""

    reason = "UNKNOWN_OBJECT"


class AlreadyExists(LevadaError):
    """The thing to create already exists."""

    reason = "ALREADY_EXISTS"
    code = "ALREADY_EXISTS"


class DuplicateEntity(AlreadyExists):
    """An entity with this key already exists."""

    reason = "DUPLICATE_ENTITY"


class TableExists(AlreadyExists):
    """A table exists with another tier."""

    reason = "TABLE_EXISTS"


class PreconditionFailed(LevadaError):
    """The state of the data does not allow the call."""

    reason = "PRECONDITION_FAILED"
    code = "FAILED_PRECONDITION"


class MissingParent(PreconditionFailed):
    """The parent entity does not exist."""

    reason = "MISSING_PARENT"


class HasChildren(PreconditionFailed):
    """Entities elsewhere depend on this one."""

    reason = "HAS_CHILDREN"


class PlanChanged(PreconditionFailed):
    """The rows changed since the plan was made."""

    reason = "PLAN_CHANGED"


class VersionMismatch(PreconditionFailed):
    """The client is older than the oldest that the server serves."""

    reason = "VERSION_MISMATCH"


class InputsChanged(PreconditionFailed):
    """Rows that `make` fetched changed before its result was committed."""

    reason = "INPUTS_CHANGED"


class WrongJobState(PreconditionFailed):
    """The state of the job does not allow the change."""

    reason = "WRONG_JOB_STATE"


class LeaseLost(LevadaError):
    """The job went to another worker."""

    reason = "LEASE_LOST"
    code = "ABORTED"


class Conflict(LevadaError):
    """A concurrent transaction conflicts with this one."""

    reason = "CONFLICT"
    code = "ABORTED"


class LimitReached(LevadaError):
    """A limit of the server was reached."""

    reason = "LIMIT_REACHED"
    code = "RESOURCE_EXHAUSTED"


class DamagedObject(LevadaError):
    """Bytes changed during the transfer or in the store."""

    reason = "DAMAGED_OBJECT"
    code = "DATA_LOSS"


class Unavailable(LevadaError):
    """The server or its database is out of reach; the call had no effect."""

    reason = "UNAVAILABLE"
    code = "UNAVAILABLE"


class OutcomeUnknown(LevadaError):
    """The connection to the database broke during a commit."""

    reason = "OUTCOME_UNKNOWN"
    code = "UNKNOWN"


class Unsupported(LevadaError):
    """The server does not support this."""

    reason = "UNSUPPORTED"
    code = "UNIMPLEMENTED"


class Cancelled(LevadaError):
    """The caller cancelled the call."""

    reason = "CANCELLED"
    code = "CANCELLED"


class DeadlineExceeded(LevadaError):
    """The call ran out of time."""

    reason = "DEADLINE_EXCEEDED"
    code = "DEADLINE_EXCEEDED"


class Internal(LevadaError):
    """A fault of the server; `rpc` raises it instead of the cause, which is only in the log."""

    reason = "INTERNAL"
    code = "INTERNAL"
