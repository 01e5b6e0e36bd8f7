"""Findings of `levada check-code` in code that was written for DataJoint."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from levada._cli import main
from levada._from_datajoint.decisions import Decisions
from levada._from_datajoint.written_definitions import otherwise
from levada_server.errors import InvalidDefinition
from levada_server.model.kinds import Kind
from levada_server.model.types import parse_type

if TYPE_CHECKING:
    from pathlib import Path

TESTS = (
    "levada._cli.main",
    "levada._from_datajoint.code_files",
    "levada._from_datajoint.conditions",
    "levada._from_datajoint.decisions",
    "levada._from_datajoint.host_settings",
    "levada._from_datajoint.written_definitions",
)

CODE = '''\
import datajoint as dj
from datajoint.external import ExternalTable
from datajoint import admin

schema = dj.schema("lab")
dj.config["database.host"] = "db.example.org"
dj.errors._switch_filepath_types(True)


@schema
class Session(dj.Manual):
    definition = """
    session : int
    """


dj.kill()
print(schema.external["raw"], Session.tier_regexp, Session().make_sql())
rows = dj.conn().query("SELECT 1")
admin.set_password("x")
other.external
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder and a home without settings of DataJoint."""
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.setenv("HOME", str(empty))
    monkeypatch.setenv("USERPROFILE", str(empty))
    monkeypatch.delenv("DJ_HOST", raising=False)
    return empty


def found(path: Path, capsys: pytest.CaptureFixture[str]) -> list[tuple[int, str]]:
    main.main(["check-code", str(path), "--json"])
    places = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(place["advice"] for place in places)
    return [(place["line"], place["name"]) for place in places]


def test_every_place_that_must_change_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pipeline.py"
    file.write_text(CODE, encoding="utf-8")
    assert found(file, capsys) == [
        (1, "datajoint"),
        (2, "ExternalTable"),
        (2, "datajoint.external"),
        (3, "datajoint"),
        (6, "dj.config['database.host']"),
        (7, "dj.errors._switch_filepath_types"),
        (17, "dj.kill"),
        (18, "Session().make_sql"),
        (18, "Session.tier_regexp"),
        (18, "schema.external"),
        (19, "dj.conn().query"),
        (20, "admin.set_password"),
    ]


RENAMED = """\
import levada as dj

PREFIX = "a-"
schema = dj.schema("lab")
computed = dj.create_virtual_module("other", PREFIX + compute())
animal = dj.create_virtual_module("animal", PREFIX + "animal")
upper = dj.VirtualModule("upper", schema_name="Upper")
again = dj.virtual_schema(f"{PREFIX}animal")
table = dj.FreeTable(dj.conn(), "`a-animal`.`#species`")
late = dj.Schema()
late.activate("a-animal")
zoo = dj.VirtualModule("zoo", "zoo")
"""
DEFINED = '''\
import levada as dj

schema = dj.Schema("lab")


@schema
class Mark(dj.Lookup):
    definition = """
    # words : set('a')
    mark : int
    ---
    flags = 'a:b' : set('a:b','c')  # words
    place : point
    bits : bit(8)
    xmin : int
    trace = null : blob@ext
    plain : enum('set')  # not : bit(1)
    """

    class Part(dj.Part):
        definition = """
        -> master
        digest : binary(16)
        ---
        flags : set('a')
        """
'''
DECISIONS = """
[schemas]
"a-animal" = "zoo"
[attributes]
"lab.#mark.xmin" = "x_min"
[decisions]
"set:lab.*" = "json"
"type:lab.#mark.place" = "leave out"
[stores]
ext = { folder = "/mnt/ext", to = "main" }
"""


