"""Demos of the examples, as a person runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEMO_TIMEOUT_S = 300.0
"""Longer than any run of a demo, even on a busy machine."""


def demo_environment(server_address: str) -> dict[str, str]:
    """Return the environment in which Python finds the examples, and a demo the server."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "LEVADA_URL": server_address, "PYTHONPATH": path}


def run_demo(name: str, server_address: str, folder: Path, *arguments: str) -> str:
    """Run a demo in a folder to its end and return what it printed."""
    result = subprocess.run(
        [sys.executable, "-m", f"examples.{name}", *arguments],
        cwd=folder,
        env=demo_environment(server_address),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEMO_TIMEOUT_S,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
