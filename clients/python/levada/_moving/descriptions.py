"""Tables as a server describes them: read in order, declared alike elsewhere, and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from levada._base.names import class_path
from levada._jobs.computing import declare
from levada._net.pages import pages
from levada._pipeline.declaration import with_references
from levada._pipeline.tiers import TIERS
from levada_api.v1 import schema_pb2, schema_service_pb2

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from levada._net.connection import Connection

_TIERS = {tier: base.__name__ for base, tier in TIERS.items()}


def schemas_of(connection: Connection, names: Collection[str]) -> list[schema_pb2.Schema]:
    """Return those of some schemas that the caller may see, by name."""
    request = schema_service_pb2.ListSchemasRequest()
    listed = pages(connection, "SchemaService/ListSchemas", request, schema_service_pb2.ListSchemasResponse)
    return [schema for page in listed for schema in page.schemas if schema.name in names]


def tables_of(
    connection: Connection, schemas: Sequence[str], tables: Sequence[schema_pb2.TableName] = ()
) -> list[schema_pb2.Table]:
    """Return the tables of some schemas that the caller may see, and some others, parents first.

    Raises:
        UnknownSchema: The caller sees no schema of a name.
        UnknownTable: The caller does not see a table.
    """
    request = schema_service_pb2.GetGraphRequest(schemas=schemas, tables=tables)
    return list(connection.call("SchemaService/GetGraph", request, schema_service_pb2.GetGraphResponse).tables)


def next_number_of(connection: Connection, name: schema_pb2.TableName) -> int | None:
    """Return the number that the auto_increment of a table gives out next; None if it has none."""
    request = schema_service_pb2.DescribeTableRequest(name=name, include_next_number=True)
    described = connection.call("SchemaService/DescribeTable", request, schema_service_pb2.DescribeTableResponse)
    return described.next_number or None


def raise_next_number(connection: Connection, name: schema_pb2.TableName, number: int | None) -> None:
    """Let a table count on from a number, past those of rows that were deleted; do nothing if there is none."""
    if number is not None:
        request = schema_service_pb2.RaiseNextNumberRequest(name=name, next_number=number)
        connection.call("SchemaService/RaiseNextNumber", request, schema_service_pb2.RaiseNextNumberResponse)


def make_schema(connection: Connection, schema: schema_pb2.Schema, name: str) -> None:
    """Make a schema with the settings of another; one with tables keeps its own."""
    make = schema_service_pb2.CreateSchemaRequest(name=name, allow_existing=True, request_id=uuid4().hex)
    made = connection.call("SchemaService/CreateSchema", make, schema_service_pb2.CreateSchemaResponse).schema
    if not made.table_count:
        update = schema_service_pb2.UpdateSchemaRequest(
            name=name, make_contract=schema.make_contract, confidential=schema.confidential
        )
        connection.call("SchemaService/UpdateSchema", update, schema_service_pb2.UpdateSchemaResponse)


def renamed(name: schema_pb2.TableName, names: Mapping[str, str]) -> schema_pb2.TableName:
    """Return the name of a table whose schema may have another name elsewhere."""
    return schema_pb2.TableName(schema=names.get(name.schema, name.schema), table=name.table)


def tier_of(table: schema_pb2.Table) -> str:
    """Return the tier of a table as its class names it."""
    return _TIERS[table.tier]


def declare_alike(
    connection: Connection, table: schema_pb2.Table, names: Mapping[str, str]
) -> schema_service_pb2.DeclareTableResponse:
    """Declare a table as another server describes it, with its settings; again, it changes nothing.

    Jobs begin once its class, which has the code and the key source, is declared there too.

    Args:
        names: The names of schemas elsewhere, where they differ.
    """
    request = schema_service_pb2.DeclareTableRequest(
        name=renamed(table.name, names),
        tier=table.tier,
        request_id=uuid4().hex,
        lone_part=table.tier == schema_pb2.TABLE_TIER_PART and not _has_master(table),
    )
    parents = {class_path(key.parent): renamed(key.parent, names) for key in table.foreign_keys}

    def spelled(written: str) -> str:
        if written not in parents:
            return written  # the master
        parent = parents[written]
        request.references[class_path(parent)].CopyFrom(parent)
        return class_path(parent)

    request.definition = with_references(table.definition, spelled)
    if table.HasField("retry_policy"):
        request.retry_policy.CopyFrom(table.retry_policy)
    return declare(connection, request)


def copy_ownership(connection: Connection, table: schema_pb2.Table, names: Mapping[str, str]) -> None:
    """Let the rows of a table belong to teams as elsewhere."""
    if table.HasField("ownership"):
        request = schema_service_pb2.SetOwnershipRequest(name=renamed(table.name, names), ownership=table.ownership)
        connection.call("SchemaService/SetOwnership", request, schema_service_pb2.SetOwnershipResponse)


def differences(
    table: schema_pb2.Table, other: schema_pb2.Table, names: Mapping[str, str], where: tuple[str, str]
) -> list[str]:
    """Return in which ways two tables differ, in sentences.

    Args:
        names: The names of the first one's schemas in the place of the other, where they differ.
        where: Words for the two places, as `here` and `there`.
    """
    first, second = where
    found: list[str] = []
    if table.tier != other.tier:
        found.append(f"it is {tier_of(table)} {first} and {tier_of(other)} {second}")
    mine, others = _facts(table, names), _facts(other, {})
    found += [f"{what} is missing {second}" for what in mine if what not in others]
    found += [f"{what} is missing {first}" for what in others if what not in mine]
    found += [
        f"{what} is `{mine[what]}` {first} and `{others[what]}` {second}"
        for what in mine
        if what in others and mine[what] != others[what]
    ]
    if not found and _order(table) != _order(other):
        found.append("the attributes have another order")
    return found


def _has_master(table: schema_pb2.Table) -> bool:
    master = table.name.table.rpartition(".")[0]
    return any(key.parent.schema == table.name.schema and key.parent.table == master for key in table.foreign_keys)


def _order(table: schema_pb2.Table) -> list[str]:
    return [attribute.name for attribute in table.heading.attributes]


def _facts(table: schema_pb2.Table, names: Mapping[str, str]) -> dict[str, str]:
    """Return what a definition says, by a name of each part of it."""
    return dict(_each_fact(table, names))


def _each_fact(table: schema_pb2.Table, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield "the comment", table.comment
    for attribute in table.heading.attributes:
        default = f" = {attribute.default_value}" if attribute.HasField("default_value") else ""
        words = [
            "primary key" * attribute.primary_key,
            f"{attribute.name}{default} : {attribute.type}",
            "nullable" * attribute.nullable,
            "auto_increment" * attribute.auto_increment,
            f"# {attribute.comment}" * bool(attribute.comment),
        ]
        yield f"the attribute `{attribute.name}`", " ".join(filter(None, words))
    for key in table.foreign_keys:
        pairs = ", ".join(f"{pair.child}={pair.parent}" for pair in key.attributes)
        words = ["primary key" * key.primary_key, "nullable" * key.nullable, "unique" * key.unique]
        parent = class_path(renamed(key.parent, names))
        yield f"the foreign key ({pairs}) to `{parent}`", " ".join(filter(None, words))
    for index in table.indexes:
        yield f"the index ({', '.join(index.expressions)})", "unique" * index.unique
