"""The audit has an entry exactly for what was changed, written with the change."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from levada_api.methods import METHODS
from levada_server.errors import DuplicateEntity, LevadaError, PermissionDenied, UnknownSchema, UnknownTable
from levada_server.jobs.lease import Failure
from levada_server.jobs.signing import lease_content
from levada_server.logs import JsonLines
from levada_server.model.audit import AUDIT, Entry
from levada_server.model.request import Request
from levada_server.model.table import Contract, PartIntegrity, TableName, Tier
from levada_server.operations import (
    alteration,
    audit,
    declarations,
    deletes,
    erasure,
    inserts,
    jobs,
    schemas,
    updates,
    users,
)
from levada_server.operations.alteration import WantedTable
from levada_server.operations.audit import Audit
from levada_server.operations.caller import Traces
from levada_server.operations.completion import recomputation, results
from levada_server.operations.inserts import InsertOptions
from levada_server.operations.objects import collection, copies, downloads
from levada_server.operations.transactions import open_transaction_session
from levada_server.permissions.permissions import Identity
from levada_server.permissions.roles import Action, Role
from levada_server.query.algebra import Equalities, Restrict, TableOperand
from levada_server.storage.postgres.audit import insert_entries, keep_audit
from tests.support import make
from tests.support.make import ME, named
from tests.support.objects import put
from tests.support.statements import log_statements

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg

    from levada_server.jobs.lease import Lease
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine

SUBJECT = TableOperand(named("Subject"))
NOT_AUDITED = {
    "StartLogin": "nothing is stored before the login is complete",
    "CreateWorkerSession": "worker sessions and leases are in their own tables, and change nothing that lasts",
    "RenewWorkerSessions": "as above",
    "DeleteWorkerSession": "as above",
    "ReserveJobs": "as above",
    "ReleaseJobs": "as above",
    "ReserveDiscovery": "as above",
    "CompleteDiscovery": "it changes no rows: the inserts before it are audited",
    "CreateRecording": "a recording is a note of its user, and changes no rows",
    "DeleteRecording": "as above",
    "RefreshJobs": "jobs follow from the rows, and whoever asks may be the server itself",
    "StageObject": "an object lasts only once a row names it, and the insert of that row is audited",
    "UploadObject": "as above",
    "BeginParts": "as above",
    "CommitObject": "as above",
    "RegisterFile": "as above",
    "RegisterFiles": "as above",
    "OpenCalls": "the calls that it carries are",
    "OpenSession": "the calls that it carries are",
}
"""The methods that change something and have no entry, with the reason."""
ELSEWHERE = {
    "PollLogin",  # tests/rpc/test_logins.py, because it needs an issuer of identities
    # tests/rpc/web/test_sessions.py, because they need a browser
    "OpenDashboard",
    "ExchangeCode",
    "CreateBrowserSession",
    "DeleteBrowserSession",
}
"""They are tried in other files."""


@pytest.fixture
async def lab(engine: Engine) -> Engine:
    """Subjects, and a table computed from them."""
    await make.make_table(engine, "Subject", "subject : int32\n---\nname = '' : varchar(8)\n")
    await make.make_table(engine, "Stat", "-> Subject\n---\nrate : int32\n", Tier.COMPUTED)
    await make.make_table(engine, "Counted", "counted : int32 auto_increment\n")
    await make.insert(engine, "Subject", [{"subject": number} for number in range(1, 5)])
    return engine


def calling(method: str, request_id: str | None = None) -> Caller:
    """Return the caller of a method."""
    request = None if request_id is None else Request(request_id, method)
    return replace(ME, method=method, request=request, traces=Traces())


async def entries(engine: Engine, method: str | None = None) -> list[asyncpg.Record]:
    """Return the entries of a method, or all, in order."""
    statement = "SELECT * FROM levada.audit WHERE method = coalesce($1, method) ORDER BY time, id"
    async with engine.scope.connection() as connection:
        return list(await connection.fetch(statement, method))


def one(number: int) -> Restrict:
    return Restrict(SUBJECT, Equalities((("subject", number),)))


async def _insert(engine: Engine, caller: Caller, number: int, count: int = 1, **options: bool) -> int:
    rows = make.arrow([{"subject": number + i} for i in range(count)])
    return await inserts.insert(engine, caller, named("Subject"), InsertOptions(**options), rows)


async def _copied(lab: Engine, caller: Caller) -> None:
    async for _ in copies.copy(lab, caller, source="main", target="raw", schema="", dry_run=False):
        pass


async def _delete(engine: Engine, caller: Caller, number: int) -> object:
    return await deletes.delete(engine, caller, one(number), PartIntegrity.ENFORCE, digest="", quick=False)


async def _erase(engine: Engine, caller: Caller, number: int) -> object:
    return await erasure.erase(engine, caller, one(number), PartIntegrity.ENFORCE, digest="")


async def _complete(engine: Engine, caller: Caller) -> object:
    lease = await _leased(engine)
    rows = {"Stat": [{**dict(lease.key), "rate": 1}]}
    return await results.complete(engine, caller, [make.completed(lease, rows)])


async def _replace(engine: Engine, caller: Caller) -> object:
    await _complete(engine, ME)
    (lease,) = await recomputation.lease_results(engine, ME, named("Stat"), None, after=0, limit=1)
    again = make.completed(lease, {"Stat": [{**dict(lease.key), "rate": 2}]})._replace(replaces=lease.replaces)
    return await recomputation.replace_results(engine, caller, [again])


async def _leased(engine: Engine) -> Lease:
    session = await make.make_session(engine)
    await make.refresh(engine, "Stat")
    (lease,) = await make.reserve(engine, session, "Stat")
    return lease


async def _fail(engine: Engine, caller: Caller) -> object:
    lease = await _leased(engine)
    failure = Failure("ValueError", "", "")
    return await results.fail(
        engine, caller, named("Stat"), lease.job_id, lease.token, failure, duration=timedelta(0), code_version=""
    )


async def _manage(engine: Engine, caller: Caller, operation: Callable[..., Awaitable[int]], state: str) -> object:
    await make.refresh(engine, "Stat")
    if state == "reserved":
        await _leased(engine)
    elif state == "error":
        await _fail(engine, ME)
    return await operation(engine, caller, named("Stat"), None)


async def _with_user(engine: Engine, work: Callable[[], Awaitable[object]]) -> object:
    await users.create_user(engine, ME, "anna", (), administrator=False)
    await users.create_token(engine, ME, "anna", "", None, ())
    return await work()


def trials(lab: Engine) -> dict[str, tuple[Callable[[Caller], Awaitable[object]], str]]:
    """Return a call of every method that changes something, with the subject of its entry."""
    wanted = WantedTable(named("Subject"), "# people\nsubject : int32\n---\nname = '' : varchar(8)\n", {})
    extra = declarations.Declaration(named("Extra"), Tier.MANUAL, "extra : int32\n", {})
    viewer = Role.VIEWER, TableName("lab", "")
    selected = make.arrow([{"subject": 9}])
    return {
        "CreateSchema": (lambda c: schemas.create_schema(lab, c, "other", allow_existing=True), "other"),
        "RenameSchema": (lambda c: alteration.rename_schema(lab, c, "lab", "laboratory"), "lab"),
        "UpdateSchema": (lambda c: schemas.update_schema(lab, c, "lab", Contract.ON), "lab"),
        "RaiseNextNumber": (lambda c: schemas.raise_next_number(lab, c, named("Counted"), 5), "lab.Counted"),
        "SetOwnership": (lambda c: schemas.set_ownership(lab, c, named("Subject"), None), "lab.Subject"),
        "DropSchema": (lambda c: schemas.drop_schema(lab, c, "lab"), "lab"),
        "DeclareTable": (lambda c: declarations.declare_table(lab, c, extra), "lab.Extra"),
        "AlterTable": (lambda c: alteration.alter_table(lab, c, wanted, ""), "lab.Subject"),
        "DropTables": (lambda c: schemas.drop_tables(lab, c, [named("Stat")], ""), "lab.Stat"),
        "InsertRows": (lambda c: _insert(lab, c, 10, 600), "lab.Subject"),
        "InsertFewRows": (
            lambda c: inserts.insert(lab, c, named("Subject"), InsertOptions(), selected),
            "lab.Subject",
        ),
        "InsertRelation": (
            lambda c: inserts.insert_relation(lab, c, named("Subject"), SUBJECT, InsertOptions(replace=True)),
            "lab.Subject",
        ),
        "UpdateRow": (
            lambda c: updates.update(lab, c, named("Subject"), {"subject": 1, "name": "Ada"}),
            "lab.Subject",
        ),
        "DeleteRows": (lambda c: _delete(lab, c, 1), "lab.Subject"),
        "EraseRows": (lambda c: _erase(lab, c, 1), "lab.Subject"),
        "CompleteJobs": (lambda c: _complete(lab, c), "lab.Stat"),
        "CompleteFewJobs": (lambda c: _complete(lab, c), "lab.Stat"),
        "ReplaceResults": (lambda c: _replace(lab, c), "lab.Stat"),
        "FailJob": (lambda c: _fail(lab, c), "lab.Stat"),
        "IgnoreJobs": (lambda c: _manage(lab, c, jobs.ignore, "pending"), "lab.Stat"),
        "RetryJobs": (lambda c: _manage(lab, c, jobs.retry, "error"), "lab.Stat"),
        "CancelJobs": (lambda c: _manage(lab, c, jobs.cancel, "reserved"), "lab.Stat"),
        "CollectObjects": (lambda c: collection.collect(lab, c, dry_run=False), ""),
        "CopyObjects": (lambda c: _copied(lab, c), ""),
        "CreateUser": (lambda c: users.create_user(lab, c, "ben", ("b_",), administrator=False), "ben"),
        "UpdateUser": (
            lambda c: _with_user(
                lab, lambda: users.update_user(lab, c, "anna", administrator=None, prefixes=None, disabled=True)
            ),
            "anna",
        ),
        "SetTeam": (lambda c: _with_user(lab, lambda: users.set_team(lab, c, "crew", ["anna"])), "team:crew"),
        "CreateToken": (
            lambda c: _with_user(lab, lambda: users.create_token(lab, c, "anna", "", None, ())),
            "anna",
        ),
        "RevokeTokens": (
            lambda c: _with_user(lab, lambda: users.revoke_tokens(lab, c, user="anna", id_=None, everybody=False)),
            "anna",
        ),
        "GrantRole": (lambda c: _with_user(lab, lambda: users.grant_role(lab, c, "anna", *viewer)), "lab"),
        "RevokeRole": (lambda c: _with_user(lab, lambda: users.revoke_role(lab, c, "anna", *viewer)), "lab"),
    }


def test_every_method_that_changes_something_is_tried_or_has_a_reason() -> None:
    changing = {method.name for method in METHODS.values() if not method.reads}
    assert changing == set(trials(None)) | set(NOT_AUDITED) | ELSEWHERE  # type: ignore[arg-type]  # nothing is called


@pytest.mark.parametrize("method", trials(None))  # type: ignore[arg-type]  # nothing is called
async def test_a_change_has_one_entry(lab: Engine, method: str) -> None:
    identity = Identity("tester", address="ipv4:10.0.0.5:50514")
    caller = replace(calling(method, "r1"), identity=identity)
    work, subject = trials(lab)[method]
    await work(caller)
    (entry,) = await entries(lab, method)
    assert (entry["username"], entry["address"], entry["outcome"]) == ("tester", "10.0.0.5", "OK")
    assert entry["subject"] == subject


@pytest.mark.parametrize("count", [2, 600])
@pytest.mark.parametrize(("option", "first", "skipped"), [("", 5, 0), ("skip_duplicates", 4, 1), ("replace", 4, 1)])
async def test_an_entry_counts_the_rows(lab: Engine, count: int, option: str, first: int, skipped: int) -> None:
    """By one statement and by COPY; also of rows that exist."""
    options = {option: True} if option else {}
    inserted = await _insert(lab, calling("Insert", "r1"), first, count, **options)
    (entry,) = await entries(lab, "Insert")
    assert entry["row_count"] == inserted == count - skipped


async def test_what_changed_nothing_has_no_entry(lab: Engine) -> None:
    assert await _insert(lab, calling("Insert", "r1"), 1, skip_duplicates=True) == 0
    with pytest.raises(DuplicateEntity):
        await _insert(lab, calling("Insert", "r2"), 1)
    with pytest.raises(LevadaError):
        await updates.update(lab, calling("Update", "r3"), named("Subject"), {"subject": 99, "name": "x"})
    await _delete(lab, calling("Delete", "r4"), 99)
    assert not [entry for entry in await entries(lab) if entry["method"] in ("Insert", "Update", "Delete")]


async def test_a_repeated_request_has_one_entry(lab: Engine) -> None:
    for count in (1, 600):
        for _ in range(2):
            assert await _insert(lab, calling("Insert", f"r{count}"), count + 10, count) == count
    assert [entry["row_count"] for entry in await entries(lab, "Insert")] == [1, 600]


async def test_a_repeated_insert_that_skips_rows_answers_as_before(lab: Engine) -> None:
    assert [await _insert(lab, calling("Insert", "r1"), 4, 3, skip_duplicates=True) for _ in range(2)] == [2, 2]


async def test_a_transaction_that_is_rolled_back_has_no_entry(lab: Engine) -> None:
    async with open_transaction_session(lab) as session:
        for end in (session.transactions.roll_back, lambda: session.commit(None)):
            await session.begin("read_committed", read_only=False, lease_token="")
            await _insert(session.engine, calling("Insert"), 10)
            await session.transactions.savepoint("s")
            await _insert(session.engine, calling("Insert"), 20, 600)
            await session.transactions.roll_back_to("s")
            await end()
    assert [entry["row_count"] for entry in await entries(lab, "Insert")] == [1]


async def test_a_delete_counts_the_rows_of_each_table(lab: Engine) -> None:
    await _complete(lab, ME)
    await _delete(lab, calling("Delete"), 1)
    (entry,) = await entries(lab, "Delete")
    assert entry["row_count"] == 2
    assert json.loads(entry["details"]) == {"tables": {"lab.Subject": 1, "lab.Stat": 1}}


async def test_completed_jobs_are_named(lab: Engine) -> None:
    """By one statement, as a group, and in a transaction of the job's own."""
    session = await make.make_session(lab)
    await make.refresh(lab, "Stat")
    leases = await make.reserve(lab, session, "Stat", 4)
    done = [make.completed(lease, {"Stat": [{**dict(lease.key), "rate": 1}]}) for lease in leases]
    caller = calling("Complete")
    await results.complete(lab, caller, done[:1])
    options = InsertOptions(skip_duplicates=True)  # PostgreSQL counts these, so each way is the longer one
    longer = [job._replace(inserts=tuple(i._replace(options=options) for i in job.inserts)) for job in done[1:3]]
    await results.complete(lab, caller, longer)
    under = replace(caller, job=lease_content(leases[3]))
    async with open_transaction_session(lab) as opened:
        await opened.begin("read_committed", read_only=False, lease_token="")
        rows = make.arrow([{**dict(leases[3].key), "rate": 1}])
        await inserts.insert(opened.engine, under, named("Stat"), InsertOptions(), rows)
        await results.complete_in_transaction(opened.engine, opened.transactions.current(), caller, done[3])
        await opened.commit(None)
    found = [(entry["row_count"], json.loads(entry["details"])["jobs"]) for entry in await entries(lab, "Complete")]
    ids = [lease.job_id for lease in leases]
    assert found == [
        (1, {"lab.Stat": ids[:1]}),
        (2, {"lab.Stat": ids[1:3]}),
        (1, {"lab.Stat": ids[3:]}),
        (1, {"lab.Stat": ids[3:]}),
    ]


