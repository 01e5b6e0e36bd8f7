"""`python -m benchmarks.drills`: kill, stop and disconnect processes, and check that every key is committed once.

The tests run smaller versions of the same drills.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import queue
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import asyncpg

import levada as lv
from tests.support.gate import VARIABLE, Gate
from tests.support.processes import Server
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[1]
MODULE = "benchmarks.drill_pipeline"
PATIENCE_SECONDS = 60.0
"""A drill in which nothing happens for this long has failed."""
STALL_SECONDS = 0.5

# Each commit leaves a line here, in its own transaction; rolled back work leaves none.
_AUDIT = """
CREATE TABLE public.commits (n integer NOT NULL, source text NOT NULL, change integer NOT NULL);
CREATE INDEX ON public.commits (n, source);
CREATE FUNCTION public.note_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.commits (n, source, change)
    SELECT n, TG_TABLE_NAME, CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END FROM changed;
    PERFORM pg_notify('committed', '');
    RETURN NULL;
END $$;
CREATE TRIGGER note_commit AFTER INSERT ON drill.result
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.note_commit();
CREATE TRIGGER note_commit AFTER INSERT ON drill.result__digit
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.note_commit();
CREATE TRIGGER note_delete AFTER DELETE ON drill.result
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.note_commit();
CREATE TRIGGER note_delete AFTER DELETE ON drill.result__digit
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.note_commit();
"""

_CHECKS = {
    "keys without a result": """
        SELECT count(*) FROM drill.sample AS s WHERE NOT EXISTS (SELECT FROM drill.result AS r WHERE r.n = s.n)""",
    "keys not committed once, or once more than deleted": """
        SELECT count(*) FROM drill.sample AS s
        WHERE (SELECT sum(change) FROM public.commits AS c WHERE c.n = s.n AND c.source = 'result')
            IS DISTINCT FROM 1""",
    "results that are wrong": "SELECT count(*) FROM drill.result WHERE square <> n::bigint * n",
    "results whose parts are not whole": """
        SELECT count(*) FROM drill.result AS r
        WHERE length(r.square::text) <> (SELECT count(*) FROM drill.result__digit AS d WHERE d.n = r.n)
           OR length(r.square::text) <> (SELECT sum(change) FROM public.commits AS c
                                         WHERE c.n = r.n AND c.source = 'result__digit')""",
    "keys without a job that succeeded": """
        SELECT count(*) FROM drill.sample AS s
        WHERE NOT EXISTS (SELECT FROM {jobs} AS j WHERE j.n = s.n AND j._state = 'success')""",
    "jobs without a key": """
        SELECT count(*) FROM {jobs} AS j WHERE NOT EXISTS (SELECT FROM drill.sample AS s WHERE s.n = j.n)""",
    "jobs whose row contradicts itself": """
        SELECT count(*) FROM {jobs} WHERE _attempt < 1 OR _lease_token IS NULL OR _finished_time IS NULL
            OR _reserved_time > _finished_time OR _error_type IS NOT NULL""",
}
"""Each must be 0 when everything is computed."""

_CHECKS_AT_REST = {
    "jobs that wait though their result is there": """
        SELECT count(*) FROM {jobs} AS j JOIN drill.result AS r ON r.n = j.n WHERE j._state = 'pending'""",
    "jobs that succeeded without a result": """
        SELECT count(*) FROM {jobs} AS j
        WHERE j._state = 'success' AND NOT EXISTS (SELECT FROM drill.result AS r WHERE r.n = j.n)""",
    "keys with neither a result nor a job that waits": """
        SELECT count(*) FROM drill.sample AS s
        WHERE NOT EXISTS (SELECT FROM drill.result AS r WHERE r.n = s.n)
          AND NOT EXISTS (SELECT FROM {jobs} AS j WHERE j.n = s.n AND j._state = 'pending')""",
    "jobs in another state": "SELECT count(*) FROM {jobs} WHERE _state NOT IN ('pending', 'success')",
}
"""Each must be 0 when nobody works, even if not everything is computed."""


class DrillFailed(Exception):
    """A drill did not end as it must."""


@dataclass(frozen=True)
class Scale:
    """The size of a drill.

    Args:
        crews: Worker daemons.
        processes: Computing processes per daemon.
        keys: How many keys to compute.
        replicas: Servers on the same database.
        blows: How many processes to kill or connections to cut.
        lease_seconds: How long a silent worker keeps its jobs; with many processes on few cores, workers are silent for
            longer.
        seed: The seed of the random choices.
    """

    crews: int
    processes: int
    keys: int
    replicas: int
    blows: int
    lease_seconds: int = 2
    seed: int = 5


SMALL = Scale(crews=2, processes=4, keys=400, replicas=2, blows=12)
FULL = Scale(crews=8, processes=8, keys=10_000, replicas=3, blows=150, lease_seconds=20)


@dataclass
class Crew:
    """A process `levada worker`, whose log is read by a thread."""

    process: subprocess.Popen[str]
    reader: threading.Thread
    members: set[int] = field(default_factory=set)
    """The processes that it has reported as ready."""


Record = dict[str, Any]  # Any: values from JSON


class Field:
    """The stage of a drill: servers, a proxy in front of them, workers, and their events; a context manager.

    Args:
        database_url: An empty Levada database.
    """

    def __init__(self, database_url: str, replicas: int = 1) -> None:
        self.database_url = database_url
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="levada-drill-")))
        self._addresses = [f"unix:{self._folder / str(number)}" for number in range(replicas)]
        self._said: queue.Queue[tuple[Crew, Record | None]] = queue.Queue()
        self.crews: list[Crew] = []
        self.counts: dict[str, int] = {}

    def __enter__(self) -> Field:
        with ExitStack() as stack:
            stack.push(self._stack)
            self.servers = [stack.enter_context(Server(self.database_url, address)) for address in self._addresses]
            self.proxy = stack.enter_context(Proxy(self._addresses))
            self.gate = stack.enter_context(Gate(Path(self.gate_path)))
            self.connection = stack.enter_context(lv.Connection(self._addresses[0]))
            stack.callback(self._end_crews)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def prepare(self, samples: Sequence[dict[str, object]]) -> None:
        """Declare the tables with a worker that ends at once, insert samples, and begin to count commits."""
        self.hire("--drain").process.wait(PATIENCE_SECONDS)
        self.sql(_AUDIT)
        lv.FreeTable(self.connection, "drill.Sample").insert(samples)

    @property
    def gate_path(self) -> str:
        """The socket at which computations wait."""
        return str(self._folder / "gate")

    def hire(self, *options: str) -> Crew:
        """Start a worker daemon on the far side of the proxy."""
        process = subprocess.Popen(
            [sys.executable, "-m", "levada", "worker", MODULE, "--log-format", "json", *options],
            cwd=ROOT,
            env=os.environ | {"LEVADA_URL": self.proxy.address, VARIABLE: self.gate_path},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        crew = Crew(process, threading.Thread(target=lambda: self._listen(crew), daemon=True))
        self.crews.append(crew)
        crew.reader.start()
        return crew

    def _listen(self, crew: Crew) -> None:
        assert crew.process.stderr is not None
        with crew.process.stderr as lines:
            for line in lines:
                try:
                    record = json.loads(line)
                except ValueError:  # a library's warning, or half a line of a killed process
                    sys.stderr.write(line)
                    continue
                self._said.put((crew, record))
        self._said.put((crew, None))

    def heard(self) -> tuple[Crew, Record | None]:
        """Wait for the next event of a crew; return None when there are no more.

        Raises:
            DrillFailed: They are all silent.
        """
        try:
            crew, record = self._said.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            raise DrillFailed("Nothing happens any more.") from None
        match record:
            case {"event": "process_ready", "process": pid}:
                crew.members.add(pid)
            case {"event": "process_died", "process": pid}:
                crew.members.discard(pid)
            case {"event": "job_ended", "state": state}:
                self.counts[state] = self.counts.get(state, 0) + 1
            case {"event": "cannot_begin", "message": message}:
                raise DrillFailed(message)
            case _:
                pass
        return crew, record

    def hear_of(self, state: str, count: int) -> None:
        """Wait until the given number of jobs have ended in a state."""
        while self.counts.get(state, 0) < count:
            self.heard()

    def sql(self, statement: str) -> list[tuple[Any, ...]]:  # Any: values from SQL
        """Run a statement and return its rows."""

        async def run() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(self.database_url)
            try:
                if statement.lstrip().startswith("SELECT"):
                    return [tuple(row) for row in await connection.fetch(statement)]
                await connection.execute(statement)
                return []
            finally:
                await connection.close()

        return asyncio.run(run())

    @property
    def jobs(self) -> str:
        """The job table's name in SQL."""
        ((number,),) = self.sql("SELECT id FROM levada.table WHERE stored_name = 'result'")
        return f"levada_jobs.t{number}"

    def check(self, checks: Mapping[str, str] = _CHECKS) -> None:
        """Check all counts at the end.

        Raises:
            DrillFailed: A key is lost, was committed twice, or a job disagrees with the table.
        """
        jobs = self.jobs
        wrong = {what: self.sql(statement.format(jobs=jobs))[0][0] for what, statement in checks.items()}
        if any(wrong.values()):
            raise DrillFailed(f"At the end: {wrong}")

    def await_end(self, *crews: Crew) -> None:
        """Wait until some crews have ended."""
        left = {id(crew) for crew in crews}
        while left:
            crew, record = self.heard()
            if record is None:
                left.discard(id(crew))

    def _end_crews(self) -> None:
        for crew in self.crews:
            if crew.process.poll() is None:
                crew.process.send_signal(signal.SIGCONT)
                crew.process.kill()
            crew.process.wait()
        self.gate.open()
        for crew in self.crews:
            crew.reader.join()


