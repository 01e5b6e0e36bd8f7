"""A small pipeline in PostgreSQL: its tables with their rows, kept while a few queries need them."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import asyncpg

from levada_server.model.spans import bindable
from levada_server.query import ddl
from levada_server.query.compile import compile_relation
from levada_server.query.sql import quote_name
from levada_server.storage.postgres.moments import bind_moments_as_they_are
from tests.support.entities import read
from tests.support.pipelines import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from levada_server.model.dependencies import Catalog
    from levada_server.model.heading import Heading
    from levada_server.query.algebra import Relation
    from levada_server.query.ownership import Insight
    from levada_server.query.sql import Statement
    from tests.support.pipelines import Pipeline

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_T = TypeVar("_T")


class Postgres:
    """A connection with its own loop, because hypothesis calls functions and does not await."""

    def __init__(self, url: str) -> None:
        """Connect; `close` disconnects."""
        self._loop = asyncio.new_event_loop()
        settings = {"timezone": "UTC", "search_path": "pg_catalog", "jit": "off"}
        # This has no cache, because tables of different examples have the same names, but other types.
        connecting = asyncpg.connect(url, server_settings=settings, statement_cache_size=0, loop=self._loop)
        self.connection: Connection = self.run(connecting)
        self.run(bind_moments_as_they_are(self.connection))

    def run(self, coroutine: Coroutine[object, object, _T]) -> _T:
        """Run a coroutine to its end."""
        return self._loop.run_until_complete(coroutine)

    def close(self) -> None:
        """Disconnect."""
        self.run(self.connection.close())
        self._loop.close()

    @contextmanager
    def holding(self, pipeline: Pipeline) -> Iterator[Held]:
        """Provide the tables and rows of a pipeline inside the block, in a transaction that is rolled back."""
        transaction = self.connection.transaction()
        self.run(transaction.start())
        try:
            self.run(_fill(self.connection, pipeline))
            yield Held(self, pipeline.catalog())
        finally:
            self.run(transaction.rollback())


@dataclass(frozen=True)
class Held:
    """A pipeline that is in PostgreSQL, read by somebody who may not read all its rows if there is an insight."""

    postgres: Postgres
    catalog: Catalog
    insight: Insight | None = None

    def fetch(self, relation: Relation) -> tuple[Heading, list[tuple[object, ...]]]:
        """Compile a relation and fetch its rows."""
        query = compile_relation(relation, self.catalog, insight=self.insight)
        types = [attribute.type for attribute in query.heading]
        return query.heading, [tuple(map(read, row, types)) for row in self._run(query.fetch())]

    def count(self, relation: Relation) -> object:
        """Count the rows of a relation."""
        return self._run(compile_relation(relation, self.catalog).count())[0][0]

    def exists(self, relation: Relation) -> object:
        """Return whether a relation has a row."""
        return self._run(compile_relation(relation, self.catalog).exists())[0][0]

    def _run(self, statement: Statement) -> list[asyncpg.Record]:
        return self.postgres.run(self.postgres.connection.fetch(statement.text, *statement.values))


async def _fill(connection: Connection, pipeline: Pipeline) -> None:
    statements = [ddl.create_schema(SCHEMA)]
    for table in pipeline.tables:
        statements += ddl.create_table(table)
        statements += ddl.create_job_table(table) if table.has_make else []
    await connection.execute(";\n".join(statements))
    for table in pipeline.tables:
        if rows := pipeline.rows(table):
            names = ", ".join(map(quote_name, table.heading.names))
            marks = ", ".join(f"${i}" for i in range(1, len(table.heading.names) + 1))
            await connection.executemany(
                f"INSERT INTO {ddl.qualified(table.name)} ({names}) VALUES ({marks})",  # noqa: S608  # names quoted
                [tuple(map(bindable, row)) for row in rows],
            )
