"""The version of the code that computed a result: the commit of its repository, or a digest of the class."""

from __future__ import annotations

import hashlib
import inspect
import subprocess
import sys
from functools import cache
from pathlib import Path

_GIT_SECONDS = 5.0
_DIGEST_LETTERS = 40


@cache
def code_version(table: type) -> str:
    """Return the version of a class's code.

    Returns:
        `git:` and the commit, if its file is unchanged in a repository; else `sha256:` and a digest of the class's
        source; empty if the source is not available.
    """
    module = sys.modules.get(table.__module__)
    file = getattr(module, "__file__", None)
    if file is not None and (commit := _commit(Path(file))):
        return f"git:{commit}"
    try:
        source = inspect.getsource(table)
    except (OSError, TypeError):  # typed into a console
        return ""
    return f"sha256:{hashlib.sha256(source.encode(errors='replace')).hexdigest()[:_DIGEST_LETTERS]}"


@cache
def _commit(file: Path) -> str:
    """Return the commit that has a file unchanged; empty if there is none, or if git is missing."""
    looks = (("ls-files", "--error-unmatch", file.name), ("diff", "--quiet", "HEAD", "--", file.name))
    if any(_git(file, *look) is None for look in looks):
        return ""
    return (_git(file, "rev-parse", "HEAD") or "").strip()


def _git(file: Path, *arguments: str) -> str | None:
    """Run git in the folder of a file, and return its output; None if it fails."""
    command = ["git", "-C", str(file.parent), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
