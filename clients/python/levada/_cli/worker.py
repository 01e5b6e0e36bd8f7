"""The commands `levada worker` and `levada run`."""

from __future__ import annotations

import argparse
import json
import math
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.errors import LevadaError
from levada._crew.limits import Limits, parse_size, parse_time
from levada._crew.member import load
from levada._crew.reports import Assignment
from levada._jobs.job_table import job_table
from levada._worker import worker as workers
from levada._worker.events import JsonLog, Observer, Observers, TextLog
from levada._worker.job_token import end_job_token, make_job_token
from levada._worker.metrics import Metrics
from levada._worker.slurm import ArrayJob, submit

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada._net.connection import Connection

_LAST_PORT = 65535
_CONNECT_SECONDS = 10.0
"""How long a worker that starts while its server restarts, or while the network is unsteady, keeps trying."""
_LISTED_ERRORS = 20
"""How many errors of one table `run` lists."""


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], server: argparse.ArgumentParser
) -> None:
    """Add them to the command line.

    Args:
        server: The options of every command that contacts a server.
    """
    shared = _shared_options()
    worker = commands.add_parser("worker", parents=[server, shared], help="compute pending jobs until stopped")
    worker.add_argument("--max-jobs", type=_positive, metavar="N", help="end after N jobs")
    worker.add_argument("--drain", action="store_true", help="stop when nothing is left to do")
    worker.add_argument("--reload", action="store_true", help="restart when the source files of the module change")
    slurm = worker.add_argument_group("SLURM")
    slurm.add_argument("--slurm", action="store_true", help="print the script of a job array instead of working")
    slurm.add_argument("--array", type=_positive, default=10, metavar="N", help="workers in the array (default: 10)")
    slurm.add_argument(
        "--sbatch",
        action="append",
        default=[],
        metavar="OPTION",
        help="option of sbatch, such as --sbatch=--time=4:00:00",
    )
    slurm.add_argument("--submit", action="store_true", help="submit the script with sbatch")
    worker.set_defaults(run=_work, connect_seconds=_CONNECT_SECONDS, declares=True)

    run = commands.add_parser(
        "run", parents=[server, shared], help="compute all jobs of a module; exit with 1 and list errors if some fail"
    )
    run.add_argument("--retry", action="store_true", help="also repeat jobs that failed before")
    run.set_defaults(run=_run, connect_seconds=_CONNECT_SECONDS, declares=True)


