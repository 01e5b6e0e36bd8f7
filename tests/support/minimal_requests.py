"""A minimal valid request of every method, for the schema and the ids of one caller."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from blake3 import blake3
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from levada_api.v1 import access_pb2, job_pb2, object_pb2, schema_pb2, value_pb2
from levada_api.v1 import access_service_pb2 as access
from levada_api.v1 import job_service_pb2 as job
from levada_api.v1 import object_service_pb2 as obj
from levada_api.v1 import query_service_pb2 as query
from levada_api.v1 import recording_service_pb2 as recording
from levada_api.v1 import row_service_pb2 as row
from levada_api.v1 import schema_service_pb2 as schema
from levada_api.v1 import server_service_pb2 as server
from levada_api.v1 import session_service_pb2 as session
from levada_server.jobs.signing import Login
from tests.support.identity_provider import PENDING
from tests.support.roles import CONTENT, MOVIE, rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from levada_server.jobs.lease import Lease
    from tests.support.roles import Lab

    Request: TypeAlias = "Message | list[Message]"  # a list of them for a method that takes a stream

VIEWER = access_pb2.ROLE_VIEWER
MANUAL = schema_pb2.TABLE_TIER_MANUAL


def keyed(**values: int) -> list[value_pb2.AttributeValue]:
    """Return a key, or a row, of whole numbers."""
    return [value_pb2.AttributeValue(name=n, value=value_pb2.Value(integer=v)) for n, v in values.items()]


def header_of_job(lab: Lab, lease: Lease) -> job.JobHeader:
    """Return the header of a completed job of `Stat`."""
    return job.JobHeader(name=lab.name("Stat"), job_id=lease.job_id, lease_token=lab.lease_token(lease))


def completion(lab: Lab, lease: Lease) -> list[Message]:
    """Return the messages that complete one job of `Stat`."""
    number = int(str(dict(lease.key)["session"]))
    return [
        job.CompleteJobsRequest(job=header_of_job(lab, lease)),
        job.CompleteJobsRequest(rows=job.JobRows(name=lab.name("Stat"))),
        job.CompleteJobsRequest(arrow_ipc=rows("Stat", number)),
    ]


def replacement(lab: Lab, lease: Lease) -> list[Message]:
    """Return the messages that replace the result of a completed job of `Stat` by the same."""
    again = lease._replace(token=UUID(int=lease.job_id), replaces=lease.token)
    header = header_of_job(lab, again)
    header.unchanged = True
    return [job.ReplaceResultsRequest(job=header)]


def few_completions(lab: Lab, lease: Lease) -> job.CompleteFewJobsRequest:
    """Return the message that completes one job of `Stat`."""
    number = int(str(dict(lease.key)["session"]))
    shared = job.SharedRows(rows=job.JobRows(name=lab.name("Stat")), arrow_ipc=rows("Stat", number), row_counts=[1])
    return job.CompleteFewJobsRequest(groups=[job.JobGroup(jobs=[header_of_job(lab, lease)], inserts=[shared])])


def lease_name(lab: Lab, lease: Lease) -> job.LeaseName:
    """Name a lease on a job of `Stat`."""
    return job.LeaseName(table=lab.name("Stat"), job_id=lease.job_id, lease_token=lab.lease_token(lease))


def chunks(lab: Lab) -> list[Message]:
    """Return the messages that send one byte of an upload."""
    chunk = object_pb2.ObjectChunk(content=b"x", crc32=zlib.crc32(b"x"))
    return [
        obj.UploadObjectRequest(header=obj.UploadHeader(upload_id=str(lab.uploads[0]))),
        obj.UploadObjectRequest(chunk=chunk),
    ]


def grant(lab: Lab) -> access_pb2.Grant:
    """Return a role for the caller on a table."""
    return access_pb2.Grant(grantee=lab.caller.identity.user, role=VIEWER, schema=lab.schema, table="Subject")


def header_of_rows(lab: Lab) -> row.InsertHeader:
    """Return the header of an insert into `Subject`."""
    return row.InsertHeader(name=lab.name("Subject"), options=row.InsertOptions(skip_duplicates=True))


def discovering(lab: Lab) -> job.DiscoveringTable:
    """Name `Subject` as a table that looks for new rows."""
    return job.DiscoveringTable(name=lab.name("Subject"), interval=Duration(seconds=60))


def prefetch(lab: Lab, token: str) -> query.PrefetchReadsRequest:
    """Return a request for one read of the job of a lease."""
    read = query.PatternedRead(count=query.CountRelationRequest(relation=lab.table("Subject")))
    return query.PrefetchReadsRequest(lease_tokens=[token], reads=[read])


Build: TypeAlias = "Callable[[Lab], Request]"

OF_DATA: dict[str, Build] = {
    "DescribeRelation": lambda lab: query.DescribeRelationRequest(relation=lab.table("Subject")),
    "FetchRelation": lambda lab: query.FetchRelationRequest(relation=lab.table("Subject")),
    "FetchFewRows": lambda lab: query.FetchFewRowsRequest(
        fetch=query.FetchRelationRequest(relation=lab.table("Subject"))
    ),
    "CountRelation": lambda lab: query.CountRelationRequest(relation=lab.table("Subject")),
    "CheckExistence": lambda lab: query.CheckExistenceRequest(relation=lab.table("Subject")),
    "PrefetchReads": lambda lab: prefetch(lab, lab.lease_token(lab.leases[0])),
    "ExplainRelation": lambda lab: query.ExplainRelationRequest(relation=lab.table("Subject")),
    "InsertRows": lambda lab: [
        row.InsertRowsRequest(header=header_of_rows(lab)),
        row.InsertRowsRequest(arrow_ipc=rows("Subject", 5)),
    ],
    "InsertFewRows": lambda lab: row.InsertFewRowsRequest(header=header_of_rows(lab), arrow_ipc=rows("Subject", 6)),
    "CheckRows": lambda lab: row.CheckRowsRequest(name=lab.name("Subject"), arrow_ipc=rows("Subject", 7)),
    "InsertRelation": lambda lab: row.InsertRelationRequest(
        name=lab.name("Subject"),
        relation=lab.table("Subject"),
        options=row.InsertOptions(skip_duplicates=True),
    ),
    "UpdateRow": lambda lab: row.UpdateRowRequest(
        name=lab.name("Subject"),
        row=[
            *keyed(subject=0),
            value_pb2.AttributeValue(name="name", value=value_pb2.Value(text="a")),
        ],
    ),
    "PlanDelete": lambda lab: row.PlanDeleteRequest(
        relation=lab.table("Doomed"), part_integrity=row.PART_INTEGRITY_ENFORCE
    ),
    "DeleteRows": lambda lab: row.DeleteRowsRequest(
        relation=lab.table("Doomed"), part_integrity=row.PART_INTEGRITY_ENFORCE
    ),
    "EraseRows": lambda lab: row.EraseRowsRequest(
        relation=lab.table("Doomed"), part_integrity=row.PART_INTEGRITY_ENFORCE
    ),
    "RefreshJobs": lambda lab: job.RefreshJobsRequest(name=lab.name("Stat")),
    "ReserveJobs": lambda lab: job.ReserveJobsRequest(worker_session=str(lab.worker_session), names=[lab.name("Stat")]),
    "CompleteJobs": lambda lab: completion(lab, lab.leases[0]),
    "CompleteFewJobs": lambda lab: few_completions(lab, lab.leases[1]),
    "FailJob": lambda lab: job.FailJobRequest(
        name=lab.name("Stat"),
        job_id=lab.leases[2].job_id,
        lease_token=lab.lease_token(lab.leases[2]),
        error=job_pb2.JobError(type="E", message="m", stack="s"),
    ),
    "ReleaseJobs": lambda lab: job.ReleaseJobsRequest(leases=[lease_name(lab, lab.leases[3])]),
    "IgnoreJobs": lambda lab: job.IgnoreJobsRequest(name=lab.name("Stat")),
    "RetryJobs": lambda lab: job.RetryJobsRequest(name=lab.name("Stat")),
    "CancelJobs": lambda lab: job.CancelJobsRequest(name=lab.name("Stat")),
    "LeaseResults": lambda lab: job.LeaseResultsRequest(name=lab.name("Stat")),
    "ReplaceResults": lambda lab: replacement(lab, lab.leases[0]),
    "ReserveDiscovery": lambda lab: job.ReserveDiscoveryRequest(
        worker_session=str(lab.worker_session), tables=[discovering(lab)]
    ),
    "CompleteDiscovery": lambda lab: job.CompleteDiscoveryRequest(
        name=lab.name("Subject"), lease_token=str(lab.discovery.token)
    ),
    "ListDiscoveries": lambda lab: job.ListDiscoveriesRequest(names=[lab.name("Subject")]),
    "ListJobs": lambda lab: job.ListJobsRequest(name=lab.name("Stat")),
    "GetProgress": lambda lab: job.GetProgressRequest(names=[lab.name("Stat")]),
    "WatchProgress": lambda lab: job.WatchProgressRequest(names=[lab.name("Stat")]),
    "GetJobHistory": lambda lab: job.GetJobHistoryRequest(name=lab.name("Stat")),
    "ListEnvironments": lambda lab: job.ListEnvironmentsRequest(name=lab.name("Stat")),
    "StageObject": lambda lab: obj.StageObjectRequest(
        name=lab.name("Subject"), attribute="data", hash=blake3(CONTENT).hexdigest()
    ),
    "ListStoreFiles": lambda lab: obj.ListStoreFilesRequest(name=lab.name("Subject"), attribute="movie"),
    "RegisterFiles": lambda lab: obj.RegisterFilesRequest(name=lab.name("Subject"), attribute="movie", paths=[MOVIE]),
    "RegisterFile": lambda lab: obj.RegisterFileRequest(name=lab.name("Subject"), attribute="movie", path=MOVIE),
    "DeclareTable": lambda lab: schema.DeclareTableRequest(
        name=lab.name("New"), tier=MANUAL, definition="new : int32\n"
    ),
    "PlanAlteration": lambda lab: schema.PlanAlterationRequest(
        name=lab.name("Altered"), definition="# anew\naltered : int32\n"
    ),
    "AlterTable": lambda lab: schema.AlterTableRequest(
        name=lab.name("Altered"), definition="# anew\naltered : int32\n"
    ),
    "RaiseNextNumber": lambda lab: schema.RaiseNextNumberRequest(name=lab.name("Counted"), next_number=5),
    "SetOwnership": lambda lab: schema.SetOwnershipRequest(name=lab.name("Subject")),
    "DescribeTable": lambda lab: schema.DescribeTableRequest(name=lab.name("Subject")),
    "ListTables": lambda lab: schema.ListTablesRequest(schema=lab.schema),
    "PlanDrop": lambda lab: schema.PlanDropRequest(names=[lab.name("Doomed")]),
    "DropTables": lambda lab: schema.DropTablesRequest(names=[lab.name("Doomed")]),
    "LayOutGraph": lambda lab: schema.LayOutGraphRequest(
        tables=[lab.name("Session"), lab.name("Stat")], include_counts=True
    ),
    "GetGraph": lambda lab: schema.GetGraphRequest(tables=[lab.name("Session")], ancestor_steps=1),
    "GrantRole": lambda lab: access.GrantRoleRequest(grant=grant(lab)),
    "RevokeRole": lambda lab: access.RevokeRoleRequest(grant=grant(lab)),
    "ListGrants": lambda lab: access.ListGrantsRequest(schema=lab.schema),
    "UpdateSchema": lambda lab: schema.UpdateSchemaRequest(
        name=lab.schema, make_contract=schema_pb2.MAKE_CONTRACT_WARN
    ),
}
"""The requests that name a table or a schema."""

OTHERS: dict[str, Build] = {
    "OpenDashboard": lambda _: access.OpenDashboardRequest(),
    "ExchangeCode": lambda _: access.ExchangeCodeRequest(code="x"),
    "CreateBrowserSession": lambda _: access.CreateBrowserSessionRequest(),
    "DeleteBrowserSession": lambda _: access.DeleteBrowserSessionRequest(),
    "StartLogin": lambda _: access.StartLoginRequest(),
    "PollLogin": lambda lab: access.PollLoginRequest(login=lab.engine.signer.login(Login(PENDING, "nonce", 0.0))),
    "GetCaller": lambda _: access.GetCallerRequest(),
    "CreateUser": lambda lab: access.CreateUserRequest(name=f"another.{lab.schema}"),
    "UpdateUser": lambda lab: access.UpdateUserRequest(name=lab.caller.identity.user),
    "ListUsers": lambda _: access.ListUsersRequest(),
    "SetTeam": lambda lab: access.SetTeamRequest(name="team", members=[lab.caller.identity.user]),
    "CreateToken": lambda _: access.CreateTokenRequest(),
    "ListTokens": lambda _: access.ListTokensRequest(),
    "RevokeTokens": lambda lab: access.RevokeTokensRequest(id=str(lab.token_id)),
    "CreateWorkerSession": lambda _: job.CreateWorkerSessionRequest(
        worker=job_pb2.WorkerName(host="h", process=1, user="u")
    ),
    "RenewWorkerSessions": lambda lab: job.RenewWorkerSessionsRequest(worker_sessions=[str(lab.worker_session)]),
    "CreateRecording": lambda _: recording.CreateRecordingRequest(name="another"),
    "ListRecordings": lambda _: recording.ListRecordingsRequest(),
    "ListRecordedReads": lambda _: recording.ListRecordedReadsRequest(name="paper"),
    "DeleteRecording": lambda _: recording.DeleteRecordingRequest(name="paper"),
    "ListWorkers": lambda _: job.ListWorkersRequest(),
    "ListStores": lambda _: obj.ListStoresRequest(),
    "UploadObject": chunks,
    "GetUpload": lambda lab: obj.GetUploadRequest(upload_id=str(lab.uploads[1])),
    "BeginParts": lambda lab: obj.BeginPartsRequest(upload_id=str(lab.uploads[0]), size_bytes=2**24, hash=64 * "0"),
    "SignParts": lambda lab: obj.SignPartsRequest(upload_id=str(lab.uploads[0])),
    "CommitObject": lambda lab: obj.CommitObjectRequest(upload_id=str(lab.uploads[2]), size_bytes=3),
    "DownloadObject": lambda lab: obj.DownloadObjectRequest(object_id=str(lab.object_id)),
    "ListObjectFiles": lambda lab: obj.ListObjectFilesRequest(object_id=str(lab.folder_id)),
    "CollectObjects": lambda _: obj.CollectObjectsRequest(dry_run=True),
    "ListObjects": lambda _: obj.ListObjectsRequest(),
    "VerifyObjects": lambda _: obj.VerifyObjectsRequest(),
    "CopyObjects": lambda _: obj.CopyObjectsRequest(source="raw", target="main", dry_run=True),
    "ListObjectUsage": lambda _: obj.ListObjectUsageRequest(),
    "CreateSchema": lambda lab: schema.CreateSchemaRequest(name=f"new_{lab.schema}"),
    "ListSchemas": lambda _: schema.ListSchemasRequest(),
    "GetServerInfo": lambda _: server.GetServerInfoRequest(),
    "OpenSession": lambda _: [session.OpenSessionRequest(begin=session.Begin())],
    "OpenCalls": lambda _: [],
    "Check": lambda _: health_pb2.HealthCheckRequest(),
    "Watch": lambda _: health_pb2.HealthCheckRequest(),
    "ServerReflectionInfo": lambda _: [reflection_pb2.ServerReflectionRequest(list_services="")],
}

LAST: dict[str, Build] = {
    "DeleteWorkerSession": lambda lab: job.DeleteWorkerSessionRequest(worker_session=str(lab.worker_session)),
    "RenameSchema": lambda lab: schema.RenameSchemaRequest(name=lab.schema, new_name=f"{lab.schema}_renamed"),
    "DropSchema": lambda lab: schema.DropSchemaRequest(name=f"{lab.schema}_renamed" if lab.renamed else lab.schema),
}
"""The requests after which the others fail, in this order."""

MINIMAL: dict[str, Build] = {**OF_DATA, **OTHERS, **LAST}
