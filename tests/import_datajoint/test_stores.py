"""The stores of DataJoint in a plan: each is asked for once, with a line of TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from levada._from_datajoint.decisions import Decisions, StorePlace
from levada._from_datajoint.facts import MYSQL, POSTGRESQL, Column, Database, Place, StoredTable
from levada._from_datajoint.planning import make_plan

if TYPE_CHECKING:
    from levada._from_datajoint.plan import Plan

TESTS = (
    "levada._from_datajoint.decisions",
    "levada._from_datajoint.facts",
    "levada._from_datajoint.plan",
    "levada._from_datajoint.planning",
)


def planned(dialect: str, *types: str, stores: dict[str, StorePlace] | None = None) -> Plan:
    """Plan a table with a column for each type that DataJoint wrote into a comment."""
    columns = [Column(f"c{place}", "binary(16)", False, comment=f":{type_}:") for place, type_ in enumerate(types)]
    key = Column("n", "integer", False)
    table = StoredTable(Place("lab", "files"), False, "", (key, *columns), ("n",))
    database = Database(dialect, "", "", ("lab",), (table,))
    return make_plan(database, Decisions(stores=stores or {}), {}, {"main": Path("/nowhere")})


def test_a_store_of_blobs_and_of_files_that_stay_is_asked_for_once() -> None:
    for types in (("blob@raw", "filepath@raw"), ("filepath@raw", "blob@raw")):
        plan = planned(MYSQL, *types)
        (problem,) = plan.problems
        assert "the store 'raw', and its files stay there" in problem
        assert "If none has it: add these lines to the server's stores.toml" in problem
        assert tomllib.loads(problem[problem.index("\n[") :])["stores"]["raw"]["register"] == {"*": [""]}
        assert tomllib.loads("\n".join(store.line for store in plan.open_stores)) == {
            "raw": {"folder": "…", "to": "raw"}
        }


def test_the_default_store_has_a_line_of_its_own() -> None:
    plan = planned(POSTGRESQL, "<blob@>", "<attach@>")
    (problem,) = plan.problems
    assert "the content of the default store, and" in problem
    assert tomllib.loads("\n".join(store.line for store in plan.open_stores)) == {"": {"folder": "…", "to": "main"}}
    assert "the default store" in plan.open_stores[0].line
    assert planned(POSTGRESQL, "<blob@>", stores={"": StorePlace("/", "main")}).problems == ()


def test_files_of_the_default_store_get_a_store_with_a_name() -> None:
    plan = planned(POSTGRESQL, "<filepath@>", stores={"": StorePlace("/", "main")})
    (problem,) = plan.problems
    assert "Files of the default store stay where they are" in problem
    assert 'write `to = "datajoint"` into the file of decisions:\n[stores.datajoint]\n' in problem