async def test_nobody_changes_the_audit(lab: Engine) -> None:
    await _insert(lab, calling("Insert"), 10)
    audited = TableOperand(AUDIT.name)
    before = await entries(lab)
    row = make.arrow([{"username": "me"}])
    child = declarations.Declaration(named("Child"), Tier.MANUAL, "-> levada.Audit\n", {"levada.Audit": AUDIT.name})
    wanted = WantedTable(AUDIT.name, "id : int64\n", {})
    for work, error in (
        (inserts.insert(lab, ME, AUDIT.name, InsertOptions(), row), PermissionDenied),
        (updates.update(lab, ME, AUDIT.name, {"id": 1, "username": "x"}), PermissionDenied),
        (deletes.delete(lab, ME, audited, PartIntegrity.IGNORE, digest="", quick=False), PermissionDenied),
        (schemas.drop_tables(lab, ME, [AUDIT.name], ""), PermissionDenied),
        (schemas.drop_schema(lab, ME, "levada"), UnknownSchema),
        (alteration.alter_table(lab, ME, wanted, ""), PermissionDenied),
        (declarations.declare_table(lab, ME, child), PermissionDenied),
        (users.grant_role(lab, ME, "anna", Role.VIEWER, AUDIT.name), PermissionDenied),
    ):
        with pytest.raises(error):
            await work
    assert await entries(lab) == before
    async with lab.scope.connection() as connection:
        month = await connection.fetchval("SELECT tableoid::regclass FROM levada.audit LIMIT 1")
        for table in ("levada.audit", month, "levada.audit_other"):
            for statement in ("DELETE FROM {}", "UPDATE {} SET username = 'x'", "TRUNCATE {}"):
                with pytest.raises(LevadaError):
                    async with lab.scope.connection() as another:
                        await another.execute(statement.format(table))
        assert await connection.fetchval("SELECT count(*) FROM levada.audit") == len(before)


