"""The graph of all tables and their foreign keys, as a graph of NetworkX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import networkx as nx

from levada._base.names import full_name
from levada._net.pages import pages
from levada_api.v1 import schema_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from levada._net.pages import Caller
    from levada_api.v1 import schema_pb2


class Dependencies(nx.DiGraph):  # type: ignore[misc]  # NetworkX has no types
    """The tables by their full names, with an edge from each parent to its child; empty until `load`.

    A node has `primary_key`, a set of names. An edge has `primary`, whether the child's primary key holds the foreign
    key; `attr_map`, the names in the parent by those in the child; `aliased`, whether some of them differ; and `multi`,
    whether a parent can have several children. A foreign key that renames attributes passes through a node of its own,
    whose name is a number.

    Args:
        connection: The connection to the server with the tables.
    """

    def __init__(self, connection: Caller | None = None) -> None:
        super().__init__(self)
        self._connection = connection
        self._loaded = False

    def clear(self) -> None:
        """Forget the tables."""
        super().clear()
        self._loaded = False

    def load(self, force: bool = True, schema_names: Iterable[str] | None = None) -> None:
        """Read the tables of all schemas.

        Args:
            force: Read them again if they were read before.
            schema_names: Read only these schemas.
        """
        if (self._loaded and not force) or self._connection is None:
            return
        self.clear()
        chosen = list(_schema_names(self._connection) if schema_names is None else schema_names)
        if chosen:
            request = pb.GetGraphRequest(schemas=chosen)
            tables = self._connection.call("SchemaService/GetGraph", request, pb.GetGraphResponse).tables
            for table in tables:
                key = {a.name for a in table.heading.attributes if a.primary_key}
                self.add_node(full_name(table.name), primary_key=key)
            for table in tables:
                for foreign_key in table.foreign_keys:
                    if full_name(foreign_key.parent) in self:
                        self._add_foreign_key(full_name(table.name), foreign_key)
        self._loaded = True

    def _add_foreign_key(self, child: str, foreign_key: schema_pb2.ForeignKey) -> None:
        names = {pair.child: pair.parent for pair in foreign_key.attributes}
        aliased = any(one != other for one, other in names.items())
        properties = {
            "primary": foreign_key.primary_key,
            "attr_map": names,
            "aliased": aliased,
            "multi": not foreign_key.unique,
        }
        parent = full_name(foreign_key.parent)
        if aliased:
            between = str(sum(name.isdigit() for name in self))
            self.add_edge(parent, between, **properties)
            parent = between
        self.add_edge(parent, child, **properties)

    def parents(self, table_name: str, primary: bool | None = None) -> dict[str, dict[str, Any]]:
        """Return the properties of the foreign keys of a table, by its parents; arguments as for `children`."""
        self.load(force=False)
        return {name: edge for name, _, edge in self.in_edges(table_name, data=True) if _chosen(edge, primary)}

    def children(self, table_name: str, primary: bool | None = None) -> dict[str, dict[str, Any]]:
        """Return the properties of the foreign keys to a table, by its children.

        Args:
            table_name: The full name of the table.
            primary: True: only foreign keys in primary keys; False: only others; None: all.
        """
        self.load(force=False)
        return {name: edge for _, name, edge in self.out_edges(table_name, data=True) if _chosen(edge, primary)}

    def ancestors(self, full_table_name: str) -> list[str]:
        """Return the tables that a table depends on and itself, the table first."""
        self.load(force=False)
        return topo_sort(self.subgraph({*nx.ancestors(self, full_table_name), full_table_name}))[::-1]

    def descendants(self, full_table_name: str) -> list[str]:
        """Return the tables that depend on a table and itself, the table first."""
        self.load(force=False)
        return topo_sort(self.subgraph({*nx.descendants(self, full_table_name), full_table_name}))

    def topo_sort(self) -> list[str]:
        """Return all tables, parents first, and parts behind their master where that is possible."""
        return topo_sort(self)


def topo_sort(graph: nx.DiGraph) -> list[str]:
    """Order the tables of a graph: parents first, and parts behind their master unless that is impossible."""
    names = [name for name in graph if not name.isdigit()]
    edges = [(parent, name) for name in names for parent in _above(graph, name)]
    plain = _graph(names, edges)
    masters = {name: _outermost(name) if _outermost(name) in plain else name for name in names}
    united = _graph(names, [(masters[parent], masters[child]) for parent, child in edges])
    united.remove_edges_from(list(nx.selfloop_edges(united)))
    if not nx.is_directed_acyclic_graph(united):
        return list(nx.lexicographical_topological_sort(plain))
    united.remove_nodes_from([name for name in names if masters[name] != name])
    groups: dict[str, list[str]] = {master: [] for master in nx.lexicographical_topological_sort(united)}
    for name in nx.lexicographical_topological_sort(plain):
        groups[masters[name]].append(name)
    return [name for group in groups.values() for name in group]


def _graph(names: Iterable[str], edges: Iterable[tuple[str, str]]) -> nx.DiGraph:
    graph = nx.DiGraph(edges)
    graph.add_nodes_from(names)
    return graph


def _outermost(full_table_name: str) -> str:
    """Return the full name of the table that holds a part, through any parts between; of another table its own."""
    first, mark, _ = full_table_name.partition("__")
    return f"{first}`" if mark and first[-1] not in "`_" else full_table_name


def _above(graph: nx.DiGraph, child: str) -> Iterable[str]:
    """Yield the parents of a table, looking through the nodes of renaming foreign keys."""
    for name in graph.predecessors(child):
        if name.isdigit():
            yield from graph.predecessors(name)
        else:
            yield name


def _schema_names(connection: Caller) -> Iterable[str]:
    for page in pages(connection, "SchemaService/ListSchemas", pb.ListSchemasRequest(), pb.ListSchemasResponse):
        yield from (schema.name for schema in page.schemas)


def _chosen(edge: dict[str, Any], primary: bool | None) -> bool:
    return primary is None or edge["primary"] == primary
