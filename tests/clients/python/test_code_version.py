"""The version of the code that computed a row: what changes it, and what does not."""

from __future__ import annotations

import importlib
import json
import linecache
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any, cast

import pytest

import levada as lv
from levada._jobs.code_version import code_version, module_commit

if TYPE_CHECKING:
    from pathlib import Path

MAKE = """
    import functools
    import numpy as np
    import levada as lv
    from lab_code import helpers
    from lab_code.constants import WINDOW, unused
    from lab_code.helpers import smooth as smoothed, traced

    LIMIT = {"low": 1, "high": [2, 3]}
    UNUSED = 5

    class Settings:
        width = 3

        def area(self):
            return self.width * helpers.scale(2)

    def unrelated():
        return 1

    class Mixin:
        def prepare(self, key):
            return smoothed(WINDOW)

        def not_called(self):
            return 1

    class Rate(Mixin, lv.Computed):
        definition = "-> Session"
        other = 4

        def make(self, key):
            # a comment
            "a docstring"
            from lab_code import late
            x = self.prepare(key) + LIMIT["low"] + Settings().area() + traced(1) + late.extra()
            return functools.partial(self.step, x)

        def step(self, x):
            return np.sqrt(x)

        def plot(self):
            return unrelated()
"""
HELPERS = """
    import functools

    def logged(function):
        @functools.wraps(function)
        def wrapper(*args):
            return function(*args)
        return wrapper

    def made_by(number):
        def inner(x):
            return x + number
        return inner

    def smooth(x):
        return inside(x)

    def inside(x):
        return x + 1

    def scale(x):
        return x * 2

    plus = made_by(3)

    @logged
    def traced(x):
        return plus(x)

    def nobody_calls(x):
        return x
"""
FILES = {
    "lab_code/__init__.py": "",
    "lab_code/pipeline.py": MAKE,
    "lab_code/helpers.py": HELPERS,
    "lab_code/constants.py": "WINDOW = 10\nunused = 3\n",
    "lab_code/late.py": "def extra():\n    return 1\n\ndef other():\n    return 2\n",
}
_PRINT = """
import importlib, json, sys
from levada._jobs.code_version import code_version, look_again
for folder in sys.argv[1:]:
    for name in [name for name in sys.modules if name.split(".")[0] == "lab_code"]:
        del sys.modules[name]
    sys.path[0] = folder
    importlib.invalidate_caches()
    table = importlib.import_module("lab_code.pipeline").Rate
    look_again()
    print(json.dumps(vars(code_version(table))))
"""


class Code:
    """A package in a folder, whose version another process tells."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in FILES.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(textwrap.dedent(text), encoding="utf-8")

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / "lab_code" / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def version(self) -> dict[str, str]:
        [version] = _versions(self.folder)
        return version

    def git(self, *arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True).stdout.strip()


def _versions(*folders: Path) -> list[dict[str, str]]:
    """Return the version of the package in each folder, as another process finds it."""
    command = [sys.executable, "-B", "-c", _PRINT, *map(str, folders)]
    done = subprocess.run(command, cwd=folders[0], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def code(tmp_path: Path) -> Code:
    return Code(tmp_path)


EDITS = {
    "a method that make calls": ("pipeline.py", "np.sqrt(x)", "np.cbrt(x)"),
    "make": ("pipeline.py", "late.extra()", "late.extra() + 1"),
    "a method of a base": ("pipeline.py", "smoothed(WINDOW)", "smoothed(WINDOW) * 2"),
    "a constant": ("pipeline.py", '"high": [2, 3]', '"high": [2, 4]'),
    "an attribute of a class": ("pipeline.py", "width = 3", "width = 4"),
    "a helper of a helper in another module": ("helpers.py", "x + 1\n", "x + 2\n"),
    "a helper named by its module": ("helpers.py", "x * 2", "x * 3"),
    "a decorator": ("helpers.py", "return function(*args)", "return -function(*args)"),
    "a decorated function": ("helpers.py", "return plus(x)", "return plus(x) + 1"),
    "what a closure holds": ("helpers.py", "made_by(3)", "made_by(4)"),
    "a closure": ("helpers.py", "x + number", "x - number"),
    "an imported constant": ("constants.py", "WINDOW = 10", "WINDOW = 11"),
    "a module that make imports itself": ("late.py", "return 1", "return 3"),
}
"""Edits that `make` reaches: a file, the text there, and another."""


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digest of the package after each edit, and by the name "" without one."""
    packages = {name: Code(tmp_path_factory.mktemp("edited")) for name in ("", *EDITS)}
    for name, edit in EDITS.items():
        packages[name].edit(*edit)
    versions = _versions(*(package.folder for package in packages.values()))
    return {name: version["digest"] for name, version in zip(packages, versions, strict=True)}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_that_make_reaches_makes_another_version(edited: dict[str, str], edit: str) -> None:
    assert edited[edit] != edited[""]


