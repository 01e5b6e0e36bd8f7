"""The gate learns the caller, the action and the tables of every operation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from levada_server.model.table import PartIntegrity, Tier
from levada_server.operations import deletes, inserts, schemas, updates
from levada_server.operations.access.gate import Gate, View
from levada_server.operations.inserts import InsertOptions
from levada_server.permissions.rights import Rights
from levada_server.permissions.roles import Action
from levada_server.query.algebra import Equalities, JobOperand, Join, Match, Restrict, TableOperand
from levada_server.rpc.decoding.relations import stored_relation
from levada_server.storage.catalog.cache import CatalogCache
from levada_server.storage.postgres.database import Database
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from levada_server.model.table import Table
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine


class WatchedGate(Gate):
    """A gate of callers who may do everything, as long as they are asked."""

    asked: set[tuple[str, Action, str]]

    def rights(self, caller: Caller) -> Rights:
        return Rights(frozenset(Action), prefixes=("",))


@pytest.fixture
async def lab(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Subjects with sessions, behind a recording gate."""
    assert isinstance(engine.scope, Database)
    gate = WatchedGate(CatalogCache(engine.scope), engine.gate.permissions, stored_relation)
    gate.asked = set()
    may = View.may

    def watched(view: View, action: Action, table: Table) -> bool:
        gate.asked.add((view.caller.identity.user, action, str(table.name)))
        return may(view, action, table)

    monkeypatch.setattr(View, "may", watched)
    engine = replace(engine, gate=gate)
    await make.make_table(engine, "Subject", "subject : int32\n---\nname = '' : varchar(8)\n")
    await make.make_table(engine, "Session", "-> Subject\nsession : int32\n")
    await make.insert(engine, "Subject", [{"subject": 1}, {"subject": 2}])
    await make.insert(engine, "Session", [{"subject": 1, "session": 1}])
    gate.asked.clear()
    return engine


def asked(engine: Engine) -> set[tuple[Action, str]]:
    """Return the questions that the gate got for `ME`."""
    assert isinstance(engine.gate, WatchedGate)
    return {(action, name) for user, action, name in engine.gate.asked if user == ME.identity.user}


async def test_all_tables_of_a_query_are_asked_for_its_conditions_included(lab: Engine) -> None:
    relation = Restrict(TableOperand(named("Subject")), Match(TableOperand(named("Session"))))
    assert await (await make.query(lab, relation)).count(lab.scope) == 1
    assert asked(lab) == {(Action.FETCH, "lab.Subject"), (Action.FETCH, "lab.Session")}


async def test_a_query_that_was_compiled_before_is_asked_for_again(lab: Engine) -> None:
    for _ in range(2):
        await make.query(lab, Join(TableOperand(named("Subject")), TableOperand(named("Session"))))
        assert asked(lab) == {(Action.FETCH, "lab.Subject"), (Action.FETCH, "lab.Session")}
        assert isinstance(lab.gate, WatchedGate)
        lab.gate.asked.clear()


async def test_the_jobs_of_a_table_are_asked_for_as_the_table(lab: Engine) -> None:
    await make.make_table(lab, "Stat", "-> Session\n---\nrate : int32\n", Tier.COMPUTED)
    await make.query(lab, JobOperand(named("Stat")))
    assert (Action.FETCH, "lab.Stat") in asked(lab)


async def test_an_insert_of_a_relation_reads_one_table_and_changes_another(lab: Engine) -> None:
    await make.make_table(lab, "Copy", "subject : int32\n---\nname = '' : varchar(8)\n")
    source = TableOperand(named("Subject"))
    assert await inserts.insert_relation(lab, ME, named("Copy"), source, InsertOptions()) == 2
    assert {(Action.FETCH, "lab.Subject"), (Action.INSERT, "lab.Copy")} <= asked(lab)


async def test_replacing_rows_is_an_update(lab: Engine) -> None:
    source = TableOperand(named("Subject"))
    await inserts.insert_relation(lab, ME, named("Subject"), source, InsertOptions(replace=True))
    await updates.update(lab, ME, named("Subject"), {"subject": 1, "name": "a"})
    assert asked(lab) == {(Action.FETCH, "lab.Subject"), (Action.UPDATE, "lab.Subject")}


async def test_a_delete_asks_for_what_its_cascade_takes(lab: Engine) -> None:
    chosen = Restrict(TableOperand(named("Subject")), Equalities((("subject", 1),)))
    await deletes.delete(lab, ME, chosen, PartIntegrity.ENFORCE, digest="", quick=False)
    assert {(Action.DELETE, "lab.Subject"), (Action.DELETE, "lab.Session")} <= asked(lab)


async def test_a_drop_asks_for_what_it_takes_along(lab: Engine) -> None:
    await schemas.plan_drop(lab, ME, [named("Subject")])
    assert asked(lab) == {(Action.DROP, "lab.Subject"), (Action.DROP, "lab.Session")}
