"""Rows closed upwards: with their parents by all foreign keys, and the parts of all masters among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from levada._base.names import class_path
from levada._tables.table import FreeTable
from levada._values.kinds.value_kind import storage_of
from levada_api.v1 import schema_pb2, schema_service_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from levada._net.connection import Connection
    from levada._query.relation import Relation

_CHUNK_ROWS = 10_000
"""By how many keys a table is restricted at once."""

Name = tuple[str, str]
"""Schema and table."""
_Key = tuple[Any, ...]  # Any: a stored value


class Closure:
    """Rows of tables, by their keys, to which more are added until all that they need is there.

    Args:
        connection: To the server that has the rows.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: dict[Name, dict[_Key, None]] = {}
        self._types: dict[Name, pa.Schema] = {}
        self._tables: dict[Name, schema_pb2.Table] = {}
        self._parts: dict[Name, list[schema_pb2.Table]] = {}

    def add(self, name: Name, keys: pa.Table) -> None:
        """Add rows with what they need.

        Raises:
            LevadaError: A table is out of reach.
        """
        waiting = [(name, keys)]
        while waiting:
            name, keys = waiting.pop()
            new = self._new(name, keys)
            if new is not None:
                waiting += self._needed(name, new)

    def tables(self) -> list[tuple[schema_pb2.Table, Relation]]:
        """Return the tables with the rows of each, parents first."""
        names = [schema_pb2.TableName(schema=schema, table=table) for schema, table in self._rows]
        request = schema_service_pb2.GetGraphRequest(tables=names)
        graph = self._connection.call("SchemaService/GetGraph", request, schema_service_pb2.GetGraphResponse)
        return [(table, self._chosen((table.name.schema, table.name.table))) for table in graph.tables]

    def _chosen(self, name: Name) -> Relation:
        rows = FreeTable(self._connection, class_path(self._table(name).name))
        if not self._types[name]:
            return rows
        columns = zip(*self._rows[name], strict=True) if self._rows[name] else [() for _ in self._types[name]]
        arrays = [pa.array(values, field.type) for values, field in zip(columns, self._types[name], strict=True)]
        keys = pa.Table.from_arrays(arrays, schema=self._types[name])
        chosen: Relation = rows & keys
        return chosen

    def _new(self, name: Name, keys: pa.Table) -> pa.Table | None:
        """Add keys; return the ones that were not there, and None without any.

        A table without a key has at most one row, which is there as soon as anything of it was read.
        """
        known = self._rows.setdefault(name, {})
        order = [each.name for each in self._table(name).heading.attributes if each.primary_key]
        keys = keys.select(order)
        self._types.setdefault(name, keys.schema)
        if not order:
            new = () not in known
            known[()] = None
            return keys if new else None
        fresh = []
        for number, key in enumerate(zip(*(column.to_pylist() for column in keys.columns), strict=True)):
            if key not in known:
                known[key] = None
                fresh.append(number)
        return keys.take(pa.array(fresh, pa.int64())) if fresh else None

    def _needed(self, name: Name, keys: pa.Table) -> Iterator[tuple[Name, pa.Table]]:
        """Yield the keys of the parents and parts of some rows."""
        rows = FreeTable(self._connection, class_path(self._table(name).name))
        for key in self._table(name).foreign_keys:
            pairs = {pair.child: pair.parent for pair in key.attributes}
            for chosen in _restricted(rows, keys):
                found = _stored(chosen.proj(*pairs).to_arrow(*pairs))
                parents = found.rename_columns([pairs[child] for child in found.schema.names]).drop_null()
                yield (key.parent.schema, key.parent.table), parents
        for part in self._parts_of(name):
            there = FreeTable(self._connection, class_path(part.name))
            for chosen in _restricted(there, keys):
                yield (part.name.schema, part.name.table), _stored(chosen.proj().to_arrow())

    def _table(self, name: Name) -> schema_pb2.Table:
        if name not in self._tables:
            schema, table = name
            described = self._connection.describe_table(schema_pb2.TableName(schema=schema, table=table))
            self._tables[name] = described.table
        return self._tables[name]

    def _parts_of(self, name: Name) -> Sequence[schema_pb2.Table]:
        if name not in self._parts:
            schema, table = name
            request = schema_service_pb2.GetGraphRequest(
                tables=[schema_pb2.TableName(schema=schema, table=table)], descendant_steps=1
            )
            graph = self._connection.call("SchemaService/GetGraph", request, schema_service_pb2.GetGraphResponse)
            self._parts[name] = [
                found
                for found in graph.tables
                if found.name.schema == schema and found.name.table.rpartition(".")[0] == table
            ]
        return self._parts[name]


def _restricted(rows: Relation, keys: pa.Table) -> Iterator[Relation]:
    """Yield rows by their keys, some at a time; the row of a table without a key at once."""
    if not keys.num_columns:
        yield rows
    for start in range(0, keys.num_rows, _CHUNK_ROWS):
        yield rows & keys.slice(start, _CHUNK_ROWS)


def _stored(table: pa.Table) -> pa.Table:
    return pa.Table.from_arrays([storage_of(column) for column in table.columns], names=table.schema.names)