# ------------------------------------------------------------------------------------------------- the drills


def blows(database_url: str, scale: Scale) -> dict[str, int]:
    """Kill processes, workers and servers and cut connections at random, while keys are computed."""
    chance = random.Random(scale.seed)
    done: dict[str, int] = {}
    options = ("--drain", "--processes", str(scale.processes), "--lease", str(scale.lease_seconds))
    with Field(database_url, scale.replicas) as field:
        field.prepare([{"n": n} for n in range(scale.keys)])
        working = {id(crew): crew for crew in (field.hire(*options) for _ in range(scale.crews))}
        pace = scale.keys // (scale.blows + 1)
        kinds = _Blows(field, working, chance, lambda: field.hire(*options))
        while working:
            crew, record = field.heard()
            if record is None:
                crew.process.wait()
                if working.pop(id(crew), None) is not None and crew.process.returncode != 0:
                    raise DrillFailed(f"A worker ended with {crew.process.returncode}.")
            ended = sum(field.counts.values())
            if working and sum(done.values()) < min(ended // pace, scale.blows):
                kind = chance.choices(list(kinds.weights), list(kinds.weights.values()))[0]
                done[kind] = done.get(kind, 0) + 1
                getattr(kinds, kind)()
        kinds.finish()
        field.check()
        return {**done, **{f"jobs {state}": count for state, count in field.counts.items()}}


class _Blows:
    """The possible blows."""

    weights: ClassVar[dict[str, int]] = {"process": 4, "worker": 2, "server": 1, "reset": 2, "cut": 2, "stall": 1}

    def __init__(self, field: Field, working: dict[int, Crew], chance: random.Random, hire: Callable[[], Crew]) -> None:
        self._field = field
        self._working = working
        self._chance = chance
        self._hire = hire
        self._threads: list[threading.Thread] = []

    def process(self) -> None:
        """SIGKILL to a computing process."""
        pids = sorted(pid for crew in self._working.values() for pid in crew.members)
        if pids:
            _kill(self._chance.choice(pids))

    def worker(self) -> None:
        """SIGKILL to a daemon; another takes its place."""
        crew = self._chance.choice(list(self._working.values()))
        del self._working[id(crew)]
        crew.process.kill()
        new = self._hire()
        self._working[id(new)] = new

    def server(self) -> None:
        """SIGKILL to a server, which is then restarted."""
        server = self._chance.choice(self._field.servers)
        self._later(server.restart)

    def reset(self) -> None:
        """All connections break off."""
        self._field.proxy.reset()

    def cut(self) -> None:
        """All connections end."""
        self._field.proxy.cut()

    def stall(self) -> None:
        """Nothing passes for a while, then everything that has waited."""
        self._field.proxy.stall()
        timer = threading.Timer(STALL_SECONDS, self._field.proxy.flow)
        timer.start()
        self._threads.append(timer)

    def finish(self) -> None:
        """Wait for running blows to end."""
        for thread in self._threads:
            thread.join()

    def _later(self, function: Callable[[], None]) -> None:
        self.finish()  # one at a time: at least one server stays up
        self._threads = [threading.Thread(target=function)]
        self._threads[0].start()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):  # it may have ended just now
        os.kill(pid, signal.SIGKILL)


