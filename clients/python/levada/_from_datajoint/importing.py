"""An import, from its plan to its report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from levada._from_datajoint.bringing import Bringer, Brought
from levada._from_datajoint.definitions import definition_of, has_master, references_of
from levada._from_datajoint.existing import TIER_OF, check_definition, name_of, names_here
from levada._from_datajoint.history import SCHEMA, History
from levada._from_datajoint.mysql import MySQL
from levada._from_datajoint.plan import Plan, PlannedTable, check_answered
from levada._from_datajoint.postgresql import PostgreSQL
from levada._from_datajoint.spellings import missing_in
from levada._jobs.computing import declare
from levada._moving.descriptions import schemas_of
from levada._moving.rights import Rights
from levada._net.pages import pages
from levada._pipeline.schema import Schema
from levada._values.codecs import pass_stored
from levada._values.types import parse_type
from levada_api.v1 import object_service_pb2, schema_service_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from levada._from_datajoint.addresses import Address
    from levada._from_datajoint.decisions import StorePlace
    from levada._from_datajoint.facts import Place
    from levada._from_datajoint.source import Source
    from levada._net.connection import Connection


@dataclass(slots=True)
class Report:
    """The result of an import.

    Args:
        tables: In the order of the plan.
        jobs: How many jobs of each table of jobs became history.
        hidden: How many rows of each table had hidden columns, which became history.
    """

    tables: list[Brought] = field(default_factory=list)
    jobs: dict[str, int] = field(default_factory=dict)
    hidden: dict[str, int] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Whether all tables have the same rows on both sides."""
        return all(table.equal for table in self.tables)


def open_source(address: Address, password: str) -> Source:
    """Connect to a database of DataJoint, to read from it."""
    return MySQL(address, password) if address.scheme == "mysql" else PostgreSQL(address, password)


def stores_of(connection: Connection) -> dict[str, Path | None]:
    """Return the stores of a server by name, each with its folder if this machine sees it."""
    listed = pages(
        connection,
        "ObjectService/ListStores",
        object_service_pb2.ListStoresRequest(),
        object_service_pb2.ListStoresResponse,
    )
    return {store.name: connection.store_folder(store.name) for page in listed for store in page.stores}


def missing_rights(plan: Plan, connection: Connection) -> list[str]:
    """Return which rights the caller lacks for the schemas of a plan and for the history, in sentences."""
    rights = Rights(connection)
    names = sorted({*plan.schemas.values(), SCHEMA})
    there = {schema.name for schema in schemas_of(connection, set(names))}
    written = {(table.schema, table.class_path) for table in plan.tables} | {(SCHEMA, "")}
    refused = {schema for schema, table in written if schema in there and not rights.may_write(schema, table)}
    return [
        *(rights.how_to_make(name, "here") for name in names if name not in there and not rights.may_make(name)),
        *(rights.how_to_write(name, name, "here") for name in sorted(refused)),
    ]


def run(
    plan: Plan,
    source: Source,
    connection: Connection,
    address: Address,
    stores: Mapping[str, StorePlace],
    done: Callable[[Brought], None],
) -> Report:
    """Bring what a plan says. It can be repeated, and continues where it was interrupted.

    Args:
        done: Called after each table.

    Raises:
        InvalidRequest: The plan has problems or open questions.
        LevadaError: A row cannot come.
    """
    check_answered(plan)
    if plan.utc:
        source.show_moments_in_utc()
    tables, here = plan.by_place(), names_here(plan, connection)
    for name in plan.schemas.values():
        request = schema_service_pb2.CreateSchemaRequest(name=name, allow_existing=True, request_id=uuid4().hex)
        connection.call("SchemaService/CreateSchema", request, schema_service_pb2.CreateSchemaResponse)
    history = History(connection, str(address))
    history.begin(plan)
    for table in plan.tables:
        for column in table.columns:
            for codec in parse_type(column.type).codecs:
                pass_stored(codec)
        if table.name not in here:  # those have their `make` and key source, which no definition says
            _declare(connection, table, tables)
    bringer = Bringer(source, connection, stores, tables)
    report = Report()
    for table in plan.tables:
        brought = bringer.bring(table)
        history.note(plan, brought)
        report.tables.append(brought)
        done(brought)
        if table.next_number is not None:
            _raise_next_number(connection, table)
        key = [column.source for column in table.columns if column.in_key]
        if table.hidden:
            report.hidden[str(table.place)] = history.bring_hidden(source, table, key)
    for jobs in plan.jobs:
        report.jobs[str(jobs.place)] = history.bring_jobs(source, jobs)
    return report


def write_classes(plan: Plan, connection: Connection, folder: Path) -> list[str]:
    """Write the classes of all schemas, a module for each in Python and a package in MATLAB; say what became of both.

    Files that exist are left alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = []
    for name in sorted(set(plan.schemas.values())):
        schema = Schema(name, connection=connection)
        told.append(_write_module(plan, schema, name, folder / f"{name}.py"))
        told.append(_write_package(schema, folder, folder / f"+{name}"))
    return told


def _write_module(plan: Plan, schema: Schema, name: str, module: Path) -> str:
    if not module.exists():
        schema.save(module)
        return f"wrote {module}, for Python"
    missing = missing_in(module, (table.class_path for table in plan.tables if table.schema == name))
    lacks = f"it lacks {', '.join(missing)}" if missing else "it has all classes"
    return f"left {module} as it is: {lacks}"


def _write_package(schema: Schema, folder: Path, package: Path) -> str:
    before = set(package.glob("*.m"))
    schema.save(folder, language="matlab")
    if not before:
        return f"wrote {package}, for MATLAB"
    added = sorted(file.name for file in set(package.glob("*.m")) - before)
    rest = f"and added {', '.join(added)}" if added else "it has all classes"
    return f"left the files of {package} as they are{',' if added else ':'} {rest}"


def _raise_next_number(connection: Connection, table: PlannedTable) -> None:
    """Let the server go on counting where the source would have: numbers of rows that were deleted stay unused."""
    request = schema_service_pb2.RaiseNextNumberRequest(name=name_of(table), next_number=table.next_number)
    connection.call("SchemaService/RaiseNextNumber", request, schema_service_pb2.RaiseNextNumberResponse)


def _declare(connection: Connection, table: PlannedTable, tables: Mapping[Place, PlannedTable]) -> None:
    request = schema_service_pb2.DeclareTableRequest(
        name=name_of(table),
        tier=TIER_OF[table.tier],
        definition=definition_of(table, tables),
        request_id=uuid4().hex,
        lone_part=table.tier == "Part" and not has_master(table, tables),
    )
    for written, parent in references_of(table, tables).items():
        request.references[written].CopyFrom(name_of(parent))
    check_definition(declare(connection, request).differences, table)
