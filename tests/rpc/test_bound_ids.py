"""An id that carries a right is of use only to its user and token: each is sent again by others, and after its end."""

from __future__ import annotations

import asyncio
import datetime as dt
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from levada_api.v1 import access_service_pb2 as access
from levada_api.v1 import job_service_pb2 as job
from levada_api.v1 import object_service_pb2 as obj
from levada_api.v1 import query_service_pb2 as query
from levada_api.v1 import row_service_pb2 as row
from levada_api.v1 import schema_service_pb2 as schema
from levada_api.v1 import session_service_pb2 as session
from levada_server.errors import InvalidRequest, Unauthenticated, UnknownSchema
from levada_server.jobs.lease import Worker
from levada_server.model.table import TableName
from levada_server.operations import jobs, users
from levada_server.permissions.roles import Role
from levada_server.query.algebra import JobOperand
from tests.support.calls import BY_NAME, begun, code_of, outcome, served
from tests.support.make import ME
from tests.support.minimal_requests import (
    MINIMAL,
    completion,
    few_completions,
    header_of_rows,
    lease_name,
)
from tests.support.roles import make_caller, make_lab, make_tables, new_token, rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import grpc.aio
    from google.protobuf.message import Message

    from levada_server.operations.context import Engine
    from levada_server.rpc.server import RpcServer
    from tests.support.roles import Lab

    Requests = dict[str, "Message | list[Message]"]

SCHEMA = "lab"
JOBS = JobOperand(TableName(SCHEMA, "Stat"))


@pytest_asyncio.fixture
async def lab(engine: Engine) -> Lab:
    """The schema of Ann, who is an editor, and what Ann holds."""
    caller, secret = await make_caller(engine, "ann")
    return await make_lab(engine, caller, secret, SCHEMA, Role.EDITOR)


@pytest_asyncio.fixture
async def others(lab: Lab) -> dict[str, str]:
    """The tokens of an editor of the same schema, of a user without any role, and of Ann, scoped to all she may do."""
    _, ben = await make_caller(lab.engine, "ben")
    _, eve = await make_caller(lab.engine, "eve")
    await users.grant_role(lab.engine, ME, "ben", Role.EDITOR, TableName(SCHEMA, ""))
    _, scoped = await new_token(lab.engine, "ann", [(Role.EDITOR, TableName(SCHEMA, ""))])
    return {"ben": ben, "eve": eve, "scoped ann": scoped}


@pytest_asyncio.fixture
async def second(lab: Lab) -> str:
    """Another token of Ann, with which she may do everything."""
    return (await new_token(lab.engine, "ann"))[1]


@pytest_asyncio.fixture
async def server(lab: Lab) -> AsyncIterator[tuple[RpcServer, grpc.aio.Channel]]:
    async with served(lab.engine) as started:
        yield started


def under_lease(lab: Lab) -> Requests:
    """Return a request of each method that takes the token of a lease."""
    first, second, third, fourth = lab.leases
    token = lab.lease_token(first)
    fetch = query.FetchRelationRequest(relation=lab.table("Session"), lease_token=token)
    header = header_of_rows(lab)
    header.lease_token = token
    requests: Requests = {
        name: MINIMAL[name](lab)
        for name in ("InsertRelation", "UpdateRow", "DeleteRows", "CountRelation", "CheckExistence", "FailJob")
    }
    for request in requests.values():
        request.lease_token = token  # type: ignore[union-attr]  # each has one
    return {
        **requests,
        "FetchRelation": fetch,
        "FetchFewRows": query.FetchFewRowsRequest(fetch=fetch),
        "PrefetchReads": MINIMAL["PrefetchReads"](lab),
        "InsertRows": [row.InsertRowsRequest(header=header), row.InsertRowsRequest(arrow_ipc=rows("Subject", 9))],
        "InsertFewRows": row.InsertFewRowsRequest(header=header, arrow_ipc=rows("Subject", 9)),
        "CompleteJobs": completion(lab, first),
        "CompleteFewJobs": few_completions(lab, second),
        "ReleaseJobs": job.ReleaseJobsRequest(leases=[lease_name(lab, third)]),
        "ReserveJobs": job.ReserveJobsRequest(
            worker_session=str(lab.worker_session),
            names=[lab.name("Stat")],
            held_leases=job.HeldLeases(lease_tokens=[lab.lease_token(fourth)]),
        ),
        "OpenSession": [session.OpenSessionRequest(begin=session.Begin(lease_token=token))],
    }


