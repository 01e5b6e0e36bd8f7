"""`python -m benchmarks.audit`: the cost of the audit's entry for an insert of one row, from the client and back.

Two servers on one database are called in turn; one of them stores no entries with its inserts.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from itertools import count

import levada as lv
from benchmarks.drills import databases
from benchmarks.misbehaviour import free_address
from levada_server import cli
from levada_server.storage.postgres import audit
from tests.support.processes import Server

LIMIT = 1.05
"""The most times as long an insert may take with its entry."""


class Unaudited(Server):
    """A server that stores no entries with its inserts."""

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self._command[1:3] = ["-m", "benchmarks.audit", "--serve"]
        super().start()


def serve(arguments: list[str]) -> int:
    """Run a server whose statements select the entry instead of storing it; the outcome of the request stays."""
    sql = audit._SQL  # noqa: SLF001  # no setting turns the audit off
    sql["audited"] = sql["audited"][sql["audited"].index("SELECT") :]
    return cli.main(arguments)


def main() -> int:
    """Insert rows at both servers in turn, and print the times."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=__doc__)
    parser.add_argument("--pairs", type=int, default=4_000)
    pairs = parser.parse_args().pairs
    with databases() as new_database:
        dsn, addresses = new_database(), (free_address(), free_address())
        with (
            Server(dsn, addresses[0]),
            Unaudited(dsn, addresses[1]),
            lv.Connection(addresses[0]) as audited,
            lv.Connection(addresses[1]) as unaudited,
        ):
            tables = []
            for connection in (audited, unaudited):

                class Row(lv.Manual):
                    definition = "id : int64\n---\nnumber : int32\nname : varchar(40)\n"

                tables.append(lv.Schema("small", connection=connection)(Row)())
            numbers = count()
            seconds: list[list[float]] = [[], []]
            for pair in range(pairs):
                for which in (0, 1) if pair % 2 else (1, 0):
                    began = time.perf_counter()
                    tables[which].insert1({"id": next(numbers), "number": 1, "name": "some name"})
                    seconds[which].append(time.perf_counter() - began)
            entries = len(lv.FreeTable(audited, "levada.Audit") & {"method": "InsertFewRows"})
    warm = [taken[pairs // 10 :] for taken in seconds]
    medians = [statistics.median(taken) for taken in warm]
    ratio = medians[0] / medians[1]
    print(f"insert1 with its entry {medians[0] * 1000:.3f} ms, without {medians[1] * 1000:.3f} ms: {ratio:.3f} times")
    assert entries == pairs, f"{entries} entries for {pairs} inserts"
    return int(ratio > LIMIT)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        sys.exit(serve(sys.argv[2:]))
    sys.exit(main())
