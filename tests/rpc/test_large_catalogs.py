"""Messages about thousands of tables, and about a table with a thousand attributes: other calls are answered beside."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

import asyncpg
import grpc
import numpy as np
import pyarrow as pa
import pytest

from levada_api.v1 import query_service_pb2 as queries
from levada_api.v1 import relation_pb2 as relations
from levada_api.v1 import row_service_pb2 as rows
from levada_api.v1 import schema_pb2, value_pb2
from levada_api.v1 import schema_service_pb2 as schemas
from tests.support.attacks import raw
from tests.support.watched import HELD_S, Watched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

FILL = """
INSERT INTO levada.schema (name) VALUES ('lab');
INSERT INTO levada.table (schema_id, name, stored_name, tier, comment, has_make, definition, retry_delay)
SELECT s.id, 'T' || i, 't' || i, 'manual', '', false, '', interval '10 s'
FROM levada.schema s, generate_series(1, 2000) i ORDER BY i;
INSERT INTO levada.attribute (table_id, position, name, type, primary_key, nullable, default_quoted, auto_increment,
                              comment)
SELECT id, 0, 'id', 'int64', true, false, false, false, '' FROM levada.table;
INSERT INTO levada.foreign_key (table_id, position, parent_id, child_names, parent_names, primary_key, nullable,
                                is_unique, comment)