def stopped_and_replaced(database_url: str, workers: int) -> dict[str, int]:
    """Stop workers past their lease while another takes over, then resume them: their results are refused."""
    with _stopped(database_url, workers) as (field, stopped):
        expire(field)
        other = field.hire("--drain")
        field.await_end(other)
        _continue(field, stopped)
        field.hear_of("lost", workers)
        field.check()
        return dict(field.counts)


def stopped_and_awaited(database_url: str, workers: int) -> dict[str, int]:
    """Stop workers past their lease and resume them before another takes over: their results are accepted."""
    with _stopped(database_url, workers, "--max-jobs", "1") as (field, stopped):  # so no worker takes another's jobs
        expire(field)
        _continue(field, stopped)
        field.hear_of("success", workers)
        field.check()
        return dict(field.counts)


@contextmanager
def _stopped(database_url: str, workers: int, *options: str) -> Iterator[tuple[Field, list[Crew]]]:
    """Let workers begin one key each, and stop them."""
    with Field(database_url) as field:
        field.prepare([{"n": n, "role": "waits"} for n in range(workers)])
        crews = [field.hire("--lease", "3600", *options) for _ in range(workers)]
        for _ in crews:
            field.gate.arrived()
        while not all(crew.members for crew in crews):
            field.heard()
        for crew in crews:
            for pid in (crew.process.pid, *crew.members):
                os.kill(pid, signal.SIGSTOP)
        yield field, crews


