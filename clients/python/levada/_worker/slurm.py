"""Workers as a job array of SLURM: writing the script and submitting it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest, LevadaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta


_NAME_LENGTH = 150
"""The longest name of a job, which is a part of the names of its logs."""


@dataclass(frozen=True)
class ArrayJob:
    """A job array in which every task is one worker.

    Args:
        module: The module with the tables.
        address: The server's address, as the nodes reach it.
        words: The worker's own options.
        tasks: How many tasks.
        processes: How many processes each has.
        grace: How long before its end a task is told to stop.
        sbatch: Further options of sbatch, as in `#SBATCH`: `--time=4:00:00`.
        tables: The tables that it computes, which are a part of its name; empty for all.
    """

    module: str
    address: str
    words: Sequence[str]
    tasks: int
    processes: int
    grace: timedelta
    sbatch: Sequence[str]
    tables: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The name of the job, which jobs for other tables do not have."""
        return "-".join(["levada", self.module, *self.tables])[:_NAME_LENGTH]

    def tasks_there(self) -> int:
        """Return how many tasks of this user's earlier jobs of this name wait or run.

        Raises:
            LevadaError: There is no squeue, or it refuses.
        """
        return len(_run(["squeue", "--me", "--array", "--noheader", "--format=%i", f"--name={self.name}"]).splitlines())

    def check(self) -> None:
        """Check the options of sbatch.

        Raises:
            InvalidRequest: One is not an option.
        """
        for option in self.sbatch:
            if not option.startswith("-") or "\n" in option:
                raise InvalidRequest(f"{option!r} is not an option of sbatch; write it as in --sbatch=--time=4:00:00.")

    def script(self, credentials: Path | None = None) -> str:
        """Write the script for sbatch.

        A task may be stopped at any time: SIGTERM lets it finish its current jobs and return the rest, and jobs left
        behind by SIGKILL are taken over when their lease expires. No token is in the script.

        Args:
            credentials: The file with the token of the job; None if LEVADA_TOKEN, or what `levada login` keeps, is
                to be used.

        Raises:
            InvalidRequest: An option of sbatch is not one.
        """
        self.check()
        options = [
            f"--job-name={self.name}",
            f"--array=1-{self.tasks}",
            "--ntasks=1",
            f"--cpus-per-task={self.processes}",
            f"--output={self.name}-%A_%a.log",
            "--open-mode=append",
            "--requeue",
            # SIGTERM goes to the shell, which has become the worker, this long before the time is up.
            f"--signal=B:TERM@{max(int(self.grace.total_seconds()) + 5, 10)}",
            *self.sbatch,
        ]
        command = [sys.executable, "-m", "levada", "worker", self.module, *self.words]
        lines = ["set -eu", f"cd {shlex.quote(str(Path.cwd()))}", f"export LEVADA_URL={shlex.quote(self.address)}"]
        if credentials is not None:
            lines.append(f"export LEVADA_CREDENTIALS={shlex.quote(str(credentials))}")
        # exec: signals reach the worker itself.
        return _script(options, [*lines, f"exec {shlex.join(command)}"])

    def end_script(self, job: str, credentials: Path) -> str:
        """Write the script of a short job that revokes the token of a job once all its tasks have ended.

        Args:
            job: The id of the job.
            credentials: The file with its token, which is removed.
        """
        options = [
            *self.sbatch,
            f"--job-name={self.name}-end",
            "--ntasks=1",
            "--cpus-per-task=1",
            "--output=/dev/null",
            f"--dependency=afterany:{job}",
        ]
        file = shlex.quote(str(credentials))
        command = [sys.executable, "-m", "levada", "logout", self.address]
        lines = [
            f"cd {shlex.quote(str(Path.cwd()))}",
            f"export LEVADA_CREDENTIALS={file}",
            f"{shlex.join(command)} && rm -f {file}",
        ]
        return _script(options, lines)


def _script(options: Iterable[str], lines: Iterable[str]) -> str:
    return "\n".join(["#!/bin/bash", *(f"#SBATCH {option}" for option in options), *lines]) + "\n"


def submit(script: str) -> str:
    """Submit a script with sbatch, without the user's token, and return the id of the job.

    Raises:
        LevadaError: There is no sbatch, or it refuses.
    """
    return _run(["sbatch", "--parsable"], script).strip().partition(";")[0]  # the name of the cluster may follow


def _run(command: Sequence[str], script: str = "") -> str:
    environment = {name: text for name, text in os.environ.items() if name != "LEVADA_TOKEN"}
    try:
        done = subprocess.run(command, input=script, capture_output=True, text=True, check=False, env=environment)
    except FileNotFoundError:
        raise LevadaError(
            f"There is no {command[0]} here; run this on a login node, or leave out --submit and copy the script there."
        ) from None
    if done.returncode != 0:
        refused = "the script" if script else "to answer"
        raise LevadaError(f"{command[0]} refuses {refused}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
