"""Forget the keys of erased rows where reads of them, or uploads for them, have left them."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from levada_server.errors import LevadaError
from levada_server.jobs.signing import spelled
from levada_server.model.object_names import key_in_path, path_segment
from levada_server.model.table import TableName
from levada_server.query.analysis.mentions import mentions
from levada_server.query.analysis.reads import tables_in
from levada_server.storage.catalog.stored_catalog import read_former_names
from levada_server.storage.jobs import inputs, recordings, worker_sessions
from levada_server.storage.objects import object_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from uuid import UUID

    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import Table
    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Relation
    from levada_server.query.analysis.mentions import Said
    from levada_server.storage.objects.object_rows import Doomed
    from levada_server.storage.postgres.database import Connection

QUICK_BYTES = 8 * 2**10
"""A larger relation is looked through in a thread."""
PIECE_S = 0.01
"""How long, in seconds, other calls wait while reads are looked through."""
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
        keys: The keys.
        spell: Spells a value so that equal ones are alike.
    """

    def __init__(self, keys: Iterable[Sequence[object]], spell: Callable[[object], str] = _spelled) -> None:
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

    def among(self, said: Iterable[Said], names: Sequence[Collection[str]]) -> bool:
        """Return whether values mention all of an erased key.

        Args:
            said: The values, each with its attribute; without one, it may be of any attribute.
            names: For each attribute of the key, the attributes that hold it.
        """
        found: list[set[str]] = [set() for _ in names]
        for name, value in said:
            for place, held in enumerate(names):
                if name is None or name in held:
                    found[place].add(self._spell(value))
        return any(
            all(one in at_place for one, at_place in zip(key, found, strict=True))
            for first in found[0] & self._by_first.keys()
            for key in self._by_first[first]
        )


@dataclass(frozen=True, slots=True)
class _Erased:
    """The erased keys, as values and as parts of paths.

    Args:
        size: The number of the attributes of a key.
        holders: For each table that may lose rows, by its id, the attributes that hold one of the key, with its place;
            also by the names that they had before.
        former: The names that these tables had before.
    """

    values: ErasedKeys
    in_paths: ErasedKeys
    size: int
    holders: Mapping[int, Collection[tuple[str, int]]]
    former: Sequence[tuple[int, TableName]]

    def names(self, tables: Iterable[int]) -> list[set[str]]:
        """Return, for each attribute of the key, the attributes of some tables that hold it."""
        found: list[set[str]] = [set() for _ in range(self.size)]
        for id_ in tables:
            for name, place in self.holders.get(id_, ()):
                found[place].add(name)
        return found

    def named(self, catalog: Catalog, name: TableName) -> set[int]:
        """Return the ids of the tables that may lose rows and have a name, or had it before."""
        present = catalog.tables.get(name) or catalog.stored_as(name.schema, name.table)
        found = {id_ for id_, old in self.former if name in (old, TableName(old.schema, old.stored))}
        return (found if present is None else {*found, present.id}) & self.holders.keys()

    def stored_names(self, catalog: Catalog) -> Mapping[tuple[str, str], set[int]]:
        """Return the ids of the tables that may lose rows, by schema and by each stored name that they have or had."""
        found: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        for id_ in self.holders:
            name = catalog.by_id[id_].name
            for stored in (name.stored, *(old.stored for other, old in self.former if other == id_)):
                found[name.schema, stored].add(id_)
        return found


