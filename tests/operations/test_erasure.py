"""Erasing rows leaves nothing of them: no row, no job, no object, and nothing in any table of the database."""

from __future__ import annotations

import base64
import json
import re
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
import pytest_asyncio

from levada_api.v1 import relation_pb2 as pb
from levada_api.v1 import schema_pb2, value_pb2
from levada_server.errors import LeaseLost, PermissionDenied, PlanChanged, PreconditionFailed, UnknownJob
from levada_server.jobs.lease import Failure
from levada_server.jobs.signing import lease_content
from levada_server.model.table import PartIntegrity, TableName, Tier
from levada_server.operations import deletes, erasure, jobs, recordings, users
from levada_server.operations.completion import results
from levada_server.operations.forgetting import ErasedKeys
from levada_server.operations.make_contract import Repeatable
from levada_server.operations.objects import collection, objects, registration
from levada_server.operations.objects.objects import Target
from levada_server.operations.staleness import compare_inputs
from levada_server.permissions.roles import Action, Role
from levada_server.query.algebra import Equalities, Restrict, StalenessOperand, TableOperand
from levada_server.storage.backup.snapshot import snapshot
from levada_server.storage.postgres.database import Database
from tests.operations.test_staleness import CODE, complete, read
from tests.support import make
from tests.support.make import ME, named
from tests.support.objects import collect, get, put, states, stored_files
from tests.support.roles import make_caller

if TYPE_CHECKING:
    import asyncpg

    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.operations.erasure import Erased
    from levada_server.query.algebra import Relation
    from levada_server.storage.objects.storage import StoreFolders

SUBJECT = "participant-7731"
OTHER = "participant-0001"
SHARED = b"the same questionnaire"


def of(subject: str) -> Relation:
    return Restrict(TableOperand(named("Subject")), Equalities((("subject", subject),)))


async def erase(engine: Engine, caller: Caller = ME, digest: str = "") -> Erased:
    return await erasure.erase(engine, caller, of(SUBJECT), PartIntegrity.ENFORCE, digest=digest)


@pytest_asyncio.fixture
async def lab(engine: Engine, store_folders: StoreFolders) -> Engine:
    """Two subjects with scans and a questionnaire that they share; jobs that wait, fail and are held."""
    await make.make_table(engine, "Subject", "subject : varchar(32)\n---\nform = null : <hash@main>\n")
    scans = "-> Subject\nscan : int32\n---\nimage = null : <attach@raw>\nmovie = null : <filepath@raw>\n"
    await make.make_table(engine, "Scan", scans)
    await make.make_table(engine, "Stat", "-> Scan\n---\nmean : float64\n", Tier.COMPUTED)
    form = await put(engine, "Subject", "form", SHARED)
    await make.insert(engine, "Subject", [{"subject": name, "form": str(form.id)} for name in (SUBJECT, OTHER)])
    (store_folders.folders["raw"] / "movie.avi").write_bytes(SUBJECT.encode())
    movie = await registration.register(engine, ME, Target(named("Scan"), "movie"), "movie.avi")
    for name in (SUBJECT, OTHER):
        for scan in range(3):
            image = await put(engine, "Scan", "image", f"image {scan} of {name}".encode())
            film = str(movie.id) if (name, scan) == (SUBJECT, 0) else None
            row = {"subject": name, "scan": scan, "image": str(image.id), "movie": film}
            await make.insert(engine, "Scan", [row])
    await make.refresh(engine, "Stat")
    return engine


async def everything(connection: asyncpg.Connection[asyncpg.Record]) -> dict[str, str]:
    """Return all rows of all tables of the database, as text."""
    tables = await connection.fetch(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    )
    found = {}
    for (name,) in tables:
        rows = await connection.fetch(f"SELECT t::text FROM {name} AS t")  # noqa: S608  # quoted by PostgreSQL
        found[name] = "\n".join(row[0] for row in rows)
    return found


def plain(text: str) -> str:
    """Return a text with all that base64 and hexadecimal digits in it say."""
    said = [text]
    for word in re.findall(r"[\w+/=-]{8,}", text):
        for decode in (base64.b64decode, base64.urlsafe_b64decode, bytes.fromhex):
            with suppress(ValueError):
                said.append(decode(word.removeprefix("x")).decode(errors="replace"))
    return "\n".join(said) + ("" if len(said) == 1 else plain("\n".join(said[1:])))


