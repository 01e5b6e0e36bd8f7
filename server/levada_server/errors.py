"""Everything that goes wrong on purpose: raised in any layer, turned into a status in `rpc/status.py` alone.

Each class is its row in the one table of errors: its reason, which clients branch on, and its gRPC code, which it
inherits unless it names its own. The SQLSTATEs that become an error are in `storage/postgres/failures.py`; tests hold
`error.proto`, the clients' classes and docs/reference/errors.md to both.
"""

from __future__ import annotations

from typing import ClassVar


class LevadaError(Exception):
    """A failure that is reported to the caller; only its subclasses are raised.

    Args:
        message: What is wrong, where, and what to do, in plain words and without SQL.
        details: Values that a client may branch on or show, all as text.

    Attributes:
        reason: Why, as an `ErrorReason` of the protocol without its prefix.
        code: The name of its gRPC code.
    """

    reason: ClassVar[str]
    code: ClassVar[str]

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = {name: str(value) for name, value in details.items() if value is not None}

    def __str__(self) -> str:
        """Return the message as it is now; a layer on the way may have added where it was."""
        return self.message


class InvalidRequest(LevadaError):
    """The request cannot be right, whatever the data."""

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
    """The call carries no or wrong credentials."""

    reason = "UNAUTHENTICATED"
    code = "UNAUTHENTICATED"


class PermissionDenied(LevadaError):
    """The caller may not do this."""

    reason = "PERMISSION_DENIED"
    code = "PERMISSION_DENIED"


class NotFound(LevadaError):
    """The thing named does not exist."""

    reason = "NOT_FOUND"
    code = "NOT_FOUND"


class UnknownSchema(NotFound):
    """No such schema."""

    reason = "UNKNOWN_SCHEMA"


class UnknownTable(NotFound):
    """No such table."""

    reason = "UNKNOWN_TABLE"


class UnknownJob(NotFound):
    """No such job."""

    reason = "UNKNOWN_JOB"


class UnknownWorkerSession(NotFound):
    """No such worker session, or it has ended."""

    reason = "UNKNOWN_WORKER_SESSION"


class UnknownStore(NotFound):
    """No such store."""

    reason = "UNKNOWN_STORE"


class UnknownObject(NotFound):
    """No such object or upload, or it is gone."""

    reason = "UNKNOWN_OBJECT"


class AlreadyExists(LevadaError):
    """The thing to be made exists."""

    reason = "ALREADY_EXISTS"
    code = "ALREADY_EXISTS"


class DuplicateEntity(AlreadyExists):
    """An entity with this key exists."""

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
    """What `make` had fetched has changed before its result was committed."""

    reason = "INPUTS_CHANGED"


class WrongJobState(PreconditionFailed):
    """The job is not in a state that allows the move."""

    reason = "WRONG_JOB_STATE"


class LeaseLost(LevadaError):
    """The job was handed to another worker."""

    reason = "LEASE_LOST"
    code = "ABORTED"


class Conflict(LevadaError):
    """A concurrent transaction got in the way."""

    reason = "CONFLICT"
    code = "ABORTED"


class LimitReached(LevadaError):
    """A limit of the server was reached."""

    reason = "LIMIT_REACHED"
    code = "RESOURCE_EXHAUSTED"


class DamagedObject(LevadaError):
    """Bytes changed on their way, or in the store."""

    reason = "DAMAGED_OBJECT"
    code = "DATA_LOSS"


class Unavailable(LevadaError):
    """The server or its database is out of reach; the call had no effect."""

    reason = "UNAVAILABLE"
    code = "UNAVAILABLE"


class OutcomeUnknown(LevadaError):
    """The connection to the database broke during commit."""

    reason = "OUTCOME_UNKNOWN"
    code = "UNKNOWN"


class Unsupported(LevadaError):
    """The server does not do this."""

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
    """A fault of the server; `rpc` raises it in place of the cause, which only the log has."""

    reason = "INTERNAL"
    code = "INTERNAL"
