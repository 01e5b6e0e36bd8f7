"""Erasing rows leaves nothing of them: no row, no job, no object, and nothing in any table of the database."""

from __future__ import annotations

import base64
import json
import re
import threading
from contextlib import suppress
from dataclasses import replace
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
from levada_server.operations import alteration, deletes, erasure, forgetting, jobs, recordings, users
from levada_server.operations.completion import results
from levada_server.operations.forgetting import ErasedKeys
from levada_server.operations.make_contract import Repeatable
from levada_server.operations.objects import collection, objects, registration
from levada_server.operations.objects.objects import Target
from levada_server.operations.read_shapes import ReadShapes
from levada_server.operations.staleness import compare_inputs
from levada_server.permissions.roles import Action, Role
from levada_server.query.algebra import Constant, Equalities, Restrict, StalenessOperand, TableOperand
from levada_server.query.analysis.mentions import mentions
from levada_server.storage.backup.snapshot import snapshot
from levada_server.storage.postgres.database import Database
from tests.operations.test_staleness import CODE, complete, read
from tests.support import make
from tests.support.make import ME, named
from tests.support.objects import collect, get, put, states, stored_files
from tests.support.roles import make_caller

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    assert (erased.object_count, erased.remaining_count) == (0, 3)  # a registered file is only forgotten
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


async def test_uploads_that_no_backup_needs_are_erased_during_one(lab: Engine, store_folders: StoreFolders) -> None:
    await make.make_table(lab, "Plain", "subject : varchar(32)\n---\nfile = null : <object@raw>\n")
    await make.insert(lab, "Plain", [{"subject": SUBJECT}])
    target = Target(named("Plain"), "file")
    key = {"subject": SUBJECT}
    staged = await objects.stage(lab, ME, target, key=key, file_name="a.bin", folder=False, hash_="")
    assert isinstance(staged, objects.Staged)
    chosen = Restrict(TableOperand(named("Plain")), Equalities((("subject", SUBJECT),)))
    assert isinstance(lab.scope, Database)
    async with snapshot(lab.scope):
        assert (await erasure.erase(lab, ME, chosen, PartIntegrity.ENFORCE, digest="")).object_count == 1
    assert "uploading" not in await states(lab)
    assert list(store_folders.folders["raw"].glob("_levada/staging/*")) == []


def reading(subject: str, *, text: bool = False) -> pb.Relation:
    """Return a relation that restricts subjects by a mapping or by a text."""
    entry = value_pb2.AttributeValue(name="subject", value=value_pb2.Value(text=subject))
    condition = pb.Condition(mapping=pb.Mapping(entries=[entry]))
    if text:
        condition = pb.Condition(expression=pb.Expression(text=f"subject = '{subject}'"))
    return restricted("Subject", condition)


def restricted(name: str, condition: pb.Condition) -> pb.Relation:
    """Return a table that is restricted by a condition."""
    table = pb.TableOperand(name=schema_pb2.TableName(schema="lab", table=name))
    nodes = [pb.RelationNode(table=table), pb.RelationNode(restrict=pb.Restrict(operand=0, condition=0))]
    return pb.Relation(nodes=nodes, conditions=[condition])


def restricted_by_text(name: str, text: str) -> pb.Relation:
    """Return a table that is restricted by a text."""
    return restricted(name, pb.Condition(expression=pb.Expression(text=text)))


async def record(lab: Engine, relations: list[pb.Relation]) -> None:
    """Add reads to the recording `paper`."""
    await recordings.create(lab, ME, "paper")
    for message in relations:
        repeatable = Repeatable(message.SerializeToString(deterministic=True), "count")
        relation = lab.gate.decode_relation(repeatable.relation)
        await (await recordings.begin_kept_read(lab, ME, ["paper"], relation, repeatable)).keep(lab, "1")


async def recorded(lab: Engine) -> list[pb.Relation]:
    """Return the reads of the recording `paper`."""
    reads = await recordings.listed_reads(lab, ME, "paper", after=0, limit=100)
    return [pb.Relation.FromString(read.relation) for read in reads]


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
    await record(lab, reads)
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
    assert await recorded(lab) == reads[1::2]
    assert await connection.fetchval("SELECT count(*) FROM levada.object WHERE state = 'uploading'") == 1
    assert await connection.fetchval("SELECT count(*) FROM levada.cancelled_lease") == 3
    await make.insert(lab, "Subject", [{"subject": OTHER + "x"}])
    assert [state for _, state in await states_of(lab)] == ["stale", "fresh", "stale", "fresh"]