def of_sessions_and_objects(lab: Lab) -> Requests:
    """Return a request of each method that takes the id of a worker session, an upload, or an object of nobody yet."""
    names = (
        *("RenewWorkerSessions", "ReserveDiscovery", "CompleteDiscovery", "DeleteWorkerSession"),
        *("UploadObject", "GetUpload", "CommitObject", "RevokeTokens"),
    )
    return {name: MINIMAL[name](lab) for name in names}


OF_SESSIONS = ("RenewWorkerSessions", "ReserveDiscovery", "CompleteDiscovery", "DeleteWorkerSession")
OF_UPLOADS = ("UploadObject", "GetUpload", "CommitObject")
REFUSED = {"INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED"}


async def accepted_of(channel: grpc.aio.Channel, requests: Requests, secrets: dict[str, str]) -> list[str]:
    """Return which requests are accepted with some tokens, or answered with anything."""
    accepted = []
    for name, request in requests.items():
        for user, secret in secrets.items():
            status, answers = await outcome(channel, BY_NAME[name], request, secret)
            if code_of(status) not in REFUSED or any(answer.ListFields() for answer in answers if not status.code):
                accepted.append(f"{name} by {user}: {status} {answers}")
    return accepted


@pytest.mark.parametrize("requests", [under_lease, of_sessions_and_objects])
async def test_what_one_token_holds_is_nothing_to_others_and_to_a_scoped_token(
    lab: Lab,
    others: dict[str, str],
    server: tuple[RpcServer, grpc.aio.Channel],
    requests: Callable[[Lab], Requests],
) -> None:
    _, channel = server
    accepted = await accepted_of(channel, requests(lab), others)
    assert not accepted, "\n".join(accepted)
    # They are what they were, for their user.
    for name, request in requests(lab).items():
        if name not in ("FailJob", "DeleteRows", "UpdateRow", "InsertRows", "InsertFewRows", "InsertRelation"):
            status, _ = await outcome(channel, BY_NAME[name], request, lab.secret)
            assert not status.code, (name, status)


async def test_what_a_worker_holds_is_nothing_to_another_token_of_its_user(
    lab: Lab, second: str, server: tuple[RpcServer, grpc.aio.Channel]
) -> None:
    _, channel = server
    of_sessions = {name: MINIMAL[name](lab) for name in OF_SESSIONS}
    accepted = await accepted_of(channel, {**under_lease(lab), **of_sessions}, {"second": second})
    assert not accepted, "\n".join(accepted)
    # Her uploads are hers, with whichever token.
    for name in OF_UPLOADS:
        status, _ = await outcome(channel, BY_NAME[name], MINIMAL[name](lab), second)
        assert not status.code, (name, status)


async def test_nothing_is_left_of_a_token_that_was_revoked(
    lab: Lab, others: dict[str, str], second: str, server: tuple[RpcServer, grpc.aio.Channel]
) -> None:
    _, channel = server
    token = lab.caller.identity.token_id
    assert token is not None
    await users.revoke_tokens(lab.engine, ME, user="", id_=token, everybody=False)
    for name, request in {**under_lease(lab), **of_sessions_and_objects(lab)}.items():
        status, _ = await outcome(channel, BY_NAME[name], request, lab.secret)
        assert code_of(status) == "UNAUTHENTICATED", name
    # Nor do its user's other tokens go on with it.
    begun_with_it = {name: MINIMAL[name](lab) for name in (*OF_SESSIONS, *OF_UPLOADS)}
    accepted = await accepted_of(channel, {**under_lease(lab), **begun_with_it}, {"second": second, **others})
    assert not accepted, "\n".join(accepted)
    # Its worker session has ended, so others reserve the jobs at once.
    begin = MINIMAL["CreateWorkerSession"](lab)
    _, (begun_session,) = await outcome(channel, BY_NAME["CreateWorkerSession"], begin, others["ben"])
    reserve = job.ReserveJobsRequest(worker_session=begun_session.worker_session, names=[lab.name("Stat")])
    _, (reserved,) = await outcome(channel, BY_NAME["ReserveJobs"], reserve, others["ben"])
    assert reserved.leases[0].job_id in {lease.job_id for lease in lab.leases}


