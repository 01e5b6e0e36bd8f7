"""The graph of foreign keys: ancestors, descendants, and an order with parents first."""

from __future__ import annotations

from collections import Counter, defaultdict
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import networkx as nx

from levada_server.errors import InvalidDefinition, UnknownSchema, UnknownTable
from levada_server.model.near_names import meant
from levada_server.model.table import PartIntegrity, TableName

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from levada_server.model.table import ForeignKey, Ownership, Table

    _Tables: TypeAlias = Mapping[TableName, Table]
    _Named: TypeAlias = dict[tuple[str, str], Table]
    _Groups: TypeAlias = dict[TableName, frozenset[TableName]]
    _Precedence: TypeAlias = dict[TableName, tuple[str, ...]]

_Key = TypeVar("_Key")


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


@dataclass(frozen=True, slots=True)
class Belonging:
    """How the rows of a table belong to teams: by their own attribute, or as the rows of a table above.

    Args:
        table: The table whose rows name their team.
        ownership: Its rule.
        columns: Pairs of an attribute of the table that belongs and of the key of that table; of that table itself,
            the one that names the team.
    """

    table: Table
    ownership: Ownership
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Catalog:
    """All tables at one version, and how they depend on each other.

    The indexes of the tables are made when first asked for; `prepare` makes them before, since for thousands of tables
    they take long. A catalog in which some tables changed makes its own from the ones of the catalog before.

    Args:
        version: Increases with every change.
        schemas: Names of all schemas.
        tables: All tables by name, the server's own included.
        confidential: Names of the schemas whose reads are audited.
    """

    version: int
    schemas: frozenset[str]
    tables: dict[TableName, Table]
    confidential: frozenset[str] = frozenset()

    def table(self, name: TableName) -> Table:
        """Return a table by its class's name or its stored name.

        Raises:
            UnknownSchema: There is no such schema.
            UnknownTable: The schema has no such table.
        """
        found = self.tables.get(name) or self.stored_as(name.schema, name.table)
        if found is not None:
            return found
        self.check_schema(name.schema)
        known = sorted(t.table for t in self.tables if t.schema == name.schema)
        raise UnknownTable(
            f"The schema `{name.schema}` has no table `{name.table}`; {meant(name.table, known, 'it has')}.",
            table=name,
        )

    def check_schema(self, name: str) -> None:
        """Refuse a schema that does not exist.

        Raises:
            UnknownSchema: The schema does not exist.
        """
        if name not in self.schemas:
            raise UnknownSchema(f"There is no schema `{name}`; create it first.", schema=name)

    def basis(self, names: Iterable[TableName], *, with_children: bool = False) -> Basis:
        """Return what a change of the rows of some tables relies on: these, parents, masters, and owning tables."""
        touched = frozenset(names)
        found = self._bases.get((touched, with_children))
        if found is None:
            masters = {other for name in touched for other in self._with_masters(name)}
            parents = {key.parent for name in touched for key in self.tables[name].foreign_keys}
            owning = {one.table.name for name in touched for one in self.belongings(self.tables[name])}
            tables = sorted((self.tables[name] for name in masters | parents | owning), key=lambda table: table.id)
            stored = tuple(f"{table.name.schema}.{table.name.stored}" for table in tables)
            found = Basis(self.version, tuple(table.id for table in tables), stored, with_children)
            self._bases[touched, with_children] = found
        return found

    @cached_property
    def _bases(self) -> dict[tuple[frozenset[TableName], bool], Basis]:
        """The bases already requested, because every change asks for one."""
        return {}

    def prepare(self) -> Catalog:
        """Make the indexes of the tables, and return the catalog; it may run in a thread."""
        _ = self._children, self._schema_references, self._places, self._by_stored_name, self._families
        _ = self._attribute_counts, self.by_id
        return self

    def at_version(self, version: int) -> Catalog:
        """Return the same tables at another version."""
        other = copy(self)  # with the indexes that are made
        object.__setattr__(other, "version", version)
        vars(other).pop("_bases", None)
        return other

    def with_table(self, table: Table) -> Catalog:
        """Return the catalog at the same version with one table added or replaced."""
        return self.with_changes((), (table,))

    def without_tables(self, names: Iterable[TableName]) -> Catalog:
        """Return the catalog at the same version without some tables, to which no other refers."""
        return self.with_changes(names, ())

    def with_changes(self, gone: Iterable[TableName], new: Iterable[Table]) -> Catalog:
        """Return the catalog at the same version without some tables and then with others, added or replaced."""
        added = {table.name: table for table in new}
        lost = {name: self.tables[name] for name in {*gone, *added} if name in self.tables}
        tables = self.tables.copy()
        for name in lost.keys() - added.keys():
            del tables[name]
        tables.update(added)
        other = Catalog(self.version, self.schemas, tables, self.confidential)
        for index, changed in _INDEXES.items():
            if index in vars(self):
                vars(other)[index] = changed(vars(self)[index], lost, added)
        if "_places" in vars(self):
            moved = self.descendants(*lost) | other.descendants(*added) | added.keys()
            left = self._places.copy()
            for name in lost:
                del left[name]
            vars(other)["_places"] = _precedence(other, left, moved & tables.keys())
        return other

    def renamed(self, ids: Mapping[str, int]) -> Catalog:
        """Return a catalog in which some tables also have the names that they had, by their id.

        A name whose table is gone has none, even if another table has it now.
        """
        if all(str(table.name) == name for name, id_ in ids.items() if (table := self.by_id.get(id_))) and all(
            id_ in self.by_id for id_ in ids.values()
        ):
            return self
        tables = {name: table for name, table in self.tables.items() if str(name) not in ids}
        for name, id_ in ids.items():
            if id_ in self.by_id:
                schema, _, rest = name.partition(".")
                tables[TableName(schema, rest)] = self.by_id[id_]
        return Catalog(self.version, self.schemas, tables, self.confidential)

    def stored_as(self, schema: str, stored: str) -> Table | None:
        """Return the table that PostgreSQL has under a name."""
        return self._by_stored_name.get((schema, stored))

    @cached_property
    def _by_stored_name(self) -> dict[tuple[str, str], Table]:
        return _stored_names({}, {}, self.tables)

    @property
    def attribute_names(self) -> Collection[str]:
        """Names of the attributes of all tables."""
        return self._attribute_counts.keys()

    @cached_property
    def _attribute_counts(self) -> dict[str, int]:
        return _attribute_counts({}, {}, self.tables)

    @cached_property
    def by_id(self) -> dict[int, Table]:
        """All tables by their id."""
        return _by_id({}, {}, self.tables)

    @cached_property
    def _children(self) -> dict[TableName, frozenset[TableName]]:
        return _children({}, {}, self.tables)

    @cached_property
    def _schema_references(self) -> dict[tuple[str, str], int]:
        return _schema_references({}, {}, self.tables)

    def next_below(self, name: TableName) -> frozenset[TableName]:
        """The tables that refer to a table."""
        return self._children.get(name, frozenset())

    def next_above(self, name: TableName) -> frozenset[TableName]:
        """The tables that a table refers to."""
        table = self.tables.get(name)
        keys = () if table is None else table.foreign_keys
        return frozenset(key.parent for key in keys if key.parent in self.tables)

    def check_reference(self, child: TableName, parent: TableName, shown: Catalog) -> None:
        """Refuse a foreign key that would close a cycle, of tables or of schemas.

        Args:
            child: May be a table that does not exist yet.
            parent: The table that it would refer to.
            shown: The tables and schemas that the error may name.

        Raises:
            InvalidDefinition: It would close a cycle.
        """
        if parent in self.descendants(child):
            raise InvalidDefinition(
                f"`{child}` cannot refer to `{parent}`, which depends on it",
                expected="a table that does not depend on this one",
            )
        schemas: nx.DiGraph[str] = nx.DiGraph(self._schema_references.keys())  # edges from parent to child
        if child.schema in schemas and parent.schema in nx.descendants(schemas, child.schema):
            path = nx.shortest_path(schemas, child.schema, parent.schema)
            references = (
                (p, c) for p, below in shown._children.items() for c in below if [p.schema, c.schema] == path[:2]
            )
            example = next((f": `{c}` refers to `{p}`" for p, c in references), "")
            way = f" ({' → '.join(path)}{example})" if set(path) <= shown.schemas else ""
            raise InvalidDefinition(
                f"the schema `{child.schema}` cannot refer to `{parent.schema}`, which depends on it{way}; schemas "
                f"form no cycle, so put this table into `{parent.schema}` or into a new schema",
                expected=f"a table of a schema that does not depend on `{child.schema}`",
            )

    @cached_property
    def order(self) -> tuple[TableName, ...]:
        """All tables, parents before children, by name if the graph leaves it open."""
        return self.sorted(self.tables)

    def sorted(self, names: Iterable[TableName]) -> tuple[TableName, ...]:
        """Order some tables so that parents come first."""
        return tuple(sorted(set(names), key=self._places.__getitem__))

    @cached_property
    def _places(self) -> _Precedence:
        return _precedence(self, {}, self.tables)

    def children(self, name: TableName) -> tuple[tuple[Table, ForeignKey], ...]:
        """Tables that refer to this one, with the foreign key; a table occurs once per foreign key."""
        return tuple(
            (self.tables[child], key)
            for child in self.sorted(self.next_below(name))
            for key in self.tables[child].foreign_keys
            if key.parent == name
        )

    def descendants(self, *names: TableName) -> frozenset[TableName]:
        """All tables downstream of some; one of these itself only if it depends on another."""
        return _reached((child for name in names for child in self.next_below(name)), self.next_below)

    def ancestors(self, *names: TableName) -> frozenset[TableName]:
        """All tables upstream of some; one of these itself only if another depends on it."""
        return _reached((parent for name in names for parent in self.next_above(name)), self.next_above)

    def reached_by_delete(self, name: TableName, part_integrity: PartIntegrity) -> frozenset[TableName]:
        """The tables that may lose rows with a table: all that depend on it, and masters that parts take along."""

        def next_to(table: TableName) -> Iterable[TableName]:
            lifted = table.master if part_integrity is PartIntegrity.CASCADE else None
            return (*self.next_below(table), *(() if lifted is None else (lifted,)))

        return _reached((name,), next_to)

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
        return self._families[name] if name in self.tables else frozenset()

    def cone(self, name: TableName) -> frozenset[TableName]:
        """The tables that the `make` of a table reads: its own, all that these depend on, and the parts of those."""
        found = self._cones.get(name)
        if found is None:
            own = self.own_tables(name)
            found = own.union(*map(self.own_tables, own | self.ancestors(*own)))
            self._cones[name] = found
        return found

    @cached_property
    def _cones(self) -> dict[TableName, frozenset[TableName]]:
        """The tables already requested, because every read of every job asks for them."""
        return {}

    @cached_property
    def _families(self) -> dict[TableName, frozenset[TableName]]:
        """Each table with its parts, and the parts of those."""
        return _families({}, {}, self.tables)

    def ids_with_masters(self, table: Table) -> tuple[int, ...]:
        """Return the ids of a table, of its master if it is a part, and so on."""
        if table.name.master is None:
            return (table.id,)
        return (table.id, *(self.tables[name].id for name in self._with_masters(table.name.master)))

    def belongings(self, table: Table) -> tuple[Belonging, ...]:
        """Return the ways in which the rows of a table belong to teams; none if they do not.

        A row belongs to the team that it names itself, or else to that of the row that a foreign key in its primary key
        refers to. The first such key counts, but those whose rows are hidden come before others, and all of these
        count: a row that names hidden rows is hidden from whoever may not reach all of them.
        """
        if not self.owned:
            return ()
        if table.name not in self._belongings:
            self._belongings[table.name] = self._find_belongings(table)
        return self._belongings[table.name]

    def _find_belongings(self, table: Table) -> tuple[Belonging, ...]:
        if table.ownership is not None:
            return (Belonging(table, table.ownership, ((table.ownership.attribute, table.ownership.attribute),)),)
        found: list[Belonging] = []
        for key in table.foreign_keys:
            for above in self.belongings(self.tables[key.parent]) if key.primary_key else ():
                own = {parent: child for child, parent in key.columns}
                names = (
                    [(name, name) for name in above.table.heading.primary_key]
                    if above.table.name == key.parent
                    else above.columns
                )
                columns = tuple((own[name], owners) for name, owners in names)
                belonging = Belonging(above.table, above.ownership, columns)
                if not any((one.table.id, one.columns) == (above.table.id, columns) for one in found):
                    found.append(belonging)
        return tuple(one for one in found if one.ownership.hidden) or tuple(found[:1])

    @cached_property
    def owned(self) -> tuple[Table, ...]:
        """The tables whose rows name their team."""
        return tuple(table for table in self.tables.values() if table.ownership is not None)

    @cached_property
    def _belongings(self) -> dict[TableName, tuple[Belonging, ...]]:
        """The tables already requested."""
        return {}

    def filled_by_jobs(self, table: Table) -> bool:
        """Return whether only jobs fill a table: it, or the master of all its masters, is auto-populated."""
        *_, outermost = self._with_masters(table.name)
        return self.tables[outermost].tier.auto_populated

    def _with_masters(self, name: TableName) -> Iterable[TableName]:
        """Yield a table, its master, and so on."""
        return (above for above in _and_masters(name) if above in self.tables)


