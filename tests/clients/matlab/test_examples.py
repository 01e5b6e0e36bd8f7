"""The examples of the toolbox run as they are written, also a second time."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from clients.matlab.help_pages import EXAMPLES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.matlab.conftest import Octave

SCRIPTS = sorted(EXAMPLES.glob("*.m"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_an_example_runs(script: Path, octave: Octave) -> None:
    twice = f"addpath('{EXAMPLES}'); setenv('LEVADA_URL', address); {script.stem}; {script.stem}; disp('both ran')"
    assert "both ran" in octave.run(twice)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_an_example_can_be_published(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").split("\n")
    assert lines[0].startswith("%% ")
    assert sum(line.startswith("%% ") for line in lines) > 3


def test_matlab_lists_every_example() -> None:
    listed = {
        item.findtext("source"): item.findtext("label") for item in ET.parse(EXAMPLES / "demos.xml").iter("demoitem")
    }
    titles = {script.stem: script.read_text(encoding="utf-8").partition("\n")[0][3:] for script in SCRIPTS}
    assert listed == titles
