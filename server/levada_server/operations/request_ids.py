"""Requests that have one effect however often they come: their outcome is stored in the transaction of the change."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any, TypeVar

from levada_server.errors import Conflict, InvalidRequest, LevadaError
from levada_server.storage.postgres.request_outcomes import find_outcome, insert_outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.storage.postgres.database import Connection

_Result = TypeVar("_Result")

FIRST_PAUSE_S = 0.01
"""Bounds the pause after the first conflict; it doubles with each further one."""


async def once(
    engine: Engine,
    caller: Caller,
    work: Callable[[], Awaitable[_Result]],
    answer: Callable[[Any], Awaitable[_Result]],  # Any: what was recorded, as JSON gives it back
) -> _Result:
    """Do what a request asks; if it was done before, give the answer of then.

    A request that comes again does its work again until something stands in its way: the outcome of the first, if
    nothing before. So whoever asks once pays for no look. Within a transaction that lasts, its commit is what counts.

    Args:
        engine: The parts to work with.
        caller: Who asks, and under which id.
        work: Does it, and calls `record` in its transaction.
        answer: Makes the answer from what was recorded.

    Raises:
        InvalidRequest: The id was another method's.
    """
    try:
        return await work()
    except LevadaError as error:
        request = engine.scope.recorded(caller.request)
        found = None if request is None else await find_outcome(engine.scope, request)
        if request is None or found is None:
            raise
        if found.method != request.method:
            raise InvalidRequest(
                f"The request id {request.id} was used for {found.method} before; every request has its own.",
                field="request_id",
            ) from error
        if found.content is None:
            raise Conflict("The request was given up before it was done; nothing of it is kept.") from error
        return await answer(json.loads(found.content))


async def through_conflicts(engine: Engine, work: Callable[[], Awaitable[_Result]]) -> _Result:
    """Do a change, and repeat it after conflicts with concurrent ones, as often as the scope allows.

    Raises:
        Conflict: Others got in its way each time.
    """
    for attempt in range(1, engine.scope.attempts):
        try:
            return await work()
        except Conflict:
            pass
        await asyncio.sleep(random.uniform(0, FIRST_PAUSE_S * 2**attempt))
    return await work()


async def record(engine: Engine, connection: Connection, caller: Caller, content: object = True) -> None:
    """Store what came of a request, in the transaction of its change.

    Args:
        engine: The parts to work with.
        connection: In that transaction.
        caller: Who asks, and under which id.
        content: What the answer can be made of; anything that JSON has.

    Raises:
        AlreadyExists: It was done before.
    """
    request = engine.scope.recorded(caller.request)
    if request is not None:
        await insert_outcome(connection, request, json.dumps(content))
