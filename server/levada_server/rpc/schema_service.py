"""SchemaService: decode, one operation, encode."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from levada_api.v1 import schema_service_pb2 as pb
from levada_server.model.table import Ownership
from levada_server.operations import alteration, declarations, diagrams, schemas
from levada_server.rpc import encode, encode_diagram
from levada_server.rpc.decoding import values
from levada_server.rpc.decoding.relations import key_source
from levada_server.rpc.page_token import page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_api.v1 import schema_pb2
    from levada_server.model.table import Table
    from levada_server.rpc.dispatch import Call

PAGE_SIZE_DEFAULT = 1_000


class SchemaService:
    """Changes and reads the catalog."""

    async def CreateSchema(self, request: pb.CreateSchemaRequest, call: Call) -> pb.CreateSchemaResponse:
        """Create a schema."""
        schema, created = await schemas.create_schema(
            call.engine, call.caller, request.name, allow_existing=request.allow_existing
        )
        return pb.CreateSchemaResponse(schema=encode.schema(schema), created=created)

    async def RenameSchema(self, request: pb.RenameSchemaRequest, call: Call) -> pb.RenameSchemaResponse:
        """Rename a schema."""
        schema = await alteration.rename_schema(call.engine, call.caller, request.name, request.new_name)
        return pb.RenameSchemaResponse(schema=encode.schema(schema))

    async def UpdateSchema(self, request: pb.UpdateSchemaRequest, call: Call) -> pb.UpdateSchemaResponse:
        """Change the settings of a schema."""
        contract = values.contract(request.make_contract)
        confidential = request.confidential if request.HasField("confidential") else None
        schema = await schemas.update_schema(
            call.engine, call.caller, request.name, contract, confidential=confidential
        )
        return pb.UpdateSchemaResponse(schema=encode.schema(schema))

    async def DropSchema(self, request: pb.DropSchemaRequest, call: Call) -> pb.DropSchemaResponse:
        """Drop a schema with its tables."""
        count = await schemas.drop_schema(call.engine, call.caller, request.name)
        return pb.DropSchemaResponse(table_count=count)

    async def ListSchemas(self, request: pb.ListSchemasRequest, call: Call) -> pb.ListSchemasResponse:
        """List the schemas by name."""
        size = values.page_size(request.page_size, default=PAGE_SIZE_DEFAULT)
        found = await schemas.list_schemas(call.engine, call.caller)
        shown, next_token = page(found, lambda schema: schema.name, size=size, token=request.page_token)
        return pb.ListSchemasResponse(schemas=map(encode.schema, shown), next_page_token=next_token)

    async def SetOwnership(self, request: pb.SetOwnershipRequest, call: Call) -> pb.SetOwnershipResponse:
        """Set by which attribute the rows of a table belong to teams."""
        rule = request.ownership
        ownership = Ownership(rule.attribute, rule.hidden) if request.HasField("ownership") else None
        name = values.table_name("name", request.name)
        table = await schemas.set_ownership(call.engine, call.caller, name, ownership)
        return pb.SetOwnershipResponse(table=encode.table(table))

    async def RaiseNextNumber(self, request: pb.RaiseNextNumberRequest, call: Call) -> pb.RaiseNextNumberResponse:
        """Raise the number that is given out next."""
        name = values.table_name("name", request.name)
        number = await schemas.raise_next_number(call.engine, call.caller, name, request.next_number)
        return pb.RaiseNextNumberResponse(next_number=number)

    async def DeclareTable(self, request: pb.DeclareTableRequest, call: Call) -> pb.DeclareTableResponse:
        """Declare a table."""
        source, fault = key_source(request.key_source) if request.HasField("key_source") else (None, "")
        declaration = declarations.Declaration(
            name=values.table_name("name", request.name),
            tier=values.tier(request.tier),
            definition=request.definition,
            references={text: values.table_name("references", name) for text, name in request.references.items()},
            codecs=values.codecs(request.codecs),
            has_make=request.has_make,
            retry=values.retry_policy(request.retry_policy),
            key_source=source,
            lone_part=request.lone_part,
            mysql_time=request.mysql_time,
        )
        declared = await declarations.declare_table(call.engine, call.caller, declaration)
        call.told.warn(declared.warnings)
        return pb.DeclareTableResponse(
            table=encode.table(declared.table),
            created=declared.created,
            differences=declared.differences,
            key_source_error=fault or declared.key_source_error,
        )

    async def PlanAlteration(self, request: pb.PlanAlterationRequest, call: Call) -> pb.PlanAlterationResponse:
        """Return the changes that altering a table would make."""
        plan = await alteration.plan_alteration(call.engine, call.caller, _wanted(request))
        return pb.PlanAlterationResponse(changes=plan.changes, digest=plan.digest)

    async def AlterTable(self, request: pb.AlterTableRequest, call: Call) -> pb.AlterTableResponse:
        """Alter a table as planned."""
        altered = await alteration.alter_table(call.engine, call.caller, _wanted(request), request.digest)
        call.told.warn(altered.warnings)
        return pb.AlterTableResponse(table=encode.table(altered.table))

    async def DescribeTable(self, request: pb.DescribeTableRequest, call: Call) -> pb.DescribeTableResponse:
        """Describe one table."""
        table = await schemas.describe_table(call.engine, call.caller, values.table_name("name", request.name))
        history = await schemas.list_definitions(call.engine, call.caller, table) if request.include_history else []
        return pb.DescribeTableResponse(
            table=encode.table(table),
            table_bytes=await schemas.table_bytes(call.engine, call.caller, table) if request.include_size else 0,
            next_number=await schemas.next_number(call.engine, call.caller, table)
            if request.include_next_number
            else 0,
            history=[pb.PastDefinition(definition=text, create_time=moment) for text, moment in history],
        )

    async def ListTables(self, request: pb.ListTablesRequest, call: Call) -> pb.ListTablesResponse:
        """List the tables of a schema, parents first."""
        size = values.page_size(request.page_size, default=PAGE_SIZE_DEFAULT)
        tables = await schemas.list_tables(call.engine, call.caller, request.schema)
        shown, next_token = page(tables, lambda table: table.name.table, size=size, token=request.page_token)
        return pb.ListTablesResponse(tables=await _encoded(shown), next_page_token=next_token)

    async def PlanDrop(self, request: pb.PlanDropRequest, call: Call) -> pb.PlanDropResponse:
        """Return the tables that a drop would remove."""
        names = [values.table_name("names", name) for name in request.names]
        plan = await schemas.plan_drop(call.engine, call.caller, names, ignore_masters=request.ignore_masters)
        return pb.PlanDropResponse(tables=encode.counts(plan.tables), digest=plan.digest)

    async def DropTables(self, request: pb.DropTablesRequest, call: Call) -> pb.DropTablesResponse:
        """Drop tables with all tables that depend on them."""
        names = [values.table_name("names", name) for name in request.names]
        dropped = await schemas.drop_tables(
            call.engine, call.caller, names, request.digest, ignore_masters=request.ignore_masters
        )
        return pb.DropTablesResponse(names=map(encode.table_name, dropped))

    async def GetGraph(self, request: pb.GetGraphRequest, call: Call) -> pb.GetGraphResponse:
        """Return the tables of some schemas and around some tables."""
        tables = await schemas.get_graph(
            call.engine,
            call.caller,
            request.schemas,
            [values.table_name("tables", name) for name in request.tables],
            ancestor_steps=request.ancestor_steps,
            descendant_steps=request.descendant_steps,
        )
        return pb.GetGraphResponse(tables=await _encoded(tables))

    async def LayOutGraph(self, request: pb.LayOutGraphRequest, call: Call) -> pb.LayOutGraphResponse:
        """Lay out a diagram of tables."""
        asked = diagrams.Asked(
            tables=[values.table_name("tables", name) for name in request.tables],
            collapsed=[values.table_name("collapsed_tables", name) for name in request.collapsed_tables],
            expanded=None if request.expand_all else frozenset(request.expanded_schemas),
            sideways=request.sideways,
            placed=not request.without_places,
            status=request.include_line,
            counted=request.include_counts,
        )
        found = await diagrams.lay_out_graph(call.engine, call.caller, asked)
        return await asyncio.to_thread(encode_diagram.response, found)


async def _encoded(tables: Sequence[Table]) -> list[schema_pb2.Table]:
    """Write tables in a thread: thousands take long, and other calls go on meanwhile."""
    return await asyncio.to_thread(lambda: list(map(encode.table, tables)))


def _wanted(request: pb.PlanAlterationRequest | pb.AlterTableRequest) -> alteration.WantedTable:
    """Read the definition that a table is to have."""
    return alteration.WantedTable(
        name=values.table_name("name", request.name),
        definition=request.definition,
        references={text: values.table_name("references", name) for text, name in request.references.items()},
        renames=dict(request.renames),
        new_name=request.new_name,
        tier=values.tier(request.tier) if request.tier else None,
        codecs=values.codecs(request.codecs),
        mysql_time=request.mysql_time,
    )
