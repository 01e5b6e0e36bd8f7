"""`python -m benchmarks.failover`: kill a PostgreSQL under load, promote its standby, and compare what is stored.

Servers have both hosts in their address. Clients insert rows and keep a ledger, and workers compute jobs. With
synchronous replication nothing acknowledged may be lost; without, the drill counts how much is. The tests run a smaller
version.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import socket
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import psutil

import levada as lv
from benchmarks.drills import Field
from benchmarks.misbehaviour import NAME
from benchmarks.rolling import CALLS_BETWEEN, Load, Outcome, Thing
from levada_server.embedded import postgres_programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada_server.embedded.postgres_programs import Programs

START_SECONDS = 120
ROLE = "levada"
_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
# The drill ends processes and not the machine, so nothing has to reach a disk.
fsync = off
"""
_RULES = "host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n"


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done.

    Args:
        clients: How many threads insert and read rows.
        crews: How many worker daemons compute, with two processes each.
        keys: How many keys they compute.
    """

    clients: int = 8
    crews: int = 2
    keys: int = 2_000


SMALL = Scale(clients=3, crews=1, keys=120)


@dataclass(frozen=True, slots=True)
class Failover:
    """The results of a failover.

    Args:
        outcome: The results of the clients' calls.
        silent_seconds: The time from the kill of the primary until a call succeeded again.
        again: How many results were computed again, because their commit or their lease was lost.
    """

    outcome: Outcome
    silent_seconds: float
    again: int


class Node:
    """A PostgreSQL in a folder of its own, on a port of this machine.

    Args:
        programs: The programs, and the user that runs them.
        home: The folder of all nodes, which belongs to that user.
        name: The name of its own folder.
    """

    def __init__(self, programs: Programs, home: Path, name: str) -> None:
        self._programs = programs
        self._home = home
        self._name = name
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def make(self) -> None:
        """Make an empty cluster."""
        self._run("initdb", "--no-sync", f"--username={ROLE}", "--auth=trust", "--encoding=UTF8", "--locale=C", "-D")
        folder = self._home / self._name
        with (folder / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(_SETTINGS)
        (folder / "pg_hba.conf").write_text(_RULES, encoding="utf-8")

    def copy(self, primary: Node) -> None:
        """Make a standby of another node."""
        source = ("-h", "127.0.0.1", "-p", str(primary.port), "-U", ROLE)
        self._run("pg_basebackup", *source, "--no-sync", "--checkpoint=fast", "--write-recovery-conf", "-D")

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = f"{self._name}.log"
        self._run("pg_ctl", "start", "--wait", "--silent", "-l", log, "-o", f"-p {self.port}", "-D")

    def promote(self) -> None:
        """Let a standby become the primary, and wait until it is."""
        self._run("pg_ctl", "promote", "--wait", "--silent", "-D")

    def kill(self) -> None:
        """Kill all its processes, if it runs."""
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(self._processes(), START_SECONDS)

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Let a standby receive nothing for the length of the block."""
        (receiver,) = (process for process in self._processes() if "walreceiver" in " ".join(process.cmdline()))
        receiver.suspend()
        try:
            yield
        finally:
            receiver.terminate()  # or it would read what is still on its way
            receiver.resume()

    def execute(self, statement: str) -> object:
        """Run a statement and return its value, if it has one."""

        async def run() -> object:
            connection = await asyncpg.connect(f"postgresql://{ROLE}@127.0.0.1:{self.port}/postgres")
            try:
                return await connection.fetchval(statement)
            finally:
                await connection.close()

        return asyncio.run(run())

    def _processes(self) -> list[psutil.Process]:
        with suppress(FileNotFoundError, psutil.NoSuchProcess):
            pid = int((self._home / self._name / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
            postmaster = psutil.Process(pid)
            return [postmaster, *postmaster.children(recursive=True)]
        return []

    def _run(self, program: str, *arguments: str) -> None:
        """Run a program whose last option is that of the folder."""
        done = self._programs.run(program, *arguments, self._name, within=self._home, seconds=START_SECONDS)
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stdout}")


@dataclass(frozen=True, slots=True)
class Pair:
    """A primary and its standby."""

    primary: Node
    standby: Node

    @property
    def url(self) -> str:
        """The address of a database on whichever of both takes writes."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in (self.primary, self.standby))
        return f"postgresql://{ROLE}@{hosts}/postgres?target_session_attrs=read-write"


@contextmanager
def pair(*, synchronous: bool) -> Iterator[Pair]:
    """Run a primary and its standby for the length of the block."""
    programs = postgres_programs.find_programs(postgres_programs.account_for(Path("none")))
    with ExitStack() as stack:
        home = Path(tempfile.mkdtemp(prefix="levada-failover-"))
        stack.callback(shutil.rmtree, home)
        os.chown(home, programs.account.uid, programs.account.gid)
        primary, standby = Node(programs, home, "a"), Node(programs, home, "b")
        stack.callback(standby.kill)
        stack.callback(primary.kill)
        primary.make()
        primary.start()
        standby.copy(primary)
        standby.start()
        if synchronous:
            primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.execute("SELECT pg_reload_conf()")
        _await(primary, "sync" if synchronous else "async")
        yield Pair(primary, standby)


def _await(primary: Node, state: str) -> None:
    """Wait until the standby follows."""
    ends = time.monotonic() + START_SECONDS
    while primary.execute("SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'") != state:
        if time.monotonic() > ends:
            raise TimeoutError("The standby does not follow its primary.")
        time.sleep(0.05)


def fail_over(scale: Scale, *, synchronous: bool) -> Failover:
    """Kill the primary while clients and workers work, promote the standby, and check what is stored.

    Without synchronous replication the standby receives nothing for a while before, as if the network were slow.

    Raises:
        DrillFailed: A key was not committed exactly once.
    """
    with pair(synchronous=synchronous) as nodes, Field(nodes.url, 2) as field:
        field.prepare([{"n": n} for n in range(scale.keys)])
        lv.Schema(NAME.schema, connection=field.connection)(Thing)
        load = Load(field.proxy.address, None)
        hire = partial(field.hire, "--drain", "--processes", "2", "--lease", "10")
        crews = [hire() for _ in range(scale.crews)]
        with ThreadPoolExecutor(scale.clients) as pool:
            running = [pool.submit(load.client, number) for number in range(scale.clients)]
            try:
                load.await_calls(CALLS_BETWEEN * scale.clients)
                field.hear_of("success", scale.keys // 4)
                if not synchronous:
                    with nodes.standby.deaf():
                        load.await_calls(CALLS_BETWEEN * scale.clients)
                        nodes.primary.kill()
                else:
                    nodes.primary.kill()
                killed = time.monotonic()
                nodes.standby.promote()
                load.await_calls(1)
                silent = time.monotonic() - killed
                load.await_calls(CALLS_BETWEEN * scale.clients)
            finally:
                load.ended.set()
        for client in running:
            client.result()
        field.await_end(*crews)
        # Those may have ended with jobs whose completion was lost afterwards.
        field.await_end(hire())
        field.check()
        return Failover(load.compared(), silent, field.counts["success"] - scale.keys)


def main() -> None:
    """Run both drills and print what came of them."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    for synchronous in (True, False):
        done = fail_over(Scale(), synchronous=synchronous)
        outcome = done.outcome
        print(f"{'synchronous' if synchronous else 'asynchronous'} replication")
        print(
            f"  calls: {outcome.calls.total()}, failed: {len(outcome.failures)}", *outcome.failures[:10], sep="\n    "
        )
        print(f"  no call succeeded for {done.silent_seconds:.1f} s; slowest call: {outcome.slowest_seconds:.1f} s")
        print(f"  acknowledged rows lost: {outcome.lost}; rows of calls that failed: {outcome.extra}")
        print(f"  results computed again: {done.again}; every key is committed once")
        if synchronous and outcome.lost:
            raise SystemExit(1)


if __name__ == "__main__":
    # Ctrl-C ends the drill, and with it both PostgreSQL.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
