"""A catalog made from another by changes is the one that its tables make by themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import networkx as nx
from hypothesis import given, settings
from hypothesis import strategies as st

from levada_server.model.dependencies import Catalog
from levada_server.model.heading import Attribute, Heading
from levada_server.model.kinds import Kind
from levada_server.model.table import ForeignKey, Table, TableName, Tier
from levada_server.model.types import AttributeType

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCHEMAS = frozenset({"lab", "lab_2", "ephys"})
_NAMES = [
    TableName(schema, table)
    for schema in sorted(_SCHEMAS)
    for table in ("Cell", "Unit", "Unit.Spike", "Unit.Spike.Wave", "Animal", "Zoo")
]
_CHANGES = 10  # fewer than there are names
_ATTRIBUTES = st.sets(st.sampled_from(["a", "b", "c"]), min_size=1)


def _table(id_: int, name: TableName, attributes: Iterable[str], parents: Iterable[TableName]) -> Table:
    heading = Heading(tuple(Attribute(a, AttributeType(Kind.INT32), primary_key=True) for a in sorted(attributes)))
    keys = tuple(
        ForeignKey(parent, (("a", "a"),), primary_key=True, nullable=False, unique=False) for parent in parents
    )
    return Table(id_, name, Tier.MANUAL, heading, keys)


def _renamed(catalog: Catalog, old: TableName, new: TableName) -> Catalog:
    children = [
        replace(
            child,
            foreign_keys=tuple(replace(key, parent=new) if key.parent == old else key for key in child.foreign_keys),
        )
        for child in map(catalog.tables.__getitem__, catalog.next_below(old))
    ]
    return catalog.with_changes([old], [replace(catalog.tables[old], name=new), *children])


def _changed(catalog: Catalog, id_: int, data: st.DataObject) -> Catalog:
    """Declare, drop, alter or rename a table."""
    there = sorted(catalog.tables, key=str)
    free = [name for name in _NAMES if name not in catalog.tables]
    way = data.draw(st.sampled_from(["declare", "declare", "alter", "rename", "drop"])) if there else "declare"
    name = data.draw(st.sampled_from(free if way == "declare" else there))
    if way == "drop":
        return catalog.without_tables({name} | catalog.descendants(name))
    if way == "rename":
        return _renamed(catalog, name, data.draw(st.sampled_from(free)))
    above = [other for other in there if other != name and other not in catalog.descendants(name)]
    parents = data.draw(st.sets(st.sampled_from(above), max_size=3)) if above else ()
    id_ = catalog.tables[name].id if way == "alter" else id_
    return catalog.with_table(_table(id_, name, data.draw(_ATTRIBUTES), parents))


@settings(max_examples=60)
@given(st.data())
def test_changes_leave_the_indexes_that_the_tables_make(data: st.DataObject) -> None:
    catalog = Catalog(1, _SCHEMAS, {}).prepare()
    for id_ in range(_CHANGES):
        catalog = _changed(catalog, id_, data)
        whole = Catalog(1, _SCHEMAS, dict(catalog.tables)).prepare()
        assert vars(catalog) == vars(whole)
    graph: nx.DiGraph[TableName] = nx.DiGraph()
    graph.add_nodes_from(catalog.tables)
    graph.add_edges_from((key.parent, name) for name, table in catalog.tables.items() for key in table.foreign_keys)
    assert catalog.order == tuple(nx.lexicographical_topological_sort(graph, key=str))
    for name in catalog.tables:
        assert catalog.descendants(name) == nx.descendants(graph, name)
        assert catalog.ancestors(name) == nx.ancestors(graph, name)
