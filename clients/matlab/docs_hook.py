"""A hook of the documentation's build: it also writes the pages of MATLAB's help browser."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig


def on_post_build(config: MkDocsConfig) -> None:
    """Write the pages after those of the documentation."""
    root = Path(config.config_file_path).parent
    subprocess.run([sys.executable, "-m", "clients.matlab.help_pages"], cwd=root, check=True)
