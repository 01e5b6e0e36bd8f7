"""The graph of foreign keys: ancestors, descendants, and an order with parents first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import networkx as nx

from levada_server.errors import InvalidDefinition, UnknownSchema, UnknownTable
from levada_server.model.table import PartIntegrity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from levada_server.model.table import ForeignKey, Table, TableName


@dataclass(frozen=True, slots=True)
class Basis:
    """The tables that a change of rows was made for, as they are at one version of the catalog.

    Args:
        version: The catalog's.
        ids: The tables.
        stored: Their names in PostgreSQL, `schema.table`: another table may have one of them by now.
        with_children: A table that refers to them belongs to them, whether it is among them or new.
    """

    version: int
    ids: tuple[int, ...]
    stored: tuple[str, ...]
    with_children: bool = False


@dataclass(frozen=True)
class Catalog:
    """All tables at one version, and how they depend on each other.

    Args:
        version: Increases with every change.
        schemas: Names of all schemas.
        tables: All tables by name.
    """

    version: int
    schemas: frozenset[str]
    tables: dict[TableName, Table]

    def table(self, name: TableName) -> Table:
        """Return a table by its class's name or its stored name.

        Raises:
            UnknownSchema: There is no such schema.
            UnknownTable: The schema has no such table.
        """
        found = self.tables.get(name) or self._by_stored_name.get((name.schema, name.table))
        if found is not None:
            return found
        if name.schema not in self.schemas:
            raise UnknownSchema(f"There is no schema `{name.schema}`; create it first.", schema=name.schema)
        known = sorted(t.table for t in self.tables if t.schema == name.schema)
        raise UnknownTable(
            f"The schema `{name.schema}` has no table `{name.table}`; it has {', '.join(known) or 'none'}.",
            schema=name.schema,
            table=name.table,
        )

    def basis(self, names: Iterable[TableName], *, with_children: bool = False) -> Basis:
        """Return what a change of the rows of some tables relies on: these, those they refer to, and their masters."""
        touched = frozenset(names)
        found = self._bases.get((touched, with_children))
        if found is None:
            masters = {other for name in touched for other in self.tables if is_within(name, other)}
            parents = {key.parent for name in touched for key in self.tables[name].foreign_keys}
            tables = sorted((self.tables[name] for name in masters | parents), key=lambda table: table.id)
            stored = tuple(f"{table.name.schema}.{table.name.stored}" for table in tables)
            found = Basis(self.version, tuple(table.id for table in tables), stored, with_children)
            self._bases[touched, with_children] = found
        return found

    @cached_property
    def _bases(self) -> dict[tuple[frozenset[TableName], bool], Basis]:
        """The bases already requested, because every change asks for one."""
        return {}

    def with_table(self, table: Table) -> Catalog:
        """Return the catalog at the same version with one table added or replaced."""
        return Catalog(self.version, self.schemas, {**self.tables, table.name: table})

    @cached_property
    def _by_stored_name(self) -> dict[tuple[str, str], Table]:
        return {(name.schema, name.stored): table for name, table in self.tables.items()}

    @cached_property
    def attribute_names(self) -> frozenset[str]:
        """Names of the attributes of all tables."""
        return frozenset(name for table in self.tables.values() for name in table.heading.names)

    @cached_property
    def by_id(self) -> dict[int, Table]:
        """All tables by their id."""
        return {table.id: table for table in self.tables.values()}

    @cached_property
    def graph(self) -> nx.DiGraph[TableName]:
        """Edges go from parent to child."""
        graph: nx.DiGraph[TableName] = nx.DiGraph()
        for name, table in self.tables.items():
            graph.add_node(name)
            for key in table.foreign_keys:
                graph.add_edge(key.parent, name)
        return graph

    @cached_property
    def schema_graph(self) -> nx.DiGraph[str]:
        """Edges go from the schema of a parent to that of its child."""
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(self.schemas)
        graph.add_edges_from((p.schema, c.schema) for p, c in self.graph.edges if p.schema != c.schema)
        return graph

    def check_reference(self, child: TableName, parent: TableName) -> None:
        """Refuse a foreign key that would close a cycle, of tables or of schemas.

        Args:
            child: May be a table that does not exist yet.

        Raises:
            InvalidDefinition: It would close a cycle.
        """
        if parent in self.descendants(child):
            raise InvalidDefinition(
                f"`{child}` cannot refer to `{parent}`, which depends on it",
                expected="a table that does not depend on this one",
            )
        below = nx.descendants(self.schema_graph, child.schema) if child.schema in self.schema_graph else ()
        if parent.schema in below:
            path = nx.shortest_path(self.schema_graph, child.schema, parent.schema)
            example = next(f"`{c}` refers to `{p}`" for p, c in self.graph.edges if [p.schema, c.schema] == path[:2])
            raise InvalidDefinition(
                f"the schema `{child.schema}` cannot refer to `{parent.schema}`, which depends on it "
                f"({' → '.join(path)}: {example}); schemas form no cycle, so put this table into `{parent.schema}` "
                "or into a new schema",
                expected=f"a table of a schema that does not depend on `{child.schema}`",
            )

    @cached_property
    def order(self) -> tuple[TableName, ...]:
        """All tables, parents before children, by name if the graph leaves it open."""
        return tuple(nx.lexicographical_topological_sort(self.graph, key=str))

    def sorted(self, names: Iterable[TableName]) -> tuple[TableName, ...]:
        """Order some tables so that parents come first."""
        wanted = set(names)
        return tuple(name for name in self.order if name in wanted)

    def children(self, name: TableName) -> tuple[tuple[Table, ForeignKey], ...]:
        """Tables that refer to this one, with the foreign key; a table occurs once per foreign key."""
        successors = self.sorted(self.graph.successors(name)) if name in self.graph else ()
        return tuple(
            (self.tables[child], key)
            for child in successors
            for key in self.tables[child].foreign_keys
            if key.parent == name
        )

    def descendants(self, name: TableName) -> frozenset[TableName]:
        """All tables downstream, without the table itself."""
        return frozenset(nx.descendants(self.graph, name) if name in self.graph else ())

    def ancestors(self, name: TableName) -> frozenset[TableName]:
        """All tables upstream, without the table itself."""
        return frozenset(nx.ancestors(self.graph, name))

    def reached_by_delete(self, name: TableName, part_integrity: PartIntegrity) -> frozenset[TableName]:
        """The tables that may lose rows with a table: all that depend on it, and masters that parts take along."""
        found = frozenset((name,)) | self.descendants(name)
        while part_integrity is PartIntegrity.CASCADE:
            masters = {other.master for other in found if other.master is not None} - found
            if not masters:
                break
            found = found.union(masters, *map(self.descendants, masters))
        return found

    def parts(self, name: TableName) -> tuple[Table, ...]:
        """The part tables of a master, parents first."""
        return tuple(self.tables[part] for part in self.order if part.master == name)

    def master_columns(self, part: Table) -> tuple[tuple[str, str], ...] | None:
        """Pair attributes of a part with the primary key of its master.

        A part refers to its master itself, or through another part of that master.

        Returns:
            Pairs of the part's and the master's attribute; None if it does neither.
        """
        master = part.name.master
        for key in part.foreign_keys:
            if key.parent == master:
                return key.columns
        for key in part.foreign_keys:
            if key.parent.master == master:
                through = {parent: child for child, parent in key.columns}
                pairs = self.master_columns(self.tables[key.parent])
                if pairs is not None and all(sibling in through for sibling, _ in pairs):
                    return tuple((through[sibling], above) for sibling, above in pairs)
        return None

    def own_tables(self, name: TableName) -> frozenset[TableName]:
        """A table and its parts, which its `make` writes."""
        return frozenset(other for other in self.tables if is_within(other, name))

    def cone(self, name: TableName) -> frozenset[TableName]:
        """The tables that the `make` of a table reads: its own, all that these depend on, and the parts of those."""
        found = self._cones.get(name)
        if found is None:
            own = self.own_tables(name)
            upstream = own.union(*(self.ancestors(table) for table in own))
            found = upstream | {other for other in self.tables if any(is_within(other, above) for above in upstream)}
            self._cones[name] = found
        return found

    @cached_property
    def _cones(self) -> dict[TableName, frozenset[TableName]]:
        """The tables already requested, because every read of every job asks for them."""
        return {}


def is_within(name: TableName, master: TableName) -> bool:
    """Return whether a table is another one, or a part of it."""
    return name == master or (name.schema == master.schema and name.table.startswith(f"{master.table}."))
