"""The picture of the demo, drawn from the slice that it used, where the laboratory's server is out of reach."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import levada as lv
from levada._cli import main
from tests.conftest import cloned, served

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = ("levada._cli.main",)
ROOT = Path(__file__).parents[2]
PIPELINE, REPORT = "examples.grasshopper.pipeline", "examples.grasshopper.report"
DRAW = f"from pathlib import Path; from {REPORT} import draw; draw(Path('again.png'))"
TIMEOUT_S = 180

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no server runs on Windows")


def draw(file: Path, address: str, recording: str = "") -> bytes:
    """Draw the picture from a server; keep what is read under a name, if there is one."""
    forget_modules()  # they declare their tables on the server that is connected when they are imported
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
    forget_modules()
    return file.read_bytes()


def forget_modules() -> None:
    for module in (PIPELINE, REPORT):
        sys.modules.pop(module, None)


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """The archive of a paper and its picture, from a laboratory whose server has ended since."""
    folder = tmp_path_factory.mktemp("laboratory")
    with cloned() as url, served(url) as address:
        picture = draw(folder / "original.png", address, "paper")
        export = ["export", "--slice", "paper", "--to", str(folder / "paper"), "--url", address]
        assert main.main(export) == 0
    return folder / "paper", picture


def test_picture_from_the_slice_equals_the_picture_of_the_laboratory(paper: tuple[Path, bytes], tmp_path: Path) -> None:
    archive, picture = paper
    assert "grasshopper.SpikeTriggeredAverage" in lv.open_slice(archive).tables
    with cloned() as url, served(url) as elsewhere:
        assert main.main(["import", str(archive), "--url", elsewhere]) == 0
        assert draw(tmp_path / "again.png", elsewhere) == picture


@pytest.fixture
def empty_folder(tmp_path: Path) -> Iterator[Path]:
    """A new folder, whose own server is stopped at the end."""
    folder = tmp_path / "reading"
    folder.mkdir()
    yield folder
    stranger(folder, "-m", "levada", "stop")


def stranger(folder: Path, *words: str) -> str:
    """Run Python in a folder as somebody who has just installed Levada: without settings, logins or caches."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("LEVADA_", "XDG_"))}
    own |= {"HOME": str(folder.parent), "PYTHONPATH": str(ROOT)}
    process = subprocess.run(
        [sys.executable, *words], cwd=folder, env=own, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_stranger_opens_the_archive_in_an_empty_folder_and_draws_the_picture(
    paper: tuple[Path, bytes], empty_folder: Path
) -> None:
    archive, picture = paper
    tables = json.loads(stranger(empty_folder, "-m", "levada", "import", str(archive), "--json"))["tables"]
    assert {one["table"]: one["rows"] for one in tables}["grasshopper.SpikeTriggeredAverage"]
    stranger(empty_folder, "-c", DRAW)
    assert (empty_folder / "again.png").read_bytes() == picture
    again = json.loads(stranger(empty_folder, "-m", "levada", "import", str(archive), "--json"))["tables"]
    assert again == tables
