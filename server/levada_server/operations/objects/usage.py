"""Report how much the objects of each schema and user take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.storage.objects import usage

if TYPE_CHECKING:
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.storage.objects.usage import Usage


async def list_usage(engine: Engine, caller: Caller, *, offset: int, count: int) -> list[Usage]:
    """Return what was last measured, by schema and user."""
    engine.gate.admit_administrator(caller, "see the usage of all")
    async with engine.objects.connection() as connection:
        return await usage.list_usage(connection, offset=offset, count=count)
