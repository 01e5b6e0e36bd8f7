"""The rows that given rows come from, and the rows that come from them: restricted tables along the foreign keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from levada._base.errors import InvalidRequest
from levada._base.names import full_name, parse_full_name, stored_name
from levada._query.relation import U
from levada._query.restriction import AndList, as_operand
from levada._tables.table import Table, free_table
from levada_api.v1 import schema_pb2 as pb
from levada_api.v1 import schema_service_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from levada._net.connection import Connection
    from levada._net.job_context import JobContext
    from levada._query.relation import Relation

Name = tuple[str, str]
"""Schema and stored name of a table."""
_INTEGRITIES = ("enforce", "ignore", "cascade")


@dataclass(frozen=True)
class Lineage:
    """The rows along the foreign keys, by table.

    Args:
        connection: To the server with the rows.
        tables: The tables that were reached, parents first.
        conditions: For each table, the conditions of its rows: any of them, or all of an `AndList`.
        what: The name of this set of rows in messages.
    """

    connection: Connection
    tables: Mapping[Name, pb.Table]
    conditions: Mapping[Name, Sequence[object]]
    what: str

    def __getitem__(self, table: object) -> Table:
        """Return a table, by its class or its full name, restricted to the rows that were reached.

        Raises:
            InvalidRequest: It was not reached.
        """
        if isinstance(table, str):
            operand: object = free_table(self.connection, parse_full_name(table))
        else:
            operand = as_operand(table)
        if not isinstance(operand, Table):
            raise InvalidRequest(f"Name a table by its class or its full name, not {table!r}.")
        name = _id(operand._name)
        if name not in self.conditions:
            reached = ", ".join(full_name(reached.name) for reached in self.tables.values())
            raise InvalidRequest(f"{full_name(operand._name)} is not in this {self.what}; it has {reached}.")
        restricted: Table = operand & self.conditions[name]
        return restricted

    def relation(self, name: Name) -> Table:
        """Return the rows of a table that was reached."""
        table: Table = free_table(self.connection, self.tables[name].name) & self.conditions[name]
        return table

    def counts(self) -> dict[str, int]:
        """Count the rows of each table, by its full name, parents first."""
        return {full_name(table.name): len(self.relation(name)) for name, table in self.tables.items()}


def trace(expression: object) -> Lineage:
    """Find the rows that given rows depend on, in all tables upstream.

    Args:
        expression: A table, restricted to the rows to start from.
    """
    seed = _seed(expression)
    tables = _graph(seed.connection, seed._name, ancestor_steps=-1)
    walk = _Walk(seed.connection, {_id(seed._name): [seed.proj()]})
    for name in reversed(tables):
        walk.up(tables[name])
    return Lineage(seed.connection, _reached(tables, walk.conditions), walk.conditions, "trace")


def upstream(table: Table, job: JobContext) -> Lineage:
    """Find the rows that the key of a running job depends on, in all tables upstream and their parts."""
    tables = _graph(table.connection, job.table, ancestor_steps=-1)
    own = tables[_id(job.table)]
    walk = _Walk(table.connection, {})
    for key in own.foreign_keys:
        values = {pair.parent: job.key[pair.child] for pair in key.attributes if pair.child in job.key}
        if len(values) == len(key.attributes):
            walk.add(_id(key.parent), values)
    for name in reversed(tables):
        walk.up(tables[name])
    around = {_id(t.name): t for t in _parts_graph(table.connection, tables.values())}
    for name, part in around.items():
        if name not in walk.conditions:
            walk.down_from_master(part)
    return Lineage(table.connection, _reached({**tables, **around}, walk.conditions), walk.conditions, "upstream")


def cascade(expression: object, part_integrity: str = "enforce") -> Lineage:
    """Find the rows that depend on given rows, in all tables downstream.

    Args:
        expression: A table, restricted to the rows to start from.
        part_integrity: As in a delete: `"cascade"` takes the masters of parts too.
    """
    if part_integrity not in _INTEGRITIES:
        raise InvalidRequest(f"part_integrity must be one of {', '.join(_INTEGRITIES)}, not {part_integrity!r}.")
    seed = _seed(expression)
    starts: dict[Name, list[object]] = {_id(seed._name): [seed.proj()]}
    while True:
        tables: dict[Name, pb.Table] = {}
        tables = _graph(seed.connection, *map(_named, starts), descendant_steps=-1)
        walk = _Walk(seed.connection, {name: list(conditions) for name, conditions in starts.items()})
        for name in tables:
            walk.down(tables[name], tables.values())
        reached = _reached(tables, walk.conditions)
        masters = _missing_masters(reached) - starts.keys() if part_integrity == "cascade" else set()
        if not masters:
            return Lineage(seed.connection, reached, walk.conditions, "cascade")
        for master in masters:
            starts[master] = walk.of_master(master, reached.values())


def restrict(tables: Mapping[Name, pb.Table], before: Lineage | None, expression: object) -> Lineage:
    """Find the rows of some tables that meet a condition wherever they depend on its table.

    A row that depends on it along several ways meets it along each of them.

    Args:
        tables: The tables, parents first.
        before: The rows that were left by earlier conditions; None for all.
        expression: One of the tables, restricted.
    """
    seed = _seed(expression)
    start = _id(seed._name)
    if start not in tables:
        shown = ", ".join(full_name(table.name) for table in tables.values())
        raise InvalidRequest(f"{seed.full_table_name} is not among the tables to restrict: {shown}.")
    walk = _Walk(seed.connection, {start: AndList([seed.proj()])}, AndList)
    for table in tables.values():
        walk.down(table, tables.values())
    conditions: dict[Name, Sequence[object]] = dict(before.conditions) if before is not None else {}
    for name, found in walk.conditions.items():
        earlier = conditions.get(name)
        conditions[name] = AndList([*([] if earlier is None else [earlier]), *found])
    return Lineage(seed.connection, _reached(tables, conditions), conditions, "restrict")


@dataclass
class _Walk:
    """Carries conditions from table to table.

    Args:
        connection: The connection.
        conditions: Those of each table.
        together: The kind of list for several conditions of a table: any of a list holds, or all of an `AndList`.
    """

    connection: Connection
    conditions: dict[Name, list[object]] = field(default_factory=dict)
    together: type[list[object]] = list

    def add(self, name: Name, condition: object) -> None:
        """Add a further condition for the rows of a table."""
        self.conditions.setdefault(name, self.together()).append(condition)

    def up(self, table: pb.Table) -> None:
        """Carry the condition of a table to its parents."""
        if _id(table.name) in self.conditions:
            for key in table.foreign_keys:
                pairs = [(pair.child, pair.parent) for pair in key.attributes]
                self.add(_id(key.parent), self._matching(table, pairs))

    def down(self, table: pb.Table, tables: Iterable[pb.Table]) -> None:
        """Carry the condition of a table to its children."""
        if _id(table.name) in self.conditions:
            for child in tables:
                for key in child.foreign_keys:
                    if _id(key.parent) == _id(table.name):
                        pairs = [(pair.parent, pair.child) for pair in key.attributes]
                        self.add(_id(child.name), self._matching(table, pairs))

    def down_from_master(self, part: pb.Table) -> None:
        """Carry the condition of a master to its part."""
        for key in part.foreign_keys:
            master = _id(key.parent)
            if master in self.conditions and _is_part(_id(part.name), master):
                pairs = [(pair.parent, pair.child) for pair in key.attributes]
                above = pb.Table(name=key.parent)
                self.add(_id(part.name), self._matching(above, pairs))

    def of_master(self, master: Name, tables: Iterable[pb.Table]) -> list[object]:
        """Return the condition of a master that follows from its parts that were reached."""
        parts = {_id(t.name): t for t in _graph(self.connection, _named(master), descendant_steps=-1).values()}
        found: list[object] = []
        for part in tables:
            pairs = _pairs_with_master(part, master, parts) if _is_part(_id(part.name), master) else None
            if pairs is not None:
                found.append(self._matching(part, pairs))
        return found

    def _matching(self, table: pb.Table, pairs: Sequence[tuple[str, str]]) -> Relation:
        """Return the distinct values of some attributes of a table's rows, under other names.

        Args:
            pairs: The name in the table, and the other.
        """
        rows: Table = free_table(self.connection, table.name) & self.conditions[_id(table.name)]
        renames = {new: old for old, new in pairs if old != new}
        names = [old for old, new in pairs if old == new]
        # A key attribute stays in every projection: one whose name is taken gets another name.
        in_the_way = [name for name in rows.primary_key if name in renames and name not in renames.values()]
        renames |= {f"other_{name}": name for name in in_the_way}
        distinct: Relation = U(*(new for _, new in pairs)) & rows.proj(*names, **renames)
        return distinct


def _seed(expression: object) -> Table:
    seed = as_operand(expression)
    if not isinstance(seed, Table):
        raise InvalidRequest(f"Lineage must start from a table, restricted to some rows, not from {expression!r}.")
    return seed


def _graph(
    connection: Connection, *names: pb.TableName, ancestor_steps: int = 0, descendant_steps: int = 0
) -> dict[Name, pb.Table]:
    """Return the tables around others, parents first."""
    request = schema_service_pb2.GetGraphRequest(
        tables=names, ancestor_steps=ancestor_steps, descendant_steps=descendant_steps
    )
    found = connection.call("SchemaService/GetGraph", request, schema_service_pb2.GetGraphResponse).tables
    return {_id(table.name): table for table in found}


def _parts_graph(connection: Connection, tables: Iterable[pb.Table]) -> list[pb.Table]:
    """Return the parts of some tables."""
    names = [table.name for table in tables]
    masters = {_id(name) for name in names}
    around = _graph(connection, *names, descendant_steps=1)
    return [t for (schema, stored), t in around.items() if (schema, stored.rpartition("__")[0]) in masters]


def _reached(tables: Mapping[Name, pb.Table], conditions: Mapping[Name, Any]) -> dict[Name, pb.Table]:
    return {name: table for name, table in tables.items() if name in conditions}


def _missing_masters(tables: Mapping[Name, pb.Table]) -> set[Name]:
    masters = {(schema, stored.rpartition("__")[0]) for schema, stored in tables if "__" in stored}
    return masters - tables.keys()


def _id(name: pb.TableName) -> Name:
    return name.schema, stored_name(name.table)


def _named(name: Name) -> pb.TableName:
    return pb.TableName(schema=name[0], table=name[1])


def _is_part(name: Name, master: Name) -> bool:
    return name[0] == master[0] and name[1].startswith(f"{master[1]}__")


def _pairs_with_master(part: pb.Table, master: Name, parts: Mapping[Name, pb.Table]) -> list[tuple[str, str]] | None:
    """Pair attributes of a part with the key of its master, to which it refers itself or through another part."""
    for key in part.foreign_keys:
        if _id(key.parent) == master:
            return [(pair.child, pair.parent) for pair in key.attributes]
    for key in part.foreign_keys:
        sibling = parts.get(_id(key.parent))
        if sibling is not None and _is_part(_id(key.parent), master):
            through = {pair.parent: pair.child for pair in key.attributes}
            pairs = _pairs_with_master(sibling, master, parts)
            if pairs is not None and all(name in through for name, _ in pairs):
                return [(through[name], above) for name, above in pairs]
    return None