def test_every_process_and_place_finds_the_same_version(code: Code, edited: dict[str, str]) -> None:
    assert code.version()["digest"] == code.version()["digest"] == edited[""]


def test_edits_that_make_does_not_reach_keep_the_version(code: Code) -> None:
    before = code.version()["digest"]
    assert before.startswith("sha256:")
    code.edit("pipeline.py", "return unrelated()", "return unrelated() + 1")
    code.edit("pipeline.py", "UNUSED = 5", "UNUSED = 6")
    code.edit("pipeline.py", "def not_called(self):\n        return 1", "def not_called(self):\n        return 2")
    code.edit("pipeline.py", "# a comment", "#  another")
    code.edit("pipeline.py", '"a docstring"', '"another docstring"')
    code.edit("pipeline.py", '"-> Session"', '"-> Session # of one animal"')
    code.edit("helpers.py", "def nobody_calls(x):\n    return x", "def nobody_calls(x):\n\n    return (x, 1)")
    code.edit("constants.py", "unused = 3", "unused = 4")
    code.edit("late.py", "return 2", "return 4")
    code.edit(
        "helpers.py", "def inside(x):\n    return x + 1", "\n\ndef inside(x):\n    return (x +\n            1)  # more"
    )
    assert code.version()["digest"] == before


def test_the_commit_stands_beside_and_an_unrelated_one_keeps_the_version(code: Code) -> None:
    assert code.version()["commit"] == ""
    code.git("init", "-q")
    code.git("add", ".")
    code.git("commit", "-q", "-m", "first")
    first = code.version()
    assert first["commit"] == code.git("rev-parse", "HEAD")
    (code.folder / "readme").write_text("text", encoding="utf-8")
    code.git("add", ".")
    code.git("commit", "-q", "-m", "second")
    second = code.version()
    assert second["commit"] != first["commit"]
    assert second["digest"] == first["digest"]
    code.edit("pipeline.py", "UNUSED = 5", "UNUSED = 6")
    assert code.version() == {"digest": first["digest"], "commit": ""}


CELLS = """
from IPython.testing.globalipapp import start_ipython
shell = start_ipython()
def run(text):
    done = shell.run_cell(text)
    done.raise_error()
run("import levada as lv\\nFACTOR = %s\\ndef helper(x):\\n    return x * FACTOR")
run("class Rate(lv.Computed):\\n    definition = '-> Session'\\n    def make(self, key):\\n        return helper(%s)")
run("from levada._jobs.code_version import code_version\\nprint(code_version(Rate).digest)")
"""


