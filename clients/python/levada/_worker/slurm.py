"""Workers as a job array of SLURM: the script, and handing it in."""

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
    """A job array whose every task is one worker.

    Args:
        module: The module that has the tables.
        address: Of the server, as the nodes reach it.
        words: The worker's own options.
        tasks: How many tasks.
        processes: How many processes each has.
        grace: How long before its end a task is told to stop.
        sbatch: More options of sbatch, as `#SBATCH` takes them: `--time=4:00:00`.
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

        A task may be stopped at any time: SIGTERM lets it finish what it has in hand and give back the rest, and what
        SIGKILL leaves is taken up by others once its lease is over. The token is not in it: SLURM passes LEVADA_TOKEN
        on, or `levada.toml` has it.
        """
        for option in self.sbatch:
            if not option.startswith("-") or "\n" in option:
                raise InvalidRequest(f"{option!r} is no option of sbatch; write it as in --sbatch=--time=4:00:00.")
        name = f"levada-{self.module}"
        options = [
            f"--job-name={name}",
            f"--array=1-{self.tasks}",
            "--ntasks=1",
            f"--cpus-per-task={self.processes}",
            f"--output={name}-%A_%a.log",
            "--open-mode=append",
            "--requeue",
            # SIGTERM to the shell, which has become the worker, so long before the time is over.
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
    """Hand a script to sbatch and give what it says.

    Raises:
        LevadaError: There is no sbatch, or it refuses.
    """
    try:
        done = subprocess.run(["sbatch"], input=script, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise LevadaError(
            "There is no sbatch here; work on a login node, or leave out --submit and take the script there."
        ) from None
    if done.returncode != 0:
        raise LevadaError(f"sbatch refuses the script: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()
