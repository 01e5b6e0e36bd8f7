"""A table that the caller may not see is answered exactly as one that is not there, in every call."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest_asyncio

from levada_api.v1 import access_pb2, relation_pb2, schema_pb2
from levada_api.v1 import access_service_pb2 as access
from levada_api.v1 import job_service_pb2 as job
from levada_api.v1 import object_service_pb2 as obj
from levada_api.v1 import query_service_pb2 as query
from levada_api.v1 import row_service_pb2 as row
from levada_api.v1 import schema_service_pb2 as schema
from levada_api.v1 import session_service_pb2 as session
from levada_server.model.table import TableName, Tier
from levada_server.operations import declarations, users
from levada_server.permissions.roles import Role
from tests.support.calls import BY_NAME, METHODS, outcome, served, told
from tests.support.make import ME
from tests.support.minimal_requests import LAST, OF_DATA, header_of_job, replacement
from tests.support.roles import TABLES, Lab, make_caller, make_lab, make_tables, relation_of, rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import grpc.aio
    from google.protobuf.message import Message

    from levada_server.operations.context import Engine

    Build = Callable[[Lab, schema_pb2.TableName], "Message | list[Message]"]

REQUESTS = {**OF_DATA, "RenameSchema": LAST["RenameSchema"], "DropSchema": LAST["DropSchema"]}
OF_SCHEMAS = {"ListTables", "ListGrants", "UpdateSchema", "RenameSchema", "DropSchema", "DeclareTable"}
"""The calls that do not name a table, or name a new one."""
COMPUTED = schema_pb2.TABLE_TIER_COMPUTED


@dataclass
class Other(Lab):
    """A caller who holds the ids of a lab, but names tables of another schema."""

    before: str = ""

    def name(self, table: str) -> schema_pb2.TableName:
        return schema_pb2.TableName(schema=self.schema, table=f"{self.before}{table}")


@pytest_asyncio.fixture
async def lab(engine: Engine) -> Lab:
    """The schema of Eve, who owns it. Eve sees nothing of the schema `secret`, and one table of the schema `half`."""
    await make_tables(engine, "secret")
    await make_tables(engine, "half")
    seen = TableName("half", "Seen")
    await declarations.declare_table(engine, ME, declarations.Declaration(seen, Tier.MANUAL, "seen : int32\n", {}))
    caller, secret = await make_caller(engine, "eve")
    await users.grant_role(engine, ME, "eve", Role.OWNER, seen)
    return await make_lab(engine, caller, secret, "mine", Role.OWNER)


@pytest_asyncio.fixture
async def channel(lab: Lab) -> AsyncIterator[grpc.aio.Channel]:
    async with served(lab.engine) as (_, opened):
        yield opened


def elsewhere(lab: Lab, schema_name: str, before: str = "") -> Other:
    """Return a lab that names tables of another schema."""
    had = {field.name: getattr(lab, field.name) for field in fields(Lab)}
    return Other(**{**had, "schema": schema_name}, before=before)


async def learned(channel: grpc.aio.Channel, name: str, request: Message | list[Message], secret: str) -> str:
    """Return all that a caller learns from a call."""
    status, found = await outcome(channel, BY_NAME[name], request, secret)
    others = [str(answer) for answer in found if not status.code or not {"error", "outcomes"} & fields_of(answer)]
    return f"{told(status)} {others}"


def fields_of(answer: Message) -> set[str]:
    """Return the names of the fields that a message can have."""
    return set(answer.DESCRIPTOR.fields_by_name)


async def test_a_hidden_schema_is_an_absent_one(lab: Lab, channel: grpc.aio.Channel) -> None:
    for name, build in REQUESTS.items():
        hidden = await learned(channel, name, build(elsewhere(lab, "secret")), lab.secret)
        absent = await learned(channel, name, build(elsewhere(lab, "absent")), lab.secret)
        assert "NOT_FOUND" in hidden, (name, hidden)
        assert hidden == absent.replace("absent", "secret"), name


async def test_a_hidden_table_of_a_schema_is_an_absent_one(lab: Lab, channel: grpc.aio.Channel) -> None:
    for name in sorted(REQUESTS.keys() - OF_SCHEMAS):
        hidden = await learned(channel, name, REQUESTS[name](elsewhere(lab, "half")), lab.secret)
        absent = await learned(channel, name, REQUESTS[name](elsewhere(lab, "half", "No")), lab.secret)
        assert "NOT_FOUND" in hidden, (name, hidden)
        for table in TABLES:
            absent = absent.replace(f"No{table}", table)
        assert hidden == absent, name


# ---------------------------------------------------------------------------------- the name at every other place


def matching(lab: Lab, table: str, name: schema_pb2.TableName) -> relation_pb2.Relation:
    """Return the rows of an own table that match those of another."""
    restrict = relation_pb2.Restrict(operand=0, condition=0)
    return relation_pb2.Relation(
        nodes=[
            *lab.table(table).nodes,
            *relation_of(name).nodes,
            relation_pb2.RelationNode(restrict=restrict),
        ],
        conditions=[relation_pb2.Condition(relation=relation_pb2.RelationMatch(node=1))],
    )


def joined(lab: Lab, name: schema_pb2.TableName) -> relation_pb2.Relation:
    """Return the join of an own table with another."""
    join = relation_pb2.RelationNode(join=relation_pb2.Join(left=0, right=1))
    return relation_pb2.Relation(nodes=[*lab.table("Subject").nodes, *relation_of(name).nodes, join])


def jobs_of(name: schema_pb2.TableName) -> relation_pb2.Relation:
    """Return the jobs of a table."""
    return relation_pb2.Relation(nodes=[relation_pb2.RelationNode(job_table=relation_pb2.JobTable(name=name))])


def declared(lab: Lab, name: schema_pb2.TableName, how: str) -> schema.DeclareTableRequest:
    """Return the declaration of an own table that refers to another, or takes its keys from it."""
    request = schema.DeclareTableRequest(name=lab.name("New"), tier=schema_pb2.TABLE_TIER_MANUAL)
    match how:
        case "written":
            request.definition = f"-> {name.schema}.{name.table}\n"
        case "resolved":
            request.definition = "-> Parent\n"
            request.references["Parent"].CopyFrom(name)
        case _:
            request.name.CopyFrom(lab.name("Stat"))
            request.tier, request.has_make = COMPUTED, True
            request.definition = "-> Session\n---\nrate : int32\n"
            request.key_source.CopyFrom(relation_of(name))
    return request


def altered(lab: Lab, name: schema_pb2.TableName) -> schema.PlanAlterationRequest:
    definition = f"altered : int32\n---\n-> [nullable] {name.schema}.{name.table}\n"
    return schema.PlanAlterationRequest(name=lab.name("Altered"), definition=definition)


def completed(lab: Lab, *, into: schema_pb2.TableName | None = None, read: schema_pb2.TableName | None = None) -> Any:  # noqa: ANN401  # messages
    """Return the completion of an own job that writes into another table, or has read it."""
    header = header_of_job(lab, lab.leases[0])
    if read is not None:
        header.verified_reads.add(relation=relation_of(read), digest="x")
    return [
        job.CompleteJobsRequest(job=header),
        job.CompleteJobsRequest(rows=job.JobRows(name=into or lab.name("Stat"))),
        job.CompleteJobsRequest(arrow_ipc=rows("Subject", 5)),
    ]


PLACES: dict[str, tuple[str, Build]] = {
    "a condition of a fetch": (
        "FetchRelation",
        lambda lab, name: query.FetchRelationRequest(relation=matching(lab, "Subject", name)),
    ),
    "an operand of a count": (
        "CountRelation",
        lambda lab, name: query.CountRelationRequest(relation=joined(lab, name)),
    ),
    "an explained operand": (
        "ExplainRelation",
        lambda lab, name: query.ExplainRelationRequest(relation=joined(lab, name)),
    ),
    "a described operand": (
        "DescribeRelation",
        lambda lab, name: query.DescribeRelationRequest(relation=joined(lab, name)),
    ),
    "its jobs": ("FetchRelation", lambda _, name: query.FetchRelationRequest(relation=jobs_of(name))),
    "a read of a job": (
        "CountRelation",
        lambda lab, name: query.CountRelationRequest(
            relation=relation_of(name), lease_token=lab.lease_token(lab.leases[0])
        ),
    ),
    "a condition of a delete": (
        "DeleteRows",
        lambda lab, name: row.DeleteRowsRequest(
            relation=matching(lab, "Subject", name), part_integrity=row.PART_INTEGRITY_ENFORCE
        ),
    ),
    "a condition of a plan": (
        "PlanDelete",
        lambda lab, name: row.PlanDeleteRequest(
            relation=matching(lab, "Subject", name), part_integrity=row.PART_INTEGRITY_ENFORCE
        ),
    ),
    "the source of an insert": (
        "InsertRelation",
        lambda lab, name: row.InsertRelationRequest(name=lab.name("Subject"), relation=relation_of(name)),
    ),
    "the source of a job's insert": (
        "InsertRelation",
        lambda lab, name: row.InsertRelationRequest(
            name=lab.name("Subject"), relation=relation_of(name), lease_token=lab.lease_token(lab.leases[0])
        ),
    ),
    "a parent as written": ("DeclareTable", lambda lab, name: declared(lab, name, "written")),
    "a parent as resolved": ("DeclareTable", lambda lab, name: declared(lab, name, "resolved")),
    "a new parent": ("PlanAlteration", altered),
    "keys to refresh": (
        "RefreshJobs",
        lambda lab, name: job.RefreshJobsRequest(name=lab.name("Stat"), key_source=relation_of(name)),
    ),
    "keys to count": (
        "GetProgress",
        lambda lab, name: job.GetProgressRequest(names=[lab.name("Stat")], key_source=relation_of(name)),
    ),
    "a table beside one's own": (
        "GetProgress",
        lambda lab, name: job.GetProgressRequest(names=[lab.name("Stat"), name]),
    ),
    "jobs to reserve": (
        "ReserveJobs",
        lambda lab, name: job.ReserveJobsRequest(
            worker_session=str(lab.worker_session), names=[lab.name("Stat")], restriction=relation_of(name)
        ),
    ),
    "jobs to ignore": (
        "IgnoreJobs",
        lambda lab, name: job.IgnoreJobsRequest(name=lab.name("Stat"), jobs=relation_of(name)),
    ),
    "a table that a job writes": ("CompleteJobs", lambda lab, name: completed(lab, into=name)),
    "a table that a job has read": ("CompleteJobs", lambda lab, name: completed(lab, read=name)),
    "results to compute again": (
        "LeaseResults",
        lambda lab, name: job.LeaseResultsRequest(name=lab.name("Stat"), results=relation_of(name)),
    ),
    "results to replace": (
        "ReplaceResults",
        lambda lab, name: [
            job.ReplaceResultsRequest(job=replacement(lab, lab.leases[0])[0].job),  # type: ignore[attr-defined]  # a header
            job.ReplaceResultsRequest(rows=job.JobRows(name=name)),
            job.ReplaceResultsRequest(arrow_ipc=rows("Subject", 5)),
        ],
    ),
    "verdicts": (
        "FetchRelation",
        lambda _, name: query.FetchRelationRequest(
            relation=relation_pb2.Relation(
                nodes=[relation_pb2.RelationNode(staleness=relation_pb2.Staleness(name=name))]
            )
        ),
    ),
    "a started lease": (
        "DeleteWorkerSession",
        lambda lab, name: job.DeleteWorkerSessionRequest(
            worker_session=str(UUID(int=1)),  # a real one would end by the first call
            started_leases=[job.LeaseName(table=name, job_id=1, lease_token=lab.lease_token(lab.leases[0]))],
        ),
    ),
    "tables to drop": ("PlanDrop", lambda lab, name: schema.PlanDropRequest(names=[lab.name("Doomed"), name])),
    "a diagram": ("LayOutGraph", lambda lab, name: schema.LayOutGraphRequest(tables=[lab.name("Stat"), name])),
    "a collapsed table": (
        "LayOutGraph",
        lambda lab, name: schema.LayOutGraphRequest(tables=[lab.name("Stat")], collapsed_tables=[name]),
    ),
    "a graph": ("GetGraph", lambda lab, name: schema.GetGraphRequest(schemas=[lab.schema], tables=[name])),
    "a graph of schemas": (
        "GetGraph",
        lambda lab, name: schema.GetGraphRequest(schemas=[lab.schema, name.schema], tables=[name]),
    ),
    "a scope": (
        "CreateToken",
        lambda _, name: access.CreateTokenRequest(
            scopes=[access_pb2.Scope(role=access_pb2.ROLE_VIEWER, schema=name.schema, table=name.table)]
        ),
    ),
    "a grant": (
        "GrantRole",
        lambda _, name: access.GrantRoleRequest(
            grant=access_pb2.Grant(grantee="nobody", role=access_pb2.ROLE_VIEWER, schema=name.schema, table=name.table)
        ),
    ),
    "a part": (
        "DeclareTable",
        lambda _, name: schema.DeclareTableRequest(
            name=schema_pb2.TableName(schema=name.schema, table=f"{name.table}.Part"),
            tier=schema_pb2.TABLE_TIER_PART,
            definition="-> master\n",
        ),
    ),
    "a declaration": (
        "DeclareTable",
        lambda _, name: schema.DeclareTableRequest(
            name=name, tier=schema_pb2.TABLE_TIER_MANUAL, definition="a : int32\n"
        ),
    ),
    "a file": (
        "RegisterFile",
        lambda _, name: obj.RegisterFileRequest(name=name, attribute="movie", path="../nothing"),
    ),
    "a carried call": (
        "OpenCalls",
        lambda lab, name: [
            session.OpenCallsRequest(count_relation=query.CountRelationRequest(relation=joined(lab, name)))
        ],
    ),
    "a call in a transaction": (
        "OpenSession",
        lambda lab, name: [
            session.OpenSessionRequest(begin=session.Begin()),
            session.OpenSessionRequest(count_relation=query.CountRelationRequest(relation=joined(lab, name))),
        ],
    ),
    "a key source": ("DeclareTable", lambda lab, name: declared(lab, name, "source")),  # the last: it changes the table
}
"""Places of a table's name, beside those of `MINIMAL`, each in a call that has everything else right."""
TARGETS = (
    (("secret", "Subject"), ("absent", "Subject")),
    (("half", "Subject"), ("half", "Nothing")),
    (("half", "subject"), ("half", "nothing")),  # as PostgreSQL has it
    (("half", "Stat"), ("half", "Missing")),
)
"""Tables that are hidden, and for each one that is absent."""