async def test_only_administrators_read_the_audit(lab: Engine) -> None:
    readable = await make.query(lab, TableOperand(AUDIT.name))
    assert {row["method"] for row in await readable.rows(lab.scope)} == {""}
    await users.create_user(lab, ME, "anna", (), administrator=False)
    secret, _ = await users.create_token(lab, ME, "anna", "", None, ())
    identity = lab.gate.permissions.current.identify(secret, "", dt.datetime.now(dt.UTC))
    anna = replace(calling("DescribeTable"), identity=identity)
    for name, kind in ((AUDIT.name, UnknownSchema), (named("Subject"), UnknownSchema)):
        with pytest.raises(kind):
            await schemas.describe_table(lab, anna, name)
    assert anna.traces.hidden == "lab.Subject"
    await users.grant_role(lab, ME, "anna", Role.VIEWER, named("Stat"))
    with pytest.raises(UnknownTable):
        await schemas.describe_table(lab, anna, named("Subject"))


async def test_reads_of_a_confidential_schema_are_noted(lab: Engine) -> None:
    await schemas.update_schema(lab, ME, "lab", None, confidential=True)
    caller = calling("FetchRelation")
    view = await lab.gate.open(caller)
    await view.query(Action.DESCRIBE, SUBJECT)
    assert not caller.traces.confidential
    await view.query(Action.FETCH, SUBJECT)
    assert caller.traces.confidential == {"lab.Subject"}
    await schemas.update_schema(lab, ME, "lab", None, confidential=False)
    caller = calling("FetchRelation")
    await (await lab.gate.open(caller)).query(Action.FETCH, SUBJECT)
    assert not caller.traces.confidential


