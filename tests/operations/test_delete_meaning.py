"""A delete takes the same rows on random pipelines as a plain search along the references."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import pytest

from levada_server import errors
from levada_server.model.table import PartIntegrity, Tier
from levada_server.operations import deletes, jobs
from levada_server.query.algebra import Equalities, Restrict, TableOperand
from levada_server.storage.deletion import deletion
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada_server.operations.context import Engine

Row = dict[str, object]
TABLES = 7
ROWS = 20


@dataclass
class RandomTable:
    """A table, its references as (parent, pairs of names), and its rows."""

    name: str
    key: list[str]
    references: list[tuple[RandomTable, list[tuple[str, str]]]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    definition: str = ""

    @property
    def master(self) -> str | None:
        return self.name.rpartition(".")[0] or None

    def parents_of(self, row: Row) -> Iterator[tuple[RandomTable, Row]]:
        for parent, pairs in self.references:
            for candidate in parent.rows:
                if all(row[own] == candidate[other] for own, other in pairs):
                    yield parent, candidate


def random_tables(chance: Random) -> list[RandomTable]:
    """Make tables that refer to earlier ones, some of them parts, and rows that fit."""
    tables: list[RandomTable] = []
    for number in range(TABLES):
        masters = [t for t in tables if t.master is None]
        part = bool(masters) and chance.random() < 0.35
        master = chance.choice(masters) if part else None
        table = RandomTable(f"{master.name}.P{number}" if master else f"T{number}", [])
        above: list[str] = []
        below: list[str] = []
        if master is not None:
            above.append("-> master")
            table.key += master.key
            table.references.append((master, [(name, name) for name in master.key]))
        for position in range(chance.randint(0, 2) if tables else 0):
            parent = chance.choice(tables)
            pairs = [(f"r{number}_{position}_{i}", name) for i, name in enumerate(parent.key)]
            renames = ", ".join(f"{new}='{old}'" for new, old in pairs)
            primary = chance.random() < 0.5 and len(table.key) + len(parent.key) < 12
            option = "" if primary else "[nullable] "
            (above if primary else below).append(f"-> {option}{parent.name}.proj({renames})")
            table.key += [new for new, _ in pairs] if primary else []
            table.references.append((parent, pairs))
        above.append(f"t{number} : int32")
        table.key.append(f"t{number}")
        table.definition = "\n".join([*above, *(["---"] if below else []), *below]) + "\n"
        table.rows = [row for i in range(ROWS) if (row := random_row(chance, table, f"t{number}", i)) is not None]
        tables.append(table)
    return tables


def random_row(chance: Random, table: RandomTable, own: str, number: int) -> Row | None:
    row: Row = {own: number}
    for parent, pairs in table.references:
        nullable = pairs[0][0] not in table.key
        chosen = None if nullable and chance.random() < 0.3 else chance.choice([*parent.rows, None])
        if chosen is None and not nullable:
            return None
        row |= {new: None if chosen is None else chosen[old] for new, old in pairs}
    return row


Going = dict[str, list[Row]]


def closure(tables: list[RandomTable], going: Going) -> Going:
    """Add the rows that depend on the deleted rows, however indirectly."""
    going = {name: list(found) for name, found in going.items()}
    for table in tables:
        taken = going.setdefault(table.name, [])
        for row in table.rows:
            if row not in taken and any(p in going[parent.name] for parent, p in table.parents_of(row)):
                taken.append(row)
    return going


def masters_of(tables: list[RandomTable], going: Going) -> Iterator[tuple[str, Row]]:
    """Return the masters that stay although one of their parts is deleted."""
    for table in tables:
        for row in going[table.name] if table.master else ():
            for parent, candidate in table.parents_of(row):
                own = parent.name == table.master and all(row[n] == candidate[n] for n in parent.key)
                if own and candidate not in going[parent.name]:
                    yield parent.name, candidate


@pytest.mark.parametrize("most_at_once", [deletion.MAX_TABLES_AT_ONCE, 0], ids=["at once", "step by step"])
@pytest.mark.parametrize("seed", range(5))
async def test_a_delete_takes_what_depends_on_the_rows(
    engine: Engine, seed: int, most_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "MAX_TABLES_AT_ONCE", most_at_once)
    chance = Random(seed)
    tables = random_tables(chance)
    for table in tables:
        tier = Tier.PART if table.master else Tier.MANUAL
        await make.make_table(engine, table.name, table.definition, tier)
        if table.rows:
            await make.insert(engine, table.name, table.rows)
    for _ in range(8):
        if not (filled := [t for t in tables if t.rows]):
            break
        root = chance.choice(filled)
        own = root.key[-1]
        numbers = chance.sample([row[own] for row in root.rows], min(2, len(root.rows)))
        integrity = chance.choice(list(PartIntegrity))
        going = closure(tables, {root.name: [row for row in root.rows if row[own] in numbers]})
        relation = Restrict(TableOperand(named(root.name)), Equalities(((own, tuple(numbers)),)))
        strays = list(masters_of(tables, going))
        if integrity is PartIntegrity.ENFORCE and strays:
            with pytest.raises(errors.HasChildren, match="without its master"):
                await deletes.plan_delete(engine, ME, relation, integrity)
            continue
        while integrity is PartIntegrity.CASCADE and (strays := list(masters_of(tables, going))):
            for name, row in strays:
                going[name] += [row] if row not in going[name] else []
            going = closure(tables, going)
        plan = await deletes.plan_delete(engine, ME, relation, integrity)
        assert dict(plan.counts) == {named(name): len(found) for name, found in going.items() if found}
        await deletes.delete(engine, ME, relation, integrity, digest=plan.digest, quick=False)
        for table in tables:
            table.rows = [row for row in table.rows if row not in going[table.name]]
            found = await make.fetch(engine, table.name)
            assert sorted(map(repr, ({n: row.get(n) for n in sorted(row)} for row in found))) == sorted(
                map(repr, ({n: row.get(n) for n in sorted(row)} for row in table.rows))
            ), table.name


@pytest.mark.parametrize("most_at_once", [deletion.MAX_TABLES_AT_ONCE, 0], ids=["at once", "step by step"])
async def test_jobs_follow_what_a_delete_takes(
    engine: Engine, most_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "MAX_TABLES_AT_ONCE", most_at_once)
    await make.make_table(engine, "Session", "session : int32\n")
    await make.make_table(engine, "Unit", "-> Session\nunit : int32\n", Tier.COMPUTED)
    await make.make_table(engine, "Rate", "-> Unit\n", Tier.COMPUTED)
    await make.insert(engine, "Session", [{"session": number} for number in range(4)])
    session = await make.make_session(engine)
    units = [{"unit": 1}, {"unit": 2}]
    await make.refresh(engine, "Unit")
    for lease in await make.reserve(engine, session, "Unit", 4):
        await make.complete(engine, lease, {"Unit": [{**dict(lease.key), **unit} for unit in units]})
    await make.refresh(engine, "Rate")
    for lease in await make.reserve(engine, session, "Rate", 8):
        await make.complete(engine, lease, {"Rate": [dict(lease.key)]})

    async def delete(table: str, **key: int) -> None:
        relation = Restrict(TableOperand(named(table)), Equalities(tuple(key.items())))
        await deletes.delete(engine, ME, relation, PartIntegrity.ENFORCE, digest="", quick=False)

    async def states(table: str) -> dict[int, list[str]]:
        _, found = await jobs.list_jobs(engine, ME, named(table), [], after=0, limit=100)
        result: dict[int, list[str]] = {}
        for row in sorted(found, key=lambda row: int(row["_job_id"])):
            result.setdefault(row["session"], []).append(row["_state"])
        return result

    await delete("Unit", session=0, unit=1)  # something is left of the result of its job
    await delete("Unit", session=1)  # nothing is
    await delete("Session", session=2)  # nothing is left to compute
    await delete("Rate", session=3, unit=2)
    assert await states("Unit") == {0: ["success"], 1: ["pending"], 3: ["success"]}
    assert {number: sorted(found) for number, found in (await states("Rate")).items()} == {
        0: ["success"],
        3: ["pending", "success"],
    }
