"""Assignments and reports of a crew's processes; plain values, so that the reader imports no user code."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from levada._base.errors import LevadaError
from levada._jobs.completion import Unready
from levada._jobs.job_loop import Outcome
from levada._jobs.make import failure

if TYPE_CHECKING:
    from datetime import timedelta

    from levada._crew.limits import Limits
    from levada._jobs.job_calls import Lease


@dataclass(frozen=True)
class Assignment:
    """The work of every member of a crew.

    Args:
        module: The module with the tables.
        tables: Their names, `Table` or `schema.Table`; empty for all that have a `make`.
        make_kwargs: Further arguments of `make`, pickled.
        restriction: Only jobs in this relation over the job table, serialized; with one table.
        until_empty: End when there is no job. Otherwise wait for more.
        activations: Calls that activate schemas, as `activations.recorded` returns them.
        prefetch: As of `JobLoop`.
        found: The server was found, not named: settings in the module must not name another.
        as_datajoint: The module may import `datajoint`, which is replaced by this package, as in the starting process.
    """

    module: str
    tables: tuple[str, ...] = ()
    make_kwargs: bytes = pickle.dumps({})
    restriction: bytes | None = None
    until_empty: bool = False
    activations: tuple[bytes, ...] = ()
    prefetch: bool = True
    found: bool = False
    as_datajoint: bool = field(default_factory=lambda: "levada.as_datajoint" in sys.modules)


@dataclass(frozen=True)
class ServedTable:
    """A table that a member computes, and the limits of its `make`."""

    schema: str
    table: str
    limits: Limits

    @property
    def full_name(self) -> str:
        """`schema.Table`."""
        return f"{self.schema}.{self.table}"


@dataclass(frozen=True)
class Ready:
    """A member has found its tables; parents come first.

    Args:
        discovering: Schema and name of the tables that look for new rows.
        files: The source files of the user's modules.
        catalog_version: The catalog's version once they were declared.
    """

    pid: int
    tables: tuple[ServedTable, ...]
    discovering: tuple[tuple[str, str], ...]
    files: tuple[str, ...]
    catalog_version: int


@dataclass(frozen=True)
class Broken:
    """A member cannot begin, and no other could; the message says why."""

    message: str


@dataclass(frozen=True)
class Asked:
    """A member asks for the restriction of its next reserve; the answer is a list with it, empty at the end."""


@dataclass(frozen=True)
class Warned:
    """A member warns while it imports the user's module, as every other member does.

    Args:
        text: The warning as Python writes it, with the line of code.
    """

    text: str


@dataclass(frozen=True)
class Took:
    """A member has reserved jobs; its earlier ones are completed, failed or returned."""

    leases: tuple[Lease, ...]


@dataclass(frozen=True)
class Began:
    """A member has begun a `make`."""

    pid: int
    lease: Lease


@dataclass(frozen=True)
class Ended:
    """A `make` has ended; its job is yet to be completed."""

    pid: int


@dataclass(frozen=True)
class Finished:
    """A member has finished a job.

    Args:
        state: `success`, `unready`, `error`, `lost` to another worker, or `released`: the server was out of reach, or
            the worker was being stopped.
        message: The error in one text.
        stack: The error's stack.
        exception: The error itself, pickled, if possible.
    """

    pid: int
    lease: Lease
    seconds: float
    state: str
    message: str = ""
    stack: str = ""
    exception: bytes | None = None


@dataclass(frozen=True)
class BeganDiscovery:
    """A member has begun to look for new rows.

    Args:
        table: `schema.Table`.
        lease_token: The proof of its right.
        limit: How long it may take; None for any time.
    """

    pid: int
    table: str
    lease_token: str = ""
    limit: timedelta | None = None


@dataclass(frozen=True)
class FinishedDiscovery:
    """A member has looked for new rows.

    Args:
        table: `schema.Table`.
        row_count: How many rows were new.
        state: `success`, `error`, `lost` to another worker, or `refused` by the server before it began.
        message: The error in one text.
        stack: The error's stack.
    """

    pid: int
    table: str
    row_count: int
    seconds: float
    state: str
    message: str = ""
    stack: str = ""


@dataclass(frozen=True)
class Died:
    """A member has ended.

    Args:
        code: Its exit code; negative for the signal that killed it.
        jobs_left: How many more it could have run; None for any number.
        in_hand: Its current job.
        judged: It was killed for that job, which is reported as finished.
    """

    pid: int
    code: int
    jobs_left: int | None
    in_hand: Lease | None = None
    judged: bool = False

    @property
    def how(self) -> str:
        """How it ended, in words."""
        return how_it_ended(self.code)


def how_it_ended(code: int) -> str:
    """Describe an exit code, negative for the signal that killed the process."""
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


Report: TypeAlias = Ready | Broken | Took | Began | Ended | Finished | BeganDiscovery | FinishedDiscovery | Died


class RemoteStack(Exception):
    """The stack of an error in another process, shown as its cause."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def read_outcome(report: Finished) -> Outcome:
    """Rebuild a member's outcome, with the original error if possible."""
    if report.state == "success":
        return Outcome(report.lease, report.seconds)
    if report.state == "unready":
        return Outcome(report.lease, report.seconds, Unready())
    error: BaseException = LevadaError(report.message)
    if report.exception is not None:
        # This process may lack a class that the other one has.
        with suppress(Exception):
            loaded = pickle.loads(report.exception)
            if isinstance(loaded, BaseException):
                error = loaded
    error.__cause__ = RemoteStack(report.stack)
    return Outcome(report.lease, report.seconds, error, released=report.state == "released")


def finished(outcome: Outcome, *, with_exception: bool) -> Finished:
    """Describe an outcome of this process for another one.

    Args:
        with_exception: Also send the error itself, if it can be pickled.
    """
    error = outcome.error
    plain = (os.getpid(), outcome.lease, outcome.seconds)
    if error is None:
        return Finished(*plain, outcome.state)
    try:
        exception = pickle.dumps(error) if with_exception else None
        if exception is not None:
            pickle.loads(exception)  # some classes only seem to be picklable
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  # pickle raises what the class's own methods raise
        exception = None
    return Finished(*plain, outcome.state, outcome.message, failure(error).stack, exception)
