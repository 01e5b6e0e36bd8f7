"""The build of the MATLAB client's gateway on a machine that lacks libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_BUILD = Path(__file__).parents[2] / "clients" / "matlab" / "mex" / "build.py"


def _run_without_tools(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(_BUILD), *options]
    return subprocess.run(command, env={"PATH": str(folder)}, capture_output=True, text=True, check=False)


def test_it_is_left_out_where_octave_is_missing(tmp_path: Path) -> None:
    result = _run_without_tools(tmp_path)
    assert result.returncode == 0
    assert "the MATLAB client is left out, because octave-cli" in result.stdout
    assert "apt-get install" in result.stdout


def test_its_lack_can_be_made_an_error(tmp_path: Path) -> None:
    result = _run_without_tools(tmp_path, "--require")
    assert result.returncode == 1
    assert "because octave-cli" in result.stderr