def _shared_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("module", help="the module with the tables, such as my_pipeline.ephys")
    options.add_argument(
        "--tables", nargs="+", default=(), metavar="TABLE", help="only these tables (default: all with a make)"
    )
    options.add_argument(
        "--processes", type=_positive, default=1, metavar="N", help="compute in N processes (default: 1)"
    )
    options.add_argument(
        "--lease",
        type=_seconds,
        default="10",
        metavar="S",
        help="how many seconds a silent worker keeps its jobs (default: 10)",
    )
    options.add_argument(
        "--grace",
        type=_seconds,
        default="30",
        metavar="S",
        help="how many seconds running jobs may take after a stop signal (default: 30)",
    )
    options.add_argument(
        "--time-limit",
        type=_limit(parse_time),
        metavar="S",
        help="how many seconds one make may take if its class sets no limit (default: any)",
    )
    options.add_argument(
        "--memory-limit",
        type=_limit(parse_size),
        metavar="SIZE",
        help='how much memory a process may use for one make if its class sets no limit, such as "4GB" (default: any)',
    )
    options.add_argument(
        "--log-format", choices=("text", "json"), default="text", help="text for people, or JSON (default: text)"
    )
    options.add_argument(
        "--metrics",
        type=_address,
        metavar="[HOST:]PORT",
        help="serve metrics for Prometheus there (default host: 127.0.0.1)",
    )
    options.add_argument(
        "--no-live", action="store_true", help="only lines: no live view below them if standard error is a terminal"
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
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return timedelta(seconds=seconds)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is neither a port nor HOST:PORT")
    return host or "127.0.0.1", int(port)


def _limit(parse: Callable[[object], object]) -> Callable[[str], object]:
    def parse_argument(text: str) -> object:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse_argument


def _work(connection: Connection, options: argparse.Namespace) -> int:
    if options.slurm or options.submit:
        job = _array_job(connection, options)
        job.check()
        if _stays_here(connection.address):
            print(
                f"levada worker: {connection.address} can only be reached from this machine; set an address "
                "that the nodes of the cluster can reach, by --url or LEVADA_URL",
                file=sys.stderr,
            )
        if options.submit:
            _submit(connection, options, job)
        else:
            sys.stdout.write(job.script())
        return workers.EXIT_OK
    settings = _settings(options, max_jobs=options.max_jobs, drain=options.drain, reload=options.reload)
    return workers.work(connection, settings, _observer(options)).code


def _submit(connection: Connection, options: argparse.Namespace, job: ArrayJob) -> None:
    """Submit a job with a token of its own, which ends with the job."""
    sys.path.insert(0, str(Path.cwd()))
    # The import declares the tables by the user's rights; the workers' token could not.
    tables = load(Assignment(options.module, tuple(options.tables)), connection)
    credentials = make_job_token(connection, options.module, tables)
    try:
        id_ = submit(job.script(credentials))
    except LevadaError:
        if credentials is not None:
            end_job_token(connection, credentials)
        raise
    print(f"Submitted batch job {id_}")
    if credentials is not None:
        submit(job.end_script(id_, credentials))


def _stays_here(address: str) -> bool:
    host = address.partition("://")[2] or address
    return host.startswith(("unix:", "127.", "localhost:", "[::1]"))


def _array_job(connection: Connection, options: argparse.Namespace) -> ArrayJob:
    words = [f"--processes={options.processes}", f"--lease={options.lease.total_seconds():g}"]
    words.append(f"--grace={options.grace.total_seconds():g}")
    words += ["--log-format=json"] * (options.log_format == "json") + ["--drain"] * options.drain
    words += [f"--max-jobs={options.max_jobs}"] * (options.max_jobs is not None)
    if options.time_limit is not None:
        words.append(f"--time-limit={options.time_limit.total_seconds():g}")
    if options.memory_limit is not None:
        words.append(f"--memory-limit={options.memory_limit}")
    if options.tables:
        words += ["--tables", *options.tables]
    return ArrayJob(
        options.module,
        connection.address,
        words,
        options.array,
        options.processes,
        options.grace,
        options.sbatch,
    )


def _run(connection: Connection, options: argparse.Namespace) -> int:
    """Work until nothing is left to do, then report the errors."""
    settings = _settings(options, max_jobs=None, drain=True, retry_errors=options.retry)
    ending = workers.work(connection, settings, _observer(options))
    if ending.code != workers.EXIT_OK or ending.stopped:
        return workers.EXIT_FAILED
    failed = 0
    for table in ending.tables:
        errors = job_table(connection, table.schema, table.table).errors
        count = len(errors)
        failed += count
        for job in errors.to_dicts(order_by="KEY", limit=_LISTED_ERRORS):
            message = str(job["error_message"]).partition("\n")[0]
            key = json.dumps({name: job[name] for name in errors.primary_key}, default=str, ensure_ascii=False)
            print(f"{table.full_name} {key}: {job['error_type']}: {message}")
        if count > _LISTED_ERRORS:
            print(f"{table.full_name}: {count - _LISTED_ERRORS} more; `levada jobs errors {table.full_name}` lists all")
    if failed:
        print(f"{failed} {'job' if failed == 1 else 'jobs'} failed", file=sys.stderr)
    return workers.EXIT_FAILED if failed else workers.EXIT_OK


def _settings(
    options: argparse.Namespace, *, max_jobs: int | None, drain: bool, reload: bool = False, retry_errors: bool = False
) -> workers.Settings:
    # The processes inherit this process's path: the user's module is in this folder, as for `python -m`.
    sys.path.insert(0, str(Path.cwd()))
    return workers.Settings(
        module=options.module,
        tables=tuple(options.tables),
        processes=options.processes,
        max_jobs=max_jobs,
        drain=drain,
        lease=options.lease,
        grace=options.grace,
        limits=Limits(options.time_limit, options.memory_limit),
        reload=reload,
        retry_errors=retry_errors,
    )


def _observer(options: argparse.Namespace) -> Observer:
    observers: list[Observer] = []
    metrics = None
    if options.metrics is not None:
        metrics = Metrics(*options.metrics)
        observers.append(metrics)
    if options.log_format == "json":
        log: Observer = JsonLog(options.command)
    elif sys.stderr.isatty() and not options.no_live:
        from rich.console import Console

        from levada._worker.view import View  # rich is slow to import

        view = View(Console(stderr=True))
        observers.append(view)
        log = TextLog(options.command, view.write)
    else:
        log = TextLog(options.command)
    observers.append(log)
    if metrics is not None:
        log.happened("serving_metrics", f"metrics on port {metrics.port}", port=metrics.port)
    return Observers(observers)