async def test_the_receipt_of_another_user_is_none(
    lab: Lab, others: dict[str, str], second: str, server: tuple[RpcServer, grpc.aio.Channel]
) -> None:
    _, channel = server
    caller, secret = await make_caller(lab.engine, "wes")
    theirs = await make_lab(lab.engine, caller, secret, "other", Role.EDITOR)

    def count(of: Lab, receipt: bytes = b"") -> query.CountRelationRequest:
        token = of.lease_token(of.leases[0])
        return query.CountRelationRequest(relation=of.table("Session"), lease_token=token, read_receipt=receipt)

    _, (answer,) = await outcome(channel, BY_NAME["CountRelation"], count(lab), lab.secret)
    assert answer.read_receipt
    status, _ = await outcome(channel, BY_NAME["CountRelation"], count(theirs, answer.read_receipt), secret)
    assert code_of(status) == "INVALID_ARGUMENT"
    for other in (*others.values(), second):
        status, _ = await outcome(channel, BY_NAME["CountRelation"], count(lab, answer.read_receipt), other)
        assert code_of(status) == "INVALID_ARGUMENT"


async def test_the_id_of_a_request_tells_others_nothing(
    lab: Lab, others: dict[str, str], second: str, server: tuple[RpcServer, grpc.aio.Channel]
) -> None:
    _, channel = server
    header = row.InsertHeader(name=lab.name("Subject"), request_id="the-same")
    request = row.InsertFewRowsRequest(header=header, arrow_ipc=rows("Subject", 7))
    for _ in range(2):  # repeated by its user, it is answered as before
        status, (answer,) = await outcome(channel, BY_NAME["InsertFewRows"], request, lab.secret)
        assert not status.code
        assert answer.row_count == 1
    codes = [code_of((await outcome(channel, BY_NAME["InsertFewRows"], request, others[u]))[0]) for u in others]
    assert codes == ["ALREADY_EXISTS", "NOT_FOUND", "ALREADY_EXISTS"]
    _, narrow = await new_token(lab.engine, "ann", [(Role.VIEWER, TableName(SCHEMA, ""))])
    status, _ = await outcome(channel, BY_NAME["InsertFewRows"], request, narrow)
    assert code_of(status) == "PERMISSION_DENIED"
    # It has one effect, also if the user has logged in again meanwhile.
    _, (answer,) = await outcome(channel, BY_NAME["InsertFewRows"], request, second)
    assert answer.row_count == 1
    begin, commit = (
        session.OpenSessionRequest(begin=session.Begin()),
        session.OpenSessionRequest(commit=session.Commit(request_id="a-commit")),
    )
    assert not (await outcome(channel, BY_NAME["OpenSession"], [begin, commit], lab.secret))[0].code
    assert not (await outcome(channel, BY_NAME["OpenSession"], [commit], lab.secret))[0].code
    for secret in others.values():
        status, _ = await outcome(channel, BY_NAME["OpenSession"], [commit], secret)
        assert code_of(status) == "FAILED_PRECONDITION"


