"""The commands `levada worker` and `levada run`."""

from __future__ import annotations

import argparse
import math
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from levada import _worker
from levada._limits import Limits, parse_size, parse_time
from levada._worker_events import JsonLog, Observer, Observers, TextLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada._connection import Connection


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], server: argparse.ArgumentParser
) -> None:
    """Add them to the command line.

    Args:
        server: The options of every command that speaks to a server.
    """
    shared = _shared_options()
    worker = commands.add_parser("worker", parents=[server, shared], help="compute what is pending, until told to stop")
    worker.add_argument("--max-jobs", type=_positive, metavar="N", help="end after N jobs")
    worker.add_argument("--drain", action="store_true", help="end when nothing is left to do")
    worker.add_argument("--reload", action="store_true", help="begin anew when the source files of the module change")
    worker.set_defaults(run=_work)


def _shared_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("module", help="the module with the tables, such as my_pipeline.ephys")
    options.add_argument(
        "--tables", nargs="+", default=(), metavar="TABLE", help="only these (default: all with a make)"
    )
    options.add_argument(
        "--processes", type=_positive, default=1, metavar="N", help="compute in N processes (default: 1)"
    )
    options.add_argument(
        "--lease",
        type=_seconds,
        default="10",
        metavar="S",
        help="seconds that a silent worker keeps its jobs (default: 10)",
    )
    options.add_argument(
        "--grace",
        type=_seconds,
        default="30",
        metavar="S",
        help="seconds that jobs in hand may take at the end (default: 30)",
    )
    options.add_argument(
        "--time-limit",
        type=_limit(parse_time),
        metavar="S",
        help="seconds that one make may take where its class sets no limit (default: any)",
    )
    options.add_argument(
        "--memory-limit",
        type=_limit(parse_size),
        metavar="SIZE",
        help='memory that a process may use for one make where its class sets no limit, such as "4GB" (default: any)',
    )
    options.add_argument(
        "--log-format", choices=("text", "json"), default="text", help="lines for people, or JSON (default: text)"
    )
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def _seconds(text: str) -> timedelta:
    seconds = float(text)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    return timedelta(seconds=seconds)


def _limit(parse: Callable[[object], object]) -> Callable[[str], object]:
    def parse_argument(text: str) -> object:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse_argument


def _work(connection: Connection, options: argparse.Namespace) -> int:
    settings = _settings(options, max_jobs=options.max_jobs, drain=options.drain, reload=options.reload)
    return _worker.work(connection, settings, _observer(options)).code


def _settings(
    options: argparse.Namespace, *, max_jobs: int | None, drain: bool, reload: bool = False
) -> _worker.Settings:
    # The processes get this process's path: the user's module lies here, as it does for `python -m`.
    sys.path.insert(0, str(Path.cwd()))
    return _worker.Settings(
        module=options.module,
        tables=tuple(options.tables),
        processes=options.processes,
        max_jobs=max_jobs,
        drain=drain,
        lease=options.lease,
        grace=options.grace,
        limits=Limits(options.time_limit, options.memory_limit),
        reload=reload,
    )


def _observer(options: argparse.Namespace) -> Observer:
    log = JsonLog(options.command) if options.log_format == "json" else TextLog(options.command)
    return Observers([log])
