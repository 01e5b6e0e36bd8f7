"""Actions on tables and schemas, and the roles that allow them."""

from __future__ import annotations

from enum import Enum


class Action(Enum):
    """An action of a caller."""

    DESCRIBE = "describe"
    FETCH = "fetch"
    REFER = "refer to"
    """Declare a foreign key to it, which blocks deletes and tells whether a key exists."""
    INSERT = "insert into"
    """Insert into a table that people fill."""
    INSERT_DIRECTLY = "insert directly into"
    """Insert into a computed table outside its `make`."""
    UPDATE = "update"
    """Update rows, and replace them."""
    DELETE = "delete from"
    ERASE = "erase rows of"
    """Delete for good, with objects and jobs."""
    DECLARE = "declare"
    ALTER = "alter"
    DROP = "drop"
    COMPUTE = "compute"
    """Refresh, reserve and complete its jobs."""
    MANAGE_JOBS = "manage the jobs of"
    """Ignore, retry and cancel its jobs."""
    CONFIGURE = "configure"
    """Rename a schema, and change its settings."""
    GRANT = "grant roles on"


class Role(Enum):
    """A set of actions that is granted on a schema or on a table."""

    VIEWER = "viewer"
    REFERENCE = "reference"
    DEPOSITOR = "depositor"
    WORKER = "worker"
    EDITOR = "editor"
    OWNER = "owner"


_VIEWER = frozenset({Action.DESCRIBE, Action.FETCH})
_REFERENCE = frozenset({Action.DESCRIBE, Action.REFER})
_DEPOSITOR = _VIEWER | {Action.INSERT}
_WORKER = _VIEWER | {Action.COMPUTE, Action.MANAGE_JOBS}
_EDITOR = (
    _DEPOSITOR
    | _WORKER
    | _REFERENCE
    | {Action.INSERT_DIRECTLY, Action.UPDATE, Action.DELETE, Action.DECLARE, Action.ALTER}
)
ACTIONS: dict[Role, frozenset[Action]] = {
    Role.VIEWER: _VIEWER,
    Role.REFERENCE: _REFERENCE,
    Role.DEPOSITOR: _DEPOSITOR,
    Role.WORKER: _WORKER,
    Role.EDITOR: _EDITOR,
    Role.OWNER: frozenset(Action),
}
EVERY_ACTION = frozenset(Action)


def roles_for(action: Action) -> tuple[Role, ...]:
    """Return the roles that allow an action, the least first."""
    return tuple(role for role in Role if action in ACTIONS[role])