def advice(path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[tuple[int, str], str]:
    main.main(["check-code", str(path), "--json", *words])
    places = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {(place["line"], place["name"]): place["advice"] for place in places}


@pytest.fixture
def decisions(tmp_path: Path) -> str:
    file = tmp_path / "decisions.toml"
    file.write_text(DECISIONS, encoding="utf-8")
    return str(file)


def test_schemas_that_the_import_renames_are_named_wherever_code_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], decisions: str
) -> None:
    file = tmp_path / "pipeline.py"
    file.write_text(RENAMED, encoding="utf-8")
    names = [
        (6, "dj.create_virtual_module('a-animal')", "a_animal"),
        (7, "dj.VirtualModule('Upper')", "upper"),
        (8, "dj.virtual_schema('a-animal')", "a_animal"),
        (9, "dj.FreeTable('a-animal')", "a_animal"),
        (11, "late.activate('a-animal')", "a_animal"),
    ]
    told = advice(file, capsys)
    assert list(told) == [(line, name) for line, name, _ in names]
    assert all(f"`{here}`" in told[line, name] for line, name, here in names)
    upper = told[7, "dj.VirtualModule('Upper')"]
    assert upper.endswith("`upper`: write that, or the name under [schemas], if you write a file of decisions")
    told = advice(file, capsys, "--decisions", decisions)
    assert "`zoo`, as decided" in told[6, "dj.create_virtual_module('a-animal')"]
    assert told[7, "dj.VirtualModule('Upper')"].endswith("`upper`: write that")


def test_definitions_say_what_has_no_counterpart_and_what_the_import_decided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], decisions: str
) -> None:
    file = tmp_path / "pipeline.py"
    file.write_text(DEFINED, encoding="utf-8")
    told = advice(file, capsys)
    assert list(told) == [
        (12, "set('a:b','c')"),
        (13, "point"),
        (14, "bit(8)"),
        (15, "xmin"),
        (23, "binary(16)"),
        (25, "set('a')"),
    ]
    assert "write `json` without the default or `text`" in told[12, "set('a:b','c')"]
    assert "write `json` or `text`" in told[25, "set('a')"]
    assert "write `uint8`" in told[14, "bit(8)"]
    assert "[attributes]" in told[15, "xmin"]
    told = advice(file, capsys, "--decisions", decisions)
    words = "as decided for the import; a value is a list here, where DataJoint has a text such as 'a,c'"
    assert told[12, "set('a:b','c')"] == f"write `json` without the default, {words}"
    assert told[25, "set('a')"] == f"write `json`, {words}"
    assert told[13, "point"] == "leave this attribute out, as the import did"
    assert "`x_min`" in told[15, "xmin"]
    assert "write `blob@main`" in told[16, "blob@ext"]


SEARCHED = """\
from pipeline import Mark

found = Mark & "FIND_IN_SET('a', flags)"
found = Mark & f"plain = 3 AND find_in_set('{word}', `flags`) > 0"
first = Mark.proj(first="SUBSTRING_INDEX(flags, ',', 1)", other="substring_index(words, ',', 1)")
tree = Mark & "find_in_set('a', words) and find_in_set('a', tree)"
right = Mark & "flags LIKE '%\\"a\\"%'"
full = Mark & "find_in_set('a', mark.flags) or FIND_IN_SET('a', `lab`.`mark`.`flags`)"
'''FIND_IN_SET('a', flags)'''
"""


@pytest.mark.parametrize(
    ("condition", "instead"),
    [
        ("\"find_in_set('a', flags)\"", '"flags LIKE \'%\\"a\\"%\'"'),
        ("'find_in_set(\\'a\\', `flags`) > 0 and n = 3'", '"flags LIKE \'%\\"a\\"%\' and n = 3"'),
        ("f\"n = {n!r} and FIND_IN_SET('{word}', mark.flags)\"", 'f"n = {n!r} and flags LIKE \'%\\"{word}\\"%\'"'),
        ("'find_in_set(word, flags)'", '"flags LIKE \'%\\"word\\"%\'"'),
        ("\"substring_index(flags, ',', 1)\"", '"flags LIKE \'%\\"word\\"%\'"'),
    ],
)
def test_condition_to_write_instead_is_a_literal_that_can_be_copied(
    condition: str, instead: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    defined = "import levada as dj\n\nclass Mark(dj.Manual):\n    definition = 'n : int\\n---\\nflags : json'\n\n"
    (tmp_path / "pipeline.py").write_text(f"{defined}Mark & {condition}\n", encoding="utf-8")
    (told,) = advice(tmp_path, capsys).values()
    assert told.endswith(f"write {instead} to find a word in its list")
    names = {"n": 3, "word": "a"}
    assert "flags LIKE '%\"" in eval(instead, names)


def test_conditions_that_take_a_text_apart_are_named_where_it_is_json_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], decisions: str
) -> None:
    defined = DEFINED.replace("    xmin : int\n", "    tree = null : json\n    words : varchar(20)\n")
    (tmp_path / "pipeline.py").write_text(defined, encoding="utf-8")
    file = tmp_path / "search.py"
    file.write_text(SEARCHED, encoding="utf-8")
    places = [(3, "FIND_IN_SET(flags)"), (4, "find_in_set(flags)"), (5, "SUBSTRING_INDEX(flags)")]
    told = advice(tmp_path, capsys, "--decisions", decisions)
    places += [(6, "find_in_set(tree)"), (8, "FIND_IN_SET(flags)"), (8, "find_in_set(flags)")]
    assert [place for place in told if "(" in place[1] and "_" in place[1]] == places
    assert all("LIKE '%\\\"" in told[place] for place in places)
    assert told[places[0]].startswith("if this is `flags` of `")  # as another table may have such a text
    # Without decisions only what the definitions say is known.
    assert [name for _, name in advice(tmp_path, capsys) if "_in_set" in name.lower()] == ["find_in_set(tree)"]


