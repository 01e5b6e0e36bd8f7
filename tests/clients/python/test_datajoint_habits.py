"""Habits of code that was written for DataJoint."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import levada as lv
from tests.support.processes import Worker

if TYPE_CHECKING:
    from pathlib import Path


def test_a_key_with_nanoseconds_is_found_by_itself(connection: lv.Connection) -> None:
    schema = lv.Schema("pulses", connection=connection)

    @schema
    class Pulse(lv.Manual):
        definition = "at : datetime(6)"

    moment = pd.Timestamp("2026-01-02 03:04:05.123456789")
    with pytest.warns(lv.LevadaWarning, match="Nanoseconds were rounded"):
        Pulse.insert(pd.DataFrame({"at": [moment]}))
    assert Pulse.fetch1("at") == dt.datetime(2026, 1, 2, 3, 4, 5, 123457)
    for key in ({"at": moment}, {"at": moment.to_datetime64()}, [{"at": moment}], pd.DataFrame({"at": [moment]})):
        with pytest.warns(lv.LevadaWarning, match="Nanoseconds were rounded"):
            assert len(Pulse & key) == 1


def test_columns_with_nanoseconds_are_rounded(connection: lv.Connection) -> None:
    schema = lv.Schema("ticks", connection=connection)

    @schema
    class Tick(lv.Manual):
        definition = """
        tick : int
        ---
        at : datetime(6)
        zoned : timestamptz
        clock = null : time
        """

    def table(*ticks: int) -> pa.Table:
        count = len(ticks)
        return pa.table(
            {
                "tick": ticks,
                "at": pa.array([1_500] * count, pa.timestamp("ns")),
                "zoned": pa.array([2_499] * count, pa.timestamp("ns", "UTC")),
                "clock": pa.array([3_999, None][:count], pa.time64("ns")),
            }
        )

    for rows in (table(1, 2), pl.from_arrow(table(3, 4)), table(5).drop(["clock"]).to_pandas()):
        with pytest.warns(lv.LevadaWarning, match="Nanoseconds were rounded"):
            Tick.insert(rows)
    moment, clock = dt.datetime(1970, 1, 1, 0, 0, 0, 2), dt.time(0, 0, 0, 4)
    assert Tick.fetch("at").tolist() == [moment] * 5
    assert Tick.fetch("zoned").tolist() == [moment.replace(tzinfo=dt.UTC)] * 5
    assert Tick.fetch("clock", order_by="tick").tolist() == [clock, None, clock, None, None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = pa.array([1_000], pa.timestamp("ns"))
        Tick.insert(pa.table({"tick": [6], "at": whole, "zoned": whole}))


def test_a_definition_is_read_from_an_instance(connection: lv.Connection) -> None:
    schema = lv.Schema("models", connection=connection)

    class Model(lv.Manual):
        count = 1

        @property
        def definition(self) -> str:  # type: ignore[override]  # as older code has it
            return "\n".join([*(f"key_{number} : int" for number in range(self.count)), "---"])

    class Pair(Model):
        count = 2

    class Named(lv.Manual):
        definition = "It is set below."

        def __init__(self) -> None:
            self.definition = "name : varchar(9)"
            super().__init__()

    schema(Pair)
    schema(Named)
    assert (Pair.primary_key, Named.primary_key) == (["key_0", "key_1"], ["name"])
    assert "key_1 : int" in (Pair.__doc__ or "")
    Pair.count = 3
    with pytest.raises(lv.errors.LevadaError, match="key"):
        Pair.alter(prompt=False)
    Pair.count = 2
    assert not Pair.alter(prompt=False)

    class Wrong(lv.Manual):
        definition = 5  # type: ignore[assignment]  # as a slip

    with pytest.raises(lv.errors.InvalidDefinition, match="definition of `Wrong` must be text, not 5"):
        schema(Wrong)


def test_a_class_without_a_definition_is_that_of_the_existing_table(
    connection: lv.Connection, lab: lv.VirtualModule
) -> None:
    class Note(lv.Part):
        definition = "-> Session\n---\nnote : varchar(9)"

    again: Any = type("Session", (lv.Manual,), {"Note": Note})
    lab.schema(again, context={"Session": again})
    assert again.primary_key == ["subject_id", "session"]
    assert len(again()) == 3
    assert "session__note" in lab.schema.list_tables()

    with pytest.raises(lv.errors.InvalidDefinition, match="`Absent` has no definition, and no such table exists"):
        lab.schema(type("Absent", (lv.Manual,), {}))


def test_an_instance_may_be_older_than_its_declaration(connection: lv.Connection) -> None:
    schema = lv.Schema(connection=connection)

    @schema
    class Subject(lv.Lookup):
        definition = "subject : int"
        contents = ((1,), (2,))

    subjects = Subject()
    with pytest.raises(lv.errors.InvalidRequest, match="does not belong to a schema yet"):
        len(subjects)
    schema.activate("older_instances")
    assert len(subjects) == 2
    assert len(subjects & {"subject": 1}) == 1


def test_a_schema_that_is_gone_needs_no_drop(connection: lv.Connection) -> None:
    schema, other = (lv.Schema("passing", connection=connection) for _ in range(2))
    schema.drop(prompt=False)
    with pytest.warns(lv.LevadaWarning, match="no schema `passing`; nothing was dropped"):
        other.drop(prompt=False)


def test_names_of_schemas_are_in_small_letters(connection: lv.Connection) -> None:
    with pytest.warns(lv.LevadaWarning, match="`Lab_Mice` is `lab_mice`"):
        schema = lv.Schema("Lab_Mice", connection=connection)

    @schema
    class Mouse(lv.Lookup):
        definition = "mouse : int"
        contents = ((1,),)

    assert schema.database == "lab_mice"
    with pytest.warns(lv.LevadaWarning, match="`Lab_Mice` is `lab_mice`"):
        assert len(lv.FreeTable(connection, "`Lab_Mice`.`mouse`")) == 1


_ELEMENT = """
import importlib
import inspect

