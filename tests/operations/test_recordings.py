"""Recordings of reads: each user's own, bounded, and compared with what the reads give now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from levada_api.v1 import relation_pb2, schema_pb2
from levada_server.errors import AlreadyExists, InvalidRequest, LimitReached, NotFound
from levada_server.operations import recordings, users
from levada_server.operations.make_contract import Repeatable
from levada_server.permissions.roles import Role
from levada_server.query.algebra import TableOperand
from tests.support import make
from tests.support.make import ME, named
from tests.support.roles import make_caller, new_token, relation_of

if TYPE_CHECKING:
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine

SUBJECT = relation_of(schema_pb2.TableName(schema="lab", table="Subject"))


@pytest.fixture
async def lab(engine: Engine) -> Engine:
    await make.make_table(engine, "Subject", "subject : int32\n")
    await make.insert(engine, "Subject", [{"subject": 1}])
    await recordings.create(engine, ME, "paper")
    return engine


async def keep(engine: Engine, caller: Caller, *names: str, digest: str = "1", kind: str = "count") -> None:
    repeatable = Repeatable(SUBJECT.SerializeToString(deterministic=True), kind)
    kept = await recordings.begin_kept_read(engine, caller, names, TableOperand(named("Subject")), repeatable)
    await kept.keep(engine, digest)


async def test_same_read_is_kept_once_with_its_last_digest(lab: Engine) -> None:
    for digest in ("1", "2"):
        await keep(lab, ME, "paper", digest=digest)
    (read,) = await recordings.listed_reads(lab, ME, "paper", after=0, limit=10)
    assert (read.digest, read.read_count) == ("2", 2)
    assert relation_pb2.Relation.FromString(read.relation) == SUBJECT
    (recording,) = await recordings.listed(lab, ME)
    assert (recording.name, recording.read_count) == ("paper", 1)


async def test_present_digest_tells_whether_rows_have_changed(lab: Engine) -> None:
    await keep(lab, ME, "paper")
    (read,) = await recordings.listed_reads(lab, ME, "paper", after=0, limit=10)
    assert await recordings.present_digest(lab, ME, read) == read.digest
    await make.insert(lab, "Subject", [{"subject": 2}])
    assert await recordings.present_digest(lab, ME, read) == "2"


async def test_nobody_sees_or_adds_to_the_recording_of_another_user(lab: Engine) -> None:
    await keep(lab, ME, "paper")
    other, _ = await make_caller(lab, "ben")
    assert await recordings.listed(lab, other) == []
    with pytest.raises(NotFound, match="You have no recording `paper`"):
        await recordings.listed_reads(lab, other, "paper", after=0, limit=10)
    with pytest.raises(NotFound):
        await keep(lab, other, "paper")
    with pytest.raises(NotFound):
        await recordings.delete(lab, other, "paper")
    await recordings.create(lab, other, "paper")  # of the same name, and another
    assert await recordings.listed_reads(lab, other, "paper", after=0, limit=10) == []


async def test_a_scoped_token_has_only_the_recordings_that_it_began(lab: Engine) -> None:
    ann, _ = await make_caller(lab, "ann")
    await users.grant_role(lab, ME, "ann", Role.OWNER, named(""))
    scoped, _ = await new_token(lab, "ann", [(Role.VIEWER, named("Subject"))])
    await recordings.create(lab, ann, "paper")
    await keep(lab, ann, "paper")
    assert await recordings.listed(lab, scoped) == []
    for work in (
        recordings.listed_reads(lab, scoped, "paper", after=0, limit=10),
        keep(lab, scoped, "paper"),
        recordings.delete(lab, scoped, "paper"),
    ):
        with pytest.raises(NotFound, match="You have no recording `paper`"):
            await work
    with pytest.raises(AlreadyExists, match="choose another name"):
        await recordings.create(lab, scoped, "paper")
    # Its own are its user's too, who takes them over to go on with them.
    await recordings.create(lab, scoped, "poster")
    await keep(lab, scoped, "poster")
    assert [one.name for one in await recordings.listed(lab, scoped)] == ["poster"]
    assert [one.name for one in await recordings.listed(lab, ann)] == ["paper", "poster"]
    assert len(await recordings.listed_reads(lab, ann, "poster", after=0, limit=10)) == 1
    with pytest.raises(NotFound):
        await keep(lab, ann, "poster")
    await recordings.create(lab, ann, "poster")
    await keep(lab, ann, "poster")
    assert await recordings.listed(lab, scoped) == []


async def test_rows_that_a_user_may_not_read_any_more_are_not_compared(lab: Engine) -> None:
    caller, _ = await make_caller(lab, "ben")
    await keep(lab, ME, "paper")
    (read,) = await recordings.listed_reads(lab, ME, "paper", after=0, limit=10)
    assert await recordings.present_digest(lab, caller, read) is None


async def test_recording_is_bounded(lab: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "MAX_READS", 1)
    await keep(lab, ME, "paper")
    await keep(lab, ME, "paper")
    with pytest.raises(LimitReached, match="at most 1 different reads"):
        await keep(lab, ME, "paper", kind="exists")
    monkeypatch.setattr(recordings, "MAX_READS", 10)
    monkeypatch.setattr(recordings, "MAX_BYTES", 1)
    await keep(lab, ME, "paper")
    with pytest.raises(LimitReached, match="conditions; begin another one"):
        await keep(lab, ME, "paper", kind="exists")
    monkeypatch.setattr(recordings, "MAX_RECORDINGS", 1)
    await recordings.create(lab, ME, "paper")
    with pytest.raises(LimitReached, match="You have 1 recordings"):
        await recordings.create(lab, ME, "other")


async def test_read_is_kept_by_few_recordings(lab: Engine) -> None:
    with pytest.raises(LimitReached, match="At most 16 recordings"):
        await keep(lab, ME, *(f"r{number}" for number in range(17)))


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "a/b", "ü"])
async def test_name_is_short_and_plain(lab: Engine, name: str) -> None:
    with pytest.raises(InvalidRequest, match="1 to 64 letters"):
        await recordings.create(lab, ME, name)