# Each index below is made from the one before, the tables that the catalog lost, and the tables that it got.


def _stored_names(before: _Named, lost: _Tables, added: _Tables) -> _Named:
    now = before.copy()
    for name in lost:
        del now[name.schema, name.stored]
    now.update({(name.schema, name.stored): table for name, table in added.items()})
    return now


def _by_id(before: dict[int, Table], lost: _Tables, added: _Tables) -> dict[int, Table]:
    now = before.copy()
    for table in lost.values():
        del now[table.id]
    now.update({table.id: table for table in added.values()})
    return now


def _attribute_counts(before: dict[str, int], lost: _Tables, added: _Tables) -> dict[str, int]:
    def names(tables: _Tables) -> Counter[str]:
        return Counter(name for table in tables.values() for name in table.heading.names)

    return _counted(before, names(lost), names(added))


def _schema_references(before: dict[tuple[str, str], int], lost: _Tables, added: _Tables) -> dict[tuple[str, str], int]:
    """Count the references between tables of two schemas, by the parent's and the child's."""

    def pairs(tables: _Tables) -> Counter[tuple[str, str]]:
        references = ((key.parent, name) for name, table in tables.items() for key in table.foreign_keys)
        return Counter((p.schema, c.schema) for p, c in references if p.schema != c.schema)

    return _counted(before, pairs(lost), pairs(added))


