"""The commands that compute: `populate`, `run`, `worker` and `jobs`; and `alter`, which reads a module like them."""

from __future__ import annotations

import argparse
import math
from datetime import timedelta
from typing import TYPE_CHECKING

from levada._base.job_counts import JOB_COUNTS
from levada._cli.completion import schema_or_table_names
from levada._cli.grammar import parsing

if TYPE_CHECKING:
    from levada._cli.grammar.parsing import Commands

_LAST_PORT = 65535
_CONNECT_SECONDS = 10.0
"""How long a worker that starts while its server restarts, or while the network is unsteady, keeps trying."""
_PROGRESS = f"table, {', '.join(JOB_COUNTS)}"


def add_commands(commands: Commands) -> None:
    """Add them to the command line."""
    _add_populate(commands)
    _add_run(commands)
    _add_worker(commands)
    _add_jobs(commands)
    _add_staleness(commands)
    alter = parsing.add(
        commands,
        "alter",
        "alter tables to the definitions of their classes, after showing the differences",
        run="alter:alter",
        examples=("alter my_pipeline.ephys", "alter my_pipeline.ephys Session --dry-run"),
        json="one object per table that differs: table, changes, altered",
    )
    _add_module(alter)
    alter.add_argument(
        "tables", nargs="*", default=[], metavar="TABLE", help="only the tables of these classes (default: all)"
    )
    alter.add_argument("--dry-run", action="store_true", help="only show the differences; exit with 1 if there are any")
    parsing.yes(alter)