async def test_a_hidden_table_is_an_absent_one_at_every_place(lab: Lab, channel: grpc.aio.Channel) -> None:
    for place, (name, build) in PLACES.items():
        for hidden, absent in TARGETS:
            first, second = (schema_pb2.TableName(schema=s, table=t) for s, t in (hidden, absent))
            answer = await learned(channel, name, build(lab, first), lab.secret)
            other = await learned(channel, name, build(lab, second), lab.secret)
            where = f"{place}: {first.schema}.{first.table}"
            assert answer == other.replace(absent[0], hidden[0]).replace(absent[1], hidden[1]), where
            assert "`half` has no table" not in answer or "it has Seen." in answer, where


def test_every_call_that_names_a_table_is_made() -> None:
    naming = {method.name for method in METHODS.values() if mentions(method.input_type, frozenset())}
    assert naming <= {*REQUESTS, *(name for name, _ in PLACES.values())}


def mentions(message: Any, above: frozenset[str]) -> bool:  # noqa: ANN401  # a descriptor
    """Return whether a message can name a table."""
    below = [field.message_type for field in message.fields if field.message_type is not None]
    inner = [kind for kind in below if kind.full_name not in above]
    return message.name in ("TableName", "Grant", "Scope") or any(
        mentions(kind, above | {message.full_name}) for kind in inner
    )