async def test_page_tokens_and_digests_of_plans_carry_no_right(
    lab: Lab, others: dict[str, str], server: tuple[RpcServer, grpc.aio.Channel]
) -> None:
    _, channel = server
    listing = schema.ListTablesRequest(schema=SCHEMA, page_size=1)
    _, (first,) = await outcome(channel, BY_NAME["ListTables"], listing, lab.secret)
    files = obj.ListObjectFilesRequest(object_id=str(lab.folder_id), page_token=first.next_page_token)
    jobs_page = job.ListJobsRequest(name=lab.name("Stat"), page_size=1)
    _, (first_jobs,) = await outcome(channel, BY_NAME["ListJobs"], jobs_page, lab.secret)
    jobs_page.page_token = first_jobs.next_page_token
    plans: dict[str, Any] = {
        name: (await outcome(channel, BY_NAME[name], MINIMAL[name](lab), lab.secret))[1][0]
        for name in ("PlanDelete", "PlanAlteration")
    }
    delete, alter = MINIMAL["DeleteRows"](lab), MINIMAL["AlterTable"](lab)
    delete.digest, alter.digest = plans["PlanDelete"].digest, plans["PlanAlteration"].digest  # type: ignore[union-attr]  # both have one
    listing.page_token = first.next_page_token
    for name, request in (
        ("ListTables", listing),
        ("ListObjectFiles", files),
        ("ListJobs", jobs_page),
        ("DeleteRows", delete),
        ("AlterTable", alter),
    ):
        status, _ = await outcome(channel, BY_NAME[name], request, others["eve"])
        assert code_of(status) == "NOT_FOUND", name


async def test_disabling_a_user_ends_streams_and_leases(
    lab: Lab, others: dict[str, str], server: tuple[RpcServer, grpc.aio.Channel]
) -> None:
    rpc_server, channel = server
    watch = begun(channel, BY_NAME["WatchProgress"], MINIMAL["WatchProgress"](lab), lab.secret)
    await watch.read()
    streams = {
        "OpenSession": (session.OpenSessionRequest(begin=session.Begin()), session.OpenSessionResponse.FromString),
        "OpenCalls": (
            session.OpenCallsRequest(count_relation=MINIMAL["CountRelation"](lab)),  # type: ignore[arg-type]  # one message
            session.OpenCallsResponse.FromString,
        ),
    }
    opened = []
    for name, (request, kind) in streams.items():
        stream = channel.stream_stream(
            f"/levada_api.v1.SessionService/{name}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=kind,
        )(metadata=(("authorization", f"Bearer {lab.secret}"),))
        await stream.write(request)
        await stream.read()
        opened.append(stream)
    await users.update_user(lab.engine, ME, "ann", administrator=None, prefixes=None, disabled=True)
    rpc_server.dispatcher.end_refused(dt.datetime.now(dt.UTC))  # as every second
    for stream in (watch, *opened):
        assert (await stream.code()).name == "UNAUTHENTICATED"
    _, (begun_session,) = await outcome(
        channel, BY_NAME["CreateWorkerSession"], MINIMAL["CreateWorkerSession"](lab), others["ben"]
    )
    reserve = job.ReserveJobsRequest(worker_session=begun_session.worker_session, names=[lab.name("Stat")])
    _, (reserved,) = await outcome(channel, BY_NAME["ReserveJobs"], reserve, others["ben"])
    assert reserved.leases[0].job_id in {lease.job_id for lease in lab.leases}


