"""Workers as a job array of SLURM: writing the script and submitting it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest, LevadaError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta


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
    """

    module: str
    address: str
    words: Sequence[str]
    tasks: int
    processes: int
    grace: timedelta
    sbatch: Sequence[str]

    def script(self) -> str:
        """Write the script for sbatch.

        A task may be stopped at any time: SIGTERM lets it finish its current jobs and return the rest, and jobs left
        behind by SIGKILL are taken over when their lease expires. The token is not in the script: SLURM passes
        LEVADA_TOKEN on.
        """
        for option in self.sbatch:
            if not option.startswith("-") or "\n" in option:
                raise InvalidRequest(f"{option!r} is not an option of sbatch; write it as in --sbatch=--time=4:00:00.")
        name = f"levada-{self.module}"
        options = [
            f"--job-name={name}",
            f"--array=1-{self.tasks}",
            "--ntasks=1",
            f"--cpus-per-task={self.processes}",
            f"--output={name}-%A_%a.log",
            "--open-mode=append",
            "--requeue",
            # SIGTERM goes to the shell, which has become the worker, this long before the time is up.
            f"--signal=B:TERM@{max(int(self.grace.total_seconds()) + 5, 10)}",
            *self.sbatch,
        ]
        command = [sys.executable, "-m", "levada", "worker", self.module, *self.words]
        lines = [
            "#!/bin/bash",
            *(f"#SBATCH {option}" for option in options),
            "set -eu",
            f"cd {shlex.quote(str(Path.cwd()))}",
            f"export LEVADA_URL={shlex.quote(self.address)}",
            # exec: signals reach the worker itself.
            f"exec {shlex.join(command)}",
        ]
        return "\n".join(lines) + "\n"


def submit(script: str) -> str:
    """Submit a script with sbatch and return its output.

    Raises:
        LevadaError: There is no sbatch, or it refuses.
    """
    try:
        done = subprocess.run(["sbatch"], input=script, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise LevadaError(
            "There is no sbatch here; run this on a login node, or leave out --submit and copy the script there."
        ) from None
    if done.returncode != 0:
        raise LevadaError(f"sbatch refuses the script: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()