async def erased_keys(
    connection: Connection,
    catalog: Catalog,
    table: Table,
    reached: Collection[TableName],
    keys: Sequence[Sequence[object]],
) -> _Erased:
    """Return the keys of erased rows, with the names of their attributes in the tables that are reached."""
    primary = table.heading.primary_key
    held: dict[TableName, dict[str, int]] = {name: {} for name in reached}
    held[table.name] = {name: place for place, name in enumerate(primary)}
    links = [
        (name, key.parent, child, parent)
        for name in catalog.sorted(reached)
        for key in catalog.tables[name].foreign_keys
        if key.parent in held
        for child, parent in key.columns
    ]
    for below, above, child, parent in links:
        if parent in held[above]:
            held[below].setdefault(child, held[above][parent])
    for below, above, child, parent in reversed(links):  # masters lose rows with their parts
        if child in held[below]:
            held[above].setdefault(parent, held[below][child])
    present = {catalog.tables[name].id: names for name, names in held.items()}
    former = await read_former_names(connection, present.keys())
    holders = {id_: set(names.items()) for id_, names in present.items()}
    for id_, old, name in former.attributes:
        if name in present[id_]:
            holders[id_].add((old, present[id_][name]))
    in_paths = ErasedKeys(keys, lambda value: path_segment(str(value)))
    return _Erased(ErasedKeys(keys), in_paths, len(primary), holders, former.tables)


async def forget(engine: Engine, connection: Connection, catalog: Catalog, erased: _Erased) -> list[Doomed]:
    """Forget erased keys in reads of jobs and of recordings, in cancelled leases, and in uploads that no row names.

    Only what concerns the tables that may lose rows is looked at. A result whose reads are forgotten is stale from now
    on. Call `object_rows.find_named` before.

    Returns:
        The uploads and objects to remove, with their bytes.
    """
    if not erased.values:
        return []
    pieces = _Pieces()
    await _forget_inputs(engine, connection, catalog, erased, pieces)
    await _forget_recorded(engine, connection, catalog, erased, pieces)
    signer = engine.signer.of(None)
    held = []
    for token in await worker_sessions.all_cancelled_leases(connection):
        lease = signer.read_lease(token)
        if erased.values.among(lease.key.items(), erased.names([lease.table_id])):
            held.append(token)
        await pieces.end()
    await worker_sessions.forget_cancelled_leases(connection, held)
    left: list[UUID] = []
    named = erased.stored_names(catalog)
    schemas = {schema for schema, _ in named}
    for id_, schema, path in await object_rows.unnamed_paths(connection, sorted(schemas)):
        stored, key = key_in_path(path)
        if erased.in_paths.among(key, erased.names(named.get((schema, stored), ()))):
            left.append(id_)
        await pieces.end()
    return await object_rows.doom_unnamed(connection, left)


async def _forget_inputs(
    engine: Engine, connection: Connection, catalog: Catalog, erased: _Erased, pieces: _Pieces
) -> None:
    shapes = _Shapes(engine, erased)
    async for some in inputs.shapes_that_read(connection, erased.holders):
        for key, content in some:
            shapes.add(key, content)
            await pieces.end()
    for table in catalog.tables.values():
        if table.tier.auto_populated:
            async for jobs in inputs.jobs_that_read(connection, table, erased.holders):
                hit = []
                for job, reads in jobs:
                    if await shapes.mention(json.loads(reads)):
                        hit.append(job)
                    await pieces.end()
                await inputs.forget(connection, table, hit, erased.holders)
    empty = []
    for key in shapes.known:
        if await shapes.mention_alone(key):
            empty.append(key)
        await pieces.end()
    await inputs.empty_shapes(connection, empty)
    engine.shapes.forget(empty)


async def _forget_recorded(
    engine: Engine, connection: Connection, catalog: Catalog, erased: _Erased, pieces: _Pieces
) -> None:
    def mention(content: bytes) -> bool:
        try:
            relation = engine.gate.decode_relation(content)
        except LevadaError:
            return False  # nobody knows what it reads
        read = set[int]().union(*(erased.named(catalog, name) for name in tables_in(relation)))
        return bool(read) and _mentions(erased, relation, read)

    tables = [*(catalog.by_id[id_].name for id_ in erased.holders), *(name for _, name in erased.former)]
    async for reads in recordings.reads_that_name(connection, tables):
        hit = []
        for id_, content in reads:
            if await _aside(len(content), mention, content):
                hit.append(id_)
            await pieces.end()
        await recordings.delete_reads(connection, hit)