VIRTUAL = """\
import datajoint as dj
import levada.as_datajoint

marks = dj.VirtualModule("marks", "lab")
found = marks.Mark & "FIND_IN_SET('a', flags)"
"""


@pytest.mark.parametrize(
    ("decided", "advice_begins"),
    [
        ('"set:lab.mark.flags" = "json"', "if this is `flags` of `lab.mark`, it is JSON here"),
        ('"set:*.flags" = "json"', "if this is `flags` of "),
        ('"set:lab.mark.f" = "json"\n[attributes]\n"lab.mark.f" = "flags"', "if this is `flags` of `lab.mark`, it is"),
        ('"set:lab.*" = "json"', "if `flags` is a set that is json here: write "),
        ('"set:lab.*" = "json"\n"set:lab.mark.flags" = "text"', ""),
        ('"set:lab.*" = "text"', ""),
        ('"type:lab.*" = "hex"', ""),
    ],
)
@pytest.mark.parametrize(
    "elsewhere", ["", "class Mark(dj.Manual):\n    definition = 'n : int\\n---\\nflags : set(\"a\")'\n"]
)
def test_decisions_name_the_sets_of_tables_that_the_code_does_not_define(
    decided: str, advice_begins: str, elsewhere: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decisions = tmp_path / "decisions.toml"
    decisions.write_text(f"[decisions]\n{decided}\n", encoding="utf-8")
    file = tmp_path / "search.py"
    file.write_text(VIRTUAL + elsewhere, encoding="utf-8")
    told = advice(file, capsys, "--decisions", str(decisions)).get((5, "FIND_IN_SET(flags)"), "")
    assert (told.startswith(advice_begins), bool(told)) == (True, bool(advice_begins))
    assert not told or told.endswith('write "flags LIKE \'%\\"a\\"%\'" to find a word in its list')


COMPARED = """\
from pipeline import Mark, dj
import pandas

CONDITION = "flags = 'a,c'"
found = Mark & {"n": 3, "flags": "a,c"}  # list
found = Mark & "n = 3 and mark.`flags`='a,c'"  # list
found = Mark - "flags LIKE '%a%'"  # list
found = Mark & [{"flags": ["a", "c"]}, f"n = {n!r}"]  # list
found = Mark & f"flags NOT IN ('{word}')"  # list
found = Mark & CONDITION  # list
found = Mark & ("flags = '%s'" % word)  # list
found &= dict(flags=words)  # list
found.restrict(dj.Not({"flags": word}))  # list
found = Mark & {"flags": None} & {"flags": [["a", "c"]]} & "flags IS NULL" & "flags[0] = 'a'" & "n = 3"
found = Mark & "flags LIKE '%\\"a\\"%'" & f"flags LIKE '%\\"{word}\\"%'" & "note = 'flags = 3'" & {"n": "flags"}
frame = pandas.DataFrame({"flags": "a,c"})
'flags = 3'
"""


@pytest.mark.parametrize("defined", [True, False])
def test_comparisons_of_a_set_that_is_a_list_here_are_named(
    defined: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decisions = tmp_path / "decisions.toml"
    decisions.write_text(f'[decisions]\n"set:lab.{"*" if defined else "mark.flags"}" = "json"\n', encoding="utf-8")
    if defined:
        text = DEFINED.replace("Mark(dj.Lookup)", "Mark(dj.Manual)")
        (tmp_path / "pipeline.py").write_text(text, encoding="utf-8")
    file = tmp_path / "search.py"
    file.write_text(COMPARED, encoding="utf-8")
    told = {
        key: words
        for key, words in advice(tmp_path, capsys, "--decisions", str(decisions)).items()
        if "not a text" in words
    }
    lines = [number for number, line in enumerate(COMPARED.splitlines(), 1) if line.endswith("# list")]
    assert [line for line, _ in told] == lines
    assert (5, "'flags': 'a,c'") in told
    assert (6, "mark.`flags`='a,c'") in told
    like = 'write "flags LIKE \'%\\"word\\"%\'" to find a word in it, {"flags": [["a", "c"]]} for exactly these words'
    assert all(words.endswith(like) for words in told.values())


@pytest.mark.parametrize(
    ("line", "word", "told"),
    [
        ("b = 'x' : varbinary(8)", "varbinary(8)", "leave its default out"),
        ("b = 'a' : SET('a','B')", "SET('a','B')", "write `json` without the default or `text`"),
        ("b = null : set('a','B')", "set('a','B')", "write `json` or `text`"),
    ],
)
def test_a_default_that_a_type_cannot_have_here_is_left_out(line: str, word: str, told: str) -> None:
    (found,) = otherwise(f"a : int\n---\n{line}", "lab.mark", Decisions())
    assert (found.word, told in found.advice) == (word, True)


@pytest.mark.parametrize(
    "type_",
    [
        *(name for kind in Kind for name in kind.traits.names),
        "int(11) unsigned",
        "numeric(8) unsigned",
        "enum('a','b')",
        "attach@ext",
    ],
)
def test_types_that_the_server_takes_need_no_change(type_: str) -> None:
    assert not list(otherwise(f"a : int\n---\nb : {type_}", "lab.mark", Decisions()))


@pytest.mark.parametrize(
    "type_",
    [
        "set('a')",
        "bit",
        "bit(1)",
        "point",
        "geometry",
        "multipolygon",
        "decimal(40,2)",
        "dec(8,2)",
        "fixed(8,2)",
        "jsonb",
        "int unsigned zerofill",
        "decimal(8,2) zerofill",
        "char(0)",
        "inet4",
        "nvarchar(3)",
    ],
)
def test_types_that_the_server_refuses_have_advice_that_it_takes(type_: str) -> None:
    with pytest.raises(InvalidDefinition):
        parse_type(type_)
    (found,) = otherwise(f"a : int\n---\nb : {type_}", "lab.mark", Decisions())
    assert found.word == type_
    for written in re.findall(r"`([^`]+)`", found.advice):
        parse_type(written)


CONNECTED = """\
import datajoint as dj
import sqlite3
from datajoint import conn as connect
schema = dj.schema("lab")
maker = dj.conn
shared = dj.conn()
shared.query(sql)  # SQL
connect().query(sql)  # SQL
maker().query(sql)  # SQL
ask = shared.query  # SQL
def arguments(connection=None, other=dj.conn(), *, typed: dj.Connection | None = None, plain=1, shared=2):
    connection = connection or shared.connection
    connection.query(sql)  # SQL
    other.query(sql)  # SQL
    typed.query(sql)  # SQL
    plain.query(sql)
    shared.query(sql)
class Session(dj.Manual):
    common = dj.conn()
    def __init__(self):
        self.link, n = dj.conn(), 3
    def ask(self):
        self.link.query(sql)  # SQL
        self.common.query(sql)  # SQL
        self.connection.query(sql)  # SQL
        with schema.connection as opened, open("f") as file:
            opened.query(sql)  # SQL
            file.query(sql)
        if (found := self.make()) or (walrus := dj.conn()):
            walrus.query(sql)  # SQL
        annotated: dj.Connection = found
        annotated.query(sql)  # SQL
        shared._conn.cursor().execute("SELECT 1 FROM t")  # SQL
def other_kind():
    shared = sqlite3.connect("f")
    shared.execute("SELECT 1 FROM t")
    shared.query(sql)
def made():
    return shared
def unknown(given, frame):
    made().query(sql)  # SQL
    one = made() if given else dj.Connection("h", "u", "p")
    one.query(sql)  # SQL
    given.query("SELECT a FROM lab.session")  # SQL
    given.query(f"select {given} from t")  # SQL
    given.query("DROP TABLE " + given)  # SQL
    given.query("insert into t values (%s)" % 3)  # SQL
    frame.query("select > 1")
    given.query(sql)
"""


def test_sql_is_found_wherever_its_connection_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pipeline.py"
    file.write_text(CONNECTED, encoding="utf-8")
    advised = "the server takes no SQL: fetch by tables and their operators, as `len(Table())` for COUNT(*)"
    told = [line for (line, _), words in advice(file, capsys).items() if advised in words]
    assert told == [number for number, line in enumerate(CONNECTED.splitlines(), 1) if line.endswith("# SQL")]


HOSTED = """\
import os
import datajoint as dj
from datajoint import config

os.environ["DJ_HOST"] = "db"  # refused
os.environ.setdefault("DJ_HOST", "db")  # refused
dj.config["database.host"] = "db"  # refused
config["database.host"] = HOST  # refused
dj.config.database.host = "db"  # refused
dj.config.update({"safemode": False, "database.host": "db"})  # refused
dj.conn("db", "ann", "secret")  # refused
dj.conn(host="db")  # refused
dj.Connection("db", "ann", "secret")  # refused
dj.config["database.host"] = None
print(dj.config["database.host"], os.environ["DJ_HOST"])
dj.config["database.user"] = "ann"
dj.config.update({"safemode": False})
dj.conn()
"""


def test_lines_that_name_a_database_host_must_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pipeline.py"
    file.write_text(HOSTED, encoding="utf-8")
    main.main(["check-code", str(file), "--json"])
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    refused = [one["line"] for one in told if one["must"] and "while it names a host" in one["advice"]]
    assert refused == [number for number, line in enumerate(HOSTED.splitlines(), 1) if line.endswith("# refused")]


@pytest.mark.parametrize("name", ["dj_local_conf.json", "datajoint.json", ".datajoint_config.json"])
@pytest.mark.parametrize("beside", [True, False])
def test_files_that_name_a_database_host_are_places(
    name: str, beside: bool, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "pipeline.py").write_text("import levada as dj\n", encoding="utf-8")
    file = (code if beside and not name.startswith(".") else folder) / name
    file.write_text('{"safemode": false,\n "database.host": "db.lab.org"}', encoding="utf-8")
    assert main.main(["check-code", str(code)]) == 1
    told, last = capsys.readouterr().out.splitlines()
    assert f"{name}:2: database.host: it names the database host 'db.lab.org': delete this line, or move the" in told
    assert last == "1 file: 1 place to change"
    file.write_text('{"database": {"host": ""}}', encoding="utf-8")
    assert main.main(["check-code", str(code)]) == 0
    file.write_text("{", encoding="utf-8")
    assert main.main(["check-code", str(code)]) == 0


def test_the_variable_that_names_a_database_host_is_a_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pipeline.py").write_text("import levada as dj\n", encoding="utf-8")
    monkeypatch.setenv("DJ_HOST", "db.lab.org")
    assert main.main(["check-code", str(tmp_path)]) == 1
    assert "environment: DJ_HOST: this variable names the database host 'db.lab.org'" in capsys.readouterr().out


NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["dj.kill()"]},
        {
            "cell_type": "code",
            "source": ["%matplotlib inline\n", "import datajoint as dj\n", "!pip list\n", "dj.kill()"],
        },
        {"cell_type": "code", "source": "%%bash\nfor i in *; do echo $i; done"},
        {"cell_type": "code", "source": "%%time\nfiles = !ls\nif files:\n    %time dj.kill()\nSession?\nSession??"},
        {"cell_type": "code", "source": ["print 5"]},
        {"cell_type": "code", "source": []},
        {"cell_type": "code", "source": ["rest = (17\n", "% 5)\n", "\n", "dj.kill()\n"]},
    ],
    "metadata": {"language_info": {"name": "python"}},
}


