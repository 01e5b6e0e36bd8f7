"""The environment of the benchmarks: one PostgreSQL, one Levada server on it, and the peers' connections."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg

import levada as lv
from levada_server.embedded import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DATAJOINT_DATABASE = "datajoint"
START_SECONDS = 60
SERVE = [sys.executable, "-m", "levada_server", "serve", "--listen", "127.0.0.1:0", "--log-level", "WARNING"]


@dataclass
class Server:
    """A Levada server in its own processes."""

    address: str
    process: subprocess.Popen[str]
    start_seconds: float

    def rss_bytes(self) -> int:
        """The memory of its processes."""
        root = psutil.Process(self.process.pid)
        return sum(process.memory_info().rss for process in (root, *root.children(recursive=True)))


@contextmanager
def serving(dsn: str, *arguments: str) -> Iterator[Server]:
    """Run a server on a database for the length of the block."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [*SERVE, "--database-url", dsn, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield Server(line.split()[4], process, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(START_SECONDS)


class Place:
    """One PostgreSQL, and everything connected to it.

    Args:
        dsn: An empty database that may be filled.
        grow: The largest size of each thing that `growth` lets grow; empty for all of them, each to its usual size.
    """

    def __init__(self, dsn: str, grow: Mapping[str, int]) -> None:
        self.dsn = dsn
        self.grow = grow
        self._opened = ExitStack()

    @cached_property
    def server(self) -> Server:
        """The Levada server, started on first use."""
        return self._opened.enter_context(serving(self.dsn))

    @cached_property
    def levada(self) -> lv.Connection:
        """A connection to it, which the schemas of Levada use by default."""
        return lv.connect(self.server.address)

    @cached_property
    def postgres(self) -> psycopg.Connection[Any]:  # Any: rows of any query
        """A direct connection to PostgreSQL, in autocommit."""
        return self._opened.enter_context(psycopg.connect(self.dsn, autocommit=True))

    @cached_property
    def datajoint(self) -> Any:  # Any: a module without types
        """DataJoint, connected by psycopg2 to its own database on the same PostgreSQL."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns about a missing settings file
            import datajoint as dj
        self.postgres.execute(f"CREATE DATABASE {DATAJOINT_DATABASE}")
        info = self.postgres.info
        database = dj.config.database
        database.backend, database.name = "postgresql", DATAJOINT_DATABASE
        database.host, database.port, database.user = info.host, info.port, info.user
        database.password = info.password or "none"
        dj.config.safemode = False
        dj.config.loglevel = "WARNING"
        dj.conn()
        return dj

    def processor_s(self) -> dict[str, float]:
        """The processor time that each side has taken so far, in seconds; PostgreSQL must be on this machine."""
        root = psutil.Process(self.server.process.pid)
        postmaster = psutil.Process(self.postgres.info.backend_pid).parent()
        assert postmaster is not None
        return {
            "client": time.process_time(),
            "server": _processor_s(root, *root.children(recursive=True)),
            "PostgreSQL": _processor_s(postmaster, *postmaster.children()) + sum(postmaster.cpu_times()[2:4]),
        }

    def execute(self, statement: str) -> None:
        """Run a statement in PostgreSQL."""
        self.postgres.execute(statement.encode())

    def close(self) -> None:
        """Close everything that was opened."""
        if "levada" in self.__dict__:
            self.levada.close()
        self._opened.close()


def _processor_s(*processes: psutil.Process) -> float:
    total = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # it has just ended, and counts to its parent
            total += sum(process.cpu_times()[:2])
    return total


@contextmanager
def opened(dsn: str | None, grow: Mapping[str, int]) -> Iterator[Place]:
    """Prepare a place.

    Args:
        dsn: An empty database; None for an embedded PostgreSQL in a folder that is removed at the end.
        grow: As for `Place`.
    """
    with ExitStack() as stack:
        if dsn is None:
            folder = Path(tempfile.mkdtemp(prefix="levada-bench-"))
            folder.chmod(0o711)  # as root, PostgreSQL runs as another user, who needs access
            stack.callback(shutil.rmtree, folder)
            postgres = embedded.start(folder)
            stack.callback(postgres.stop)
            dsn = postgres.dsn
        place = Place(dsn, grow)
        stack.callback(place.close)
        yield place


def declare(
    schema: Any, tier: Any, name: str, definition: str, context: dict[str, Any] | None = None, **members: Any
) -> Any:  # Any: either package's
    """Declare a table, in Levada or in DataJoint.

    Args:
        schema: From either package.
        tier: The class of the same package from which the table's class is derived.
        name: The name of the class.
        definition: The definition of the table.
        context: The tables that the definition names.
        members: The members of the class.
    """
    return schema(type(name, (tier,), {"definition": definition, **members}), context=context or {})


def machine() -> str:
    """Describe this machine."""
    return f"{os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GB of memory"
