"""Users, tokens and grants, through the operations of a real server."""

from __future__ import annotations

import datetime as dt
import gc
import weakref
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from levada_api.v1 import relation_pb2, schema_pb2
from levada_server.errors import (
    AlreadyExists,
    HasChildren,
    InvalidRequest,
    LevadaError,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    Unauthenticated,
    Unavailable,
    UnknownSchema,
    UnknownTable,
)
from levada_server.jobs.lease import Worker
from levada_server.jobs.signing import LeaseContent, Signer, lease_content
from levada_server.model.request import Request
from levada_server.model.table import PartIntegrity, TableName, Tier
from levada_server.operations import (
    alteration,
    browsers,
    declarations,
    deletes,
    inserts,
    job_activity,
    job_refresh,
    jobs,
    schemas,
    users,
)
from levada_server.operations.access.gate import Gate
from levada_server.operations.caller import Caller
from levada_server.operations.completion import results
from levada_server.operations.inserts import InsertOptions
from levada_server.permissions.permissions import Identity
from levada_server.permissions.roles import Action, Role
from levada_server.query.algebra import Equalities, Match, Restrict, TableOperand
from levada_server.query.ddl import job_table_name
from levada_server.rpc.decoding.relations import stored_relation
from levada_server.rpc.dispatch import request_named
from levada_server.storage.catalog.cache import CatalogCache
from levada_server.storage.permissions.cache import PermissionsCache
from levada_server.storage.postgres.database import Database
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Relation


async def user(engine: Engine, name: str, *granted: tuple[Role, str]) -> Caller:
    """Add a user with roles on schemas or tables, and return the user as a caller with a token."""
    await users.create_user(engine, ME, name, (), administrator=False)
    for role, where in granted:
        schema, _, table = where.partition(".")
        await users.grant_role(engine, ME, name, role, TableName(schema, table))
    return await calling(engine, name)


async def calling(engine: Engine, name: str, **options: object) -> Caller:
    """Return a user as a caller with a new token."""
    arguments: dict[str, object] = {"label": "", "lifetime": None, "scopes": (), **options}
    secret, _ = await users.create_token(engine, ME, name, **arguments)  # type: ignore[arg-type]
    return Caller(engine.gate.permissions.current.identify(secret, "", now()))


def now() -> dt.datetime:
    """Return the present moment."""
    return dt.datetime.now(dt.UTC)


@pytest.fixture
async def lab(engine: Engine) -> Engine:
    """Subjects with sessions, and a table computed from them."""
    await make.make_table(engine, "Subject", "subject : int32\n---\nname = '' : varchar(8)\n")
    await make.make_table(engine, "Session", "-> Subject\nsession : int32\n")
    await make.make_table(engine, "Stat", "-> Session\n---\nrate : int32\n", Tier.COMPUTED)
    await make.insert(engine, "Subject", [{"subject": 1}, {"subject": 2}])
    await make.insert(engine, "Session", [{"subject": 1, "session": 1}])
    return engine


def sourced(table: str, source: TableName) -> declarations.Declaration:
    """Declare a computed table whose class has a key source of its own."""
    message = relation_pb2.TableOperand(name=schema_pb2.TableName(schema=source.schema, table=source.table))
    content = relation_pb2.Relation(nodes=[relation_pb2.RelationNode(table=message)]).SerializeToString()
    return declarations.Declaration(
        named(table), Tier.COMPUTED, "-> Session\n---\nrate : int32\n", {}, has_make=True, key_source=content
    )


async def fetched(engine: Engine, caller: Caller, relation: Relation) -> int:
    """Return how many rows a caller gets of a relation."""
    readable = await (await engine.gate.open(caller)).query(Action.FETCH, relation)
    return len(await readable.rows(engine.scope))


async def refusal(work: object) -> tuple[type, str]:
    """Return the class and message of the error that work ends with."""
    with pytest.raises(LevadaError) as caught:
        await work  # type: ignore[misc]
    return type(caught.value), caught.value.message


async def test_a_user_without_roles_sees_nothing(lab: Engine) -> None:
    nobody = await user(lab, "nobody1")
    assert await schemas.list_schemas(lab, nobody) == []
    subject = TableOperand(named("Subject"))
    hidden = await refusal(fetched(lab, nobody, subject))
    absent = await refusal(fetched(lab, nobody, TableOperand(TableName("nowhere", "Subject"))))
    assert hidden[0] is absent[0] is UnknownSchema
    assert hidden[1] == absent[1].replace("nowhere", "lab")


async def test_a_hidden_table_is_an_absent_one(lab: Engine) -> None:
    viewer = await user(lab, "vera", (Role.VIEWER, "lab.Subject"))
    assert await fetched(lab, viewer, TableOperand(named("Subject"))) == 2
    for ask in (
        lambda name: fetched(lab, viewer, TableOperand(named(name))),
        lambda name: fetched(lab, viewer, Restrict(TableOperand(named("Subject")), Match(TableOperand(named(name))))),
        lambda name: schemas.describe_table(lab, viewer, named(name)),
        lambda name: schemas.plan_drop(lab, viewer, [named(name)]),
        lambda name: schemas.get_graph(lab, viewer, (), [named(name)], ancestor_steps=1, descendant_steps=1),
        lambda name: users.grant_role(lab, viewer, "vera", Role.OWNER, named(name)),
    ):
        hidden, absent = await refusal(ask("Session")), await refusal(ask("Absent"))
        assert hidden[0] is absent[0] is UnknownTable
        assert hidden[1] == absent[1].replace("Absent", "Session")
        assert "Stat" not in hidden[1]
    shown = await schemas.get_graph(lab, viewer, ["lab"], (), ancestor_steps=-1, descendant_steps=-1)
    assert [table.name.table for table in shown] == ["Subject"]
    assert [table.name.table for table in await schemas.list_tables(lab, viewer, "lab")] == ["Subject"]


