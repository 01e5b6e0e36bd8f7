"""Which results are still true: no change of an input is missed, whoever makes it when, and nothing leaks."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from levada_api.v1 import relation_pb2 as pb
from levada_api.v1 import schema_pb2, value_pb2
from levada_server.jobs.signing import lease_content
from levada_server.model.table import Ownership, TableName, Tier
from levada_server.operations import alteration, jobs, queries, schemas, users
from levada_server.operations.alteration import WantedTable
from levada_server.operations.completion import results
from levada_server.operations.make_contract import Repeatable, begin_read
from levada_server.operations.shared_refreshes import Refreshes
from levada_server.operations.staleness import compare_inputs
from levada_server.permissions.roles import Action, Role
from levada_server.query.algebra import StalenessOperand
from levada_server.query.ddl import qualified
from levada_server.rpc.decoding.read_shapes import stored_inputs
from levada_server.rpc.decoding.relation_shape import asked_relation
from levada_server.storage.backup.snapshot import make_independent
from levada_server.storage.jobs import comparison
from levada_server.storage.jobs.inputs import NOT_REPEATABLE
from levada_server.storage.postgres.scope import OpenTransaction
from tests.operations.test_users import calling
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from levada_server.jobs.lease import Lease
    from levada_server.model.table import Table
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.storage.jobs.inputs import Inputs
    from levada_server.storage.postgres.database import Connection

SUBJECTS = 6
CODE = "sha256:first"


@pytest.fixture
async def lab(engine: Engine) -> Engine:
    """Subjects with weights, and a table computed from them."""
    await make.make_table(engine, "Subject", "subject : int32\n---\nweight = 0 : int32\nname = '' : varchar(8)\n")
    await make.make_table(engine, "Stat", "-> Subject\n---\nrate : int32\n", Tier.COMPUTED)
    await make.insert(engine, "Subject", [{"subject": number} for number in range(SUBJECTS)])
    return engine


def table(name: str) -> pb.RelationNode:
    return pb.RelationNode(table=pb.TableOperand(name=schema_pb2.TableName(schema="lab", table=name)))


def subject(number: int) -> pb.Relation:
    entry = value_pb2.AttributeValue(name="subject", value=value_pb2.Value(integer=number))
    return pb.Relation(
        nodes=[table("Subject"), pb.RelationNode(restrict=pb.Restrict(operand=0, condition=0))],
        conditions=[pb.Condition(mapping=pb.Mapping(entries=[entry]))],
    )


async def read(engine: Engine, lease: Lease, message: pb.Relation, kind: str = "rows", caller: Caller = ME) -> Inputs:
    """Read as a `make` does; return what is stored of it."""
    who = replace(caller, job=lease_content(lease))
    asked = asked_relation("relation", message)
    readable = await queries.compile_query(engine, who, Action.FETCH, asked)
    names = readable.heading.names if kind == "rows" else ()
    repeatable = Repeatable(message.SerializeToString(deterministic=True), kind, names)
    reading = await begin_read(engine, who, await asked.relation(), b"", repeatable)
    answers = {"rows": readable.digest, "count": readable.count, "exists": readable.exists}
    reading.take_digest(str(await answers[kind](engine.scope)))
    return stored_inputs([engine.signer.read_receipt(reading.receipt(), lease.token)])


async def leases_of(engine: Engine, name: str = "Stat") -> dict[int, Lease]:
    await make.refresh(engine, name)
    leases = await make.reserve(engine, await make.make_session(engine), name, SUBJECTS)
    return {int(str(dict(lease.key)["subject"])): lease for lease in leases}


async def complete(engine: Engine, lease: Lease, inputs: Inputs, rows: Mapping[str, object] | None = None) -> None:
    own = lease.table.table
    job = make.completed(lease, {own: [{**dict(lease.key), **(rows or {"rate": 1})}]})
    (error,) = (await results.complete(engine, ME, [job._replace(reads=inputs, code_version=CODE)])).outcomes
    assert error is None


async def computed(engine: Engine, message: Callable[[int], pb.Relation] = subject, kind: str = "rows") -> None:
    """Compute all results, each from what a relation gives for its subject."""
    for number, lease in (await leases_of(engine)).items():
        await complete(engine, lease, await read(engine, lease, message(number), kind))


async def verdicts(engine: Engine, name: str = "Stat", caller: Caller = ME, code: str = CODE) -> dict[int, str]:
    """Return the state and reason of each result."""
    relation = StalenessOperand(named(name), ((named("Stat"), code), (named(name), code)))
    view = await engine.gate.open(caller)
    await compare_inputs(engine, view, relation)
    rows = await (await view.query(Action.FETCH, relation)).rows(engine.scope)
    return {row["subject"]: f"{row['state']} {row['reason']}".strip() for row in rows}


async def stale(engine: Engine) -> set[int]:
    return {number for number, told in (await verdicts(engine)).items() if told.startswith("stale")}


async def weigh(engine: Engine, number: int, weight: int) -> None:
    await make.insert(engine, "Subject", [{"subject": number, "weight": weight}], replace=True)


async def test_only_results_of_changed_rows_are_stale(lab: Engine) -> None:
    await computed(lab)
    assert await verdicts(lab) == dict.fromkeys(range(SUBJECTS), "fresh")
    await weigh(lab, 2, 5)
    assert await stale(lab) == {2}
    assert (await verdicts(lab))[2] == "stale changed input: lab.Subject"
    await weigh(lab, 2, 0)
    assert await stale(lab) == set()


async def test_what_is_known_is_told_without_reading_an_input_again(lab: Engine) -> None:
    async def known() -> set[int]:
        relation = StalenessOperand(named("Stat"), ((named("Stat"), CODE),), known_only=True)
        view = await lab.gate.open(ME)
        await compare_inputs(lab, view, relation)
        rows = await (await view.query(Action.FETCH, relation)).rows(lab.scope)
        return {row["subject"] for row in rows if row["state"] == "stale"}

    await computed(lab)
    await weigh(lab, 2, 5)
    assert await known() == set()
    assert await stale(lab) == {2}
    assert await known() == {2}


async def test_progress_counts_them_on_request(lab: Engine) -> None:
    await computed(lab)
    await weigh(lab, 2, 5)
    assert (await jobs.progress(lab, ME, named("Stat"), None)).stale is None
    assert (await jobs.progress(lab, ME, named("Stat"), None, count_stale=True)).stale == 1


@pytest.mark.parametrize("kind", ["rows", "count", "exists"])
async def test_added_and_removed_rows_count(lab: Engine, kind: str) -> None:
    await make.make_table(lab, "Trial", "-> Subject\ntrial : int32\n")
    await make.insert(lab, "Trial", [{"subject": number, "trial": 1} for number in (0, 1)])

    def trials(number: int) -> pb.Relation:
        relation = subject(number)
        relation.nodes[0].table.name.table = "Trial"
        return relation

    await computed(lab, trials, kind)
    await make.insert(lab, "Trial", [{"subject": number, "trial": 2} for number in (1, 2)])
    async with lab.scope.connection() as connection:
        await connection.execute("DELETE FROM lab.trial WHERE subject = 0")
    assert await stale(lab) == ({0, 2} if kind == "exists" else {0, 1, 2})


async def test_a_change_is_seen_whenever_its_transaction_commits(lab: Engine) -> None:
    """It runs while jobs are reserved, while they read, and while somebody compares."""
    leases = await leases_of(lab)
    async with lab.scope.connection() as connection:
        changing = connection.transaction()
        await changing.start()
        await connection.execute("UPDATE lab.subject SET weight = 7 WHERE subject = 1")
        for number, lease in leases.items():
            await complete(lab, lease, await read(lab, lease, subject(number)))
        assert await stale(lab) == set()
        await changing.commit()
    assert await stale(lab) == {1}
    assert await stale(lab) == {1}, "the verdict stays"


async def test_a_change_between_read_and_commit_is_seen(lab: Engine) -> None:
    leases = await leases_of(lab)
    inputs = {number: await read(lab, lease, subject(number)) for number, lease in leases.items()}
    await weigh(lab, 4, 1)
    for number, lease in leases.items():
        await complete(lab, lease, inputs[number])
    assert await stale(lab) == {4}


async def test_no_change_is_missed_beside_writers_and_other_readers(lab: Engine) -> None:
    await computed(lab)
    weights = dict.fromkeys(range(SUBJECTS), 0)
    source = random.Random(7)

    async def write(number: int) -> None:
        while not done.is_set():
            weight = source.randrange(2)
            async with lab.scope.transaction() as connection:
                await connection.execute("UPDATE lab.subject SET weight = $2 WHERE subject = $1", number, weight)
                if source.random() < 0.5:
                    await connection.execute("SELECT pg_sleep(0.001)")  # others commit meanwhile
            weights[number] = weight

    async def look() -> None:
        for _ in range(10):
            await stale(lab)

    done = asyncio.Event()
    writing = [asyncio.create_task(write(number)) for number in range(SUBJECTS)]
    await asyncio.gather(look(), look())
    done.set()
    await asyncio.gather(*writing)
    assert await stale(lab) == {number for number, weight in weights.items() if weight}


async def test_only_results_with_a_later_change_are_read_again(lab: Engine) -> None:
    await computed(lab)
    stat = (await make.catalog(lab)).table(named("Stat"))
    async with lab.scope.connection() as connection:
        # Transactions of other tests may run, which keep the horizon back; this is as if none did.
        await connection.execute(f"UPDATE levada_jobs.t{stat.id} SET _horizon = pg_current_xact_id()")  # noqa: S608
    await make.make_table(lab, "Other", "other : int32\n")
    await make.insert(lab, "Other", [{"other": 1}])
    async with lab.scope.connection() as connection:
        assert await comparison.candidates(connection, stat, 0, SUBJECTS) == []
        await weigh(lab, 2, 5)
        assert len(await comparison.candidates(connection, stat, 0, SUBJECTS)) == SUBJECTS


async def test_merged_changes_keep_the_last_of_each_table(lab: Engine) -> None:
    for weight in range(5):
        await weigh(lab, 1, weight)
    last = (
        "SELECT table_id, max(xid::text::bigint) AS last FROM levada.table_change GROUP BY table_id ORDER BY table_id"
    )
    async with lab.scope.connection() as connection:
        before = await connection.fetch(last)
        await comparison.merge_changes(connection)
        assert await connection.fetch(last) == before


async def test_other_code_makes_stale_and_unknown_code_does_not(lab: Engine) -> None:
    await computed(lab)
    assert set((await verdicts(lab, code="sha256:second")).values()) == {"stale other code of lab.Stat"}
    relation = StalenessOperand(named("Stat"))
    rows = await (await make.query(lab, relation)).rows(lab.scope)
    assert {row["state"] for row in rows} == {"fresh"}, "the latest result says which code is current"


async def test_stale_results_reach_two_levels_down(lab: Engine) -> None:
    await make.make_table(lab, "Group", "grp : int32\n---\n-> [nullable] Stat\n")
    await make.make_table(lab, "Mean", "-> Stat\n---\nmean : int32\n", Tier.COMPUTED)
    await make.make_table(lab, "Report", "-> Mean\n---\nlength : int32\n", Tier.COMPUTED)
    await computed(lab)
    for name, attribute in (("Mean", "mean"), ("Report", "length")):
        for lease in (await leases_of(lab, name)).values():
            inputs = await read(lab, lease, pb.Relation(nodes=[table("Group")]))
            await complete(lab, lease, inputs, {attribute: 1})
    await weigh(lab, 3, 1)
    told = await verdicts(lab, "Report")
    assert told.pop(3) == "stale stale result upstream: lab.Stat"
    assert set(told.values()) == {"fresh"}


async def test_nobody_knows_of_rows_inserted_by_hand_or_imported(lab: Engine) -> None:
    await computed(lab)
    await make.insert(lab, "Subject", [{"subject": 10}])
    await make.insert(lab, "Stat", [{"subject": 10, "rate": 1}], allow_direct_insert=True)
    assert (await verdicts(lab))[10] == "unknown it was inserted by hand, not by its job"
    await make.make_table(lab, "Movie", "-> Subject\n---\nframes : int32\n", Tier.IMPORTED)
    lease = (await leases_of(lab, "Movie"))[1]
    await complete(lab, lease, await read(lab, lease, subject(1)), {"frames": 1})
    told = await verdicts(lab, "Movie")
    assert told[1] == "unknown its make reads data outside the database"
    await weigh(lab, 1, 1)
    assert (await verdicts(lab, "Movie"))[1] == "stale changed input: lab.Subject"


async def test_reads_that_cannot_be_repeated_are_unknown(lab: Engine) -> None:
    (first, one), (second, other), *_ = (await leases_of(lab)).items()
    await complete(lab, one, NOT_REPEATABLE)
    jobs_of = pb.RelationNode(job_table=pb.JobTable(name=schema_pb2.TableName(schema="lab", table="Stat")))
    inputs = await read(lab, other, pb.Relation(nodes=[jobs_of]))
    assert inputs.text == "[]", "the jobs of its own table do not count"
    await complete(lab, other, inputs)
    told = await verdicts(lab)
    assert (told[first].split()[0], told[second]) == ("unknown", "fresh")


async def test_a_make_without_reads_has_no_input_that_may_change(lab: Engine) -> None:
    assert stored_inputs([]).text == "[]"


async def test_renamed_tables_and_new_attributes_change_nothing(lab: Engine) -> None:
    await computed(lab)
    wanted = WantedTable(
        named("Subject"),
        "subject : int32\n---\nweight = 0 : int32\nname = '' : varchar(8)\nage = 0 : int32\n",
        {},
        new_name="Animal",
    )
    await alteration.alter_table(lab, ME, wanted, "")
    assert await stale(lab) == set()
    await make.make_table(lab, "Subject", "other : int32\n")
    await make.insert(lab, "Animal", [{"subject": 2, "weight": 9}], replace=True)
    assert (await verdicts(lab))[2] == "stale changed input: lab.Animal"


async def test_an_attribute_that_is_gone_is_a_change(lab: Engine) -> None:
    await computed(lab)
    wanted = WantedTable(named("Subject"), "subject : int32\n---\nweight = 0 : int32\n", {})
    await alteration.alter_table(lab, ME, wanted, "")
    assert await stale(lab) == set(range(SUBJECTS))


async def test_changes_count_when_they_are_committed(lab: Engine) -> None:
    """Also for the transaction that makes them."""
    await computed(lab)
    subjects = qualified((await make.catalog(lab)).table(named("Subject")).name)
    async with lab.scope.transaction() as connection:
        await connection.execute(f"UPDATE {subjects} SET weight = 3 WHERE subject = 5")  # noqa: S608
        assert await stale(lab) == set(), "nobody else sees them"
        assert await stale(replace(lab, scope=OpenTransaction(connection, lab.scope.outside))) == set()
    assert await stale(lab) == {5}


async def test_a_transaction_that_asked_keeps_nobody_waiting(lab: Engine) -> None:
    await computed(lab)
    await weigh(lab, 2, 5)
    async with lab.scope.transaction() as connection:
        assert await stale(replace(lab, scope=OpenTransaction(connection, lab.scope.outside))) == {2}
        await weigh(lab, 3, 5)
        assert await stale(lab) == {2, 3}


async def test_a_result_that_a_transaction_changes_keeps_its_verdict_meanwhile(lab: Engine) -> None:
    await computed(lab)
    stat = (await make.catalog(lab)).table(named("Stat"))
    async with lab.scope.transaction() as connection:
        await connection.execute(f"SELECT FROM levada_jobs.t{stat.id} WHERE subject = 2 FOR UPDATE")
        await weigh(lab, 2, 5)
        await weigh(lab, 3, 5)
        assert await stale(lab) == {3}
    assert await stale(lab) == {2, 3}


async def test_callers_at_the_same_time_share_a_comparison(lab: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    await computed(lab)
    await weigh(lab, 2, 5)
    looks = 0
    candidates = comparison.candidates

    async def counted(connection: Connection, table: Table, after: int, limit: int) -> list[comparison.Candidate]:
        nonlocal looks
        looks += 1
        return await candidates(connection, table, after, limit)

    monkeypatch.setattr(comparison, "candidates", counted)
    assert await asyncio.gather(*(stale(lab) for _ in range(30))) == [{2}] * 30
    assert looks <= 2, "one was running, and the next is for all who came meanwhile"


async def test_two_servers_do_not_undo_each_others_verdicts(lab: Engine) -> None:
    other = replace(lab, refreshes=Refreshes())
    await computed(lab)
    for weight in (1, 0, 2):
        await weigh(lab, 2, weight)
        found = await asyncio.gather(*(stale(engine) for engine in (lab, other) * 5))
        assert found == [{2} if weight else set()] * 10


async def test_an_undone_change_changes_nothing(lab: Engine) -> None:
    await computed(lab)
    with pytest.raises(ZeroDivisionError):
        async with lab.scope.transaction() as connection:
            await connection.execute("UPDATE lab.subject SET weight = 3 WHERE subject = 5")
            raise ZeroDivisionError
    assert await stale(lab) == set()


async def test_a_restored_database_compares_all_once_more(lab: Engine, database_url: str) -> None:
    await computed(lab)
    async with lab.scope.connection() as connection:  # as if the saved database had counted far more transactions
        stat = (await make.catalog(lab)).table(named("Stat"))
        await connection.execute(f"UPDATE levada_jobs.t{stat.id} SET _horizon = '900000000'")  # noqa: S608
    await weigh(lab, 1, 1)
    assert await stale(lab) == set()
    await make_independent(lab.scope, None)  # type: ignore[arg-type]  # the pool
    assert await stale(lab) == {1}


async def test_changes_of_hidden_tables_and_rows_do_not_leak(lab: Engine) -> None:
    await computed(lab)
    await users.create_user(lab, ME, "vera", (), administrator=False)
    await users.grant_role(lab, ME, "vera", Role.VIEWER, named("Stat"))
    vera = await calling(lab, "vera")
    before = await verdicts(lab, caller=vera)
    assert set(before.values()) == {"unknown its make read what you may not read"}
    await weigh(lab, 2, 5)
    await make.insert(lab, "Subject", [{"subject": 50}])
    assert await stale(lab) == {2}
    assert await verdicts(lab, caller=vera) == before
    await users.grant_role(lab, ME, "vera", Role.VIEWER, named("Subject"))
    assert (await verdicts(lab, caller=await calling(lab, "vera")))[2] == "stale changed input: lab.Subject"


async def test_rows_of_other_teams_do_not_leak(engine: Engine) -> None:
    await make.make_table(engine, "Subject", "subject : int32\n---\nteam : varchar(20)\nweight = 0 : int32\n")
    await make.make_table(engine, "Stat", "-> Subject\n---\nrate : int32\n", Tier.COMPUTED)
    await make.insert(engine, "Subject", [{"subject": n, "team": "ab"[n % 2]} for n in range(SUBJECTS)])
    callers = {}
    for name, team in (("anna", "a"), ("bea", "b")):
        await users.create_user(engine, ME, name, (), administrator=False)
        await users.grant_role(engine, ME, name, Role.EDITOR, TableName("lab", ""))
        await users.set_team(engine, ME, team, [name])
        callers[name] = await calling(engine, name)
    await schemas.set_ownership(engine, ME, named("Subject"), Ownership("team", hidden=True))
    anna, bea = callers["anna"], callers["bea"]
    for lease in (await leases_of(engine)).values():
        # Each result is computed from all subjects that anna's worker may read.
        await complete(engine, lease, await read(engine, lease, pb.Relation(nodes=[table("Subject")]), caller=anna))
    before = await verdicts(engine, caller=bea)
    assert set(before) == {1, 3, 5}, "only the results of the own team are seen"
    async with engine.scope.connection() as connection:
        await connection.execute("UPDATE lab.subject SET weight = 1 WHERE team = 'b'")
    assert await stale(engine) == set(), "the worker that read could not see these rows"
    async with engine.scope.connection() as connection:
        await connection.execute("UPDATE lab.subject SET weight = 1 WHERE team = 'a'")
    assert await stale(engine) == set(range(SUBJECTS))
    assert await verdicts(engine, caller=bea) == before
