"""Compares the MATLAB client with the Python client: columns of a million rows, and small calls. Runs in Octave."""

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
    from collections.abc import Iterator

    from benchmarks.place import Place

ROWS = 1_000_000
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
PREPARATION = """
    connection = levada.internal.calls.Caller(address, '', '');
    name = @(table) struct('name', struct('schema', 'matlab', 'table', table));
    relation = @(table) struct('relation', struct('nodes', {{struct('table', name(table))}}));
    fetch = @(table) levada.internal.query.streamColumns(connection, relation(table));
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
        opened.run(f"addpath('{TOOLBOX}'); address = '{address}';")
        opened.run(PREPARATION)
        yield opened
        assert process.stdin is not None
        process.stdin.close()


def matlab(place: Place) -> Iterator[Line]:
    """Fetch numbers and texts, and make small calls, in Octave and in Python."""
    schema = lv.Schema("matlab", connection=place.levada)
    ids = np.arange(ROWS, dtype=np.int32)
    numbers = declare(schema, lv.Manual, "Numbers", NUMBERS)
    numbers.insert(pa.table({"id": ids, "a": ids * 0.5, "b": ids * 0.25, "n": ids}))
    texts = declare(schema, lv.Manual, "Texts", TEXTS)
    texts.insert(pa.table({"id": ids, "words": [f"word number {number}" for number in range(ROWS)]}))
    few = declare(schema, lv.Manual, "Few", "id : int32")
    few.insert([(1,), (2,)])
    place.execute("VACUUM ANALYZE")

    def count_in_python() -> None:
        for _ in range(CALLS):
            len(few())

    with octave(place.server.address) as interpreter:
        times = interleaved({"Python": numbers.to_arrow, "Octave": lambda: interpreter.run("fetch('numbers');")})
        yield _line("a million rows of numbers", times, 1.5)
        times = interleaved({"Python": texts.to_arrow, "Octave": lambda: interpreter.run("fetch('texts');")})
        yield _line("a million rows of text, as flat buffers", times, 3)
        loop = f"for i = 1:{CALLS}, count(); end"
        times = interleaved({"Python": count_in_python, "Octave": lambda: interpreter.run(loop)})
        detail = ", ".join(f"{name} {shown(total / CALLS)}" for name, total in times.items())
        yield at_most(
            f"{CALLS} small calls, in Octave", times["Octave"] / times["Python"], 1.5, "the Python client", detail
        )


def _line(work: str, times: dict[str, float], limit: float) -> Line:
    return at_most(f"{work}, in Octave", times["Octave"] / times["Python"], limit, "the Python client", seconds(times))