async def test_what_says_former_names_is_forgotten_too(
    lab: Engine, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    await make.make_table(lab, "Cohort", "cohort : int32\n")
    await make.make_table(lab, "Summary", "-> Cohort\n---\ncount : int32\n", Tier.COMPUTED)
    await make.insert(lab, "Cohort", [{"cohort": number} for number in range(2)])
    await make.refresh(lab, "Summary")
    reads = [reading(SUBJECT), reading(OTHER)]
    for lease in await make.reserve(lab, await make.make_session(lab), "Summary", 2):
        message = reads[int(str(dict(lease.key)["cohort"]))]
        await complete(lab, lease, await read(lab, lease, message), {"count": 1})
    await record(lab, reads)
    await make.make_table(lab, "Trace", "-> Scan\n---\nsignal = null : <object@main>\n")
    for name in (SUBJECT, OTHER):
        key = {"subject": name, "scan": 0}
        await objects.stage(
            lab, ME, Target(named("Trace"), "signal"), key=key, file_name="a.bin", folder=False, hash_=""
        )
    subjects = "subject : varchar(32)\n---\nform = null : <hash@main>\n"
    for table, definition, renames, new_name in (
        ("Subject", subjects.replace("subject", "animal"), {"animal": "subject"}, "Mouse"),
        ("Mouse", subjects.replace("subject", "mouse"), {"mouse": "animal"}, "Animal"),
        (
            "Trace",
            "-> Scan.proj(a='subject', b='scan')\n---\nsignal = null : <object@main>\n",
            {"a": "subject", "b": "scan"},
            "Line",
        ),
    ):
        references = {"Scan": named("Scan")}
        wanted = alteration.WantedTable(named(table), definition, references, renames, new_name)
        await alteration.alter_table(lab, ME, wanted, "")
    await alteration.rename_schema(lab, ME, "lab", "old_lab")
    animals = TableOperand(named("Animal", "old_lab"))
    chosen = Restrict(animals, Equalities((("mouse", SUBJECT),)))
    await erasure.erase(lab, ME, chosen, PartIntegrity.ENFORCE, digest="")
    assert [name for name, text in (await everything(connection)).items() if SUBJECT in plain(text)] == []
    assert await recorded(lab) == reads[1:]
    assert await connection.fetchval("SELECT count(*) FROM levada.object WHERE state = 'uploading'") == 1


async def test_only_what_concerns_the_tables_that_lose_rows_is_forgotten(
    lab: Engine, connection: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two tables that do not know each other have keys of the same name and values.
    for name in ("Mine", "Yours"):
        await make.make_table(lab, name, "id : int32\n---\nquality = 0 : int32\n")
        await make.make_table(lab, f"{name}Trace", f"-> {name}\n---\nsignal = null : <object@main>\n")
        await make.make_table(lab, f"{name}Stat", f"-> {name}\n---\nmean : float64\n", Tier.COMPUTED)
        await make.insert(lab, name, [{"id": number} for number in range(5)])
        await objects.stage(
            lab, ME, Target(named(f"{name}Trace"), "signal"), key={"id": 1}, file_name="a.bin", folder=False, hash_=""
        )
        await make.refresh(lab, f"{name}Stat")
        await make.reserve(lab, await make.make_session(lab), f"{name}Stat", 5)
        assert await jobs.cancel(lab, ME, named(f"{name}Stat"), None) == 5
    attached = Target(named("Scan"), "image")
    await objects.stage(lab, ME, attached, key={}, file_name="id=1", folder=False, hash_="")
    gone = [restricted_by_text("Mine", "id IN (7, 1)"), restricted_by_text("MineTrace", "id BETWEEN 1 AND 9")]
    kept = [
        restricted_by_text("Mine", "quality > 1"),
        restricted_by_text("Yours", "id = 1"),
        restricted_by_text("Yours", "1"),
        restricted_by_text("Subject", "subject = '1'"),
    ]
    await record(lab, gone + kept)
    # This one names a table that loses rows, but the server cannot read it any more.
    unreadable = restricted_by_text("Mine", "id = 1")
    unreadable.nodes[1].restrict.operand = 7
    await connection.execute(
        "INSERT INTO levada.recorded_read (recording_id, key, relation, kind, digest)"
        " SELECT recording_id, '\\x00', $1, 'count', '1' FROM levada.recorded_read LIMIT 1",
        unreadable.SerializeToString(),
    )
    looked: list[object] = []

    def look(relation: Relation) -> Iterator[tuple[str | None, object]]:
        looked.append(relation)
        return mentions(relation)

    monkeypatch.setattr(forgetting, "mentions", look)
    mine = Restrict(TableOperand(named("Mine")), Constant(holds=True))
    await erasure.erase(lab, ME, mine, PartIntegrity.ENFORCE, digest="")
    assert len(looked) == 3  # only the reads of its tables
    assert await recorded(lab) == [*kept, unreadable]
    paths = await connection.fetch("SELECT path FROM levada.object WHERE state = 'uploading' ORDER BY path")
    assert [row["path"].split("/")[3] for row in paths if "/object/" in row["path"]] == ["yours_trace"]
    assert [row["path"].split("/")[-1] for row in paths if "/attach/" in row["path"]] == ["id=1"]
    assert await connection.fetchval("SELECT count(*) FROM levada.cancelled_lease") == 5


async def test_results_are_stale_only_if_an_erased_key_is_compared_with_its_attribute(lab: Engine) -> None:
    await make.make_table(lab, "Rig", "rig : int32\n---\nquality : int32\n")
    await make.make_table(lab, "Cohort", "cohort : int32\n")
    await make.make_table(lab, "Summary", "-> Cohort\n---\ncount : int32\n", Tier.COMPUTED)
    await make.insert(lab, "Rig", [{"rig": number, "quality": 5} for number in range(3)])
    texts = ["quality < 1", "rig IN (1, 2)", "rig = 2 AND quality <> 1", "rig = 1"]
    await make.insert(lab, "Cohort", [{"cohort": number} for number in range(len(texts))])
    await make.refresh(lab, "Summary")
    leases = await make.reserve(lab, await make.make_session(lab), "Summary", len(texts))
    for lease in leases:
        message = restricted_by_text("Rig", texts[int(str(dict(lease.key)["cohort"]))])
        await complete(lab, lease, await read(lab, lease, message), {"count": 1})
    rig = Restrict(TableOperand(named("Rig")), Equalities((("rig", 1),)))
    await erasure.erase(lab, ME, rig, PartIntegrity.ENFORCE, digest="")
    assert [state for _, state in await states_of(lab)] == ["fresh", "stale", "fresh", "stale"]


async def test_a_result_that_was_computed_again_is_fresh_although_its_read_was_erased(
    lab: Engine, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    await make.make_table(lab, "Rig", "rig : int32\n")
    await make.make_table(lab, "Cohort", "cohort : int32\n")
    await make.make_table(lab, "Summary", "-> Cohort\n---\ncount : int32\n", Tier.COMPUTED)
    await make.insert(lab, "Rig", [{"rig": number} for number in range(3)])
    await make.insert(lab, "Cohort", [{"cohort": number} for number in range(4)])
    await make.refresh(lab, "Summary")
    session, now = await make.make_session(lab), 0.0
    elsewhere = replace(lab, shapes=ReadShapes(lambda: now))  # as of another server

    async def compute(engine: Engine) -> None:
        (lease,) = await make.reserve(engine, session, "Summary", 1)
        await complete(engine, lease, await read(engine, lease, restricted_by_text("Rig", "rig = 1")), {"count": 1})

    async def stored() -> int:
        return len(await connection.fetch("SELECT FROM levada.read_shape WHERE content ->> 0 <> ''"))

    await compute(elsewhere)
    await compute(lab)
    assert await stored() == 1
    rig = Restrict(TableOperand(named("Rig")), Equalities((("rig", 1),)))
    await erasure.erase(lab, ME, rig, PartIntegrity.ENFORCE, digest="")
    assert await stored() == 0
    await compute(lab)
    assert await stored() == 1
    await connection.execute("UPDATE levada.read_shape SET content = jsonb_set(content, '{0}', '\"\"')")
    now = 60.0
    await compute(elsewhere)
    assert await stored() == 1
    await make.insert(lab, "Rig", [{"rig": 9}])
    assert [state for _, state in await states_of(lab)] == ["stale", "stale", "fresh", "fresh"]


async def test_other_calls_go_on_while_reads_are_looked_through(lab: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[bool] = []

    def look(relation: Relation) -> Iterator[tuple[str | None, object]]:
        threads.append(threading.current_thread() is threading.main_thread())
        return mentions(relation)

    monkeypatch.setattr(forgetting, "mentions", look)
    long = " OR ".join(["subject = 'somebody'"] * 400)
    await record(lab, [reading(OTHER), restricted_by_text("Subject", long), reading(SUBJECT)])
    await erase(lab)
    assert threads == [True, False, True]
    assert len(await recorded(lab)) == 2


def test_a_read_mentions_a_key_if_it_has_all_of_it_under_its_names() -> None:
    keys = ErasedKeys([("a", 1), ("b", 2), ("", 0)])
    names = [{"subject", "participant"}, {"scan"}]
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
        assert keys.among(said, names) is expected, said
