"""Compares MATLAB's client with Python's: many rows fetched and inserted, and small calls. Runs in Octave."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

import levada as lv
from benchmarks.place import declare
from benchmarks.timing import Line, at_most, interleaved, seconds, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.place import Place

ROWS = 1_000_000
INSERTED = 100_000
CALLS = 1000
TOOLBOX = Path(__file__).parents[1] / "clients" / "matlab" / "toolbox"

NUMBERS = """
id : int32
---
a : float64
b : float64
n : int32
"""
TEXTS = """
id : int32
---
words : varchar(40)
"""
MIXED = """
id : int32
---
x : float64
name : varchar(40)
ok : bool
"""
PREPARATION = """
    connection = levada.connect(address);
    tables = levada.virtualSchema('matlab');
    i = (0:inserted - 1)';
    texts = arrayfun(@(n) sprintf('name %d', n), i, 'UniformOutput', false);
    rows = struct('id', num2cell(i), 'x', num2cell(i / 2), 'name', texts, 'ok', num2cell(mod(i, 2) == 1));
    name = @(table) struct('name', struct('schema', 'matlab', 'table', table));
    relation = @(table) struct('relation', struct('nodes', {{struct('table', name(table))}}));
    count = @() levada.internal.calls.call(connection, '/levada_api.v1.QueryService/CountRelation', relation('few'));
"""


class Octave:
    """An Octave that runs one line after another and answers each."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, line: str) -> None:
        """Run a line and wait for its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{' '.join(line.split())}; disp('done')\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if answer != "done":
            raise RuntimeError(f"Octave answered {answer!r} to {line!r}.")


@contextmanager
def octave(address: str) -> Iterator[Octave]:
    """Start Octave with the toolbox on its path."""
    command = ["octave-cli", "--no-history", "--quiet", "--no-line-editing"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        opened = Octave(process)
        opened.run(f"addpath('{TOOLBOX}'); address = '{address}'; inserted = {INSERTED};")
        opened.run(PREPARATION)
        yield opened
        assert process.stdin is not None
        process.stdin.close()


def matlab(place: Place) -> Iterator[Line]:
    """Fetch numbers and texts, insert rows, and make small calls, in Octave and in Python."""
    schema = lv.Schema("matlab", connection=place.levada)
    ids = np.arange(ROWS, dtype=np.int32)
    numbers = declare(schema, lv.Manual, "Numbers", NUMBERS)
    numbers.insert(pa.table({"id": ids, "a": ids * 0.5, "b": ids * 0.25, "n": ids}))
    texts = declare(schema, lv.Manual, "Texts", TEXTS)
    texts.insert(pa.table({"id": ids, "words": [f"word number {number}" for number in range(ROWS)]}))
    few = declare(schema, lv.Manual, "Few", "id : int32")
    few.insert([(1,), (2,)])
    mixed = declare(schema, lv.Manual, "Mixed", MIXED)
    mixed_in_octave = declare(schema, lv.Manual, "Other", MIXED)
    rows = [{"id": i, "x": i / 2, "name": f"name {i}", "ok": i % 2 == 1} for i in range(INSERTED)]
    place.execute("VACUUM ANALYZE")

    def count_in_python() -> None:
        for _ in range(CALLS):
            len(few())

    def insert_in_python() -> None:
        mixed.delete_quick()
        mixed.insert(rows)

    with octave(place.server.address) as interpreter:

        def insert_in_octave() -> None:
            mixed_in_octave.delete_quick()
            interpreter.run("insert(tables.Other, rows);")

        def fetch_in_octave(outputs: str, source: str) -> Callable[[], None]:
            return lambda: interpreter.run(f"[{outputs}] = fetchn({source}); clear {outputs}")

        fetch = fetch_in_octave("a b n", "tables.Numbers, 'a', 'b', 'n'")
        times = interleaved({"Python": lambda: numbers.to_arrays("a", "b", "n"), "Octave": fetch})
        yield _line("a million rows of numbers", times, 1.3)
        fetch = fetch_in_octave("words", "tables.Texts, 'words'")
        times = interleaved({"Python": lambda: texts.to_arrays("words"), "Octave": fetch})
        yield _line("a million rows of text", times, 3)
        times = interleaved({"Python": insert_in_python, "Octave": insert_in_octave})
        yield _line(f"an insert of {INSERTED} rows", times, 3)
        loop = f"for i = 1:{CALLS}, count(); end"
        times = interleaved({"Python": count_in_python, "Octave": lambda: interpreter.run(loop)})
        detail = ", ".join(f"{name} {shown(total / CALLS)}" for name, total in times.items())
        yield at_most(
            f"{CALLS} small calls, in Octave", times["Octave"] / times["Python"], 1.5, "the Python client", detail
        )


def _line(work: str, times: dict[str, float], limit: float) -> Line:
    return at_most(f"{work}, in Octave", times["Octave"] / times["Python"], limit, "the Python client", seconds(times))
