"""What a fetch makes of files that lie in rows and in stores: handles, or paths of copies on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from levada._attached import decode_attachment


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens the files of one fetch.

    Args:
        folder: Attachments become paths of copies in this folder; None: handles.
    """

    folder: str | None = None

    def attachment(self, stored: bytes) -> Any:  # noqa: ANN401  # a handle or a path
        """Open an `<attach>` value."""
        handle = decode_attachment(stored)
        return handle if self.folder is None else str(handle.download(self.folder))


HANDLES = Opener()
"""Gives handles only."""