def _told(program: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def test_code_of_a_notebook_has_a_version(tmp_path: Path) -> None:
    pytest.importorskip("IPython")
    told = [_told(CELLS % values, tmp_path) for values in ((1, 1), (1, 1), (2, 1), (1, 2))]
    assert told[0] == told[1]
    assert len(set(told)) == 3


def test_a_script_and_its_module_have_the_same_version(tmp_path: Path) -> None:
    (tmp_path / "near.py").write_text("def help(x):\n    return x\n", encoding="utf-8")
    program = (
        "import levada as lv\nimport near\n"
        "class Rate(lv.Computed):\n    def make(self, key):\n        near.help(key)\n"
        "if __name__ == '__main__':\n"
        "    from levada._jobs.code_version import code_version\n    print(code_version(Rate).digest)\n"
    )
    (tmp_path / "script.py").write_text(program, encoding="utf-8")
    run = [sys.executable, "script.py"]
    as_script = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()
    imported = (
        "import script; from levada._jobs.code_version import code_version; print(code_version(script.Rate).digest)"
    )
    assert as_script == _told(imported, tmp_path)
    (tmp_path / "near.py").write_text("def help(x):\n    return -x\n", encoding="utf-8")
    assert as_script != _told(imported, tmp_path)


def test_a_job_records_code_commit_and_environment(connection: lv.Connection) -> None:
    schema = lv.Schema("bench", connection=connection)

    @schema
    class Number(lv.Lookup):
        definition = "n : int32"
        contents = ((1,),)

    @schema
    class Square(lv.Computed):
        definition = "-> Number"

        def make(self, key: dict[str, int]) -> None:
            self.insert1(key)

    Square.populate()
    job = Square.jobs.fetch1()
    assert job["code_version"] == code_version(Square).digest
    assert job["code_commit"] == (code_version(Square).commit or None)
    assert job["environment_id"] is not None


RELOADED = {
    "reloaded_rates.py": """
        import levada as lv
        from reloaded_constants import FACTOR
        from reloaded_helpers import scaled

        OWN = 5

        class Rate(lv.Computed):
            definition = "-> Number"

            def make(self, key):
                scaled(FACTOR)
                OWN
                self.insert1(key)
    """,
    "reloaded_helpers.py": "def scaled(x):\n    return 2 * x\n",
    "reloaded_constants.py": "FACTOR = 1\n",
}
FRESH = (
    "import reloaded_rates as r; from levada._jobs.code_version import code_version; print(code_version(r.Rate).digest)"
)


@pytest.mark.parametrize(
    ("file", "text"),
    [("reloaded_constants.py", "FACTOR = 2\n"), ("reloaded_helpers.py", "def scaled(x):\n    return 3 * x\n")],
)
def test_a_module_that_is_reloaded_has_the_version_of_its_new_code(
    connection: lv.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name, source in RELOADED.items():
        (tmp_path / name).write_text(textwrap.dedent(source), encoding="utf-8")
    schema = lv.Schema("bench", connection=connection)

    @schema
    class Number(lv.Lookup):
        definition = "n : int32"
        contents = ((1,), (2,), (3,), (4,))

    def loaded() -> lv.Computed:
        module = importlib.reload(importlib.import_module("reloaded_rates"))
        return cast("lv.Computed", schema(module.Rate)())

    def computed(table: lv.Computed, n: int) -> str:
        """Compute a key, and return the version of the code that was recorded."""
        table.populate({"n": n})
        digest: str = (table.jobs & {"n": n}).fetch1("code_version")
        return digest

    try:
        table = loaded()
        before = computed(table, 1)
        (tmp_path / file).write_text(text, encoding="utf-8")
        assert computed(table, 2) == before
        importlib.reload(sys.modules[file.removesuffix(".py")])
        table = loaded()
        after = computed(table, 3)
        assert after != before
        assert len(table.stale()) == 2
        assert _told(FRESH, tmp_path) == after
    finally:
        for name in RELOADED:
            sys.modules.pop(name.removesuffix(".py"), None)


NOTEBOOK = """
import os, pathlib
from IPython.testing.globalipapp import start_ipython
shell = start_ipython()
def run(text):
    shell.run_cell(text).raise_error()
def version():
    run("from levada._jobs import code_version as c\\nc.look_again()\\nprint(c.code_version(Rate).digest)")
{load}
version()
path = pathlib.Path({file!r})
path.write_text(path.read_text().replace({old!r}, {new!r}))
os.utime(path, (2e9, 2e9))
{again}
version()
"""
RUN = 'run("%run reloaded_rates.py")'
LOAD = 'run("%load_ext autoreload\\n%autoreload 2\\nfrom reloaded_rates import Rate")'


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("reloaded_rates.py", "OWN = 5", "OWN = 6"),
        ("reloaded_rates.py", "OWN = 5", "OWN = 5.0"),
        ("reloaded_rates.py", "scaled(FACTOR)", "scaled(FACTOR + 1)"),
        ("reloaded_helpers.py", "return 2 * x", "y = 3\n    return y * x"),
    ],
)
@pytest.mark.parametrize(("load", "again"), [(LOAD, 'run("None")'), (RUN, RUN)], ids=["autoreload", "run"])
def test_code_that_ipython_loads_again_has_the_version_of_a_new_process(
    tmp_path: Path, file: str, old: str, new: str, load: str, again: str
) -> None:
    pytest.importorskip("IPython")
    if again == RUN and file != "reloaded_rates.py":
        again += "; run('import importlib, reloaded_helpers; importlib.reload(reloaded_helpers)'); " + RUN
    for name, source in RELOADED.items():
        (tmp_path / name).write_text(textwrap.dedent(source), encoding="utf-8")
    program = NOTEBOOK.format(load=load, again=again, file=file, old=old, new=new)
    done = subprocess.run(
        [sys.executable, "-B", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    before, after = [line for line in done.stdout.splitlines() if line.startswith("sha256:")]
    assert after != before
    assert _told(FRESH, tmp_path) == after


def test_computing_again_has_the_version_of_the_code_that_runs(connection: lv.Connection) -> None:
    schema = lv.Schema("bench", connection=connection)
    names: dict[str, Any] = {"__name__": "__main__", "lv": lv, "schema": schema, "FACTOR": 1}
    source = """
        @schema
        class Number(lv.Lookup):
            definition = "n : int32"
            contents = ((1,),)

        @schema
        class Rate(lv.Computed):
            definition = "-> Number\\n---\\nx : float64"

            def make(self, key):
                self.insert1({**key, "x": FACTOR})
    """
    cell = "<another cell>"
    text = textwrap.dedent(source)
    linecache.cache[cell] = (len(text), None, text.splitlines(keepends=True), cell)
    exec(compile(text, cell, "exec"), names)
    table = names["Rate"]
    table.populate()
    names["FACTOR"] = 2
    assert table.recompute("n = 1").confirm() == 1
    assert len(table.stale()) == 0


def test_a_constant_of_a_notebook_that_is_changed_makes_another_version(connection: lv.Connection) -> None:
    schema = lv.Schema("bench", connection=connection)
    source = """
        @schema
        class Number(lv.Lookup):
            definition = "n : int32"
            contents = ((1,), (2,))

        @schema
        class Rate(lv.Computed):
            definition = "-> Number"

            def make(self, key):
                self.insert1({**key, "n": key["n"] * FACTOR})
    """
    names: dict[str, Any] = {"__name__": "__main__", "lv": lv, "schema": schema, "FACTOR": 1}
    cell = "<cell of a notebook>"
    text = textwrap.dedent(source)
    linecache.cache[cell] = (len(text), None, text.splitlines(keepends=True), cell)
    exec(compile(text, cell, "exec"), names)
    table = names["Rate"]
    table.populate({"n": 1})
    names["FACTOR"] = 1.0
    table.populate({"n": 2})
    versions = table.jobs.fetch("code_version", order_by="n")
    assert len(set(versions)) == 2


@pytest.mark.parametrize("place", ["<stdin>", "<string>"])
def test_code_that_was_typed_without_a_file_has_no_digest(place: str) -> None:
    names: dict[str, object] = {"__name__": "__main__", "lv": lv}
    source = """
        class Rate(lv.Computed):
            definition = "-> Session"

            def make(self, key):
                self.insert1(key)
    """
    exec(compile(textwrap.dedent(source), place, "exec"), names)
    table = names["Rate"]
    assert isinstance(table, type)
    assert code_version(table).digest == ""


def test_the_commit_of_a_module_is_found_without_running_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "lab_that_stops.py").write_text("raise SystemExit\n", encoding="utf-8")
    (tmp_path / "lab_package").mkdir()
    (tmp_path / "lab_package" / "__init__.py").write_text("raise SystemExit\n", encoding="utf-8")
    (tmp_path / "lab_package" / "rates.py").touch()
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert module_commit("lab_that_stops") == module_commit("lab_package.rates") == head
    assert module_commit("lab_that_is_not_there") == ""
    assert module_commit("lab_that_stops.within") == ""