def _children(before: _Groups, lost: _Tables, added: _Tables) -> _Groups:
    def pairs(tables: _Tables) -> Iterator[tuple[TableName, TableName]]:
        return ((key.parent, name) for name, table in tables.items() for key in table.foreign_keys)

    return _regrouped(before, pairs(lost), pairs(added))


def _families(before: _Groups, lost: _Tables, added: _Tables) -> _Groups:
    def pairs(tables: _Tables) -> Iterator[tuple[TableName, TableName]]:
        return ((master, name) for name in tables for master in _and_masters(name))

    return _regrouped(before, pairs(lost), pairs(added))


def _regrouped(
    before: _Groups, lost: Iterable[tuple[TableName, TableName]], added: Iterable[tuple[TableName, TableName]]
) -> _Groups:
    """Take pairs out of groups by the first of each, and put others in; no group is empty."""
    now = before.copy()
    for key, members in _grouped(lost).items():
        left = now.pop(key) - members
        if left:
            now[key] = left
    for key, members in _grouped(added).items():
        now[key] = now[key] | members if key in now else frozenset(members)
    return now


def _grouped(pairs: Iterable[tuple[TableName, TableName]]) -> dict[TableName, set[TableName]]:
    groups: defaultdict[TableName, set[TableName]] = defaultdict(set)
    for key, member in pairs:
        groups[key].add(member)
    return groups


