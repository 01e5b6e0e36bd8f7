"""The picture of the demo, drawn from the slice that it used, on a server that has nothing else."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

import levada as lv
from levada._cli import main
from tests.conftest import cloned, served

if TYPE_CHECKING:
    from pathlib import Path

TESTS = ("levada._cli.main",)
PIPELINE, REPORT = "examples.grasshopper.pipeline", "examples.grasshopper.report"


@pytest.fixture(autouse=True)
def imported_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The modules declare their tables on the server that is connected when they are imported."""
    for module in (PIPELINE, REPORT):
        monkeypatch.delitem(sys.modules, module, raising=False)


def draw(file: Path, address: str, recording: str = "") -> bytes:
    """Draw the picture from a server; keep what is read under a name, if there is one."""
    for module in (PIPELINE, REPORT):
        sys.modules.pop(module, None)
    with lv.connect(address):
        pipeline, report = importlib.import_module(PIPELINE), importlib.import_module(REPORT)
        if not recording:
            report.draw(file)
        else:
            pipeline.fill()
            for table in (pipeline.Recording, pipeline.SpikeTrain, pipeline.SpikeTriggeredAverage):
                table.populate()
            with lv.recording(recording):
                report.draw(file)
    return file.read_bytes()


def test_picture_from_the_slice_equals_the_picture_of_the_laboratory(server_address: str, tmp_path: Path) -> None:
    original = draw(tmp_path / "original.png", server_address, "paper")
    archive = str(tmp_path / "paper")
    assert main.main(["export", "--slice", "paper", "--to", archive, "--url", server_address]) == 0
    assert "grasshopper.SpikeTriggeredAverage" in lv.open_slice(archive).tables
    with cloned() as url, served(url) as elsewhere:
        assert main.main(["import", archive, "--url", elsewhere]) == 0
        assert draw(tmp_path / "again.png", elsewhere) == original