def trials(lab: Engine, caller: Caller, name: str) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return what a caller may try, by name."""
    chosen = Restrict(TableOperand(named("Subject")), Equalities((("subject", 7),)))
    declaration = declarations.Declaration(named(name), Tier.MANUAL, "id : int32\n", {})
    return {
        "insert": lambda: inserts.insert(
            lab, caller, named("Subject"), InsertOptions(skip_duplicates=True), make.arrow([{"subject": 7}])
        ),
        "delete": lambda: deletes.delete(lab, caller, chosen, PartIntegrity.ENFORCE, digest="", quick=False),
        "declare": lambda: declarations.declare_table(lab, caller, declaration),
        "grant": lambda: users.grant_role(lab, caller, caller.identity.user, Role.VIEWER, named("Subject")),
    }


async def test_each_role_may_what_it_says(lab: Engine) -> None:
    allowed: dict[Role, set[str]] = {
        Role.VIEWER: set(),
        Role.REFERENCE: set(),
        Role.DEPOSITOR: {"insert"},
        Role.WORKER: set(),
        Role.EDITOR: {"insert", "delete", "declare"},
        Role.OWNER: {"insert", "delete", "declare", "grant"},
    }
    for role, may in allowed.items():
        caller = await user(lab, f"a{role.value}", (role, "lab"))
        tried = trials(lab, caller, f"T{role.value.title()}")
        done = set()
        for name, work in tried.items():
            with suppress(PermissionDenied):
                await work()
                done.add(name)
        assert done == may, role


async def test_a_cascade_with_partial_rights(lab: Engine) -> None:
    chosen = Restrict(TableOperand(named("Subject")), Equalities((("subject", 1),)))

    async def told(caller: Caller) -> str:
        plan = await refusal(deletes.plan_delete(lab, caller, chosen, PartIntegrity.ENFORCE))
        for quick in (False, True):
            work = deletes.delete(lab, caller, chosen, PartIntegrity.ENFORCE, digest="", quick=quick)
            if not quick or "rows elsewhere" in plan[1]:
                assert await refusal(work) == plan
            else:
                assert (await refusal(work))[0] is HasChildren
        assert plan[0] is PermissionDenied
        return plan[1]

    hidden = await told(await user(lab, "eve", (Role.EDITOR, "lab.Subject")))
    assert "Session" not in hidden
    assert "rows elsewhere depend on these" in hidden
    seen = await told(await user(lab, "eli", (Role.EDITOR, "lab.Subject"), (Role.VIEWER, "lab.Session")))
    assert "`lab.Session` (1 row)" in seen
    await make.insert(lab, "Stat", [{"subject": 1, "session": 1, "rate": 1}], allow_direct_insert=True)
    entry = (Role.EDITOR, "lab.Subject"), (Role.EDITOR, "lab.Session")
    worker = await told(await user(lab, "wes", *entry, (Role.WORKER, "lab.Stat")))
    assert "`lab.Stat` (1 row)" in worker
    refers = await told(await user(lab, "rea", *entry, (Role.REFERENCE, "lab.Stat")))
    assert "`lab.Stat`. " in refers
    editor = await user(lab, "edo", (Role.EDITOR, "lab"))
    plan = await deletes.plan_delete(lab, editor, chosen, PartIntegrity.ENFORCE)
    assert [name.table for name, _ in plan.counts] == ["Stat", "Session", "Subject"]
    await deletes.delete(lab, editor, chosen, PartIntegrity.ENFORCE, digest="", quick=False)


async def test_whoever_creates_a_schema_owns_it(engine: Engine) -> None:
    await users.create_user(engine, ME, "anna", ("anna_",), administrator=False)
    anna = await calling(engine, "anna")
    with pytest.raises(PermissionDenied, match="lab"):
        await schemas.create_schema(engine, anna, "lab", allow_existing=False)
    await schemas.create_schema(engine, anna, "anna_ephys", allow_existing=False)
    await users.create_user(engine, ME, "ben", (), administrator=False)
    await users.grant_role(engine, anna, "ben", Role.VIEWER, TableName("anna_ephys", ""))
    ben = await calling(engine, "ben")
    assert [schema.name for schema in await schemas.list_schemas(engine, ben)] == ["anna_ephys"]
    with pytest.raises(PermissionDenied, match="owner"):
        await users.grant_role(engine, ben, "ben", Role.OWNER, TableName("anna_ephys", ""))
    await users.revoke_role(engine, anna, "ben", Role.VIEWER, TableName("anna_ephys", ""))
    assert await schemas.list_schemas(engine, ben) == []


async def test_a_team_has_what_its_members_get(lab: Engine) -> None:
    ann = await user(lab, "ann")
    await users.set_team(lab, ME, "ephys", ["ann"])
    await users.grant_role(lab, ME, "team:ephys", Role.VIEWER, TableName("lab", ""))
    assert await fetched(lab, ann, TableOperand(named("Subject"))) == 2
    await users.set_team(lab, ME, "ephys", [])
    with pytest.raises(UnknownSchema):
        await fetched(lab, ann, TableOperand(named("Subject")))
    with pytest.raises(NotFound):
        await users.grant_role(lab, ME, "team:ephys", Role.VIEWER, TableName("lab", ""))


async def test_disabling_a_user_ends_the_tokens(lab: Engine) -> None:
    ann = await user(lab, "ann", (Role.OWNER, "lab"))
    await users.update_user(lab, ME, "ann", administrator=None, prefixes=None, disabled=True)
    with pytest.raises(Unauthenticated):
        await lab.gate.open(ann)
    await users.update_user(lab, ME, "ann", administrator=None, prefixes=None, disabled=False)
    assert await fetched(lab, ann, TableOperand(named("Subject"))) == 2


async def test_tokens_are_made_for_oneself_and_end(lab: Engine) -> None:
    ann, ben = await user(lab, "ann", (Role.OWNER, "lab")), await user(lab, "ben")
    secret, token = await users.create_token(lab, ann, "", "laptop", timedelta(days=1), ())
    assert secret.startswith("lev_")
    assert token.expires is not None
    for lifetime in (timedelta(0), timedelta(days=3000), timedelta(days=-1)):
        with pytest.raises((InvalidRequest, PermissionDenied)):
            await users.create_token(lab, ann, "", "", lifetime, ())
    with pytest.raises(PermissionDenied, match="ben"):
        await users.create_token(lab, ann, "ben", "", None, ())
    with pytest.raises(NotFound):
        await users.revoke_tokens(lab, ben, user="", id_=token.id, everybody=False)
    assert {one.user for one in await users.list_tokens(lab, ben)} == {"ben"}
    assert await users.revoke_tokens(lab, ann, user="", id_=token.id, everybody=False) == 1
    with pytest.raises(Unauthenticated):
        lab.gate.permissions.current.identify(secret, "", now())


async def test_a_scoped_token_does_no_more_than_its_scope(lab: Engine) -> None:
    await user(lab, "ann", (Role.OWNER, "lab"))
    scoped = await calling(lab, "ann", scopes=[(Role.VIEWER, named("Subject"))])
    assert await fetched(lab, scoped, TableOperand(named("Subject"))) == 2
    with pytest.raises(UnknownTable):
        await fetched(lab, scoped, TableOperand(named("Session")))
    with pytest.raises(PermissionDenied):
        await inserts.insert(lab, scoped, named("Subject"), InsertOptions(), make.arrow([{"subject": 9}]))
    with pytest.raises(PermissionDenied):
        await users.create_token(lab, scoped, "", "", None, ())


async def test_a_scoped_token_manages_and_sees_no_token_but_itself(lab: Engine) -> None:
    ann = await user(lab, "ann", (Role.OWNER, "lab"))
    await users.create_user(lab, ME, "root", (), administrator=True)
    for name, other in (("ann", ann), ("root", await calling(lab, "root"))):
        scoped = await calling(lab, name, scopes=[(Role.VIEWER, named("Subject"))])
        assert [token.id for token in await users.list_tokens(lab, scoped)] == [scoped.identity.token_id]
        for id_ in (other.identity.token_id, ann.identity.token_id):
            with pytest.raises(NotFound):
                await users.revoke_tokens(lab, scoped, user="", id_=id_, everybody=False)
        for whose, everybody in ((name, False), ("", True)):
            with pytest.raises(PermissionDenied):
                await users.revoke_tokens(lab, scoped, user=whose, id_=None, everybody=everybody)
        assert await fetched(lab, other, TableOperand(named("Subject"))) == 2
        assert await users.revoke_tokens(lab, scoped, user="", id_=scoped.identity.token_id, everybody=False) == 1


async def test_a_scoped_token_learns_nothing_of_what_its_user_may_do_elsewhere(lab: Engine) -> None:
    await schemas.create_schema(lab, ME, "secret", allow_existing=False)
    roles = ((Role.OWNER, "secret"), (Role.VIEWER, "lab"), (Role.EDITOR, "lab.Subject"), (Role.EDITOR, "lab.Session"))
    await user(lab, "ann", *roles)
    await users.update_user(lab, ME, "ann", administrator=True, prefixes=("ann_",), disabled=None)
    for scopes, told in (
        ([], {("secret", ""), ("lab", ""), ("lab", "Subject"), ("lab", "Session")}),
        ([(Role.VIEWER, named("Subject"))], {("lab", ""), ("lab", "Subject")}),
        ([(Role.VIEWER, named(""))], {("lab", ""), ("lab", "Subject"), ("lab", "Session")}),
    ):
        known, grants, token = await users.get_caller(lab, await calling(lab, "ann", scopes=scopes))
        assert {(grant.schema, grant.table) for grant in grants} == told
        assert known is not None
        assert (known.administrator, known.prefixes) == ((False, ()) if scopes else (True, ("ann_",)))
        assert token is not None
        assert bool(token.scopes) == bool(scopes)


async def test_a_scoped_token_signs_no_other_browser_out(lab: Engine) -> None:
    ann = await user(lab, "ann", (Role.OWNER, "lab"))
    scoped = await calling(lab, "ann", scopes=[(Role.VIEWER, named("Subject"))])
    hers = await browsers.create_session(lab, ann)
    for _ in range(browsers.MAX_SESSIONS + 1):
        last = await browsers.create_session(lab, scoped)
    known = lab.gate.permissions.current
    assert not known.identify_session(hers, "", now()).scoped
    assert known.identify_session(last, "", now()).scoped
    assert len(known.sessions) == browsers.MAX_SESSIONS + 1


async def test_a_user_has_not_endlessly_many_sessions_by_many_tokens(
    lab: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsers, "MAX_SESSIONS", 3)
    monkeypatch.setattr(browsers, "MAX_SESSIONS_OF_USER", 6)
    ann, ben = await user(lab, "ann", (Role.OWNER, "lab")), await user(lab, "ben", (Role.OWNER, "lab"))
    others = [await calling(lab, "ann", scopes=[(Role.VIEWER, named("Subject"))]) for _ in range(3)]

    def counts() -> list[int]:
        sessions = lab.gate.permissions.current.sessions.values()
        tokens = [session.token_id for session in sessions]
        return [tokens.count(caller.identity.token_id) for caller in (ann, *others, ben)]

    await browsers.create_session(lab, ben)
    await browsers.create_session(lab, ann)
    for caller in (others[0], others[1]) * 4:
        await browsers.create_session(lab, caller)
    assert counts() == [1, 3, 2, 0, 1]
    await browsers.create_session(lab, others[2])  # none is refused, and none with fewer gives way
    assert counts() == [1, 2, 2, 1, 1]
    for _ in range(4):
        await browsers.create_session(lab, others[2])
    assert counts()[0] == counts()[4] == 1
    assert sum(counts()[:4]) == 6


async def test_a_revoked_token_takes_its_browsers_along(lab: Engine) -> None:
    ann = await user(lab, "ann", (Role.OWNER, "lab"))
    await browsers.create_session(lab, ann)
    await users.revoke_tokens(lab, ME, user="", id_=ann.identity.token_id, everybody=False)
    async with lab.scope.connection() as connection:
        assert not await connection.fetchval("SELECT count(*) FROM levada.browser_session")


async def test_a_scoped_token_sees_no_worker_of_another_token(lab: Engine) -> None:
    ann = await user(lab, "ann", (Role.OWNER, "lab"))
    scoped = await calling(lab, "ann", scopes=[(Role.WORKER, named("Stat"))])
    for caller, host in ((ann, "desk"), (scoped, "cluster")):
        await jobs.create_session(lab, caller, Worker(host, 1, "ann"), None, "")
    for caller, hosts in ((ann, ["cluster", "desk"]), (scoped, ["cluster"])):
        workers = await job_activity.list_workers(lab, caller)
        assert [worker.session.worker.host for worker in workers] == hosts


@pytest.mark.parametrize("name", ["", "1a", "a b", "a\n", "ä", "a" * 65, "administrator", "server", "team:a"])
async def test_names_that_no_user_has(engine: Engine, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await users.create_user(engine, ME, name, (), administrator=False)


async def test_only_administrators_manage_users(lab: Engine) -> None:
    ann = await user(lab, "ann", (Role.OWNER, "lab"))
    for work in (
        users.create_user(lab, ann, "eve", (), administrator=True),
        users.update_user(lab, ann, "ann", administrator=True, prefixes=None, disabled=None),
        users.list_users(lab, ann),
        users.set_team(lab, ann, "x", ["ann"]),
        users.revoke_tokens(lab, ann, user="", id_=None, everybody=True),
    ):
        with pytest.raises(PermissionDenied):
            await work
    with pytest.raises(AlreadyExists):
        await users.create_user(lab, ME, "ann", (), administrator=False)


async def test_a_worker_session_belongs_to_its_user(lab: Engine) -> None:
    ann, ben = await user(lab, "ann", (Role.WORKER, "lab")), await user(lab, "ben", (Role.WORKER, "lab"))
    session, _ = await jobs.create_session(lab, ann, Worker("host", 1, "ann"), None, "")
    for caller in (ben, ME):
        assert (await refusal(jobs.renew_sessions(lab, caller, {session: None})))[0].__name__ == "UnknownWorkerSession"
        assert (await refusal(jobs.delete_session(lab, caller, session)))[0].__name__ == "UnknownWorkerSession"
    await jobs.renew_sessions(lab, ann, {session: None})
    await users.update_user(lab, ME, "ann", administrator=None, prefixes=None, disabled=True)
    await users.update_user(lab, ME, "ann", administrator=None, prefixes=None, disabled=False)
    assert (await refusal(jobs.renew_sessions(lab, ann, {session: None})))[0].__name__ == "UnknownWorkerSession"


def test_another_tokens_lease_is_none() -> None:
    signer, token = Signer(b"secret"), uuid4()
    content = LeaseContent(1, 2, 1, uuid4(), {"subject": "1"})
    text = signer.of(token).lease(content)
    assert signer.of(token).read_lease(text) == content
    for other in (signer, signer.of(uuid4()), signer.of(None)):
        with pytest.raises(InvalidRequest):
            other.read_lease(text)


def test_the_id_of_a_request_belongs_to_its_user_or_scoped_token() -> None:
    token = uuid4()
    callers = (Identity("x", 1), Identity("y", 2), Identity("x", 1, token, scoped=True), Identity("x", 1, token))
    first, *others, again = (request_named("i" * 64, "Insert", caller) for caller in callers)
    assert first == again
    assert first is not None
    assert all(other is not None and other.id != first.id and len(other.id) <= 90 for other in others)
    assert request_named("same", "Insert", Identity("administrator")) == Request("same", "Insert")


async def test_a_part_that_would_stay_without_its_master_is_not_told_of_where_it_is_hidden(lab: Engine) -> None:
    await make.make_table(lab, "Book", "book : int32\n")
    await make.make_table(lab, "Book.Page", "-> master\n-> Subject\n", Tier.PART)
    await make.insert(lab, "Book", [{"book": 1}])
    await make.insert(lab, "Book.Page", [{"book": 1, "subject": 2}])
    chosen = Restrict(TableOperand(named("Subject")), Equalities((("subject", 2),)))
    eve = await user(lab, "eve", (Role.EDITOR, "lab.Subject"))
    for work in (
        deletes.plan_delete(lab, eve, chosen, PartIntegrity.ENFORCE),
        deletes.delete(lab, eve, chosen, PartIntegrity.ENFORCE, digest="", quick=False),
    ):
        kind, message = await refusal(work)
        assert kind is PermissionDenied
        assert "Book" not in message
    edo = await user(lab, "edo", (Role.EDITOR, "lab"))
    kind, message = await refusal(deletes.plan_delete(lab, edo, chosen, PartIntegrity.ENFORCE))
    assert kind is HasChildren
    assert "Book.Page" in message


async def test_a_condition_of_a_delete_takes_the_right_to_fetch_alone(lab: Engine) -> None:
    await make.make_table(lab, "Note", "-> Subject\nnote : int32\n")
    await make.insert(lab, "Note", [{"subject": 1, "note": 1}, {"subject": 2, "note": 1}])
    eli = await user(lab, "eli", (Role.EDITOR, "lab.Note"), (Role.VIEWER, "lab.Session"))
    chosen = Restrict(TableOperand(named("Note")), Match(TableOperand(named("Session"))))
    taken = await deletes.delete(lab, eli, chosen, PartIntegrity.ENFORCE, digest="", quick=False)
    assert taken.counts == [(named("Note"), 1)]


async def test_a_schema_that_hidden_tables_refer_to_is_not_dropped(lab: Engine) -> None:
    await schemas.create_schema(lab, ME, "other", allow_existing=False)
    definition = declarations.Declaration(TableName("other", "Secret"), Tier.MANUAL, "-> lab.Subject\n", {})
    await declarations.declare_table(lab, ME, definition)
    owner = await user(lab, "ann", (Role.OWNER, "lab"))
    kind, message = await refusal(schemas.drop_schema(lab, owner, "lab"))
    assert kind is PermissionDenied
    assert "other" not in message
    kind, message = await refusal(schemas.drop_tables(lab, owner, [named("Subject")], ""))
    assert kind is PermissionDenied
    assert "other" not in message
    assert (await refusal(schemas.drop_schema(lab, ME, "lab")))[0] is HasChildren


async def test_lists_count_only_what_is_seen(lab: Engine) -> None:
    viewer = await user(lab, "vera", (Role.VIEWER, "lab.Subject"))
    assert [schema.table_count for schema in await schemas.list_schemas(lab, viewer)] == [1]
    summary, _ = await schemas.create_schema(lab, viewer, "lab", allow_existing=True)
    assert summary.table_count == 1
    await users.create_user(lab, ME, "anna", ("",), administrator=False)
    for allow in (False, True):  # that its name is taken is all she learns
        with pytest.raises(AlreadyExists):
            await schemas.create_schema(lab, await calling(lab, "anna"), "lab", allow_existing=allow)


async def test_only_editors_insert_directly_into_what_jobs_fill(lab: Engine) -> None:
    rows = {"subject": 1, "session": 1, "rate": 1}
    options = InsertOptions(allow_direct_insert=True)
    for role, allowed in ((Role.DEPOSITOR, False), (Role.WORKER, False), (Role.EDITOR, True)):
        caller = await user(lab, f"a{role.value}", (role, "lab"))
        work = inserts.insert(lab, caller, named("Stat"), options, make.arrow([rows]))
        if allowed:
            assert await work == 1
        else:
            assert (await refusal(work))[0] is PermissionDenied


async def test_a_worker_writes_into_other_tables_only_by_further_roles(lab: Engine) -> None:
    await make.refresh(lab, "Stat")
    wes = await user(lab, "wes", (Role.WORKER, "lab"))
    session, _ = await jobs.create_session(lab, wes, Worker("host", 1, "wes"), None, "")
    (lease,) = await jobs.reserve(lab, wes, session, [named("Stat")], max_jobs=1, wait=timedelta(0), restriction=None)
    result: dict[str, object] = {"subject": 1, "session": 1, "rate": 1}

    async def complete(options: InsertOptions, **tables: list[dict[str, object]]) -> LevadaError | None:
        job = make.completed(lease, tables)
        inserted = tuple(one._replace(options=options) for one in job.inserts)
        return (await results.complete(lab, wes, [job._replace(inserts=inserted)])).outcomes[0]

    other: list[dict[str, object]] = [{"subject": 2, "name": "x"}]
    assert isinstance(await complete(InsertOptions(), Stat=[result], Subject=other), PermissionDenied)
    await users.grant_role(lab, ME, "wes", Role.DEPOSITOR, named("Subject"))
    assert isinstance(await complete(InsertOptions(replace=True), Subject=other), PermissionDenied)
    assert isinstance(await complete(InsertOptions(), Stat=[result], Hidden=other), UnknownTable)
    await users.revoke_role(lab, ME, "wes", Role.WORKER, TableName("lab", ""))
    await users.grant_role(lab, ME, "wes", Role.DEPOSITOR, TableName("lab", ""))
    assert isinstance(await complete(InsertOptions(), Stat=[result]), PermissionDenied)
    await users.grant_role(lab, ME, "wes", Role.WORKER, named("Stat"))
    assert await complete(InsertOptions(), Stat=[result]) is None


async def test_a_refresh_of_others_is_shared_with_those_alone_who_may_ask(lab: Engine) -> None:
    wes, vera = await user(lab, "wes", (Role.WORKER, "lab")), await user(lab, "vera", (Role.VIEWER, "lab"))
    nobody = await user(lab, "nobody1", (Role.VIEWER, "lab.Subject"))

    async def refresh(caller: Caller, table: str = "Stat") -> object:
        return await job_refresh.refresh(
            lab, caller, named(table), None, priority=None, delay=timedelta(0), retry_errors=False, periodic=True
        )

    await refresh(wes)
    await refresh(wes)
    assert (await refusal(refresh(vera)))[0] is PermissionDenied
    hidden, absent = await refusal(refresh(nobody)), await refusal(refresh(nobody, "Absent"))
    assert hidden == (absent[0], absent[1].replace("Absent", "Stat"))


async def test_a_new_name_for_a_table_takes_the_right_to_declare_it(lab: Engine) -> None:
    eli = await user(lab, "eli", (Role.EDITOR, "lab.Subject"))
    definition = "subject : int32\n---\nname = '' : varchar(8)\n"
    for name in ("Session", "Free"):
        wanted = alteration.WantedTable(named("Subject"), definition, {}, new_name=name)
        assert (await refusal(alteration.plan_alteration(lab, eli, wanted)))[0] is PermissionDenied
    edo = await user(lab, "edo", (Role.EDITOR, "lab"))
    wanted = alteration.WantedTable(named("Subject"), definition, {}, new_name="Free")
    assert (await alteration.plan_alteration(lab, edo, wanted)).changes


async def test_reference_tells_of_no_rows(lab: Engine) -> None:
    rea = await user(lab, "rea", (Role.REFERENCE, "lab"))
    stat = await schemas.describe_table(lab, rea, named("Stat"))
    for work in (
        jobs.list_jobs(lab, rea, named("Stat"), (), after=0, limit=10),
        jobs.progress(lab, rea, named("Stat"), None),
        schemas.table_bytes(lab, rea, stat),
    ):
        assert (await refusal(work))[0] is PermissionDenied


async def test_a_repeated_alteration_answers_only_who_still_sees_the_table(lab: Engine) -> None:
    eli = await user(lab, "eli", (Role.EDITOR, "lab.Subject"))
    eli = replace(eli, request=Request("again", "AlterTable"))
    definition = "# anew\nsubject : int32\n---\nname = '' : varchar(8)\n"
    wanted = alteration.WantedTable(named("Subject"), definition, {})
    assert (await alteration.alter_table(lab, eli, wanted, "")).table.comment == "anew"
    await users.revoke_role(lab, ME, "eli", Role.EDITOR, named("Subject"))
    assert (await refusal(alteration.alter_table(lab, eli, wanted, "")))[0] in (UnknownTable, UnknownSchema)


async def test_the_roles_of_a_table_hold_for_parts_of_its_parts(lab: Engine) -> None:
    await make.make_table(lab, "Book", "book : int32\n")
    await make.make_table(lab, "Book.Page", "-> master\npage : int32\n", Tier.PART)
    await make.make_table(lab, "Book.Page.Line", "-> master\nline : int32\n", Tier.PART)
    vera = await user(lab, "vera", (Role.VIEWER, "lab.Book"))
    assert await fetched(lab, vera, TableOperand(named("Book.Page.Line"))) == 0


async def test_a_cycle_of_schemas_is_told_without_what_is_hidden(lab: Engine) -> None:
    for name in ("between", "below"):
        await schemas.create_schema(lab, ME, name, allow_existing=False)
    chain = ("between", "Secret", "-> lab.Subject\n"), ("below", "Last", "-> between.Secret\n")
    for schema, table, definition in chain:
        declaration = declarations.Declaration(TableName(schema, table), Tier.MANUAL, definition, {})
        await declarations.declare_table(lab, ME, declaration)
    eve = await user(lab, "eve", (Role.EDITOR, "lab"), (Role.EDITOR, "below"))
    closing = declarations.Declaration(named("Closing"), Tier.MANUAL, "-> below.Last\n", {})
    assert "between" not in (await refusal(declarations.declare_table(lab, eve, closing)))[1]
    assert "between.Secret" in (await refusal(declarations.declare_table(lab, ME, closing)))[1]


async def test_the_trace_of_a_job_names_only_what_is_seen(lab: Engine) -> None:
    await make.refresh(lab, "Stat")
    (lease,) = await make.reserve(lab, await make.make_session(lab), "Stat")
    await make.complete(lab, lease, {"Stat": [{"subject": 1, "session": 1, "rate": 1}]})
    async with lab.scope.connection() as connection:
        read = '{"lab.Session": {"rows": 3, "key_restricted": true}, "lab.Stat": {"rows": 1, "key_restricted": true}}'
        table = job_table_name((await make.catalog(lab)).table(named("Stat")))
        await connection.execute(f"UPDATE {table} SET _reads = $1", read)  # noqa: S608
    vera = await user(lab, "vera", (Role.VIEWER, "lab.Stat"))
    for caller, tables in ((vera, {"lab.Stat"}), (ME, {"lab.Stat", "lab.Session"})):
        _, (job,) = await jobs.list_jobs(lab, caller, named("Stat"), (), after=0, limit=10)
        assert set(job["_reads"]) == tables
        assert set(job["_writes"]) == {"lab.Stat"}


@pytest.fixture
async def sourced_lab(lab: Engine) -> Engine:
    """A table computed from the rows of `other.Chosen`, by a key source that `dan` declared."""
    await schemas.create_schema(lab, ME, "other", allow_existing=False)
    chosen = TableName("other", "Chosen")
    definition = "subject : int32\nsession : int32\n"
    await declarations.declare_table(lab, ME, declarations.Declaration(chosen, Tier.MANUAL, definition, {}))
    await inserts.insert(lab, ME, chosen, InsertOptions(), make.arrow([{"subject": 1, "session": 1}]))
    dan = await user(lab, "dan", (Role.EDITOR, "lab"), (Role.VIEWER, "other"))
    declared = await declarations.declare_table(lab, dan, sourced("Sourced", chosen))
    assert not declared.key_source_error
    return lab


async def test_a_key_source_is_read_by_its_definer(sourced_lab: Engine) -> None:
    wes = await user(sourced_lab, "wes", (Role.WORKER, "lab.Sourced"))
    sourced_table = named("Sourced")

    async def refresh() -> object:
        return await job_refresh.refresh(
            sourced_lab, wes, sourced_table, None, priority=None, delay=timedelta(0), retry_errors=False
        )

    async def work() -> list[object]:
        session, _ = await jobs.create_session(sourced_lab, wes, Worker("host", 1, "wes"), None, "")
        wait, tables = timedelta(0), [sourced_table]
        return list(await jobs.reserve(sourced_lab, wes, session, tables, max_jobs=1, wait=wait, restriction=None))

    assert (await jobs.progress(sourced_lab, wes, sourced_table, None)).total == 1
    await refresh()
    assert len(await work()) == 1
    # Its definer's right is gone: the jobs wait, in a way that says why and names no table.
    await users.revoke_role(sourced_lab, ME, "dan", Role.VIEWER, TableName("other", ""))
    for stopped in (refresh(), work(), jobs.progress(sourced_lab, wes, sourced_table, None)):
        kind, message = await refusal(stopped)
        assert kind is PreconditionFailed
        assert "other" not in message
    # Others who may read it make it theirs by declaring it again; who may not, cannot.
    eli = await user(sourced_lab, "eli", (Role.EDITOR, "lab"))
    declaration = sourced("Sourced", TableName("other", "Chosen"))
    assert (await declarations.declare_table(sourced_lab, eli, declaration)).key_source_error
    assert (await refusal(refresh()))[0] is PreconditionFailed
    await users.grant_role(sourced_lab, ME, "eli", Role.VIEWER, TableName("other", ""))
    assert not (await declarations.declare_table(sourced_lab, eli, declaration)).key_source_error
    await refresh()
    # Nor does it act for a user who was disabled.
    await users.update_user(sourced_lab, ME, "eli", administrator=None, prefixes=None, disabled=True)
    assert (await refusal(refresh()))[0] is PreconditionFailed


async def test_a_key_source_that_a_scoped_token_declares_reads_nothing_beyond_its_scope(sourced_lab: Engine) -> None:
    await user(sourced_lab, "ann", (Role.EDITOR, "lab"), (Role.VIEWER, "other"))
    scoped = await calling(sourced_lab, "ann", scopes=[(Role.EDITOR, named(""))])
    stolen = sourced("Stolen", TableName("other", "Chosen"))
    assert (await declarations.declare_table(sourced_lab, scoped, stolen)).key_source_error
    for work in (
        jobs.progress(sourced_lab, scoped, named("Stolen"), None),
        job_refresh.refresh(
            sourced_lab, scoped, named("Stolen"), None, priority=None, delay=timedelta(0), retry_errors=False
        ),
    ):
        assert (await refusal(work))[0] in {InvalidRequest, PreconditionFailed}
    # With a token for all that its user may do, the class is declared as it is written.
    ann = await calling(sourced_lab, "ann")
    assert not (await declarations.declare_table(sourced_lab, ann, stolen)).key_source_error
    assert (await jobs.progress(sourced_lab, scoped, named("Stolen"), None)).total == 1


async def test_a_key_source_that_its_definer_cannot_read_is_as_one_of_an_absent_table(sourced_lab: Engine) -> None:
    eve = await user(sourced_lab, "eve", (Role.EDITOR, "lab"))
    told = []
    for number, source in enumerate((TableName("other", "Chosen"), TableName("nowhere", "Chosen"))):
        table = f"Eves{number}"
        declared = await declarations.declare_table(sourced_lab, eve, sourced(table, source))
        progress = await refusal(jobs.progress(sourced_lab, eve, named(table), None))
        told.append(f"{declared.key_source_error} {progress}".replace(source.schema, "…").replace(table, "…"))
    assert told[0] == told[1]


async def test_commits_make_no_jobs_by_a_key_source_that_its_definer_may_not_read(sourced_lab: Engine) -> None:
    await declarations.declare_table(sourced_lab, ME, sourced("Beside", TableName("other", "Chosen")))
    await users.revoke_role(sourced_lab, ME, "dan", Role.VIEWER, TableName("other", ""))
    key = (("subject", 1), ("session", 1))
    sourced_lab.downstream.committed(sourced_lab, TableName("other", "Chosen"), [key])
    await sourced_lab.downstream.settled()
    counts = {
        table: (await jobs.list_jobs(sourced_lab, ME, named(table), (), after=0, limit=10))[1]
        for table in ("Sourced", "Beside")
    }
    assert [len(found) for found in counts.values()] == [0, 1]


async def test_make_reads_with_the_rights_of_its_worker(sourced_lab: Engine) -> None:
    await make.refresh(sourced_lab, "Sourced")
    wes = await user(sourced_lab, "wes", (Role.WORKER, "lab.Sourced"))
    session, _ = await jobs.create_session(sourced_lab, wes, Worker("host", 1, "wes"), None, "")
    (lease,) = await jobs.reserve(
        sourced_lab, wes, session, [named("Sourced")], max_jobs=1, wait=timedelta(0), restriction=None
    )
    under = replace(wes, job=lease_content(lease))
    source = TableOperand(TableName("other", "Chosen"))
    assert (await refusal(fetched(sourced_lab, under, source)))[0] is UnknownSchema
    await users.grant_role(sourced_lab, ME, "wes", Role.VIEWER, TableName("other", ""))
    assert await fetched(sourced_lab, under, source) == 1


async def test_what_a_caller_sees_is_kept_for_a_token_and_not_longer_than_the_catalog(lab: Engine) -> None:
    anna = await user(lab, "anna", (Role.VIEWER, "lab.Subject"))
    first = await lab.gate.open(anna)
    elsewhere = replace(anna, identity=replace(anna.identity, address="ipv4:10.0.0.5:50514"))
    assert (await lab.gate.open(elsewhere)).seen is first.seen, "another connection does the work again"
    catalog = weakref.ref(first.catalog)
    del first
    await make.make_table(lab, "Other", "other : int32\n")
    gc.collect()
    assert catalog() is None, "a catalog of before stays because somebody has seen it"


async def test_a_new_schema_has_no_grants_of_one_that_was_dropped_under_its_name(lab: Engine) -> None:
    await user(lab, "ann", (Role.EDITOR, "lab"), (Role.OWNER, "lab.Subject"))
    scoped = await calling(lab, "ann", scopes=[(Role.EDITOR, named(""))])
    ann = await calling(lab, "ann")
    assert isinstance(lab.scope, Database)
    known = PermissionsCache(lab.scope)
    await known.read()
    elsewhere = Gate(CatalogCache(lab.scope), known, stored_relation)  # as of another server
    assert "lab" in (await elsewhere.open(ann)).seen.schemas
    await schemas.drop_schema(lab, ME, "lab")
    await schemas.create_schema(lab, ME, "lab", allow_existing=False)
    await make.make_table(lab, "Subject", "subject : int32\n")
    version = await lab.gate.version()
    for gate in (lab.gate, elsewhere):
        for caller in (ann, scoped):
            view = await gate.open(replace(caller, catalog_version=version))
            assert named("Subject") in view.catalog.tables
            assert not view.seen.schemas
    # Nor while the schema is locked for a declaration.
    await users.grant_role(lab, ME, "ann", Role.EDITOR, named(""))
    await known.read()
    before = await elsewhere.open(ann)
    await schemas.drop_schema(lab, ME, "lab")
    await schemas.create_schema(lab, ME, "lab", allow_existing=False)
    async with lab.scope.transaction() as connection:
        assert not (await elsewhere.lock(connection, ann, before)).seen.schemas


async def test_newer_permissions_are_not_used_with_the_tables_of_before(lab: Engine, other_engine: Engine) -> None:
    await users.create_user(lab, ME, "eve", ("lab",), administrator=False)
    eve = await calling(lab, "eve")
    await other_engine.gate.permissions.catch_up()
    assert not (await other_engine.gate.open(eve)).seen.schemas
    await alteration.rename_schema(lab, ME, "lab", "rig")
    await schemas.create_schema(lab, eve, "lab", allow_existing=False)
    assert await other_engine.gate.permissions.catch_up()  # as every second; the catalog is looked at by itself
    view = await other_engine.gate.open(eve)
    assert view.seen.schemas == {"lab"}
    assert not [str(name) for name, table in view.catalog.tables.items() if view.may(Action.FETCH, table)]


async def test_withdrawn_rights_end_although_the_catalog_cannot_be_read(
    lab: Engine, other_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: object) -> None:
        raise Unavailable("a newer server has written it")

    await users.create_user(lab, ME, "eve", ("eve",), administrator=False)
    await other_engine.gate.permissions.catch_up()
    await schemas.create_schema(lab, ME, "rig", allow_existing=False)
    await users.update_user(lab, ME, "eve", administrator=None, prefixes=None, disabled=True)
    monkeypatch.setattr("levada_server.storage.catalog.cache.read_catalog", fail)
    assert await other_engine.gate.permissions.catch_up()
    assert "eve" not in {user.name for user in other_engine.gate.permissions.current.users.values()}


async def test_the_owner_of_a_renamed_schema_sees_it_at_once(engine: Engine) -> None:
    await make.make_table(engine, "Session", "session : int32\n")
    await users.create_user(engine, ME, "ann", (), administrator=False)
    await users.grant_role(engine, ME, "ann", Role.OWNER, named("", "lab"))
    owner = await calling(engine, "ann")
    await alteration.rename_schema(engine, owner, "lab", "rig")
    view = await engine.gate.open(owner)
    assert "rig" in view.seen.schemas
    assert view.may(Action.DROP, view.catalog.table(TableName("rig", "Session")))
