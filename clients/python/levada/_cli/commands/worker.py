"""The commands `levada worker` and `levada run`."""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.errors import LevadaError
from levada._base.text import plural
from levada._cli.commands.jobs import location, print_error
from levada._cli.output import print_json, unguarded
from levada._crew.limits import Limits
from levada._crew.member import load, load_discovering
from levada._crew.reports import Assignment, Finished
from levada._jobs import job_calls
from levada._jobs.job_table import job_table
from levada._worker import worker as workers
from levada._worker.events import JsonLog, Observer, Observers, TextLog
from levada._worker.job_token import end_job_token, make_job_token
from levada._worker.metrics import Metrics
from levada._worker.slurm import ArrayJob, submit
from levada_api.v1 import schema_pb2

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from levada._crew.reports import Report
    from levada._jobs.computing import Computing
    from levada._net.connection import Connection

_LISTED_ERRORS = 20
"""How many errors of one table `run` lists."""


def worker(connection: Connection, options: argparse.Namespace) -> int:
    """Compute pending jobs until stopped."""
    if options.slurm or options.submit or options.by_queue:
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
        elif options.by_queue:
            print("levada worker: --by-queue goes with --submit", file=sys.stderr)
            return workers.EXIT_FAILED
        else:
            sys.stdout.write(job.script())
        return workers.EXIT_OK
    settings = _settings(options, max_jobs=options.max_jobs, drain=options.drain, reload=options.reload)
    tally = _Tally()
    ending = workers.work(connection, settings, _observer(options, tally))
    if ending.code == workers.EXIT_OK:
        _summarize(connection, options, ending, tally)
    return ending.code


class _Tally(Observer):
    """Counts the jobs that ended, by their state."""

    def __init__(self) -> None:
        self.counts = Counter[str]()
        self._begin = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has been counting."""
        return time.monotonic() - self._begin

    def reported(self, report: Report) -> None:
        """Count a job."""
        if isinstance(report, Finished):
            self.counts[report.state] += 1


def _summarize(connection: Connection, options: argparse.Namespace, ending: workers.Ending, tally: _Tally) -> None:
    """Report how many jobs were computed and failed, and how many keys are left, as the last line of the log."""
    done, failures = tally.counts["success"], tally.counts["error"]
    text = f"{done} computed, {failures} failed in {tally.seconds:.1f} s"
    counts = {"success_count": done, "error_count": failures}
    if not ending.stopped:  # a worker that is told to stop may have no server any more, and does not wait for one
        names = [schema_pb2.TableName(schema=table.schema, table=table.table) for table in ending.tables]
        found = job_calls.progress(connection, names)
        total = sum(progress.total_count for progress in found)
        remaining = sum(progress.remaining_count for progress in found)
        if not tally.counts:
            text = f"there was nothing to compute for {plural(len(names), 'table')}"
        earlier = sum(progress.error_count for progress in found) - failures
        left = remaining - earlier - failures
        text += f"; {total - remaining} of {plural(total, 'key')} done"
        if earlier > 0:
            text += f", {earlier} failed earlier (see `levada jobs errors`, and repeat them with `levada jobs retry`)"
        if left > 0:
            text += f", {left} left"
        counts |= {"total_count": total, "remaining_count": remaining}
    log = JsonLog(options.command) if options.log_format == "json" else TextLog(options.command)
    log.happened("summary", text, seconds=round(tally.seconds, 3), **counts)


def _submit(connection: Connection, options: argparse.Namespace, job: ArrayJob) -> None:
    """Submit a job with a token of its own, which ends with the job."""
    sys.path.insert(0, str(Path.cwd()))
    # The import declares the tables by the user's rights; the workers' token could not.
    assignment = Assignment(options.module, tuple(options.tables), found=not options.url)
    tables = load(assignment, connection)
    if options.by_queue:
        jobs, there = _jobs_to_do(connection, tables), job.tasks_there()
        tasks = min(job.tasks, math.ceil(jobs / options.processes)) - there
        if tasks <= 0:
            print(f"{plural(jobs, 'job')} to do and {plural(there, 'worker')} submitted earlier; nothing is submitted")
            return
        job = replace(job, tasks=tasks)
    credentials = make_job_token(connection, options.module, tables, load_discovering(assignment))
    try:
        id_ = submit(job.script(credentials))
    except LevadaError:
        if credentials is not None:
            end_job_token(connection, credentials)
        raise
    print(f"Submitted batch job {id_}")
    if credentials is not None:
        submit(job.end_script(id_, credentials))


def _jobs_to_do(connection: Connection, tables: Sequence[Computing]) -> int:
    """Count the keys of some tables that workers would compute: no result, no error, not ignored."""
    found = job_calls.progress(connection, [table._name for table in tables])
    return sum(max(of.remaining_count - of.error_count - of.ignored_count, 0) for of in found)


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
        options.tables,
    )


def run(connection: Connection, options: argparse.Namespace) -> int:
    """Work until nothing is left to do, then report the errors."""
    settings = _settings(options, max_jobs=None, drain=True, retry_errors=options.retry)
    tally = _Tally()
    ending = workers.work(connection, settings, _observer(options, tally))
    if not ending.tables:
        return ending.code
    failed = 0
    listed: list[dict[str, object]] = []
    for table in ending.tables:
        errors = job_table(connection, table.schema, table.table).errors
        count = len(errors)
        failed += count
        for job in errors.to_dicts(order_by="KEY", limit=_LISTED_ERRORS):
            message = f"{job['error_type']}: {str(job['error_message']).partition(chr(10))[0]}"
            key = {name: job[name] for name in errors.primary_key}
            listed.append({"table": table.full_name, "key": key, "error": message})
            if not options.json:
                print_error(table.full_name, key, message, location(job["error_stack"] or ""))
        if count > _LISTED_ERRORS and not options.json:
            print(f"{table.full_name}: {count - _LISTED_ERRORS} more; `levada jobs errors {table.full_name}` lists all")
    if options.json:
        print_json(
            {
                "success_count": tally.counts["success"],
                "error_count": failed,
                "seconds": round(tally.seconds, 3),
                "tables": [table.full_name for table in ending.tables],
                "errors": listed,
            }
        )
    sys.stdout.flush()
    _summarize(connection, options, ending, tally)
    return workers.EXIT_FAILED if failed or ending.stopped else ending.code


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
        found=not options.url,
    )


def _observer(options: argparse.Namespace, tally: _Tally) -> Observer:
    observers: list[Observer] = [tally]
    metrics = None
    if options.metrics is not None:
        metrics = Metrics(*options.metrics)
        observers.append(metrics)
    if options.log_format == "json":
        log: Observer = JsonLog(options.command)
    elif sys.stderr.isatty() and not options.no_live:
        from rich.console import Console

        from levada._worker.view import View  # rich is slow to import

        view = View(Console(file=unguarded(sys.stderr)))
        observers.append(view)
        log = TextLog(options.command, view.write)
    else:
        log = TextLog(options.command)
    observers.append(log)
    if metrics is not None:
        log.happened("serving_metrics", f"metrics on port {metrics.port}", port=metrics.port)
    return Observers(observers)
