"""The plan of a copy: what comes, what is there already, and what keeps it from running."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest, LevadaError, PermissionDenied, UnknownSchema, UnknownTable
from levada._base.names import class_path
from levada._moving.comparing import Comparison, Held, compare
from levada._moving.descriptions import differences, renamed, schemas_of, tables_of
from levada._moving.rights import Rights
from levada._net.pages import pages
from levada._tables.table import FreeTable
from levada._values.types import parse_type
from levada_api.v1 import object_service_pb2, schema_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from levada._net.connection import Connection

HISTORY = "copied"
"""The schema there that keeps which tables were copied, and the jobs that they had."""


@dataclass(frozen=True, slots=True)
class PlannedTable:
    """A table to copy.

    Args:
        table: As the source describes it.
        target: Its name there.
        exists: It is there already, with an equal definition.
        row_count: How many rows come, or are there already.
        compared: The rows of both sides, if both have some: those there were held, and those of the source read.
    """

    table: schema_pb2.Table
    target: schema_pb2.TableName
    exists: bool
    row_count: int
    compared: Comparison | None

    @property
    def name(self) -> str:
        """Its full name here."""
        return class_path(self.table.name)

    @property
    def new(self) -> int:
        """How many rows come."""
        return self.row_count if self.compared is None else self.compared.only_read


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a copy.

    Args:
        names: The name there of each schema.
        schemas: The schemas with their settings.
        new_schemas: The names there of the schemas that the copy makes.
        tables: In the order in which they are declared and filled.
        problems: The faults that keep the copy from running, with the way out.
        remarks: Other things to know, in sentences.
        keeps_history: The schema `copied` there takes the jobs.
    """

    names: Mapping[str, str]
    schemas: Sequence[schema_pb2.Schema]
    new_schemas: frozenset[str]
    tables: Sequence[PlannedTable]
    problems: Sequence[str] = ()
    remarks: Sequence[str] = ()
    keeps_history: bool = True

    @property
    def ready(self) -> bool:
        """Whether it can run."""
        return not self.problems


def check_ready(plan: Plan) -> None:
    """Refuse a plan that cannot run.

    Raises:
        InvalidRequest: It has problems; the message lists them.
    """
    if not plan.ready:
        raise InvalidRequest("\n".join(["Nothing was copied.", *plan.problems]))


def make_plan(source: Connection, target: Connection, schemas: Sequence[str], name: str | None) -> Plan:
    """Look at both sides, and change nothing.

    Args:
        schemas: The schemas to copy.
        name: The name there, if it is another; for one schema only.

    Raises:
        UnknownSchema: The caller sees no schema of a name.
        InvalidRequest: A name is given for several schemas.
    """
    if name is not None and len(schemas) != 1:
        raise InvalidRequest(f"One name does not fit {len(schemas)} schemas; copy each by a call of its own.")
    names = {schema: schema if name is None else name for schema in schemas}
    tables = tables_of(source, schemas)
    look = _Look(source, target, names, tables)
    look.rights()
    look.stores()
    look.parents()
    planned = [look.table(table) for table in tables]
    return Plan(
        names,
        schemas_of(source, set(schemas)),
        frozenset(names.values()) - look.seen,
        planned,
        look.problems,
        look.remarks,
        look.keeps_history,
    )


