"""Detection of changed source files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOOK_SECONDS = 0.5


class SourceWatch:
    """Checks the times and sizes of files at intervals."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int] | None] = {}
        self._next_look = 0.0

    def add(self, files: Iterable[str]) -> None:
        """Record the present state of some files."""
        for file in files:
            self._seen.setdefault(file, _look(file))

    def changed(self) -> str:
        """Return a file that has changed since the last check, or an empty text."""
        if time.monotonic() < self._next_look:
            return ""
        self._next_look = time.monotonic() + _LOOK_SECONDS
        changed = ""
        for file, before in self._seen.items():
            now = _look(file)
            # A file that is being written may be missing for a moment.
            if now is not None and now != before:
                self._seen[file] = now
                changed = file
        return changed


def _look(file: str) -> tuple[int, int] | None:
    try:
        status = Path(file).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
