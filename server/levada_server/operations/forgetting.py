"""Forget the keys of erased rows where reads of them, or uploads for them, have left them."""

from __future__ import annotations

import base64
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from levada_server.errors import LevadaError
from levada_server.jobs.signing import spelled
from levada_server.model.object_names import key_in_path, path_segment
from levada_server.query.analysis.mentions import mentions
from levada_server.storage.jobs import inputs, recordings, worker_sessions
from levada_server.storage.objects import object_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import Table, TableName
    from levada_server.operations.context import Engine
    from levada_server.storage.objects.object_rows import Upload
    from levada_server.storage.postgres.database import Connection

    Said = Iterable[tuple[str | None, object]]

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


def _spelled(value: object) -> str:
    """Spell a value so that equal ones are alike, also a number in a text."""
    if value is None:
        return ""
    text = spelled(value)
    return format(Decimal(text).normalize(), "f") if len(text) < 100 and _NUMBER.fullmatch(text) else text


class ErasedKeys:
    """The primary keys of erased rows of one table.

    Args:
        names: For each attribute of the key, the attributes that hold it, there and in tables below.
        keys: The keys, in the order of `names`.
        spell: Spells a value so that equal ones are alike.
    """

    def __init__(
        self,
        names: Sequence[Collection[str]],
        keys: Iterable[Sequence[object]],
        spell: Callable[[object], str] = _spelled,
    ) -> None:
        self._names = names
        self._spell = spell
        self._by_first: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
        self.values: set[str] = set()
        for key in keys:
            told = tuple(map(spell, key))
            self.values.update(told)
            if told:
                self._by_first[told[0]].add(told)

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._by_first)

    def among(self, said: Said) -> bool:
        """Return whether values mention all of an erased key; without a name, a value may be of any attribute."""
        found: list[set[str]] = [set() for _ in self._names]
        for name, value in said:
            for place, names in enumerate(self._names):
                if name is None or name in names:
                    found[place].add(self._spell(value))
        return any(
            all(one in at_place for one, at_place in zip(key, found, strict=True))
            for first in found[0] & self._by_first.keys()
            for key in self._by_first[first]
        )


def erased_keys(
    catalog: Catalog, table: Table, reached: Collection[TableName], keys: Sequence[Sequence[object]]
) -> _Erased:
    """Return the keys of erased rows, with the names that their attributes have in the tables that are reached."""
    primary = table.heading.primary_key
    carried = {table.name: {name: name for name in primary}}
    for name in catalog.sorted(reached):
        for key in catalog.tables[name].foreign_keys:
            above = carried.get(key.parent, {})
            carried.setdefault(name, {}).update({c: above[p] for c, p in key.columns if p in above})
    names = [{n for held in carried.values() for n, of in held.items() if of == attribute} for attribute in primary]
    ids = frozenset(catalog.tables[name].id for name in reached)
    return _Erased(ErasedKeys(names, keys), ErasedKeys(names, keys, lambda value: path_segment(str(value))), ids)


@dataclass(frozen=True, slots=True)
class _Erased:
    """The erased keys, as values and as parts of paths; and the ids of the tables that may lose rows."""

    values: ErasedKeys
    in_paths: ErasedKeys
    tables: frozenset[int]


async def forget(engine: Engine, connection: Connection, catalog: Catalog, erased: _Erased) -> list[tuple[Upload, int]]:
    """Forget erased keys in reads of jobs and of recordings, in cancelled leases, and in uploads that no row names.

    A result whose reads are forgotten is stale from now on. Call `object_rows.find_named` before.

    Returns:
        The uploads and objects to remove, with their bytes.
    """
    if not erased.values:
        return []
    shapes = _Shapes(engine, erased)
    for key, content in await inputs.read_all_shapes(connection):
        shapes.add(key, content)
    for table in catalog.tables.values():
        if table.tier.auto_populated:
            async for jobs in inputs.jobs_that_read(connection, table, erased.tables):
                hit = [job for job, reads in jobs if await shapes.mention(json.loads(reads))]
                await inputs.forget(connection, table, hit, erased.tables)
    await inputs.empty_shapes(connection, [key for key in shapes.known if await shapes.mention_alone(key)])
    read = [id_ for id_, relation in await recordings.read_relations(connection) if _decoded(engine, erased, relation)]
    await recordings.delete_reads(connection, read)
    signer = engine.signer.of(None)
    leases = await worker_sessions.all_cancelled_leases(connection)
    held = [token for token in leases if erased.values.among(signer.read_lease(token).key.items())]
    await worker_sessions.forget_cancelled_leases(connection, held)
    unnamed = await object_rows.unnamed_paths(connection)
    left = [id_ for id_, path in unnamed if erased.in_paths.among(key_in_path(path))]
    return await object_rows.doom_unnamed(connection, left)


def _decoded(engine: Engine, erased: _Erased, relation: bytes) -> bool:
    """Return whether a stored relation mentions an erased key; one that cannot be read any more goes too."""
    try:
        return erased.values.among(mentions(engine.gate.decode_relation(relation)))
    except LevadaError:
        return True


class _Shapes:
    """The shapes of reads, and whether reads of them mention erased keys."""

    def __init__(self, engine: Engine, erased: _Erased) -> None:
        self._engine = engine
        self._erased = erased
        self.known: dict[str, bytes] = {}
        self._may: dict[str, bool] = {}
        self._found: dict[tuple[str, tuple[str, ...]], bool] = {}

    def add(self, key: str, content: str) -> None:
        """Take a stored shape; only shapes that read a table which loses rows count."""
        relation, _, _, tables, _ = json.loads(content)
        if self._erased.tables & {id_ for _, id_ in tables}:
            self.known[key] = base64.b64decode(relation)

    async def mention(self, reads: Sequence[tuple[str, Sequence[str], str]]) -> bool:
        """Return whether one of a job's reads mentions an erased key."""
        return any([await self._mentions(key, tuple(values)) for key, values, _ in reads if key in self.known])

    async def mention_alone(self, key: str) -> bool:
        """Return whether a shape mentions an erased key without the values of its reads."""
        said = await self._said_alone(key)
        return said is None or self._erased.values.among(said)

    async def _mentions(self, key: str, values: tuple[str, ...]) -> bool:
        found = self._found.get((key, values))
        if found is None:
            found = self._found[key, values] = await self._look(key, values)
        return found

    async def _look(self, key: str, values: tuple[str, ...]) -> bool:
        relation, erased = self.known[key], self._erased.values
        if not relation:  # forgotten before
            return False
        asked = self._engine.decode_read(relation, values)
        given = () if asked.shape is None else asked.shape.values
        if given and not await self._may_alone(key) and erased.values.isdisjoint(map(_spelled, given)):
            return False
        try:
            return erased.among(mentions(await asked.relation()))
        except LevadaError:
            return True

    async def _may_alone(self, key: str) -> bool:
        """Return whether a shape itself has one of the values, so that each read of it must be looked at."""
        found = self._may.get(key)
        if found is None:
            said = await self._said_alone(key)
            values = self._erased.values.values
            found = self._may[key] = said is None or any(_spelled(value) in values for _, value in said)
        return found

    async def _said_alone(self, key: str) -> list[tuple[str | None, object]] | None:
        """Return the values in a shape that all of its reads have; None if it cannot be read any more."""
        if not self.known[key]:
            return []
        asked = self._engine.decode_read(self.known[key], ())
        try:
            # One without parameters was too large to be taken apart.
            return list(mentions(await (asked.relation() if asked.shape is None else asked.parametrised())))
        except LevadaError:
            return None