async def test_jobs_of_a_confidential_schema_are_reads(lab: Engine) -> None:
    await schemas.update_schema(lab, ME, "lab", None, confidential=True)
    session = await make.make_session(lab)
    await make.refresh(lab, "Stat")

    async def reserve() -> Entry | None:
        caller = calling("ReserveJobs")
        await jobs.reserve(lab, caller, session, [named("Stat")], max_jobs=3, wait=timedelta(0), restriction=None)
        return audit.reading(caller, None) if caller.traces.confidential else None

    taken = [await reserve() for _ in range(3)]
    assert [found and (found.subject, found.row_count) for found in taken] == [("lab.Stat", 3), ("lab.Stat", 1), None]
    caller = calling("ListJobs")
    await jobs.list_jobs(lab, caller, named("Stat"), (), after=0, limit=2)
    listed = audit.reading(caller, None)
    assert (listed.subject, listed.row_count) == ("lab.Stat", 2)


async def test_a_read_under_a_lease_names_the_job(lab: Engine) -> None:
    await schemas.update_schema(lab, ME, "lab", None, confidential=True)
    lease = await _leased(lab)
    caller = replace(calling("FetchRelation"), job=lease_content(lease))
    await (await lab.gate.open(caller)).query(Action.FETCH, SUBJECT)
    assert audit.reading(caller, None).details == {"jobs": {"lab.Stat": [lease.job_id]}}


