"""`python -m benchmarks`: run the benchmarks, print the table, and write it down."""

from __future__ import annotations

import argparse
import datetime as dt
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import (
    catalogs,
    growth,
    job_queues,
    job_rows,
    links,
    many_clients,
    matlab,
    memory,
    reading,
    small_calls,
    writing,
)
from benchmarks.place import Place, machine, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.timing import Line

BENCHMARKS: dict[str, Callable[[Place], Iterator[Line]]] = {
    "read": reading.read,
    "insert": writing.insert,
    "small": small_calls.small_calls,
    "populate": job_rows.populate,
    "link": links.link,
    "queue": job_queues.queue,
    "reserve": job_queues.reserve,
    "refresh": job_rows.refresh,
    "cascade": catalogs.cascade,
    "tables": catalogs.many_tables,
    "clients": many_clients.many_clients,
    "growth": growth.growth,
    "matlab": matlab.matlab,
    "slow": memory.slow_reader,
    "large": memory.large_values,
}
PACKAGES = [
    "levada",
    "asyncpg",
    "grpcio",
    "numpy",
    "pyarrow",
    "datajoint",
    "psycopg2-binary",
    "psycopg",
    "adbc-driver-postgresql",
    "pgpq",
    "pgqueuer",
]
PAGE = Path("docs/performance.md")
BEGIN, END = "<!-- The table is written by `make bench`. -->", "<!-- The end of the table. -->"


def main() -> int:
    """Run the benchmarks that the arguments select."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=sorted(BENCHMARKS), help="run this one; may be repeated")
    parser.add_argument("--database-url", help="an empty database to work in; by default its own PostgreSQL")
    parser.add_argument("--write", action="store_true", help=f"write the table to {PAGE}")
    parser.add_argument(
        "--grow",
        action="append",
        default=[],
        metavar="THING=SIZE",
        type=_growth,
        help=f"let `growth` grow only this, by decades up to a size; may be repeated; one of {', '.join(growth.SIZES)}",
    )
    arguments = parser.parse_args()
    lines: list[Line] = []
    with opened(arguments.database_url, dict(arguments.grow)) as place:
        postgresql = place.postgres.info.server_version // 10_000
        for name in arguments.only or BENCHMARKS:
            began = time.perf_counter()
            for line in BENCHMARKS[name](place):
                lines.append(line)
                print(_plain(line), flush=True)
            print(f"-- {name}: {time.perf_counter() - began:.0f} s", flush=True)
    if arguments.write:
        _write(_circumstances(postgresql), lines)
    return 0


def _growth(text: str) -> tuple[str, int]:
    name, _, size = text.partition("=")
    if name not in growth.SIZES:
        raise argparse.ArgumentTypeError(f"{name} is not one of {', '.join(growth.SIZES)}")
    return name, int(size)


def _plain(line: Line) -> str:
    mark = {True: "met   ", False: "MISSED", None: "      "}[line.met]
    return f"{mark} {line.work}: {line.measured} (target {line.target}); {line.detail}"


def _circumstances(postgresql: int) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"Measured on {dt.date.today().isoformat()}, {platform.system()} on {platform.machine()}, {machine()}, "
        f"Python {platform.python_version()}, PostgreSQL {postgresql}, {versions}."
    )


def _write(circumstances: str, lines: list[Line]) -> None:
    rows = ["| work | target | measured | met | times |", "| --- | --- | --- | --- | --- |"]
    for line in lines:
        met = {True: "yes", False: "**no**", None: ""}[line.met]
        rows.append(f"| {line.work} | {line.target} | {line.measured} | {met} | {line.detail} |")
    table = "\n".join([BEGIN, "", circumstances, "", *rows, "", END])
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(before + table + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
