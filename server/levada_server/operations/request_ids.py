"""Do repeated requests once: the outcome is stored in the transaction of the change."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any, TypeVar

from levada_server.errors import Conflict, HasChildren, InvalidRequest, LevadaError, UnknownSchema, UnknownTable
from levada_server.model.audit import Record
from levada_server.storage.postgres.request_outcomes import find_outcome, insert_record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from levada_server.model.audit import Entry
    from levada_server.model.request import Request
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.storage.postgres.database import Connection

_Result = TypeVar("_Result")

FIRST_PAUSE_S = 0.01
"""The longest pause, in seconds, after the first conflict; it doubles with each further conflict."""


async def once(
    engine: Engine,
    caller: Caller,
    work: Callable[[], Awaitable[_Result]],
    answer: Callable[[Any], Awaitable[_Result]],  # Any: the recorded content, decoded from JSON
    whole: Callable[[Request], Awaitable[Request]] | None = None,
) -> _Result:
    """Do the work of a request; if it was done before, return the first answer.

    A repeated request does its work again until an error stops it, at the latest because the first outcome is already
    recorded. So a request that comes once costs no look-up. Within an open transaction only the commit counts.

    Args:
        engine: The parts to work with.
        caller: The caller, with the id of its request.
        work: Does the work, and calls `record` in its transaction.
        answer: Makes the answer from the recorded content.
        whole: Waits for the rest of a request that still arrives, and returns it with the digest of all of it.

    Raises:
        InvalidRequest: The id belongs to a request of another method, or with other content.
    """
    try:
        return await work()
    except LevadaError as error:
        request = engine.scope.recorded(caller.request)
        found = None if request is None else await find_outcome(engine.scope, request)
        if request is None or found is None:
            raise
        if found.method != request.method:
            raise _used_before(request, f"for {found.method}") from error
        if whole is not None:
            request = await whole(request)
        if found.digest and request.digest and found.digest != request.digest:
            raise _used_before(request, "with other content") from error
        if found.content is None:
            raise Conflict("The request was given up before it was done; it had no effect.") from error
        return await answer(json.loads(found.content))


def _used_before(request: Request, how: str) -> InvalidRequest:
    return InvalidRequest(
        f"The request id {request.id} was used {how} before; use a new id for every request.", field="request_id"
    )


async def through_conflicts(engine: Engine, work: Callable[[], Awaitable[_Result]]) -> _Result:
    """Do a change, and repeat it after conflicts with concurrent changes, as often as the scope allows.

    Args:
        engine: The parts to work with.
        work: Does it; opens a view of the catalog by itself, because a table may be altered or dropped meanwhile.

    Raises:
        Conflict: Each attempt met a conflict.
    """
    for attempt in range(1, engine.scope.attempts):
        known = await engine.gate.known()
        try:
            return await work()
        except Conflict:
            pass
        except (HasChildren, UnknownSchema, UnknownTable):
            # The catalog here may not know yet which table came or went.
            if not await engine.gate.catch_up(known):
                raise
        await asyncio.sleep(random.uniform(0, FIRST_PAUSE_S * 2**attempt))
        await engine.gate.catch_up(await engine.gate.known())
    return await work()


async def record(
    engine: Engine, connection: Connection, caller: Caller, entry: Entry | None, content: object = True
) -> None:
    """Store the entry of the audit, and the outcome of a request, in the transaction of the change.

    Args:
        engine: The parts to work with.
        connection: The connection of that transaction.
        caller: The caller, with the id of its request.
        entry: The entry of the audit; None if nothing changed.
        content: The content from which the answer can be made; any JSON value.

    Raises:
        AlreadyExists: The request was done before.
    """
    await record_all(connection, caller, Record(entry, engine.scope.recorded(caller.request)), content)


async def record_all(connection: Connection, caller: Caller, record: Record, content: object = True) -> None:
    """Store a record as `record` does."""
    await insert_record(connection, record, json.dumps(content))
    caller.traces.changed = record.entry