async def test_nothing_of_a_subject_is_left_in_database_or_stores(
    lab: Engine, store_folders: StoreFolders, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    session = await make.make_session(lab)
    leases = await make.reserve(lab, session, "Stat", 6)
    about = [lease for lease in leases if SUBJECT in map(str, dict(lease.key).values())]
    failed, done, held = about
    error = Failure("ValueError", f"odd scan of {SUBJECT}", f"stack of {SUBJECT}")
    token, nothing = lease_content(failed).token, timedelta(0)
    await results.fail(lab, ME, named("Stat"), failed.job_id, token, error, duration=nothing, code_version="")
    await make.complete(lab, done, {"Stat": [{**dict(done.key), "mean": 1.0}]})
    assert SUBJECT in "".join((await everything(connection)).values())
    erased = await erase(lab)
    assert [(str(name), count) for name, count in erased.counts] == [
        ("lab.Stat", 1),
        ("lab.Scan", 3),
        ("lab.Subject", 1),
    ]
    assert (erased.object_count, erased.remaining_count, erased.kept_file_count) == (3, 0, 1)
    assert erased.object_bytes == 3 * len(f"image 0 of {SUBJECT}")
    assert [name for name, text in (await everything(connection)).items() if SUBJECT in text] == []
    left = [file for file in stored_files(store_folders) if SUBJECT.encode() in file.read_bytes()]
    assert [file.parts[-1] for file in left] == ["movie.avi"]  # it was registered, and is not the server's
    with pytest.raises((UnknownJob, LeaseLost)):
        await make.complete(lab, held, {"Stat": [{**dict(held.key), "mean": 1.0}]})
    # The other subject has all of it, also what both named.
    assert len(await make.fetch(lab, "Scan")) == 3
    assert sorted(set(await states(lab))) == ["whole"]
    (form,) = [row["form"] for row in await make.fetch(lab, "Subject")]
    assert await get(lab, UUID(json.loads(str(form))["id"])) == SHARED


async def test_the_audit_has_numbers_and_no_values(lab: Engine, connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await erase(lab)
    (entry,) = await connection.fetch("SELECT subject, row_count, details FROM levada.audit WHERE details ? 'objects'")
    assert (entry["subject"], entry["row_count"]) == ("lab.Subject", 4)
    assert SUBJECT not in entry["details"]


async def test_only_an_owner_of_every_table_may(lab: Engine) -> None:
    editor, _ = await make_caller(lab, "ed")
    await users.grant_role(lab, ME, "ed", Role.EDITOR, TableName("lab", ""))
    with pytest.raises(PermissionDenied):
        await erase(lab, editor)
    await users.grant_role(lab, ME, "ed", Role.OWNER, named("Subject"))
    with pytest.raises(PermissionDenied):
        await erase(lab, editor)
    assert len(await make.fetch(lab, "Scan")) == 6
    assert "doomed" not in await states(lab)
    await users.grant_role(lab, ME, "ed", Role.OWNER, TableName("lab", ""))
    assert (await erase(lab, editor)).object_count == 3


async def test_other_rows_than_the_plan_has_are_not_erased(lab: Engine) -> None:
    plan = await deletes.plan_delete(lab, ME, of(SUBJECT), PartIntegrity.ENFORCE)
    await make.insert(lab, "Scan", [{"subject": SUBJECT, "scan": 9}])
    with pytest.raises(PlanChanged):
        await erase(lab, digest=plan.digest)
    assert len(await make.fetch(lab, "Scan")) == 7


async def test_an_object_whose_store_fails_is_reported_and_removed_by_the_next_collection(
    lab: Engine, store_folders: StoreFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is away")

    with monkeypatch.context() as patched:
        patched.setattr(collection, "remove_bytes", fail)
        erased = await erase(lab)
    assert (erased.object_count, erased.remaining_count) == (0, 3)  # a registered file is forgotten at once
    image = next(row for row in await make.fetch(lab, "Scan"))["image"]
    assert image is not None
    assert (await states(lab)).count("doomed") == 3
    assert (await collect(lab)).deleted_count == 3
    assert not [file for file in stored_files(store_folders) if f"of {SUBJECT}".encode() in file.read_bytes()]


async def test_objects_that_a_backup_needs_are_not_erased(lab: Engine) -> None:
    before = await make.fetch(lab, "Scan")
    assert isinstance(lab.scope, Database)
    async with snapshot(lab.scope):
        with pytest.raises(PreconditionFailed, match="Erase them when it has ended"):
            await erase(lab)
    assert await make.fetch(lab, "Scan") == before
    assert (await erase(lab)).object_count == 3


def reading(subject: str, *, text: bool = False) -> pb.Relation:
    """Return a relation that restricts subjects by a mapping or by a text."""
    entry = value_pb2.AttributeValue(name="subject", value=value_pb2.Value(text=subject))
    condition = pb.Condition(mapping=pb.Mapping(entries=[entry]))
    if text:
        condition = pb.Condition(expression=pb.Expression(text=f"subject = '{subject}'"))
    table = pb.TableOperand(name=schema_pb2.TableName(schema="lab", table="Subject"))
    nodes = [pb.RelationNode(table=table), pb.RelationNode(restrict=pb.Restrict(operand=0, condition=0))]
    return pb.Relation(nodes=nodes, conditions=[condition])


async def states_of(lab: Engine) -> list[tuple[object, object]]:
    """Return which results of `Summary` are stale."""
    view = await lab.gate.open(ME)
    relation = StalenessOperand(named("Summary"), ((named("Summary"), CODE),))
    await compare_inputs(lab, view, relation)
    rows = await (await view.query(Action.FETCH, relation)).rows(lab.scope)
    return sorted((row["cohort"], row["state"]) for row in rows)


async def test_reads_of_a_subject_are_forgotten_wherever_they_are_kept(
    lab: Engine, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    # Results about somebody else whose `make` read the subject, and recordings.
    await make.make_table(lab, "Cohort", "cohort : int32\n")
    await make.make_table(lab, "Summary", "-> Cohort\n---\ncount : int32\n", Tier.COMPUTED)
    await make.insert(lab, "Cohort", [{"cohort": number} for number in range(4)])
    await make.refresh(lab, "Summary")
    reads = [reading(SUBJECT), reading(OTHER), reading(SUBJECT, text=True), reading(OTHER, text=True)]
    leases = await make.reserve(lab, await make.make_session(lab), "Summary", 4)
    for lease in sorted(leases, key=lambda lease: str(lease.key)):
        message = reads[int(str(dict(lease.key)["cohort"]))]
        await complete(lab, lease, await read(lab, lease, message), {"count": 1})
    await recordings.create(lab, ME, "paper")
    for message in reads:
        repeatable = Repeatable(message.SerializeToString(deterministic=True), "count")
        relation = lab.gate.decode_relation(repeatable.relation)
        await (await recordings.begin_kept_read(lab, ME, ["paper"], relation, repeatable)).keep(lab, "1")
    # An upload that did not end, an object that no row names yet, and a lease that was cancelled.
    await make.make_table(lab, "Trace", "-> Scan\n---\nsignal = null : <object@main>\n")
    target = Target(named("Trace"), "signal")
    for name in (SUBJECT, OTHER):
        key = {"subject": name, "scan": 0}
        await objects.stage(lab, ME, target, key=key, file_name="a.bin", folder=False, hash_="")
    await make.reserve(lab, await make.make_session(lab), "Stat", 6)
    assert await jobs.cancel(lab, ME, named("Stat"), None) == 6

    before = {name for name, text in (await everything(connection)).items() if SUBJECT in plain(text)}
    kept = {"levada.read_shape", "levada.recorded_read", "levada.object", "levada.cancelled_lease"}
    assert kept < before
    assert await states_of(lab) == [(number, "fresh") for number in range(4)]
    await erase(lab)
    assert [name for name, text in (await everything(connection)).items() if SUBJECT in plain(text)] == []
    # The results are out of date; everything about the other subject is as it was, and can still be compared.
    assert await states_of(lab) == [(0, "stale"), (1, "fresh"), (2, "stale"), (3, "fresh")]
    left = await recordings.listed_reads(lab, ME, "paper", after=0, limit=10)
    assert [read.relation for read in left] == [
        message.SerializeToString(deterministic=True) for message in reads[1::2]
    ]
    assert await connection.fetchval("SELECT count(*) FROM levada.object WHERE state = 'uploading'") == 1
    assert await connection.fetchval("SELECT count(*) FROM levada.cancelled_lease") == 3
    await make.insert(lab, "Subject", [{"subject": OTHER + "x"}])
    assert [state for _, state in await states_of(lab)] == ["stale", "fresh", "stale", "fresh"]


def test_a_read_mentions_a_key_if_it_has_all_of_it_under_its_names() -> None:
    keys = ErasedKeys([{"subject", "participant"}, {"scan"}], [("a", 1), ("b", 2), ("", 0)])
    for said, expected in (
        ([("subject", "a"), ("scan", 1)], True),
        ([("participant", "b"), ("scan", Decimal("2.0"))], True),
        ([(None, "a"), (None, "1")], True),
        ([("subject", "a")], False),
        ([("subject", "a"), ("scan", 2)], False),
        ([("name", "a"), ("scan", 1)], False),
        ([("subject", None), ("scan", 1)], False),
        ([], False),
    ):
        assert keys.among(said) is expected, said
