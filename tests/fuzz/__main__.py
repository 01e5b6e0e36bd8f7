"""`python -m tests.fuzz TARGET --seconds S`: mutated inputs in forked processes, and what ends or surprises them.

A process that dies, raises anything but a clear error, or takes too much time or memory is a find. Its input is written
into the corpus, from which later runs begin as well.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import resource
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.mutation import mutated
from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fuzz.targets import Target

CORPUS = Path("build/fuzz")
INPUTS = 400
"""Inputs of one process: a fork is cheap, and a crash loses few."""
MEMORY_BYTES = 3 * 2**30
INPUT_S = 5
"""Longest time of one input."""


def main() -> int:
    """Run a target for a time; return whether it found something."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    options = parser.parse_args()
    target = TARGETS[options.target]
    folder = options.corpus / options.target
    folder.mkdir(parents=True, exist_ok=True)
    seeds = [*target.seeds(), *(file.read_bytes() for file in sorted(folder.iterdir()))]
    chance = random.Random(options.seed)
    began, inputs, finds = time.monotonic(), 0, 0
    while time.monotonic() - began < options.seconds:
        seed = chance.randrange(2**63)
        done, reason = run_in_fork(target, seeds, seed, folder)
        inputs += done
        if reason:
            finds += 1
            content = generated(seeds, seed, done)
            name = hashlib.sha256(content).hexdigest()[:16]
            (folder / name).write_bytes(content)
            print(f"{folder / name}: {reason}", flush=True)  # noqa: T201  # a command's output
    minutes = (time.monotonic() - began) / 60
    print(f"{options.target}: {minutes:.1f} minutes, {inputs} inputs, {finds} finds")  # noqa: T201  # as above
    return int(finds > 0)


def generated(seeds: Sequence[bytes], seed: int, number: int) -> bytes:
    """Return one of the inputs of a process, by its number."""
    chance = random.Random(seed)
    content = b""
    for _ in range(number + 1):
        content = mutated(seeds, chance)
    return content


def run_in_fork(target: Target, seeds: Sequence[bytes], seed: int, folder: Path) -> tuple[int, str]:
    """Try some inputs in a process of their own; return how many went well, and what ended the rest."""
    progress, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(progress)
        _try_inputs(target, seeds, seed, told)
    os.close(told)
    number, reason = 0, ""
    with os.fdopen(progress, "rb") as lines:
        for line in lines:
            if line.startswith(b"!"):
                reason = line[1:].decode(errors="replace").strip()
            else:
                number += 1
    _, status = os.waitpid(child, 0)
    if not reason and status != 0:
        reason = f"ended by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"ended with status {status}"
    return number, reason


def _try_inputs(target: Target, seeds: Sequence[bytes], seed: int, told: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (INPUT_S * 20, INPUT_S * 20))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    chance = random.Random(seed)
    try:
        for _ in range(INPUTS):
            content = mutated(seeds, chance)
            began = time.process_time()
            with suppress(target.allowed):
                target.take(content)
            if time.process_time() - began > INPUT_S:
                raise TimeoutError(f"{time.process_time() - began:.1f} s for {len(content)} bytes")
            os.write(told, b".\n")
    except BaseException as error:  # noqa: BLE001  # every error but a clear one is a find
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({place.filename.rpartition('/')[2]}:{place.lineno})"
        os.write(told, f"!{text}".replace("\n", " ").encode(errors="replace")[:2000] + b"\n")
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