@pytest.mark.parametrize("confidential", [True, False])
async def test_a_download_from_a_confidential_schema_is_a_read(lab: Engine, confidential: bool) -> None:
    await schemas.update_schema(lab, ME, "lab", None, confidential=confidential)
    await make.make_table(lab, "Trace", "id : int32\n---\nfile : <attach@raw>")
    reference = await put(lab, "Trace", "file", b"content")
    caller = calling("DownloadObject")
    chunks = downloads.download(lab, caller, reference.id, "", offset=0, length_bytes=None)
    assert b"".join([chunk async for chunk in chunks]) == b"content"
    assert caller.traces.confidential == ({f"lab:{reference.id}"} if confidential else set())


async def test_refusals_alike_share_an_entry_and_reads_do_not(engine: Engine) -> None:
    waiting = Audit()
    for _ in range(3):
        waiting.refused(Entry("nobody", None, "10.0.0.9", "ListSchemas", "", outcome="UNAUTHENTICATED"))
        await waiting.read(Entry("anna", None, "", "FetchRelation", "lab.Subject", 7))
    await waiting.flush(engine.scope)
    await waiting.flush(engine.scope)
    found = [(entry["method"], entry["row_count"], entry["details"]) for entry in await entries(engine)]
    assert sorted(found, key=str) == [("FetchRelation", 7, None)] * 3 + [("ListSchemas", 0, '{"calls": 3}')]


