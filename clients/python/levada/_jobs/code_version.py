"""The version of the code that computes a table: a digest of the source that its `make` reaches, and the commit."""

from __future__ import annotations

import hashlib
import inspect
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from levada._jobs.computing import MAKES
from levada._jobs.reached_source import reached_source

_GIT_SECONDS = 5.0
_DIGEST_LETTERS = 40
_WITHOUT_SOURCE = ("<stdin>", "<string>")
"""The names that Python gives to what is typed at its prompt, up to Python 3.12, and to `python -c`."""


@dataclass(frozen=True)
class CodeVersion:
    """A version of code.

    Args:
        digest: `sha256:` and the digest of the source; results of another digest are stale. Empty if there is none, or
            if it is not at hand.
        commit: The commit of its repository, if the file of the class is as committed; else empty. Not compared: a
            commit that changes other code makes nothing stale.
    """

    digest: str
    commit: str


NO_CODE = CodeVersion("", "")
"""The version of rows that a program inserts by hand for a job."""


def look_again() -> None:
    """Find versions anew when they are next asked for: by the same names, a notebook may run other code now."""
    code_version.cache_clear()


@cache
def code_version(table: type) -> CodeVersion:
    """Return the version of the code of a class, as it was when this was first asked since `look_again`."""
    source = [] if _typed(table) else reached_source(table, MAKES)
    digest = hashlib.sha256()
    for item in source:
        digest.update(f"{len(item)} {item}".encode(errors="replace"))
    file = getattr(sys.modules.get(table.__module__), "__file__", None)
    commit = "" if file is None else _commit_of(Path(file))
    return CodeVersion(f"sha256:{digest.hexdigest()[:_DIGEST_LETTERS]}" if source else "", commit)


def _typed(table: type) -> bool:
    """Return whether Python kept no source of a method, so that it would differ from the same code in a file."""
    makes = (inspect.unwrap(getattr(table, name)) for name in MAKES if callable(getattr(table, name, None)))
    return any(getattr(make, "__code__", None) and make.__code__.co_filename in _WITHOUT_SOURCE for make in makes)


def module_commit(module: str) -> str:
    """Return the commit of the repository of a module whose file is as committed, else empty; runs no code of it."""
    path, name, spec = None, "", None
    for part in module.split("."):
        if spec is not None and path is None:  # not a package
            return ""
        name = f"{name}.{part}" if name else part
        spec = PathFinder.find_spec(name, path)
        if spec is None:
            return ""
        path = spec.submodule_search_locations
    return "" if spec is None or not spec.has_location or spec.origin is None else _commit_of(Path(spec.origin))


def _commit_of(file: Path) -> str:
    """Return the commit that has a file unchanged; empty if there is none, or if git is missing."""
    try:
        return _commit(file, file.stat().st_mtime_ns)
    except OSError:
        return ""


@cache
def _commit(file: Path, _changed: int) -> str:
    """Return the commit of a file that was last changed at some time, in nanoseconds."""
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
