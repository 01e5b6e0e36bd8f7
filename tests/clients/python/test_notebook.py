"""The outputs and the completions of a notebook, in a real kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.kernel import kernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.kernel import Kernel

SETUP = """
import levada as lv

schema = lv.Schema("shown")

@schema
class Mouse(lv.Lookup):
    definition = '''
    # Animals in the colony
    mouse : int32  # ear tag
    ---
    weight = null : float32  # g
    trace : <array float32 (100)>
    '''
    contents = [(n, 18.8333, [k % 7 for k in range(100)]) for n in range(4)]

@schema
class Rate(lv.Computed):
    definition = '''
    -> Mouse
    ---
    rate : float64
    '''
    def make(self, key):
        if key["mouse"] == 3:
            raise ValueError("no spikes")
        self.insert1({**key, "rate": 1.5})
"""


@pytest.fixture
def notebook(server_address: str, tmp_path: Path) -> Iterator[Kernel]:
    """A kernel with a small pipeline, whose first cell was silent."""
    with kernel(tmp_path, {**os.environ, "LEVADA_URL": server_address}) as started:
        output = started.run(SETUP)
        assert (output.error, output.stdout, output.stderr) == ("", "", ""), output.traceback
        yield started


def test_everything_shows_itself(notebook: Kernel) -> None:
    parts = {
        "Mouse": ("<b>shown.Mouse</b> · Animals in the colony · 4 rows", "1  18.8333"),
        "Mouse()": ("data:image/svg+xml;base64,", "*mouse"),
        "Mouse & 'mouse = 1'": ("1 row", "float32 (100,)"),
        "schema": ("<b>shown</b> · 2 tables", "Rate   computed     0    0 of 4"),
        "lv.VirtualModule('v', 'shown')": ("Animals in the colony", "shown · 2 tables"),
        "schema.jobs": ("pending", "rate"),
        "Rate.jobs": ("jobs of shown.Rate", "*mouse"),
        "Mouse.heading": ("ear tag", "weight=null"),
        "Mouse.delete(dry_run=True)": ("shown.Mouse", "        4 from shown.Mouse"),
        "lv.conn()": ("connection to ", "Connection("),
        "lv.config": ("display.limit", "safemode = True"),
    }
    notebook.run("Rate.jobs.refresh()")
    for code, (html, text) in parts.items():
        output = notebook.run(code)
        assert output.stderr == "", code
        (shown,) = output.shown
        assert html in shown["text/html"], code
        assert text in shown["text/plain"], code
    assert notebook.run("lv.U('mouse')").shown[0]["text/plain"] == "U('mouse')"
    assert "does not belong to a schema yet" in notebook.run("class X(lv.Manual): pass\nX").shown[0]["text/html"]
    texts = {
        "Mouse.c": "<attributes: mouse, weight, trace>",
        "Mouse.proj": "<method proj of Mouse; call it: proj(…)>",
        "[Mouse, Rate]": "[shown.Mouse, shown.Rate]",
        "Mouse.describe().splitlines()[0]": "'# Animals in the colony'",
        "Mouse.head(2)": "[{'mouse': 0, 'weight': 18.8333, 'trace': <array float32 (100,)>},\n"
        " {'mouse': 1, 'weight': 18.8333, 'trace': <array float32 (100,)>}]",
    }
    for code, text in texts.items():
        (shown,) = notebook.run(code).shown
        assert shown == {"text/plain": text}
    (shown,) = notebook.run("Mouse.describe()").shown
    assert shown["text/plain"].splitlines()[:2] == ["# Animals in the colony", "mouse : int32  # ear tag"]


def test_a_populate_shows_its_progress_and_errors(notebook: Kernel) -> None:
    output = notebook.run("Rate.populate(suppress_errors=True);")
    (shown,) = output.shown
    assert '<progress max="4" value="4"' in shown["text/html"]
    assert "1 failed" in shown["text/html"]
    assert shown["text/plain"].startswith("Rate: 4 of 4, 1 failed")
    assert (output.stdout, output.stderr) == ("", "")
    assert notebook.run("Rate.populate(reserve_jobs=True, suppress_errors=True);").shown == []
    assert notebook.run("Rate.populate(suppress_errors=True, display_progress=False);").shown == []


def test_a_question_that_nobody_can_answer_says_what_to_do(notebook: Kernel) -> None:
    output = notebook.run("Mouse.delete()")
    assert output.error == "PreconditionFailed"
    assert "Pass prompt=False" in output.traceback
    assert "StdinNotImplementedError" not in output.traceback
    assert "4 from shown.Mouse" in output.stdout


def test_pythons_own_prompt_shows_the_same(server_address: str) -> None:
    lines = [
        "Mouse",
        "Mouse.proj",
        "schema",
        "Mouse.describe()",
        "Mouse.head(1)",
        "len(_)",
        "1 + 1",
        "[Mouse]",
    ]
    done = subprocess.run(
        [sys.executable, "-i", "-q", "-c", SETUP],
        input="\n".join([*lines, ""]),
        env={**os.environ, "LEVADA_URL": server_address},
        capture_output=True,
        text=True,
        timeout=60,
    )
    shown = done.stdout.splitlines()
    assert shown[0] == "shown.Mouse · Animals in the colony · 4 rows"
    assert shown[7:9] == ["<method proj of Mouse; call it: proj(…)>", "shown · 2 tables"]
    assert shown[13:15] == ["# Animals in the colony", "mouse : int32  # ear tag"]
    assert shown[-4:] == [
        "[{'mouse': 0, 'weight': 18.8333, 'trace': <array float32 (100,)>}]",
        "1",
        "2",
        "[<class '__main__.Mouse'>]",
    ]


@pytest.mark.parametrize("jedi", [True, False])
def test_the_tab_key_completes_attributes(notebook: Kernel, jedi: bool) -> None:
    notebook.run(f"%config Completer.use_jedi = {jedi}")
    notebook.run("import os\nv = lv.VirtualModule('v', 'shown')")
    for code in (
        "Mouse.c.w",
        'Mouse & {"w',
        "Mouse & 'mouse > 3 and w",
        'Mouse().fetch1("w',
        "(v.Mouse * Rate).proj('w",
    ):
        assert notebook.complete(code) == ["weight"], code
    assert set(notebook.complete("Mouse.c.")) == {"mouse", "weight", "trace"}
    assert set(notebook.complete("x = Mouse\ny = [\n  Rate.jobs & {'err")) == {
        "error_message",
        "error_stack",
        "error_type",
    }
    assert "os.path" in [f"os.{name.rpartition('.')[2]}" for name in notebook.complete("os.pa")]