def expire(field: Field) -> None:
    """Expire all leases, by moving the time in the rows."""
    field.sql("UPDATE levada.worker_session SET expire_time = clock_timestamp() - interval '1 s'")


def _continue(field: Field, crews: Sequence[Crew]) -> None:
    field.gate.open()
    for crew in crews:
        for pid in (*crew.members, crew.process.pid):
            os.kill(pid, signal.SIGCONT)


def cut_answers(database_url: str, workers: int) -> dict[str, int]:
    """Cut off the answer to Complete after its commit: the worker learns that it succeeded."""
    with Field(database_url) as field:
        field.prepare([{"n": n, "role": "waits"} for n in range(workers)])
        crews = [field.hire() for _ in range(workers)]
        for _ in crews:
            field.gate.arrived()
        field.proxy.withhold()
        committed = asyncio.run(_commits(field, workers))
        field.proxy.reset()
        field.hear_of("success", committed)
        field.check()
        return dict(field.counts)


async def _commits(field: Field, wanted: int) -> int:
    """Release computations, and wait until the given number of keys are committed."""
    connection = await asyncpg.connect(field.database_url)
    noticed = asyncio.Event()
    try:
        await connection.add_listener("committed", lambda *_: noticed.set())
        field.gate.open()
        while True:
            noticed.clear()
            count: int = await connection.fetchval("SELECT count(*) FROM drill.result")
            if count >= wanted:
                return count
            await asyncio.wait_for(noticed.wait(), PATIENCE_SECONDS)
    finally:
        await connection.close()