def _mentions(erased: _Erased, relation: Relation, tables: Iterable[int]) -> bool:
    """Return whether a relation mentions an erased key, or has an expression that cannot be parsed."""
    try:
        return erased.values.among(mentions(relation), erased.names(tables))
    except LevadaError:
        return True


async def _aside(size: int, look: Callable[..., bool], *arguments: object) -> bool:
    """Look through a relation of some bytes; through a large one in a thread, so that other calls go on."""
    return look(*arguments) if size <= QUICK_BYTES else await asyncio.to_thread(look, *arguments)


class _Pieces:
    """Divides work of the event loop into short pieces."""

    def __init__(self) -> None:
        self._begin = time.monotonic()

    async def end(self) -> None:
        """Let others work if this piece took long."""
        if time.monotonic() - self._begin > PIECE_S:
            await asyncio.sleep(0)
            self._begin = time.monotonic()


@dataclass(frozen=True, slots=True)
class _Shape:
    relation: bytes
    tables: Sequence[int]


class _Shapes:
    """The shapes of reads of tables that may lose rows, and whether reads of them mention erased keys."""

    def __init__(self, engine: Engine, erased: _Erased) -> None:
        self._engine = engine
        self._erased = erased
        self.known: dict[str, _Shape] = {}
        self._may: dict[str, bool] = {}
        self._found: dict[tuple[str, tuple[str, ...]], bool] = {}

    def add(self, key: str, content: str) -> None:
        """Take a stored shape, unless it was forgotten before."""
        relation, _, _, tables, _ = json.loads(content)
        if relation:
            self.known[key] = _Shape(base64.b64decode(relation), [id_ for _, id_ in tables])

    async def mention(self, reads: Sequence[tuple[str, Sequence[str], str]]) -> bool:
        """Return whether one of a job's reads mentions an erased key."""
        return any([await self._mentions(key, tuple(values)) for key, values, _ in reads if key in self.known])

    async def mention_alone(self, key: str) -> bool:
        """Return whether a shape mentions an erased key without the values of its reads."""
        shape = self.known[key]
        try:
            relation = await self._alone(shape)
        except LevadaError:
            return True
        return await _aside(len(shape.relation), _mentions, self._erased, relation, shape.tables)

    async def _mentions(self, key: str, values: tuple[str, ...]) -> bool:
        found = self._found.get((key, values))
        if found is None:
            found = self._found[key, values] = await self._look(key, values)
        return found

    async def _look(self, key: str, values: tuple[str, ...]) -> bool:
        shape, erased = self.known[key], self._erased.values
        asked = self._engine.decode_read(shape.relation, values)
        given = () if asked.shape is None else asked.shape.values
        if given and not await self._may_alone(key) and erased.values.isdisjoint(map(_spelled, given)):
            return False
        try:
            relation = await asked.relation()
        except LevadaError:
            return True
        return await _aside(len(shape.relation), _mentions, self._erased, relation, shape.tables)

    async def _may_alone(self, key: str) -> bool:
        """Return whether a shape itself has one of the values, so that each read of it must be looked at."""
        found = self._may.get(key)
        if found is None:
            found = self._may[key] = await self._has_value(self.known[key])
        return found

    async def _has_value(self, shape: _Shape) -> bool:
        try:
            relation = await self._alone(shape)
        except LevadaError:
            return True
        return await _aside(len(shape.relation), self._has_value_in, relation)

    def _has_value_in(self, relation: Relation) -> bool:
        try:
            return any(_spelled(value) in self._erased.values.values for _, value in mentions(relation))
        except LevadaError:
            return True

    async def _alone(self, shape: _Shape) -> Relation:
        """Return the part of a relation that all reads of a shape have."""
        asked = self._engine.decode_read(shape.relation, ())
        # One without parameters was too large to be taken apart.
        return await (asked.relation() if asked.shape is None else asked.parametrised())