@dataclass
class _Look:
    source: Connection
    target: Connection
    names: Mapping[str, str]
    tables: Sequence[schema_pb2.Table]
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    keeps_history: bool = True

    def __post_init__(self) -> None:
        wanted = {*self.names.values(), HISTORY}
        self.seen = {schema.name for schema in schemas_of(self.target, wanted)}
        there = sorted(self.seen & set(self.names.values()))
        self.there = {class_path(table.name): table for table in tables_of(self.target, there)}

    def rights(self) -> None:
        """Compare what the copy needs with the roles of the caller there."""
        rights = Rights(self.target)
        for schema in sorted(set(self.names.values())):
            if schema not in self.seen and not rights.may_make(schema):
                self.problems.append(rights.how_to_make(schema, "there"))
        for table in self.tables:
            there = renamed(table.name, self.names)
            if there.schema in self.seen and not rights.may_write(there.schema, there.table):
                self.problems.append(rights.how_to_write(class_path(there), there.schema, "there"))
        self.keeps_history = rights.may_write(HISTORY) if HISTORY in self.seen else rights.may_make(HISTORY)
        if not self.keeps_history:
            self.remarks.append(f"The jobs do not come: you may not write into the schema `{HISTORY}` there.")

    def stores(self) -> None:
        """Find out whether the stores of all attributes are there."""
        request, response = object_service_pb2.ListStoresRequest(), object_service_pb2.ListStoresResponse
        listed = [
            one for page in pages(self.target, "ObjectService/ListStores", request, response) for one in page.stores
        ]
        known = {store.name for store in listed} | ({""} if any(store.preferred for store in listed) else set())
        missing: dict[str, str] = {}
        in_place: set[str] = set()
        for table in self.tables:
            for attribute in table.heading.attributes:
                type_ = parse_type(attribute.type)
                if type_.kind == "object" and type_.store not in known:
                    missing.setdefault(type_.store, f"{class_path(table.name)}.{attribute.name}")
                if type_.codec == "filepath":
                    in_place.add(type_.store)
        self.problems += [
            f"The store {f'`{store}`' if store else 'for attributes that name none'} is missing there; `{attribute}` "
            "needs it. Whoever runs that server adds it to stores.toml, of any kind."
            for store, attribute in missing.items()
        ]
        self.remarks += [
            f"Registered files are not copied: those of the store `{store}` must lie in it there by the same paths, in "
            "folders that its `register` in stores.toml gives to their schema."
            for store in sorted(in_place)
        ]

    def parents(self) -> None:
        """Find out whether the parents that do not come along are there."""
        coming = {class_path(table.name) for table in self.tables}
        outside = {
            class_path(key.parent): key.parent
            for table in self.tables
            for key in table.foreign_keys
            if class_path(key.parent) not in coming
        }
        for name, parent in outside.items():
            try:
                there = self.target.describe_table(parent).heading
            except (UnknownSchema, UnknownTable, PermissionDenied):
                self.problems.append(
                    f"`{name}`, to which tables refer, is not there, or you may not see it. Copy `{parent.schema}` too."
                )
                continue
            here = self.source.describe_table(parent).heading
            keys = [[(a.name, a.type) for a in heading.attributes.values() if a.in_key] for heading in (here, there)]
            if keys[0] != keys[1]:
                self.problems.append(f"`{name}`, to which tables refer, has another primary key there.")

    def table(self, table: schema_pb2.Table) -> PlannedTable:
        """Compare a table with the one there."""
        target, name = renamed(table.name, self.names), class_path(table.name)
        there = self.there.get(class_path(target))
        rows = FreeTable(self.source, name)
        try:
            count = len(rows)
        except LevadaError as error:
            self.problems.append(f"`{name}` cannot be read: {error}")
            count = 0
        if there is None:
            return PlannedTable(table, target, False, count, None)
        found = differences(table, there, self.names, ("here", "there"))
        if found:
            self.problems.append(
                f"`{class_path(target)}` is there with another definition: {'; '.join(found)}. Alter one of them, or "
                "copy the schema under another name (--as)."
            )
        other = FreeTable(self.target, class_path(target))
        if found or not count or not len(other):
            return PlannedTable(table, target, not found, count, None)
        heading = rows.heading
        compared = compare(Held.of(other, heading), rows, heading)
        return PlannedTable(table, target, True, compared.same + compared.different + compared.only_read, compared)


def conflicts(plan: Plan) -> Iterator[str]:
    """Write which rows are there with other values; they stay as they are."""
    for table in plan.tables:
        if table.compared is not None and table.compared.different:
            keys = "; ".join(table.compared.examples)
            yield f"{table.name}: {table.compared.different} with other values there, such as {keys}"