SELECT t.id, 0, p.id, '{id}', '{id}', true, false, false, ''
FROM levada.table t JOIN levada.table p ON p.name = 'T' || substr(t.name, 2)::integer / 2;
UPDATE levada.catalog_version SET version = version + 1;
CREATE SCHEMA lab;
CREATE TABLE lab.t1 (id bigint PRIMARY KEY);
"""
"""A tree of tables. PostgreSQL has only the first, which stays empty, so no call looks at the rows of another."""
COLUMNS = [f"a{number}" for number in range(999)]
"""With the key, a table may have no more."""
DEFINITION = "id : int64\n---\n" + "\n".join(f"{column} = null : float64" for column in COLUMNS)
QUERY, ROW, SCHEMA = "QueryService", "RowService", "SchemaService"


def name(table: str) -> schema_pb2.TableName:
    return schema_pb2.TableName(schema="lab", table=table)


def operand(table: str) -> relations.RelationNode:
    return relations.RelationNode(table=relations.TableOperand(name=name(table)))


def whole(table: str) -> relations.Relation:
    return relations.Relation(nodes=[operand(table)])


def declaration(table: str, definition: str) -> schemas.DeclareTableRequest:
    tier = schema_pb2.TABLE_TIER_MANUAL
    return schemas.DeclareTableRequest(name=name(table), tier=tier, definition=definition)


def insert(**options: bool) -> rows.InsertFewRowsRequest:
    """Insert rows that fit one message."""
    batch = pa.record_batch({"id": pa.array(range(500)), **{column: pa.array(np.zeros(500)) for column in COLUMNS}})
    content = io.BytesIO()
    with pa.ipc.new_stream(content, batch.schema) as writer:
        writer.write_batch(batch)
    header = rows.InsertHeader(name=name("Wide"), options=rows.InsertOptions(**options))
    return rows.InsertFewRowsRequest(header=header, arrow_ipc=content.getvalue())


def fetch(limit: int) -> queries.FetchFewRowsRequest:
    top = relations.RelationNode(top=relations.Top(operand=0, limit=limit, order=["id"]))
    relation = relations.Relation(nodes=[operand("Wide"), top])
    return queries.FetchFewRowsRequest(fetch=queries.FetchRelationRequest(relation=relation))


def misspelled() -> queries.CountRelationRequest:
    names = ["id", *(f"aa{number}aa" for number in range(500))]
    entries = [value_pb2.AttributeValue(name=one, value=value_pb2.Value(integer=1)) for one in names]
    condition = relations.Condition(mapping=relations.Mapping(entries=entries))
    restricted = relations.RelationNode(restrict=relations.Restrict(operand=0, condition=0))
    relation = relations.Relation(nodes=[operand("Wide"), restricted], conditions=[condition])
    return queries.CountRelationRequest(relation=relation)


def alteration(definition: str) -> schemas.PlanAlterationRequest:
    return schemas.PlanAlterationRequest(name=name("Wide"), definition=definition)


ALL_NAMES = [name(f"T{number}") for number in range(1, 2001)]
MESSAGES: dict[str, tuple[str, Message]] = {
    "an unknown table": (f"{SCHEMA}/DescribeTable", schemas.DescribeTableRequest(name=name("Unknown"))),
    "the graph of a schema": (f"{SCHEMA}/GetGraph", schemas.GetGraphRequest(schemas=["lab"])),
    "the graph around all tables": (
        f"{SCHEMA}/GetGraph",
        schemas.GetGraphRequest(tables=ALL_NAMES, ancestor_steps=-1, descendant_steps=-1),
    ),
    "a diagram of all tables": (f"{SCHEMA}/LayOutGraph", schemas.LayOutGraphRequest(tables=ALL_NAMES)),
    "a text of all tables": (
        f"{SCHEMA}/LayOutGraph",
        schemas.LayOutGraphRequest(tables=ALL_NAMES, without_places=True),
    ),
    "a diagram of many tables": (f"{SCHEMA}/LayOutGraph", schemas.LayOutGraphRequest(tables=ALL_NAMES[:500])),
    "a page of tables": (f"{SCHEMA}/ListTables", schemas.ListTablesRequest(schema="lab", page_size=10**6)),
    "the plan of a delete": (f"{ROW}/PlanDelete", rows.PlanDeleteRequest(relation=whole("T1"))),
    "the plan of a delete with masters": (
        f"{ROW}/PlanDelete",
        rows.PlanDeleteRequest(relation=whole("T1"), part_integrity=rows.PART_INTEGRITY_CASCADE),
    ),
    "a delete": (f"{ROW}/DeleteRows", rows.DeleteRowsRequest(relation=whole("T1"))),
    "a declaration": (f"{SCHEMA}/DeclareTable", declaration("New", "-> T1\n---\nx : int32")),
    "the same declaration": (f"{SCHEMA}/DeclareTable", declaration("New", "-> T1\n---\nx : int32")),
    "the graph after it": (f"{SCHEMA}/GetGraph", schemas.GetGraphRequest(schemas=["lab"])),
    "a wide declaration": (f"{SCHEMA}/DeclareTable", declaration("Wide", DEFINITION)),
    "the same wide declaration": (f"{SCHEMA}/DeclareTable", declaration("Wide", DEFINITION)),
    "another type everywhere": (f"{SCHEMA}/PlanAlteration", alteration(DEFINITION.replace("float64", "int32"))),
    "another name everywhere": (f"{SCHEMA}/PlanAlteration", alteration(DEFINITION.replace("\na", "\nb"))),
    "wide rows": (f"{ROW}/InsertFewRows", insert()),
    "wide rows again": (f"{ROW}/InsertFewRows", insert(skip_duplicates=True)),
    "a wide row read": (f"{QUERY}/FetchFewRows", fetch(1)),
    "few wide rows read": (f"{QUERY}/FetchFewRows", fetch(100)),
    "more wide rows read": (f"{QUERY}/FetchFewRows", fetch(500)),
    "many misspelled names": (f"{QUERY}/CountRelation", misspelled()),
}


@pytest.fixture
def watched(database_url: str) -> Iterator[Watched]:
    asyncio.run(fill(database_url))
    server = Watched(database_url)
    yield server
    server.end()


async def fill(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(FILL)
    finally:
        await connection.close()


def test_other_calls_are_answered_beside_messages_about_large_catalogs(watched: Watched) -> None:
    with grpc.insecure_channel(watched.address) as channel:
        watched.since_last()
        answers, slow = {}, {}
        for what, (method, message) in MESSAGES.items():
            answers[what] = raw(channel, method, message)
            past = watched.since_last()
            if past.computed_s > HELD_S:
                slow[what] = past
    assert {what: answer for what, answer in answers.items() if answer != ("OK", "")} == {
        "an unknown table": ("NOT_FOUND", "UNKNOWN_TABLE"),
        "a diagram of all tables": ("RESOURCE_EXHAUSTED", "LIMIT_REACHED"),
    }
    assert not slow
