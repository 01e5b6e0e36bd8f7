"""Everything that goes wrong on purpose: raised in any layer, turned into a status in `rpc/status.py` alone."""

from __future__ import annotations


class LevadaError(Exception):
    """A failure that the caller is told of.

    Args:
        message: What is wrong, where, and what to do, in plain words and without SQL.
        details: Values that a client may branch on or show, all as text.
    """

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = {name: str(value) for name, value in details.items() if value is not None}

    def __str__(self) -> str:
        """Give the message as it is now; a layer on the way may have said more precisely where."""
        return self.message


class InvalidRequest(LevadaError):
    """The request cannot be right, whatever the data."""


class InvalidDefinition(InvalidRequest):
    """A definition cannot be parsed or declared."""


class InvalidExpression(InvalidRequest):
    """An expression cannot be parsed or typed."""


class UnknownAttribute(InvalidRequest):
    """A relation names an attribute that its operand does not have."""


class MissingAttribute(InvalidRequest):
    """A row lacks an attribute that has no default."""


class WrongValue(InvalidRequest):
    """A value does not fit the type of its attribute."""


class ValueOutOfRange(WrongValue):
    """A value of the right kind that the type of its attribute cannot hold."""


class MismatchedLineage(InvalidRequest):
    """Two operands share a name that means different things."""


class QueryTooDeep(InvalidRequest):
    """A relation is deeper or larger than the limits."""


class MakeContract(InvalidRequest):
    """`make` wrote or read outside its contract, or did not insert its key."""


class Unauthenticated(LevadaError):
    """The call carries no or wrong credentials."""


class PermissionDenied(LevadaError):
    """The caller may not do this."""


class NotFound(LevadaError):
    """The thing named does not exist."""


class UnknownSchema(NotFound):
    """No such schema."""


class UnknownTable(NotFound):
    """No such table."""


class UnknownJob(NotFound):
    """No such job."""


class UnknownWorkerSession(NotFound):
    """No such worker session, or it has ended."""


class UnknownStore(NotFound):
    """No such store."""


class UnknownObject(NotFound):
    """No such object or upload, or it is gone."""


class AlreadyExists(LevadaError):
    """The thing to be made exists."""


class DuplicateEntity(AlreadyExists):
    """An entity with this key exists."""


class TableExists(AlreadyExists):
    """A table exists with another tier."""


class PreconditionFailed(LevadaError):
    """The state of the data does not allow the call."""


class MissingParent(PreconditionFailed):
    """The parent entity does not exist."""


class HasChildren(PreconditionFailed):
    """Entities elsewhere depend on this one."""


class PlanChanged(PreconditionFailed):
    """The rows changed since the plan was made."""


class InputsChanged(PreconditionFailed):
    """What `make` had fetched has changed before its result was committed."""


class WrongJobState(PreconditionFailed):
    """The job is not in a state that allows the move."""


class LeaseLost(LevadaError):
    """The job was handed to another worker."""


class Conflict(LevadaError):
    """A concurrent transaction got in the way."""


class LimitReached(LevadaError):
    """A limit of the server was reached."""


class DamagedObject(LevadaError):
    """Bytes changed on their way, or in the store."""


class Unavailable(LevadaError):
    """The server or its database is out of reach; the call had no effect."""


class OutcomeUnknown(LevadaError):
    """The connection to the database broke during commit."""


class Unsupported(LevadaError):
    """The server does not do this."""


class Cancelled(LevadaError):
    """The caller cancelled the call."""


class DeadlineExceeded(LevadaError):
    """The call ran out of time."""
