"""A few mutated inputs of each target that is fuzzed; `make fuzz` tries millions."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.fuzz.mutation import mutated
from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = 300


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_taken_and_their_mutations_are_taken_or_refused_clearly(name: str) -> None:
    target = TARGETS[name]
    seeds = list(target.seeds())
    for seed in seeds:
        target.take(seed)
    chance = random.Random(1)
    for _ in range(INPUTS):
        with suppress(target.allowed):
            target.take(mutated(seeds, chance))


def test_the_command_reports_how_much_it_tried(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz", "definitions", "--seconds", "1", "--corpus", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    assert "inputs, 0 finds" in done.stdout
