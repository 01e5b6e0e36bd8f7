"""Erasing rows leaves nothing of them: no row, no job, no object, and nothing in any table of the database."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
import pytest_asyncio

from levada_server.errors import LeaseLost, PermissionDenied, PlanChanged, UnknownJob
from levada_server.jobs.lease import Failure
from levada_server.jobs.signing import lease_content
from levada_server.model.table import PartIntegrity, TableName, Tier
from levada_server.operations import deletes, erasure, users
from levada_server.operations.completion import results
from levada_server.operations.objects import collection, registration
from levada_server.operations.objects.objects import Target
from levada_server.permissions.roles import Role
from levada_server.query.algebra import Equalities, Restrict, TableOperand
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
    assert (erased.object_count, erased.remaining_count) == (0, 4)
    image = next(row for row in await make.fetch(lab, "Scan"))["image"]
    assert image is not None
    assert (await states(lab)).count("doomed") == 4
    assert (await collect(lab)).deleted_count == 4
    assert not [file for file in stored_files(store_folders) if f"of {SUBJECT}".encode() in file.read_bytes()]