async def test_too_many_refusals_are_counted_and_too_many_reads_wait(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(audit, "MAX_WAITING", 2)
    waiting = Audit()
    for number in range(5):
        waiting.refused(Entry("nobody", None, "", "Method", str(number), outcome="UNAUTHENTICATED"))
    reads = asyncio.gather(*(waiting.read(Entry("anna", None, "", "Fetch", "lab.Subject")) for _ in range(5)))
    while not reads.done():
        await waiting.flush(engine.scope)
        await asyncio.sleep(0)
    await waiting.flush(engine.scope)
    assert len(await entries(engine, "Method")) == 2
    assert len(await entries(engine, "Fetch")) == 5
    assert "3 refused calls" in caplog.text


async def test_old_months_are_dropped_and_new_ones_prepared(engine: Engine, connection: asyncpg.Connection) -> None:
    async def parts() -> list[str]:
        rows = await connection.fetch(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'levada.audit'::regclass"
        )
        return sorted(row["name"] for row in rows)

    prepared = await parts()
    assert len(prepared) == 3  # this month, the next, and the rest
    await connection.execute("DROP TABLE levada." + prepared[1].rpartition(".")[2])
    await connection.execute(
        "CREATE TABLE levada.audit_2001_02 PARTITION OF levada.audit FOR VALUES FROM ('2001-02-01') TO ('2001-03-01')"
    )
    moment = audit.now()
    old = moment.replace(year=2001, month=2, day=3)
    next_month = (moment.replace(day=1) + timedelta(days=32)).replace(day=5)
    async with engine.scope.connection() as borrowed:
        await insert_entries(borrowed, [replace(_entry(), time=time) for time in (old, moment, next_month)])
    await keep_audit(engine.scope, 12 * 100)
    assert await parts() == sorted([*prepared, "levada.audit_2001_02"])
    await keep_audit(engine.scope, 1)
    assert await parts() == prepared
    assert [entry["time"] for entry in await entries(engine)] == [moment, next_month]


def _entry() -> Entry:
    return Entry("anna", None, "", "InsertRows", "lab.Subject", 1)


def test_an_entry_is_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "levada.audit"):
        audit.log(replace(_entry(), details={"jobs": {"lab.Stat": [3]}}))
    line = json.loads(JsonLines().format(caplog.records[0]))
    assert line.items() >= {"user": "anna", "audited": "InsertRows", "subject": "lab.Subject", "rows": 1}.items()
    assert line["jobs"] == {"lab.Stat": [3]}


@pytest.mark.parametrize(
    ("peer", "host"),
    [("ipv4:10.0.0.5:50514", "10.0.0.5"), ("ipv6:%5Bfe80::1%5D:5", "fe80::1"), ("unix:", ""), ("", "")],
)
def test_an_address_is_the_host_of_the_peer(peer: str, host: str) -> None:
    assert audit.entry(replace(ME, identity=Identity("anna", address=peer))).address == host


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[str]:
    """The statements that the engine of this test sends."""
    statements = log_statements(monkeypatch)
    request.getfixturevalue("engine")  # opened only now, so that its connections are logged
    return statements


async def test_a_small_change_is_one_statement_with_its_entry(sent: list[str], engine: Engine) -> None:
    await make.make_table(engine, "Subject", "subject : int32\n---\nname = '' : varchar(8)\n")
    for number in (1, 2):  # types are looked up once for a connection
        sent.clear()
        await _insert(engine, calling("Insert", f"i{number}"), number)
        await _insert(engine, calling("Insert", f"s{number}"), number + 10, skip_duplicates=True)
        await updates.update(engine, calling("Update", f"u{number}"), named("Subject"), {"subject": 1, "name": "x"})
    assert len(sent) == 3
