"""`python -m benchmarks.drill_matlab`: kill Octave and Python workers of one table; each key is committed once.

A test runs a smaller version of the same drill.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg

import levada as lv
from benchmarks.drills import MODULE, PATIENCE_SECONDS, ROOT, DrillFailed, Field, databases

TOOLBOX = ROOT / "clients" / "matlab" / "toolbox"
CLASSES = Path(__file__).parent / "matlab_drill"
_SILENCE_SECONDS = 2 * PATIENCE_SECONDS
"""Nothing is committed for at most as long as a killed Octave keeps its jobs."""
_COMMITTED = "SELECT _pid, count(*) FROM {jobs} GROUP BY _pid"
_LAPSE = "UPDATE levada.worker_session SET expire_time = clock_timestamp() - interval '1 s' WHERE pid = $1"
_WORK = "levada.connect('{address}'); levada.worker(drill.Result, 'Display', false)"


@dataclass(frozen=True)
class Scale:
    """The size of the drill.

    Args:
        workers: Octave workers, and as many in Python.
        keys: How many keys to compute.
        kills: How many workers to kill; another takes the place of each.
        lapse: End the leases of a killed worker by hand, instead of waiting until they run out.
        seed: The seed of the random choices.
    """

    workers: int
    keys: int
    kills: int
    lapse: bool
    seed: int = 5


SMALL = Scale(workers=2, keys=200, kills=4, lapse=True)
FULL = Scale(workers=8, keys=1500, kills=20, lapse=False)


def both_languages(database_url: str, scale: Scale) -> dict[str, int]:
    """Kill Octave and Python workers at random while they compute the keys of one table.

    Returns:
        How many of each were killed, and how many keys each committed.

    Raises:
        DrillFailed: A key is lost, was committed twice, or one of the languages committed none.
    """
    with Field(database_url) as field, _Workers(field, scale.workers) as workers:
        field.prepare([])
        killed = asyncio.run(_drill(field, workers, scale))
        field.check()
        committed = dict.fromkeys(workers.started, 0)
        for process, count in field.sql(_COMMITTED.format(jobs=field.jobs)):
            language = "Octave" if process in workers.started["Octave"] else "Python"
            committed[language] += count
        if not all(committed.values()):
            raise DrillFailed(f"One of the languages committed no key: {committed}")
        told = {f"{language} committed": count for language, count in committed.items()}
        return {f"{language} killed": count for language, count in killed.items()} | told


async def _drill(field: Field, workers: _Workers, scale: Scale) -> dict[str, int]:
    """Let each language commit keys, then kill workers until all keys are; return how many of each language."""
    connection = await asyncpg.connect(field.database_url)
    commits = _Commits(connection)
    first = scale.keys // 4
    try:
        await connection.add_listener("committed", commits.notice)
        # Octave alone, then Python alone: together, one of them might take all keys.
        workers.hire("Octave")
        _insert(field, range(first))
        await commits.reach(first)
        for process in workers.dismiss("Octave"):
            await connection.execute(_LAPSE, process)
        workers.hire("Python")
        _insert(field, range(first, 2 * first))
        await commits.reach(first + 1)
        workers.hire("Octave")
        _insert(field, range(2 * first, scale.keys))
        return await _kill_at_random(commits, workers, scale)
    finally:
        await connection.close()


def _insert(field: Field, numbers: range) -> None:
    """Insert keys, and make their jobs."""
    lv.FreeTable(field.connection, "drill.Sample").insert([{"n": n} for n in numbers])
    (jobs,) = lv.Schema("drill", connection=field.connection).jobs & {"table_name": "Result"}
    jobs.refresh()


async def _kill_at_random(commits: _Commits, workers: _Workers, scale: Scale) -> dict[str, int]:
    """Kill a worker whenever some more keys are committed, until all are; return how many of each language."""
    chance = random.Random(scale.seed)
    killed = dict.fromkeys(workers.started, 0)
    pace = scale.keys // (scale.kills + 1)
    for kill in range(1, scale.kills + 1):
        await commits.reach(kill * pace)
        language = chance.choice(sorted(killed))
        killed[language] += 1
        process = workers.replace(language, chance)
        if scale.lapse:
            await commits.connection.execute(_LAPSE, process)
    await commits.reach(scale.keys)
    return killed


class _Commits:
    """Waits for commits.

    Args:
        connection: To the database, listening to commits with `notice`.
    """

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self.connection = connection
        self._noticed = asyncio.Event()

    def notice(self, *_: object) -> None:
        """Count again."""
        self._noticed.set()

    async def reach(self, number: int) -> None:
        """Wait until this many keys are committed.

        Raises:
            DrillFailed: None is for a long time.
        """
        while True:
            self._noticed.clear()
            committed: int = await self.connection.fetchval("SELECT count(*) FROM drill.result")
            if committed >= number:
                return
            try:
                await asyncio.wait_for(self._noticed.wait(), _SILENCE_SECONDS)
            except TimeoutError:
                raise DrillFailed(f"Only {committed} keys are committed, not {number}.") from None


class _Workers:
    """Worker processes of both languages; a context that ends them.

    Args:
        field: The stage.
        number: How many of each language.
    """

    def __init__(self, field: Field, number: int) -> None:
        self._field = field
        self._number = number
        self._running: dict[str, list[subprocess.Popen[bytes]]] = {"Octave": [], "Python": []}
        self.started: dict[str, set[int]] = {"Octave": set(), "Python": set()}
        """The process ids of all that were ever started."""

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for process in itertools.chain(*self._running.values()):
            process.kill()
            process.wait()

    def hire(self, language: str) -> None:
        """Start all workers of a language."""
        for _ in range(self._number):
            self._hire(language)

    def dismiss(self, language: str) -> list[int]:
        """Kill all workers of a language; return their process ids."""
        processes, self._running[language] = self._running[language], []
        for process in processes:
            process.kill()
            process.wait()
        return [process.pid for process in processes]

    def replace(self, language: str, chance: random.Random) -> int:
        """Kill a worker of a language, and start another; return the process id of the first."""
        process = self._running[language].pop(chance.randrange(self._number))
        process.kill()
        process.wait()
        self._hire(language)
        return process.pid

    def _hire(self, language: str) -> None:
        process = self._octave() if language == "Octave" else self._python()
        self._running[language].append(process)
        self.started[language].add(process.pid)

    def _octave(self) -> subprocess.Popen[bytes]:
        work = _WORK.format(address=self._field.proxy.address)
        paths = ["--path", str(TOOLBOX), "--path", str(CLASSES)]
        return self._start("octave-cli", "--no-history", "--no-init-file", "--quiet", *paths, "--eval", work)

    def _python(self) -> subprocess.Popen[bytes]:
        return self._start(sys.executable, "-m", "levada", "worker", MODULE, "--lease", "20")

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"LEVADA_URL": self._field.proxy.address},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def main() -> int:
    """Run the drill and print what happened."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drill_matlab", description=__doc__)
    parser.add_argument("--small", action="store_true", help="at the size of the test")
    parser.add_argument("--seed", type=int, default=FULL.seed, help=f"of the random choices (default: {FULL.seed})")
    arguments = parser.parse_args()
    scale = replace(SMALL if arguments.small else FULL, seed=arguments.seed)
    # When it is told to stop, it also stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with databases() as database:
        began = time.perf_counter()
        counted = both_languages(database(), scale)
    shown = ", ".join(f"{name} {count}" for name, count in counted.items())
    workers = f"{scale.workers} Octave and {scale.workers} Python workers"
    took = time.perf_counter() - began
    print(f"{workers}, {scale.keys} keys: each committed once, none lost; {took:.0f} s ({shown})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