def test_cells_of_notebooks_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "day.ipynb").write_text(json.dumps(NOTEBOOK), encoding="utf-8")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "day-checkpoint.ipynb").write_text(json.dumps(NOTEBOOK), encoding="utf-8")
    assert main.main(["check-code", str(tmp_path)]) == 1
    *places, last = capsys.readouterr().out.splitlines()
    assert [place.removeprefix(f"{tmp_path}/").partition(": ")[0] for place in places] == [
        "day.ipynb:cell 2:line 2",
        "day.ipynb:cell 2:line 4",
        "day.ipynb:cell 5:line 1",
        "day.ipynb:cell 7:line 4",
    ]
    assert last == "1 file: 4 places to change"


@pytest.mark.parametrize("text", ["{", "[]", '{"cells": 3}', '{"cells": [{}]}'])
def test_a_file_that_is_no_notebook_is_named(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "day.ipynb").write_text(text, encoding="utf-8")
    assert main.main(["check-code", str(tmp_path)]) == 1
    assert "day.ipynb:1: day.ipynb: this is not a notebook" in capsys.readouterr().out


def test_nothing_to_read_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    other = {"cells": NOTEBOOK["cells"], "metadata": {"kernelspec": {"language": "julia"}}}
    (tmp_path / "other.ipynb").write_text(json.dumps(other), encoding="utf-8")
    assert main.main(["check-code", str(tmp_path)]) == 1
    assert "Nothing was checked" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "answers", "written"),
    [
        ('day = "2000-01-01" : date', {"default:lab.mark.day": "null"}, "day = null : date"),
        ("day : date", {"zero-date:lab.mark.day": "null"}, "day = null : date"),
        ("day = 3 : decimal(3,1)  # of a week", {"nan:lab.mark.day": "null"}, "day = null : decimal(3,1)"),
        ('day = "0000-00-00" : date', {"default:lab.mark.day": "none"}, "day : date"),
        ("raw = null : mediumblob", {"blob:lab.mark.raw": "bytes"}, "raw = null : bytes"),
        ("raw : longblob", {"blob:lab.mark.raw": "bytes"}, "raw : bytes"),
        ("raw : longblob", {"blob:lab.mark.raw": "mixed"}, ""),
        ("day = null : date", {"zero-date:lab.mark.day": "null"}, ""),
        ('day = "2000-01-01" : date', {"default:lab.*": "null"}, ""),
        ('day = "2000-01-01" : date', {"default:lab.other.day": "null"}, ""),
    ],
)
def test_what_the_import_decided_of_an_attribute_is_to_be_written(
    line: str, answers: dict[str, str], written: str
) -> None:
    found = [one.advice for one in otherwise(f"a : int\n---\n{line}", "lab.mark", Decisions(answers=answers))]
    assert found == ([f"write `{written}`, as decided for the import"] if written else [])


