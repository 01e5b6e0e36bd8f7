"""The commands of `levada` for schemas, tables and rows, as a person types them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import levada as lv
from levada._cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TESTS = ("levada._cli.main",)

Run: TypeAlias = "Callable[..., tuple[int, str, str]]"


@pytest.fixture
def run(
    server_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs a command in an empty folder; returns its exit code, output and messages."""
    monkeypatch.setenv("LEVADA_URL", server_address)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def command(*words: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = main(words)
        sys.modules.pop("zoo_module", None)  # outside tests each command has its own process
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


@pytest.fixture
def zoo(server_address: str) -> Iterator[lv.Schema]:
    """A schema with animals, their weights over time, and a trace of each."""
    with lv.Connection(server_address) as connection:
        schema = lv.Schema("zoo", connection=connection)

        @schema
        class Animal(lv.Manual):
            definition = """
            # an animal
            animal : int32
            ---
            name : varchar(10)
            weight = null : float64  # in kg
            born = null : date
            tags = null : json
            photo = null : bytes
            """

        @schema
        class Trace(lv.Manual):
            definition = """
            -> Animal
            ---
            samples : <blob>
            """

        yield schema


def animals(schema: lv.Schema) -> lv.FreeTable:
    return schema["Animal"]


ROWS = [
    {"animal": 1, "name": "Ann", "weight": 1.5, "born": "2026-01-01", "tags": {"a": [1]}, "photo": b"\x00\xff"},
    {"animal": 2, "name": "Bo, x", "weight": None, "born": None, "tags": None, "photo": None},
    {"animal": 3, "name": 'C "y"', "weight": 3.25, "born": None, "tags": None, "photo": b""},
]


def test_rows_are_a_table_of_a_hundred(run: Run, zoo: lv.Schema) -> None:
    animals(zoo).insert([{"animal": n, "name": f"n{n}"} for n in range(150)])
    code, out, err = run("query", "zoo.Animal", "animal >= 10", "--attributes", "name")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["*animal", "name"]
    assert len(lines) == 2 + 100
    assert [line.split()[0] for line in lines[2:5]] == ["10", "11", "12"]
    assert err.startswith("100 of 140 rows;")
    assert len(run("query", "zoo.Animal", "--limit", "all")[1].splitlines()) == 2 + 150
    _, out, err = run("query", "zoo.Animal", "--limit", "2", "--order", "animal DESC")
    assert [line.split()[0] for line in out.splitlines()[2:]] == ["149", "148"]
    assert err == "2 rows\n"


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_rows_go_through_a_file_and_come_back_the_same(run: Run, zoo: lv.Schema, tmp_path: Path, form: str) -> None:
    table = animals(zoo)
    table.insert(ROWS if form != "csv" else [{**row, "photo": None} for row in ROWS])
    before = table.to_dicts(order_by="KEY")
    assert run("query", "zoo.Animal", "-o", f"rows.{form}")[0] == 0
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [f"rows.{form}"]
    table.delete(prompt=False)
    assert run("insert", "zoo.Animal", f"rows.{form}", "--dry-run")[1] == "3 rows can be inserted into zoo.Animal\n"
    assert len(table) == 0
    assert run("insert", "zoo.Animal", f"rows.{form}")[1] == "inserted 3 rows into zoo.Animal\n"
    assert table.to_dicts(order_by="KEY") == before


def test_parquet_keeps_arrays(run: Run, zoo: lv.Schema, tmp_path: Path) -> None:
    animals(zoo).insert1({"animal": 1, "name": "Ann"})
    traces = zoo["Trace"]
    traces.insert1({"animal": 1, "samples": np.arange(6, dtype=np.float32).reshape(2, 3)})
    assert run("query", "zoo.Trace", "-o", "t.parquet")[0] == 0
    assert pq.read_table(tmp_path / "t.parquet").num_rows == 1
    traces.delete(prompt=False)
    assert run("insert", "zoo.Trace", "t.parquet")[0] == 0
    found = traces.fetch1("samples")
    assert (found.dtype, found.tolist()) == (np.float32, [[0, 1, 2], [3, 4, 5]])
    assert json.loads(run("query", "zoo.Trace", "--json")[1])["samples"] == [[0, 1, 2], [3, 4, 5]]
    assert "<blob>" in run("query", "zoo.Trace")[1]
    code, _, err = run("query", "zoo.Trace", "--format", "csv")
    assert (code, "--attributes animal" in err) == (1, True)


BAD = """animal,name,weight
1,Ann,1.5
x,Bo,1
3,"two
lines",abc
1,Again,1

5,averylongname,1
"""


def test_every_wrong_row_of_a_file_is_named_by_its_line(run: Run, zoo: lv.Schema, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(BAD, encoding="utf-8")
    code, _, err = run("insert", "zoo.Animal", "bad.csv", "--dry-run")
    assert code == 1
    places = [line.partition(": ")[0] for line in err.splitlines()]
    assert places[:4] == ["bad.csv, line 3", "bad.csv, line 5", "bad.csv, line 6", "bad.csv, line 8"]
    assert "attribute `animal`: 'x' is not a valid int32." in err
    assert "--skip-duplicates skips such rows" in err
    assert err.endswith("4 of 5 rows cannot be inserted into zoo.Animal; nothing was inserted\n")
    told = json.loads(run("insert", "zoo.Animal", "bad.csv", "--dry-run", "--json")[1])
    assert [(error["line"], error["attribute"]) for error in told["errors"]] == [
        (3, "animal"),
        (5, "weight"),
        (6, None),
        (8, "name"),
    ]
    code, _, err = run("insert", "zoo.Animal", "bad.csv")
    assert (code, err.splitlines()[1]) == (1, "nothing was inserted into zoo.Animal")
    assert len(animals(zoo)) == 0


def test_a_dry_run_refuses_what_the_insert_refuses(run: Run, zoo: lv.Schema, tmp_path: Path) -> None:
    animals(zoo).insert(ROWS[:1])
    (tmp_path / "a.csv").write_text("animal,name\n1,Ann\n2,Bo\n", encoding="utf-8")
    for words, expected in ((["--skip-duplicates"], 0), (["--replace"], 0), ([], 1)):
        assert run("insert", "zoo.Animal", "a.csv", "--dry-run", *words)[0] == expected
    (tmp_path / "b.csv").write_text("animal,nme\n2,Bo\n", encoding="utf-8")
    for words in ([], ["--dry-run"]):
        code, _, err = run("insert", "zoo.Animal", "b.csv", *words)
        assert code == 1
        assert "`nme`" in err
    (tmp_path / "c.csv").write_text("animal,samples\n9,1\n", encoding="utf-8")
    code, _, err = run("insert", "zoo.Trace", "c.csv", "--dry-run")
    assert (code, "line 2" in err) == (1, True)


def test_json_lines_are_read_from_standard_input(run: Run, zoo: lv.Schema) -> None:
    text = '{"animal": 1, "name": "Ann"}\n\n{"animal": 2, "name": 3, "weight": "NaN"}\n'
    assert run("insert", "zoo.Animal", "-", stdin=text)[0] == 1  # nobody said what it is
    code, _, err = run("insert", "zoo.Animal", "-", "--format", "json", stdin="[1]\n")
    assert (code, "line 1" in err) == (1, True)
    code, _, err = run("insert", "zoo.Animal", "-", "--format", "json", stdin='{"animal": 1\n')
    assert (code, "line 1" in err) == (1, True)
    code, out, err = run("insert", "zoo.Animal", "-", "--format", "json", stdin=text.replace("3", '"Bo"'))
    assert (code, out, err) == (0, "inserted 2 rows into zoo.Animal\n", "")
    assert json.loads(run("query", "zoo.Animal", "animal = 2", "--json")[1])["weight"] == "NaN"


def test_a_million_rows_do_not_fill_memory(run: Run, zoo: lv.Schema, server_address: str) -> None:
    @zoo
    class Tick(lv.Manual):
        definition = "tick : int64\n---\nvalue : float64\nlabel : varchar(40)"

    count = 1_000_000
    labels = [f"label {n:030}" for n in range(count)]
    Tick.insert(pa.table({"tick": range(count), "value": np.arange(count) / 3, "label": labels}))
    code = """
import resource, sys
from levada._cli.main import main
code = main(sys.argv[1:])
print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""
    usage = {}
    for limit in ("1000", "all"):
        done = subprocess.run(
            [sys.executable, "-c", code, "query", "zoo.Tick", "--format", "csv", "--limit", limit],
            env=os.environ | {"LEVADA_URL": server_address},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
        ended, kilobytes = done.stderr.split()[-2:]
        assert ended == "0"
        usage[limit] = int(kilobytes)
    assert usage["all"] - usage["1000"] < 80_000  # the rows are more than 150 MB as objects of Python

    for form in ("csv", "json", "table"):  # as with `| head -1`
        with subprocess.Popen(
            [sys.executable, "-m", "levada", "query", "zoo.Tick", "--format", form, "--limit", "all"],
            env=os.environ | {"LEVADA_URL": server_address},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as reading:
            assert reading.stdout is not None
            assert reading.stderr is not None
            assert reading.stdout.readline()
            reading.stdout.close()
            assert reading.stderr.read() == b""
            assert reading.wait(60) == 0


def test_deleting_shows_its_plan_and_asks(run: Run, zoo: lv.Schema) -> None:
    animals(zoo).insert(ROWS)
    zoo["Trace"].insert([{"animal": n, "samples": [n]} for n in (1, 2)])
    code, out, _ = run("delete", "zoo.Animal", "animal < 3", "--dry-run")
    assert code == 0
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["2", "rows", "of", "zoo.Trace"],
        ["2", "rows", "of", "zoo.Animal"],
    ]
    assert run("delete", "zoo.Animal")[0] == 1  # which rows?
    assert run("delete", "zoo.Animal", "animal = 9", "--yes")[0] == 1
    code, _, err = run("delete", "zoo.Animal", "animal < 3")
    assert (code, "Add --yes" in err) == (1, True)
    assert run("delete", "zoo.Animal", "animal < 3", stdin="no\n")[0] == 1
    assert len(animals(zoo)) == 3
    code, out, _ = run("delete", "zoo.Animal", "animal < 3", "--yes")
    assert (code, out) == (0, "deleted 2 rows of zoo.Animal and 2 that depended on them\n")
    told = json.loads(run("delete", "zoo.Animal", "--all", "--yes", "--json")[1])
    assert told == {"table": "zoo.Animal", "deleted": 1, "tables": [{"table": "zoo.Animal", "rows": 1}]}


def test_dropping_shows_its_plan_and_asks(run: Run, zoo: lv.Schema) -> None:
    animals(zoo).insert(ROWS)
    assert run("drop", "zoo.Animal", "--dry-run")[1].splitlines() == [
        "Would drop:",
        "        0 rows of zoo.Trace",
        "        3 rows of zoo.Animal",
    ]
    assert run("drop", "zoo.Trace", stdin="no\n")[0] == 1
    assert run("drop", "zoo.Trace", stdin="yes\n")[0] == 0
    assert zoo.list_tables() == ["animal"]
    told = json.loads(run("drop", "zoo", "--yes", "--json")[1])
    assert told == {"dropped": True, "tables": [{"table": "zoo.Animal", "rows": 3}]}
    assert run("drop", "zoo", "--yes")[0] == 1


def test_rows_are_traced_up_and_down(run: Run, zoo: lv.Schema) -> None:
    animals(zoo).insert(ROWS)
    zoo["Trace"].insert([{"animal": n, "samples": [n]} for n in (1, 2)])
    _, out, _ = run("trace", "zoo.Trace", "animal = 1", "--json")
    assert [json.loads(line) for line in out.splitlines()] == [
        {"table": "zoo.Animal", "rows": 1},
        {"table": "zoo.Trace", "rows": 1},
    ]
    _, out, _ = run("trace", "zoo.Animal", "animal < 4", "--downstream")
    assert [line.split() for line in out.splitlines()[1:]] == [["zoo.Animal", "3"], ["zoo.Trace", "2"]]


def test_diagrams_go_to_the_terminal_and_into_files(run: Run, zoo: lv.Schema, tmp_path: Path) -> None:
    _, out, _ = run("diagram", "zoo")
    assert [line.split()[-2:] for line in out.splitlines()] == [["Animal", "manual"], ["Trace", "manual"]]
    assert run("diagram", "zoo.Animal")[1].count("\n") == 1
    assert run("diagram", "zoo.Animal", "--down", "1")[1] == out
    assert run("diagram", "zoo.Trace", "--up", "1")[1] == out
    assert run("diagram", "zoo", "-o", "zoo.svg")[0] == 0
    assert (tmp_path / "zoo.svg").read_text(encoding="utf-8").startswith("<svg")
    assert run("diagram", "zoo", "-o", "zoo.doc")[0] == 1
    told = [json.loads(line) for line in run("diagram", "zoo", "--json")[1].splitlines()]
    assert told[1] == {"table": "zoo.Trace", "tier": "manual", "parents": ["zoo.Animal"]}
    assert run("diagram", "nothing")[0] == 1


def test_the_catalog_is_described_for_programs(run: Run, zoo: lv.Schema) -> None:
    (schema,) = map(json.loads, run("schemas", "--json")[1].splitlines())
    assert (schema["schema"], schema["tables"]) == ("zoo", 2)
    tables = [json.loads(line) for line in run("schemas", "zoo", "--json")[1].splitlines()]
    assert tables[0] == {"table": "zoo.Animal", "tier": "manual", "comment": "an animal"}
    told = json.loads(run("describe", "zoo.Trace", "--json")[1])
    assert told["parents"] == ["zoo.Animal"]
    assert told["attributes"][0] | {"comment": ""} == {
        "name": "animal",
        "type": "int32",
        "in_key": True,
        "nullable": False,
        "default": None,
        "comment": "",
        "origin": "zoo.Animal.animal",
    }


CHANGED = """
import levada as lv

schema = lv.Schema("zoo")

@schema
class Animal(lv.Manual):
    definition = '''
    # an animal
    animal : int32
    ---
    name : varchar(20)
    weight = null : float64  # in kg
    born = null : date
    tags = null : json
    '''
"""


def test_tables_are_altered_to_their_classes_after_asking(run: Run, zoo: lv.Schema, tmp_path: Path) -> None:
    (tmp_path / "zoo_module.py").write_text(CHANGED, encoding="utf-8")
    code, out, err = run("alter", "zoo_module", "--dry-run")
    assert (code, err) == (1, "")
    assert out.startswith("zoo.Animal:\n")
    assert "photo" in out
    assert run("alter", "zoo_module", stdin="no\n")[0] == 1
    assert "photo" in animals(zoo).heading.names
    (told,) = map(json.loads, run("alter", "zoo_module", "--yes", "--json")[1].splitlines())
    assert (told["table"], told["altered"]) == ("zoo.Animal", True)
    assert animals(zoo).heading["name"].type == "varchar(20)"
    assert run("alter", "zoo_module")[1] == "the tables are as their classes define them\n"
    assert run("alter", "zoo_module", "Plant")[0] == 1
