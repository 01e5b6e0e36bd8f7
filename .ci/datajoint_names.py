"""Compare DataJoint's names, as the tests know them, with the published packages: `python .ci/datajoint_names.py`.

Each version is installed into an environment of its own below build/. With `--write` the differences are accepted.
Python 3.11 alone does this, because one of the modules can only be imported by newer ones.
"""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
READER = ROOT / "tests" / "samples" / "datajoint_names.py"
KNOWN = READER.with_suffix(".json")
PYTHON = (3, 11)


def names_of(version: str) -> object:
    """Install a version and return its names."""
    home = ROOT / "build" / "datajoint" / version
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"datajoint=={version}"], check=True)
    # Neither settings of the user nor variables of this run change the defaults.
    clean = {"HOME": str(home), "PATH": os.environ["PATH"]}
    read = subprocess.run([python, READER], check=True, cwd=home, env=clean, stdout=subprocess.PIPE)
    return json.loads(read.stdout)


def main() -> str | None:
    """Compare, and return a message if anything differs."""
    if sys.version_info[:2] != PYTHON:
        sys.stdout.write("levada: the names of DataJoint are only compared with Python 3.11\n")
        return None
    before = KNOWN.read_text(encoding="utf-8")
    after = json.dumps({version: names_of(version) for version in json.loads(before)}, indent=1) + "\n"
    if before == after:
        return None
    if "--write" in sys.argv:
        KNOWN.write_text(after, encoding="utf-8")
        return None
    sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), after.splitlines(True), "known", "published"))
    return (
        "DataJoint's names differ from tests/samples/datajoint_names.json; .ci/datajoint_names.py --write accepts them."
    )


if __name__ == "__main__":
    sys.exit(main())
