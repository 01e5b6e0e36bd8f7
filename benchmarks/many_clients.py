"""Many clients at once, each with small calls."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import levada as lv
from benchmarks.place import declare, serving
from benchmarks.timing import Line, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.place import Place

CLIENTS = 64
CALLS = 40
ENOUGH_CORES = 6
LOADERS = 2
"""Processes that the clients share: a single one would be slower than the server."""


def many_clients(place: Place) -> Iterator[Line]:
    """Let many clients fetch, insert and count at once, against one and against two server processes."""
    table = declare(lv.Schema("crowd", connection=place.levada), lv.Manual, "Crowd", "id : int64\n---\nx : float64\n")
    table.insert([{"id": number, "x": 0.5} for number in range(1000)])
    rates = {}
    for processes in (1, 2):
        with serving(place.dsn, "--processes", str(processes)) as server:
            rate, latencies = _crowd(server.address, 1000 + processes * 100_000)
        rates[processes] = rate
        median, slowest = statistics.median(latencies), statistics.quantiles(latencies, n=100)[98]
        detail = f"p50 {shown(median)}, p99 {shown(slowest)}, {rate:.0f} calls/s"
        work = f"{CLIENTS} clients at once, processes of the server: {processes}"
        ratio = slowest / median
        yield Line(work, "no error; p99 < 20 times p50", f"{ratio:.1f} times", ratio < 20, detail)
    gain = rates[2] / rates[1]
    # The clients and PostgreSQL need cores too.
    met = gain >= 1.7 if (os.cpu_count() or 1) >= ENOUGH_CORES else None
    yield Line("two processes of the server", "≥ 1.7 times one, where cores allow", f"{gain:.2f} times", met, "")


def _crowd(address: str, first: int) -> tuple[float, list[float]]:
    """Run the crowd against a server; return the calls per second and the duration of each.

    Args:
        address: The server's address.
        first: The first id to insert; more follow it.
    """
    clients = CLIENTS // LOADERS
    loaders = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.crowd", address]
            + [str(number) for number in (clients, CALLS, first + loader * clients * CALLS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for loader in range(LOADERS)
    ]
    latencies: list[float] = []
    for loader in loaders:
        assert loader.stdout is not None
        assert loader.stdout.readline() == "ready\n"
    began = time.perf_counter()
    for loader in loaders:
        assert loader.stdin is not None
        loader.stdin.write("\n")
        loader.stdin.flush()
    for loader in loaders:
        output, _ = loader.communicate()
        latencies += json.loads(output)
    return CLIENTS * CALLS / (time.perf_counter() - began), latencies
