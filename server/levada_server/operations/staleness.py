"""Compare the inputs of results with what they are now, as far as tables that were read have changed since."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from levada_server.errors import LevadaError
from levada_server.operations.access.compiling import compiled
from levada_server.operations.access.reading import FEW_ROWS, Readable, few_rows
from levada_server.permissions.roles import Action
from levada_server.query.algebra import Keep, Project, StalenessOperand, nodes
from levada_server.query.ownership import Insight
from levada_server.storage.jobs import comparison
from levada_server.storage.jobs.inputs import read_shapes
from levada_server.storage.postgres.scope import OpenTransaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import Table
    from levada_server.operations.access.gate import View
    from levada_server.operations.access.plans import Asked
    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Relation
    from levada_server.query.query import Query
    from levada_server.storage.jobs.comparison import Candidate
    from levada_server.storage.postgres.database import Connection

CHUNK = 500
"""How many results are compared at once, which takes some 30 ms of the event loop."""
REPEATED_ROWS = 10_000
"""The most rows of reads that are repeated by one statement, which holds them in memory; longer reads are streamed."""

_Read = tuple[str, tuple[str, ...]]
"""The key of a shape, and the values of one read."""


async def compare_inputs(engine: Engine, view: View, relation: Relation) -> None:
    """Compare the inputs of all results on which the verdicts in a relation depend, if it has any that ask for it.

    They are read with the reach of the worker that read them, not of the caller: what the caller may learn of it is
    decided where the verdicts are compiled. Callers that ask at the same time share one comparison of each table. It is
    committed at once, also for callers in a transaction, whose own changes count when they are committed.

    Raises:
        Conflict: Another transaction has locked a whole table that was read.
        UnknownTable: As by `View.table`.
        PermissionDenied: As by `View.table`.
    """
    named = [node.name for node in nodes(relation) if isinstance(node, StalenessOperand) and not node.known_only]
    wanted = {view.table(Action.FETCH, name).name for name in named}
    if not wanted:
        return
    tables = [view.catalog.tables[name] for name in view.catalog.sorted(wanted | view.catalog.ancestors(*wanted))]
    for table in tables:
        if table.has_make:
            await engine.refreshes.share(("verdicts", table.id), partial(_compare_table, engine, view.catalog, table))


async def _compare_table(engine: Engine, catalog: Catalog, table: Table) -> None:
    scope = engine.scope.outside.share("comparisons")
    async with scope.connection() as connection:
        await comparison.merge_changes(connection)
    after: int | None = 0
    shapes: dict[str, _Shape] = {}
    while after is not None:
        async with scope.transaction() as connection:
            inside = replace(engine, scope=OpenTransaction(connection, engine.scope.outside))
            after = await _compare_chunk(inside, connection, catalog, table, after, shapes)


async def _compare_chunk(
    engine: Engine, connection: Connection, catalog: Catalog, table: Table, after: int, shapes: dict[str, _Shape]
) -> int | None:
    """Compare the results of some jobs in a transaction; return the id of the last job if there may be more."""
    await comparison.take_turn(connection, table)
    horizon = await comparison.read_horizon(connection)
    found = await comparison.candidates(connection, table, after, CHUNK)
    if found:
        compared = await _compare(engine, catalog, found, shapes)
        await comparison.record_comparison(connection, table, compared, horizon)
    return found[-1].job_id if len(found) == CHUNK else None


async def _compare(
    engine: Engine, catalog: Catalog, jobs: Sequence[Candidate], shapes: dict[str, _Shape]
) -> list[tuple[Candidate, set[int]]]:
    """Return each result with the ids of the tables whose reads differ."""
    inputs = [json.loads(job.inputs) for job in jobs]
    missing = {key for reads in inputs for key, _, _ in reads} - shapes.keys()
    if missing:
        async with engine.scope.connection() as connection:
            contents = await read_shapes(connection, missing)
        for key, content in contents.items():
            relation, *rest = json.loads(content)
            shapes[key] = _Shape(base64.b64decode(relation), *rest)
    wanted: defaultdict[_Read, set[str]] = defaultdict(set)
    for reads in inputs:
        for key, values, digest in reads:
            wanted[key, tuple(values)].add(digest)
    digests: dict[_Read, str] = {}
    for key in dict.fromkeys(key for key, _ in wanted):
        reads_of_shape = {values: digest for (k, values), digest in wanted.items() if k == key}
        found = await _repeat(engine, catalog, shapes[key], reads_of_shape)
        digests |= {(key, values): digest for values, digest in found.items()}
    return [
        (job, {id_ for key, v, digest in reads if digests[key, tuple(v)] != digest for id_ in shapes[key].table_ids})
        for job, reads in zip(jobs, inputs, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Shape:
    """The common part of some reads, as it was stored; the fields are those of `Input`."""

    relation: bytes
    kind: str
    names: Sequence[str]
    tables: Sequence[tuple[str, int]]
    insight: tuple[Sequence[str], Sequence[int]] | None

    @property
    def table_ids(self) -> list[int]:
        return [id_ for _, id_ in self.tables]

    def asked(self, engine: Engine, values: Iterable[str]) -> Asked:
        return engine.decode_read(self.relation, tuple(values))

    async def compiled(self, catalog: Catalog, relation: Relation) -> Query:
        """Compile a relation of this shape for the tables that it read, whatever they are called now.

        Raises:
            LevadaError: A table or an attribute is gone.
        """
        then = catalog.renamed(dict(self.tables))
        insight = None if self.insight is None else Insight(tuple(self.insight[0]), frozenset(self.insight[1]))
        query = await compiled(relation, then, insight)
        if self.kind == "rows" and query.heading.names != tuple(self.names):
            # The read did not have attributes that were added since.
            query = await compiled(Project(relation, tuple(map(Keep, self.names))), then, insight)
        return query


async def _repeat(
    engine: Engine, catalog: Catalog, shape: _Shape, reads: dict[tuple[str, ...], set[str]]
) -> dict[tuple[str, ...], str]:
    """Repeat reads of one shape; return the digest of each by its values, empty if it cannot be repeated any more."""
    if not shape.relation:  # it was erased
        return dict.fromkeys(reads, "")
    asked = {values: shape.asked(engine, values) for values in reads}
    try:
        query = await shape.compiled(catalog, await next(iter(asked.values())).parametrised())
    except LevadaError:
        return dict.fromkeys(reads, "")
    done: dict[tuple[str, ...], str] = {}
    runs: dict[tuple[str, ...], tuple[tuple[object, ...], int]] = {}
    most = few_rows(query.heading) if shape.kind == "rows" else 1
    for values, digests in reads.items():
        held = asked[values].shape
        coerced = () if held is None else query.coerced(held.values)
        rows = max(_row_count(digest, shape.kind) for digest in digests)
        if coerced is None or query.fixed or held is None or rows > most:
            done[values] = await _repeat_alone(engine, catalog, shape, asked[values])
        else:
            runs[values] = coerced, rows
    async with engine.scope.connection() as connection:
        for part in _parts(runs, REPEATED_ROWS if most in (1, FEW_ROWS) else FEW_ROWS):
            found = await comparison.repeat_reads(connection, query, shape.kind, [runs[values] for values in part])
            done.update(zip(part, found, strict=True))
    return done


def _parts(runs: dict[tuple[str, ...], tuple[tuple[object, ...], int]], limit: int) -> Iterable[list[tuple[str, ...]]]:
    """Yield the values of runs in parts; a part has one run, or few rows in all."""
    part: list[tuple[str, ...]] = []
    rows = 0
    for values, (_, count) in runs.items():
        if part and rows + count + 1 > limit:
            yield part
            part, rows = [], 0
        part.append(values)
        rows += count + 1
    if part:
        yield part


async def _repeat_alone(engine: Engine, catalog: Catalog, shape: _Shape, asked: Asked) -> str:
    try:
        readable = Readable(await shape.compiled(catalog, await asked.relation()))
    except LevadaError:
        return ""
    match shape.kind:
        case "count":
            return str(await readable.count(engine.scope))
        case "exists":
            return str(await readable.exists(engine.scope))
        case _:
            return await readable.digest(engine.scope)


def _row_count(digest: str, kind: str) -> int:
    return int(digest.split(" ", 1)[0]) if kind == "rows" else 1