def _counted(before: dict[_Key, int], lost: Counter[_Key], added: Counter[_Key]) -> dict[_Key, int]:
    """Change counts, and leave out those of nothing."""
    now = before.copy()
    for key in lost.keys() | added.keys():
        now[key] = now.get(key, 0) - lost[key] + added[key]
        if not now[key]:
            del now[key]
    return now


_INDEXES: Mapping[str, Callable[[Any, _Tables, _Tables], Any]] = {  # Any: the kind of the index
    "_by_stored_name": _stored_names,
    "by_id": _by_id,
    "_attribute_counts": _attribute_counts,
    "_schema_references": _schema_references,
    "_children": _children,
    "_families": _families,
}
"""How each index of a catalog changes."""


def _precedence(catalog: Catalog, before: _Precedence, names: Iterable[TableName]) -> _Precedence:
    """Find the places of some tables in the order of all, from those of the tables above them.

    In the order each table comes as soon as its parents have come and no other that could come has a lower name. So a
    table follows its last parent, after whatever that one had kept waiting and before the next higher name: its place
    is the place of that parent, without the lower names at its end, and then its own name.

    Args:
        catalog: The catalog.
        before: The places of the other tables.
        names: The tables, with all below them.
    """
    now = before.copy()
    above = {name: catalog.next_above(name) for name in names}
    for name in TopologicalSorter(above).static_order():
        if name in above:
            own = str(name)
            last = max((now[parent] for parent in above[name]), default=())
            now[name] = (*takewhile(own.__lt__, last), own)
    return now


def _and_masters(name: TableName) -> Iterator[TableName]:
    """Yield a table, its master, and so on."""
    above: TableName | None = name
    while above is not None:
        yield above
        above = above.master


def _reached(start: Iterable[TableName], next_to: Callable[[TableName], Iterable[TableName]]) -> frozenset[TableName]:
    """Return some tables and all that one comes to from them."""
    reached: set[TableName] = set()
    waiting = list(start)
    while waiting:
        if (name := waiting.pop()) not in reached:
            reached.add(name)
            waiting += next_to(name)
    return frozenset(reached)


def is_within(name: TableName, master: TableName) -> bool:
    """Return whether a table is another one, or a part of it."""
    return name == master or (name.schema == master.schema and name.table.startswith(f"{master.table}."))