async def test_a_call_that_waits_ends_with_its_token(
    lab: Lab, server: tuple[RpcServer, grpc.aio.Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    rpc_server, channel = server
    waiting = asyncio.Event()

    async def wait(*_: object) -> None:
        waiting.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(lab.engine.lookout, "wait", wait)
    await jobs.ignore(lab.engine, ME, TableName(SCHEMA, "Stat"), None)
    request = job.ReserveJobsRequest(worker_session=str(lab.worker_session), names=[lab.name("Stat")])
    request.wait_duration.FromTimedelta(timedelta(seconds=30))
    call = asyncio.create_task(outcome(channel, BY_NAME["ReserveJobs"], request, lab.secret))
    await waiting.wait()
    rpc_server.dispatcher.end_refused(dt.datetime.now(dt.UTC))
    assert not call.done()
    await users.revoke_tokens(lab.engine, ME, user="ann", id_=None, everybody=False)
    rpc_server.dispatcher.end_refused(dt.datetime.now(dt.UTC))  # as every second
    assert code_of((await call)[0]) == "UNAUTHENTICATED"


@pytest.mark.parametrize("then", ["nothing", "revoked", "disabled"])
async def test_a_call_of_one_answer_goes_on_when_its_token_only_expires(
    lab: Lab, server: tuple[RpcServer, grpc.aio.Channel], monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    rpc_server, channel = server
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def wait(*_: object) -> None:
        waiting.set()
        await go_on.wait()
        raise InvalidRequest("It went on.")

    monkeypatch.setattr(lab.engine.lookout, "wait", wait)
    async with lab.engine.scope.connection() as connection:
        await connection.execute("UPDATE levada.token SET expire_time = now() + interval '1 hour'")
    await lab.engine.gate.permissions.read()
    await jobs.ignore(lab.engine, ME, TableName(SCHEMA, "Stat"), None)
    request = job.ReserveJobsRequest(worker_session=str(lab.worker_session), names=[lab.name("Stat")])
    request.wait_duration.FromTimedelta(timedelta(seconds=30))
    call = asyncio.create_task(outcome(channel, BY_NAME["ReserveJobs"], request, lab.secret))
    await waiting.wait()
    async with lab.engine.scope.connection() as connection:
        await connection.execute("UPDATE levada.token SET expire_time = now()")
    await lab.engine.gate.permissions.read()  # as after any change
    lab.engine.gate.rights(lab.caller)  # are there still
    if then == "revoked":
        await users.revoke_tokens(lab.engine, ME, user="ann", id_=None, everybody=False)
    elif then == "disabled":
        await users.update_user(lab.engine, ME, "ann", administrator=None, prefixes=None, disabled=True)
    rpc_server.dispatcher.end_refused(dt.datetime.now(dt.UTC))
    if then == "nothing":
        go_on.set()
    assert code_of((await call)[0]) == ("INVALID_ARGUMENT" if then == "nothing" else "UNAUTHENTICATED")


async def test_a_token_that_revokes_itself_is_answered(
    lab: Lab, server: tuple[RpcServer, grpc.aio.Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    rpc_server, channel = server
    read = lab.engine.gate.permissions.read

    async def read_and_look() -> None:
        await read()
        rpc_server.dispatcher.end_refused(dt.datetime.now(dt.UTC))  # as every second, just before the answer

    monkeypatch.setattr(lab.engine.gate.permissions, "read", read_and_look)
    request = access.RevokeTokensRequest(id=str(lab.caller.identity.token_id))
    status, (answer,) = await outcome(channel, BY_NAME["RevokeTokens"], request, lab.secret)
    assert not status.code
    assert answer.count == 1


@pytest.mark.parametrize("loses", ["role", "token"])
async def test_who_loses_the_right_while_waiting_for_a_job_gets_none(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, loses: str
) -> None:
    await make_tables(engine, SCHEMA)
    caller, _ = await make_caller(engine, "wes")
    whole, stat = TableName(SCHEMA, ""), TableName(SCHEMA, "Stat")
    await users.grant_role(engine, ME, "wes", Role.WORKER, whole)
    worker, _ = await jobs.create_session(engine, caller, Worker("h", 1, "wes"), None, "")
    ignored = await jobs.ignore(engine, ME, stat, None)

    async def wait(*_: object) -> None:
        if loses == "role":
            await users.revoke_role(engine, ME, "wes", Role.WORKER, whole)
        else:
            await users.revoke_tokens(engine, ME, user="wes", id_=None, everybody=False)
        assert await jobs.retry(engine, ME, stat, JOBS) == ignored

    monkeypatch.setattr(engine.lookout, "wait", wait)
    with pytest.raises(UnknownSchema if loses == "role" else Unauthenticated):
        await jobs.reserve(engine, caller, worker, [stat], max_jobs=1, wait=timedelta(seconds=30), restriction=None)