def test_lines_without_effect_may_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pipeline.py"
    idle = "import levada as dj\n\ndj.config['database.port'] = 3307\ndj.errors._switch_filepath_types(True)\n"
    file.write_text(idle, encoding="utf-8")
    assert main.main(["check-code", str(file)]) == 0
    assert capsys.readouterr().out.endswith("1 file: 0 places to change; 2 lines may stay, without effect\n")
    main.main(["check-code", str(file), "--json"])
    assert [json.loads(line)["must"] for line in capsys.readouterr().out.splitlines()] == [False, False]
    file.write_text(idle + "dj.kill()\n", encoding="utf-8")
    assert main.main(["check-code", str(file)]) == 1
    assert capsys.readouterr().out.endswith("1 file: 1 place to change; 2 lines may stay, without effect\n")


def test_code_that_runs_as_it_is_has_no_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b.py").write_text("import levada as dj\n\nschema = dj.schema('lab')\n", encoding="utf-8")
    (tmp_path / "a.py").write_text("import levada as dj\n\ntable = dj.FreeTable('lab.Session')\n", encoding="utf-8")
    assert main.main(["check-code", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "2 files: 0 places to change\n"


@pytest.mark.parametrize("line", ["import levada.as_datajoint", "from levada import as_datajoint"])
def test_code_that_has_taken_the_advice_has_no_imports_to_change(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "alone.py").write_text(f"{line}\nimport datajoint as dj\ndj.kill()\n", encoding="utf-8")
    (tmp_path / "late.py").write_text(f"import datajoint as dj\n{line}\n", encoding="utf-8")
    (tmp_path / "package" / "deep").mkdir(parents=True)
    (tmp_path / "package" / "__init__.py").write_text(f"{line}\n", encoding="utf-8")
    (tmp_path / "package" / "deep" / "lab.py").write_text("from datajoint import Manual\n", encoding="utf-8")
    assert found(tmp_path, capsys) == [(3, "dj.kill"), (1, "datajoint")]


def test_a_file_that_python_cannot_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "old.py").write_text("import datajoint\nprint 5\n", encoding="utf-8")
    assert main.main(["check-code", str(tmp_path)]) == 1
    assert "old.py:2: old.py: Python cannot read it" in capsys.readouterr().out


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["check-code", str(tmp_path / "nowhere")]) == 1
    assert "There is no file or folder" in capsys.readouterr().err