def _add_module(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("module", metavar="MODULE", help="the module with the tables, such as my_pipeline.ephys")


def _add_populate(commands: Commands) -> None:
    populate = parsing.add(
        commands,
        "populate",
        "compute a table's missing keys",
        run="populate:populate",
        examples=("populate my_pipeline.ephys Rate", 'populate my_pipeline.ephys Rate "subject_id = 5" --processes 4'),
        server=parsing.OWN,
        json="one object: success_count, errors (key, error)",
    )
    _add_module(populate)
    populate.add_argument("table", metavar="TABLE", help="the name of its class")
    populate.add_argument(
        "restriction",
        nargs="*",
        default=[],
        metavar="CONDITION",
        help='only keys that meet all of these: "subject_id = 5"',
    )
    populate.add_argument(
        "--processes", type=parsing.count, default=1, metavar="N", help="compute in N processes (default: 1)"
    )
    populate.add_argument("--max-calls", type=parsing.count, metavar="N", help="call make at most this often")
    populate.add_argument("--suppress-errors", action="store_true", help="continue after an error, and list all errors")
    populate.add_argument("--stale", action="store_true", help="also recompute stale results, and replace them")
    populate.add_argument("--reserve-jobs", action="store_true", help="skip keys that failed before")


def _add_run(commands: Commands) -> None:
    run = parsing.add(
        commands,
        "run",
        "compute all jobs of a module; exit with 1 and list errors if some fail",
        run="worker:run",
        examples=("run my_pipeline.ephys --processes 4",),
        server=parsing.OWN,
        json="one object: success_count, error_count, seconds, tables, errors (table, key, error)",
    )
    _add_working(run)
    run.add_argument("--retry", action="store_true", help="also repeat jobs that failed before")


def _add_worker(commands: Commands) -> None:
    worker = parsing.add(
        commands,
        "worker",
        "compute pending jobs until stopped",
        run="worker:worker",
        examples=("worker my_pipeline.ephys --processes 4", "worker my_pipeline.ephys --slurm --array 20 > job.sh"),
        server=parsing.OWN,
    )
    _add_working(worker)
    worker.add_argument("--max-jobs", type=parsing.count, metavar="N", help="end after N jobs")
    worker.add_argument("--drain", action="store_true", help="stop when nothing is left to do")
    worker.add_argument("--reload", action="store_true", help="restart when the source files of the module change")
    slurm = worker.add_argument_group("SLURM")
    slurm.add_argument("--slurm", action="store_true", help="print the script of a job array instead of working")
    slurm.add_argument(
        "--array", type=parsing.count, default=10, metavar="N", help="workers in the array (default: 10)"
    )
    slurm.add_argument(
        "--sbatch",
        action="append",
        default=[],
        metavar="OPTION",
        help="option of sbatch, such as --sbatch=--time=4:00:00",
    )
    slurm.add_argument("--submit", action="store_true", help="submit the script with sbatch")
    slurm.add_argument(
        "--by-queue",
        action="store_true",
        help="with --submit: no more workers than there are jobs, less the workers that SLURM has already; for cron",
    )


def _add_working(options: argparse.ArgumentParser) -> None:
    options.set_defaults(connect_seconds=_CONNECT_SECONDS)
    _add_module(options)
    options.add_argument(
        "--tables", nargs="+", default=(), metavar="TABLE", help="only these tables (default: all with a make)"
    )
    options.add_argument(
        "--processes", type=parsing.count, default=1, metavar="N", help="compute in N processes (default: 1)"
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
        default="25",
        metavar="S",
        help="how many seconds running jobs may take after a stop signal (default: 25)",
    )
    options.add_argument(
        "--time-limit",
        type=_time_limit,
        metavar="S",
        help="how many seconds one make may take if its class sets no limit (default: any)",
    )
    options.add_argument(
        "--memory-limit",
        type=_memory_limit,
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


def _add_jobs(commands: Commands) -> None:
    actions = parsing.add_group(commands, "jobs", "show and control computations")
    for action, run, what, shape in (
        ("list", "jobs:progress", "show the progress of the tables of a schema", f"one object per table: {_PROGRESS}"),
        (
            "watch",
            "jobs:watch",
            "show it again whenever it changes, until interrupted",
            f"one object per table and change: {_PROGRESS}",
        ),
        (
            "errors",
            "jobs:errors",
            "show failed jobs, with their keys and the place in the code, and discoveries that failed",
            "one object per job: table, key, error_type, error_message, error_stack, output, location, attempt, host; "
            "the key of a failed discovery is null",
        ),
        (
            "discoveries",
            "jobs:discoveries",
            "show when tables last looked for new rows, and how that ended",
            "one object per table: table, state, rows, total_rows, began, next, error, error_stack, host",
        ),
    ):
        shown = parsing.add(actions, action, what, run=run, examples=(f"jobs {action} lab",), json=shape)
        parsing.complete(
            shown.add_argument("name", metavar="NAME", help="a schema, or schema.Table"), schema_or_table_names
        )
    for action, what, example in (
        ("retry", "make failed or ignored jobs pending again", 'jobs retry lab.Rate "subject_id = 5"'),
        (
            "ignore",
            "ignore jobs that are pending or failed, so that nobody computes them",
            'jobs ignore lab.Rate "n > 9"',
        ),
        ("cancel", "cancel jobs that workers hold", 'jobs cancel lab.Rate "subject_id = 5"'),
    ):
        acting = parsing.add(
            actions, action, what, run="jobs:act", examples=(example,), json="one object: table, action, jobs"
        )
        parsing.table(acting)
        parsing.conditions(acting, 'only jobs that meet all of these: "subject_id = 5" (default: all, after asking)')
        parsing.yes(acting)


def _add_staleness(commands: Commands) -> None:
    stale = parsing.add(
        commands,
        "stale",
        "show which results other code or other inputs would compute differently, and why",
        run="staleness:stale",
        examples=("stale lab", "stale lab.Rate --module my_pipeline.ephys"),
        json="one object per table: table, stale, unknown, fresh; or of one table, per stale result: key, reason",
    )
    parsing.complete(
        stale.add_argument("name", metavar="NAME", help="a schema to count, or schema.Table to list"),
        schema_or_table_names,
    )
    stale.add_argument(
        "--module",
        action="append",
        default=[],
        metavar="MODULE",
        help="compare with the code of this module (default: with the code of the latest result of each table)",
    )
    recompute = parsing.add(
        commands,
        "recompute",
        "compute results again, show what differs, and replace it after asking",
        run="staleness:recompute",
        examples=("recompute my_pipeline.ephys Rate --stale", "recompute my_pipeline.ephys Rate --tolerance rate=1e-9"),
        server=parsing.OWN,
        json="one object: equal, different, differences, errors (key, error); it asks nothing, and replaces with --yes",
    )
    _add_module(recompute)
    recompute.add_argument("table", metavar="TABLE", help="the name of its class")
    recompute.add_argument(
        "restriction",
        nargs="*",
        default=[],
        metavar="CONDITION",
        help='only results that meet all of these: "subject_id = 5"',
    )
    recompute.add_argument("--stale", action="store_true", help="only stale results")
    recompute.add_argument(
        "--tolerance",
        action="append",
        default=[],
        metavar="ATTRIBUTE=NUMBER",
        help="the largest absolute difference of an attribute that counts as none",
    )
    recompute.add_argument(
        "--suppress-errors", action="store_true", help="continue after an error, and list all errors"
    )
    parsing.yes(recompute)


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


def _time_limit(text: str) -> object:
    from levada._crew.limits import parse_time  # slow to import

    try:
        return parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _memory_limit(text: str) -> object:
    from levada._crew.limits import parse_size  # slow to import

    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
