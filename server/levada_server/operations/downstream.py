"""After a commit, create the jobs that depend on the committed keys, soon and only for these keys."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from contextlib import suppress
from datetime import timedelta
from functools import reduce
from typing import TYPE_CHECKING

from levada_server.errors import LevadaError, Unavailable
from levada_server.model.dependencies import is_within
from levada_server.operations.caller import server_itself
from levada_server.operations.job_refresh import DEFAULT_PRIORITY
from levada_server.query.algebra import EntitySet, Join, Match, Relation, Restrict, TableOperand
from levada_server.query.analysis.reads import stands_by_itself, tables_in
from levada_server.query.key_source import new_keys, parent_keys
from levada_server.storage.jobs import refresh

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from levada_server.model.heading import Key
    from levada_server.model.table import Table, TableName
    from levada_server.operations.access.gate import View
    from levada_server.operations.context import Engine

COALESCE_S = 0.05
"""The time, in seconds, within which commits share a refresh."""
ROUND_S = 2.0
"""How long, in seconds, a round waits for a commit."""
_LOG = logging.getLogger("levada.jobs")


class Downstream:
    """Holds committed keys until the tables that depend on them are refreshed, by rounds of a background task."""

    def __init__(self) -> None:
        self._waiting: defaultdict[TableName, dict[Key, None]] = defaultdict(dict)
        self._engine: Engine | None = None
        self._news = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()

    def committed(self, engine: Engine, name: TableName, keys: Iterable[Key]) -> None:
        """Record that a table has new entities.

        Args:
            engine: The parts to work with, outside any transaction.
            name: The table.
            keys: The names and values of their jobs' keys.
        """
        self._engine = engine
        self._waiting[name].update(dict.fromkeys(keys))
        self._settled.clear()
        self._news.set()

    async def settled(self) -> None:
        """Wait until the refreshes for all commits so far are done."""
        await self._settled.wait()

    async def refresh(self) -> None:
        """Wait a while for commits, and refresh the tables that depend on them.

        Keys whose refresh fails are dropped, and the next full refresh finds them; the keys of other tables stay.

        Raises:
            Unavailable: PostgreSQL is out of reach; the keys wait for the next round.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(ROUND_S):
                await self._news.wait()
        if self._engine is None or not self._waiting:
            return
        await asyncio.sleep(COALESCE_S)
        try:
            while self._waiting:
                name, keys = self._waiting.popitem()
                await self._refresh_below(self._engine, name, keys)
        finally:
            if not self._waiting:
                self._news.clear()
                self._settled.set()

    async def _refresh_below(self, engine: Engine, name: TableName, keys: dict[Key, None]) -> None:
        try:
            await _refresh_below(engine, name, list(keys))
        except Unavailable:
            self._waiting[name] = keys | self._waiting[name]
            raise
        except LevadaError as error:  # the next full refresh makes up for it
            _LOG.warning("the jobs below %s were not refreshed: %s", name, error)


async def _refresh_below(engine: Engine, name: TableName, keys: list[Key]) -> None:
    # Each key source is read if its definer may read it.
    view = await engine.gate.open(server_itself())
    tables = view.catalog.tables
    if name not in tables:
        return  # it was dropped or renamed meanwhile
    for table in tables.values():
        if table.has_make and not is_within(table.name, name) and view.reads_source(table):
            for source in _sources(view, table, tables[name], keys):
                await _add_jobs(engine, view, table, source)


async def _add_jobs(engine: Engine, view: View, table: Table, source: Relation) -> None:
    missing = (await view.read_source(table, new_keys(source, table))).select
    async with engine.scope.transaction() as connection:
        await refresh.add_jobs(connection, table, missing, DEFAULT_PRIORITY, timedelta(0))


def _sources(view: View, table: Table, above: Table, keys: list[Key]) -> Iterator[Relation]:
    """Yield the relations that some keys of one table add to the key source of another."""
    if table.source_key is not None:
        source = view.key_source(table)
        read = [name for name in tables_in(source) if is_within(view.catalog.table(name).name, above.name)]
        if read and stands_by_itself(source, read, above.job_key, view.names_of):
            # If the source has none of the key's attributes, this is the whole source.
            yield Restrict(source, Match(_entities(above, above.name, keys), unchecked=True))
        elif read:
            yield source
        return
    if table.key_source is not None:
        return  # at fault, which its next populate reports
    references = [key for key in table.foreign_keys if key.primary_key]
    for number, reference in enumerate(references):
        if is_within(reference.parent, above.name):
            entities = _entities(above, reference.parent, keys)
            yield reduce(
                Join,
                [
                    parent_keys(other, entities if other_number == number else TableOperand(other.parent))
                    for other_number, other in enumerate(references)
                ],
            )


def _entities(above: Table, name: TableName, keys: list[Key]) -> Relation:
    """Return the entities of a table, or of its part, that some jobs of the table computed."""
    names = above.job_key
    whole = TableOperand(above.name)
    columns = tuple(zip(*(tuple(value for _, value in key) for key in keys), strict=True))
    chosen: Relation = Restrict(whole, EntitySet(names, columns)) if names else whole
    return chosen if name == above.name else Restrict(TableOperand(name), Match(chosen))