import levada as lv

schema = lv.Schema()
_linking_module = None

def activate(schema_name, *, create_schema=True, linking_module=None):
    global _linking_module
    if isinstance(linking_module, str):
        linking_module = importlib.import_module(linking_module)
    assert inspect.ismodule(linking_module)
    _linking_module = linking_module
    _activate(schema_name, create_schema, linking_module.__dict__)

def _activate(schema_name, create_schema, objects):
    schema.activate(schema_name, create_schema=create_schema, add_objects=objects)

@schema
class Doubled(lv.Computed):
    definition = '''
    -> Number
    ---
    doubled : int
    '''

    def make(self, key):
        self.insert1({**key, "doubled": _linking_module.double(key["number"])})
"""

_LINKING = """
import levada as lv

schema = lv.Schema()

def activate(name):
    schema.activate(name)

@schema
class Number(lv.Lookup):
    definition = "number : int"
    contents = [(1,), (2,), (3,)]

def double(number):
    return 2 * number
"""


_BY_PROCESSES = """
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

import element
import levada as lv
import linked

if __name__ == "__main__":
    linking, processes = sys.argv[1:]
    linked.activate(f"linked_{linking}_{processes}")
    element.activate(f"element_{linking}_{processes}", linking_module=linked if linking == "module" else "linked")
    if processes == "crew":
        result = element.Doubled.populate(processes=2)
    else:
        with ProcessPoolExecutor(1, multiprocessing.get_context(processes)) as engine:
            result = element.Doubled.populate(engine=engine)
    assert result["success_count"] == 3, result
    assert sorted(element.Doubled.to_arrays("doubled").tolist()) == [2, 4, 6]
"""


@pytest.mark.parametrize("linking", ["module", "name"])
@pytest.mark.parametrize("processes", ["crew", "spawn", "fork"])
def test_processes_activate_schemas_by_the_same_functions(
    server_address: str, tmp_path: Path, linking: str, processes: str
) -> None:
    # A process of its own: the one of the tests, in which the server has threads, must not be forked.
    for name, source in {"element": _ELEMENT, "linked": _LINKING, "program": _BY_PROCESSES}.items():
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "program.py", linking, processes],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "LEVADA_URL": server_address},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


_WORKFLOW = """
import element_of_worker as element
import linking_of_worker as linking

linking.activate("linked_of_worker")
element.activate("element_of_worker", linking_module="linking_of_worker")
"""


def test_a_worker_computes_tables_whose_schemas_its_module_activates(server_address: str, tmp_path: Path) -> None:
    sources = {"element_of_worker": _ELEMENT, "linking_of_worker": _LINKING, "workflow": _WORKFLOW}
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    with Worker(tmp_path, server_address, "--drain", module="workflow") as worker:
        code, said = worker.end()
    assert code == 0, said
    with lv.connect(server_address) as connection:
        doubled = lv.FreeTable(connection, "element_of_worker.Doubled")
        assert sorted(doubled.to_arrays("doubled").tolist()) == [2, 4, 6]