def beside_each_other(database_url: str, scale: Scale) -> dict[str, int]:
    """Reserve, complete, refresh and delete concurrently at random."""
    with Field(database_url, scale.replicas) as field:
        field.prepare([{"n": n} for n in range(scale.keys)])
        crews = [field.hire("--processes", str(scale.processes)) for _ in range(scale.crews)]
        with ThreadPoolExecutor(scale.replicas) as threads:
            others = [
                threads.submit(_delete_and_refresh, field.proxy.address, random.Random(scale.seed + number), scale)
                for number in range(scale.replicas)
            ]
            deleted = sum(other.result() for other in others)
        for crew in crews:
            crew.process.terminate()
        field.await_end(*crews)
        field.check(_CHECKS_AT_REST)
        field.await_end(field.hire("--drain", "--processes", str(scale.processes)))
        field.check()
        return {"deleted": deleted, **field.counts}


def _delete_and_refresh(address: str, chance: random.Random, scale: Scale) -> int:
    """Refresh and delete some results, alternating at random; return how many were deleted."""
    deleted = 0
    with lv.Connection(address) as connection:
        results = lv.FreeTable(connection, "drill.Result")
        (jobs,) = lv.Schema("drill", connection=connection).jobs & {"table_name": "Result"}
        while deleted < scale.keys // 4:
            if chance.random() < 0.3:
                jobs.refresh()
            else:
                chosen = [{"n": n} for n in chance.sample(range(scale.keys), 20)]
                deleted += (results & chosen).delete(prompt=False)
    return deleted


# ------------------------------------------------------------------------------------------- at full size


def main() -> int:
    """Run the drills and print what happened."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drills", description=__doc__)
    parser.add_argument("--small", action="store_true", help="at the size of the tests")
    parser.add_argument("--seed", type=int, default=FULL.seed, help=f"of the random choices (default: {FULL.seed})")
    arguments = parser.parse_args()
    scale = SMALL if arguments.small else FULL
    scale = replace(scale, seed=arguments.seed)
    stopped = 2 if arguments.small else 8
    drills: dict[str, Callable[[str], dict[str, int]]] = {
        f"{scale.crews * scale.processes} workers, {scale.keys} keys, {scale.blows} blows": lambda url: blows(
            url, scale
        ),
        f"{stopped} workers stopped past their lease and replaced": lambda url: stopped_and_replaced(url, stopped),
        f"{stopped} workers stopped past their lease and awaited": lambda url: stopped_and_awaited(url, stopped),
        f"{scale.crews * scale.processes} workers beside refreshes and deletes": lambda url: beside_each_other(
            url, scale
        ),
        f"{stopped} workers whose answers are cut after the commit": lambda url: cut_answers(url, stopped),
    }
    # When it is told to stop, it also stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with databases() as database:
        for what, drill in drills.items():
            began = time.perf_counter()
            counted = drill(database())
            shown = ", ".join(f"{name} {count}" for name, count in counted.items())
            print(
                f"{what}: each key committed once, none lost; {time.perf_counter() - began:.0f} s ({shown})", flush=True
            )
    return 0


@contextmanager
def databases() -> Iterator[Callable[[], str]]:
    """Run a PostgreSQL and create empty databases in it."""
    from levada_server.embedded import embedded  # the tests have a PostgreSQL of their own

    with tempfile.TemporaryDirectory(prefix="levada-drills-") as folder:
        Path(folder).chmod(0o711)  # as root, PostgreSQL runs as another user, who needs access
        postgres = embedded.start(Path(folder))
        try:
            yield lambda: _new_database(postgres.dsn)
        finally:
            postgres.stop()


def _new_database(dsn: str) -> str:
    from urllib.parse import urlsplit, urlunsplit
    from uuid import uuid4

    name = f"drill_{uuid4().hex}"

    async def create() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()

    asyncio.run(create())
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


if __name__ == "__main__":
    sys.exit(main())
