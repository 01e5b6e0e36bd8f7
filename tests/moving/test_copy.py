"""`levada copy`: schemas on two real servers, with their own databases, stores and users."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest

import levada as lv
from levada._cli import main
from levada_api.v1 import schema_pb2, schema_service_pb2

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.moving.conftest import Lab

    Run: TypeAlias = Callable[..., tuple[int, Any]]

TESTS = ("levada._cli.main",)
ANIMAL = schema_pb2.TableName(schema="animals", table="Animal")


def stored(connection: lv.Connection, name: str) -> list[dict[str, Any]]:
    """Return the rows of a table by key, without what names the place of an object."""
    rows = lv.FreeTable(connection, name).to_arrow(order_by="KEY").to_pylist()
    places = ("id", "store", "path")
    return [
        {
            name: {field: one for field, one in value.items() if field not in places}
            if isinstance(value, dict) and "hash" in value
            else value
            for name, value in row.items()
        }
        for row in rows
    ]


def next_number(connection: lv.Connection) -> int:
    request = schema_service_pb2.DescribeTableRequest(name=ANIMAL, include_next_number=True)
    return connection.call("SchemaService/DescribeTable", request, schema_service_pb2.DescribeTableResponse).next_number


def test_a_copy_has_definitions_rows_objects_and_settings(laptop: Lab, other: Lab, levada: Run) -> None:
    (other.stores.folders["raw"] / "2026").mkdir()
    (other.stores.folders["raw"] / "2026" / "eye.avi").write_bytes(b"frames")
    code, told = levada("copy", "animals", "work", "--to", other.address, "--yes", "--url", laptop.address)
    assert (code, told["report"]["equal"]) == (0, True), told
    assert {one["table"]: (one["inserted"], one["objects"]) for one in told["report"]["tables"]} == {
        "animals.Animal": (2, 0),
        "animals.Litter": (2, 0),
        "work.Session": (2, 11),
        "work.Session.Trial": (4, 0),
        "work.Rate": (1, 0),
    }
    with laptop.connection as here, other.connection as there:
        for one in told["tables"]:
            name = one["table"]
            assert lv.FreeTable(there, name).describe() == lv.FreeTable(here, name).describe()
            mine, others = (lv.FreeTable(connection, name).heading for connection in (here, there))
            assert [a.lineage for a in mine.attributes.values()] == [a.lineage for a in others.attributes.values()]
            assert repr(stored(there, name)) == repr(stored(here, name))  # repr: NaN is not equal to itself
        row = (lv.FreeTable(there, "work.Session") & "session = 2").fetch1()
        assert np.array_equal(row["large"], np.arange(1000) * 2)
        assert (row["folder"] / "deep/b.bin").read_bytes() == bytes(range(256))
        work = lv.Schema("work", connection=there)
        assert (work.make_contract, work.confidential) == ("off", True)
        rate = there.describe_table(schema_pb2.TableName(schema="work", table="Rate")).table
        assert rate.retry_policy.max_attempts == 1


def test_exports_of_both_servers_have_equal_digests(laptop: Lab, other: Lab, levada: Run, tmp_path: Path) -> None:
    (other.stores.folders["raw"] / "2026").mkdir()
    (other.stores.folders["raw"] / "2026" / "eye.avi").write_bytes(b"frames")
    assert levada("copy", "animals", "work", "--to", other.address, "--yes", "--url", laptop.address)[0] == 0
    told = [
        levada("export", "animals", "work", "--to", tmp_path / name, "--url", lab.address)[1]["tables"]
        for name, lab in (("laptop-out", laptop), ("other-out", other))
    ]
    assert told[0] == told[1]


def test_numbers_go_on_where_they_were(laptop: Lab, bare: Lab, levada: Run) -> None:
    with laptop.connection as here, bare.connection as there:
        given_out = schema_service_pb2.RaiseNextNumberRequest(name=ANIMAL, next_number=50)
        here.call("SchemaService/RaiseNextNumber", given_out, schema_service_pb2.RaiseNextNumberResponse)
        assert next_number(here) == 50
        assert levada("copy", "animals", "--to", bare.address, "--yes", "--url", laptop.address)[0] == 0
        assert next_number(there) == 50
        lv.FreeTable(there, "animals.Animal").insert1({"name": "counted"})
        assert (lv.FreeTable(there, "animals.Animal") & "name = 'counted'").fetch1("animal") == 50


def test_jobs_become_history(laptop: Lab, other: Lab, levada: Run) -> None:
    (other.stores.folders["raw"] / "2026").mkdir()
    (other.stores.folders["raw"] / "2026" / "eye.avi").write_bytes(b"frames")
    for _ in range(2):
        code, told = levada("copy", "animals", "work", "--to", other.address, "--yes", "--url", laptop.address)
        assert (code, told["report"]["jobs"]) == (0, {"work.Rate": 2})
    with other.connection as there:
        jobs = {row["status"]: row for row in lv.FreeTable(there, "copied.PastJob").to_dicts()}
        tables = lv.FreeTable(there, "copied.CopiedTable").to_dicts()
    assert set(jobs) == {"success", "error"}
    assert jobs["error"]["error_message"] == "RuntimeError: the electrode broke"
    assert jobs["error"]["key"] == {"animal": 5, "session": 2}
    assert jobs["success"]["details"]["code_version"]
    assert {row["there"] for row in tables} >= {"animals.Animal", "work.Session.Trial"}


def test_a_dry_run_tells_what_is_missing_and_changes_nothing(laptop: Lab, bare: Lab, levada: Run) -> None:
    code, told = levada("copy", "work", "--to", bare.address, "--dry-run", "--url", laptop.address)
    assert (code, told["ready"]) == (1, False)
    assert any("`animals.Animal`, to which tables refer, is not there" in problem for problem in told["problems"])
    assert any("The store `raw` is missing there" in problem for problem in told["problems"])
    assert told["new_schemas"] == ["work"]
    code, refused = levada("copy", "work", "--to", bare.address, "--yes", "--url", laptop.address)
    assert code == 1
    assert "Copy `animals` too" in refused["message"]
    with bare.connection as there:
        assert lv.list_schemas(there) == []


def test_a_second_run_brings_what_is_new_under_another_name(laptop: Lab, bare: Lab, levada: Run) -> None:
    words = ("copy", "animals", "--as", "zoo", "--to", bare.address, "--yes", "--url", laptop.address)
    assert levada(*words)[0] == 0
    with laptop.connection as here:
        lv.FreeTable(here, "animals.Animal").insert1({"animal": 70})
    code, told = levada(*words)
    assert code == 0
    assert {one["there"]: one["inserted"] for one in told["report"]["tables"]} == {"zoo.Animal": 1, "zoo.Litter": 0}
    assert [one["same"] for one in told["tables"]] == [2, 2]
    with bare.connection as there:
        assert set(lv.FreeTable(there, "zoo.Litter").parents()) == {"`zoo`.`animal`"}
        assert lv.FreeTable(there, "zoo.Litter").heading["mother"].lineage == "zoo.Animal.animal"
        assert len(lv.FreeTable(there, "zoo.Animal")) == 3


def test_rows_with_other_values_stay_and_are_named(laptop: Lab, bare: Lab, levada: Run) -> None:
    words = ("copy", "animals", "--to", bare.address, "--yes", "--url", laptop.address)
    assert levada(*words)[0] == 0
    with bare.connection as there:
        lv.FreeTable(there, "animals.Animal").update1({"animal": 1, "name": "changed"})
        lv.FreeTable(there, "animals.Animal").insert1({"animal": 80})
    code, told = levada(*words)
    assert code == 1
    animal = told["report"]["tables"][0]
    assert (animal["different"], animal["only_there"], animal["missing"]) == (1, 1, 0)
    assert animal["digest_here"] != animal["digest_there"]
    assert told["tables"][0]["examples"] == ["animal=1"]
    with bare.connection as there:
        assert (lv.FreeTable(there, "animals.Animal") & "animal = 1").fetch1("name") == "changed"
        noted = {row["there"]: row for row in lv.FreeTable(there, "copied.CopiedTable").to_dicts()}
    different, same = noted["animals.Animal"], noted["animals.Litter"]
    assert (different["equal"], different["other_values"], different["examples"]) == (False, 1, ["animal=1"])
    assert different["digest_there"] != different["digest_here"]
    assert (same["equal"], same["other_values"], same["missing"], same["examples"]) == (True, 0, 0, [])
    assert same["digest_there"] == same["digest_here"]


def test_another_definition_there_is_a_conflict(laptop: Lab, bare: Lab, levada: Run) -> None:
    with bare.connection as there:
        schema = lv.Schema("animals", connection=there)

        @schema
        class Animal(lv.Manual):
            definition = """
            animal : int32
            ---
            name : varchar(10)
            """

    code, told = levada("copy", "animals", "--to", bare.address, "--yes", "--url", laptop.address)
    assert code == 1
    assert "the attribute `weight` is missing there" in told["message"]
    assert "--as" in told["message"]


def test_who_may_not_write_there_learns_it_from_the_plan(
    laptop: Lab, bare: Lab, levada: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bare.connection as there:
        lv.Schema("animals", connection=there)
    _, anna = levada("users", "add", "anna", "--url", bare.address)
    assert main.main(["grants", "add", "viewer", "animals", "anna", "--url", bare.address]) == 0
    monkeypatch.setenv("LEVADA_URL", bare.address)
    monkeypatch.setenv("LEVADA_TOKEN", anna["secret"])
    code, told = levada("copy", "animals", "--to", bare.address, "--dry-run", "--url", laptop.address)
    assert code == 1
    assert any("levada grants add editor animals anna" in problem for problem in told["problems"])
    assert any("jobs do not come" in remark for remark in told["remarks"])


class Killed(BaseException):
    """The process ended here."""


def test_a_copy_goes_on_wherever_it_ended(laptop: Lab, bare: Lab, levada: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("copy", "animals", "--to", bare.address, "--yes", "--url", laptop.address)
    call, ended = lv.Connection.call, 0
    for calls in range(1, 200):
        left = calls

        def until_killed(self: lv.Connection, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401  # as it has it
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return call(self, *arguments, **named)

        monkeypatch.setattr(lv.Connection, "call", until_killed)
        try:
            code, told = levada(*words, "--as", f"zoo{calls % 2}")
        except Killed:
            ended += 1
            if ended % 3 == 0:  # twice more, at later points, into the same tables
                monkeypatch.setattr(lv.Connection, "call", call)
                assert levada(*words, "--as", f"zoo{calls % 2}")[1]["report"]["equal"]
                with bare.connection as there:
                    lv.Schema(f"zoo{calls % 2}", connection=there).drop(prompt=False)
            continue
        break
    assert ended > 15
    assert (code, told["report"]["equal"]) == (0, True)


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not killed there by a signal")
def test_a_copy_that_was_killed_goes_on(laptop: Lab, bare: Lab, levada: Run, tmp_path: Path) -> None:
    with laptop.connection as here:
        schema = lv.Schema("many", connection=here)

        @schema
        class Frame(lv.Manual):
            definition = """
            frame : int32
            ---
            image : <blob@main>
            """

        Frame.insert([{"frame": n, "image": np.full(1000, n)} for n in range(120)])

    words = ["copy", "many", "--to", bare.address, "--yes", "--url", laptop.address]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    killed = 0
    for stored_objects in (1, 40, 80):
        process = subprocess.Popen([sys.executable, "-m", "levada", *words], env=environment, stdout=subprocess.DEVNULL)
        while process.poll() is None:
            if sum(len(files) for _, _, files in os.walk(bare.stores.folders["main"])) >= stored_objects:
                process.send_signal(signal.SIGKILL)
                killed += 1
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
    assert killed
    code, told = levada(*words)
    assert (code, told["report"]["equal"], told["report"]["tables"][0]["rows_there"]) == (0, True, 120)
    with bare.connection as there:
        (row,) = (lv.FreeTable(there, "many.Frame") & "frame = 119").to_dicts()
    assert np.array_equal(row["image"], np.full(1000, 119))
