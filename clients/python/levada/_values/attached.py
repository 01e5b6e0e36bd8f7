"""Attachments: files that are stored in their row."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from levada._base.errors import WrongValue
from levada._base.text import shown
from levada._values.files import cache_folder, check_name, download_place, is_file, put


@dataclass(frozen=True, slots=True, repr=False)
class AttachedFile(os.PathLike[str]):
    """The file of an `<attach>` attribute. It can be used as a path, which then copies it to this machine's cache.

    Args:
        name: The file's name.
        content: Its bytes.
    """

    name: str
    content: bytes

    @property
    def size(self) -> int:
        """Size in bytes."""
        return len(self.content)

    def read_bytes(self, offset: int = 0, length: int | None = None) -> bytes:
        """Return the bytes, or a range of them."""
        return self.content[offset:] if length is None else self.content[offset : offset + length]

    def open(self) -> IO[bytes]:
        """Open it for reading."""
        return io.BytesIO(self.content)

    def download(self, folder: str | os.PathLike[str] = ".") -> Path:
        """Write the file into a folder and return its path; a different file of that name is left alone."""
        place, done = download_place(folder, self.name, self._is_at)
        return place if done else put(place, lambda draft: _write(draft, self.content))

    def _is_at(self, path: Path) -> bool:
        return path.is_file() and path.stat().st_size == self.size and path.read_bytes() == self.content

    def __fspath__(self) -> str:
        digest = hashlib.sha256(self.content).hexdigest()
        return str(self.download(cache_folder() / "attached" / digest[:2] / digest))

    def __repr__(self) -> str:
        return f"<{self.name}, {self.size} bytes>"


def encode_attachment(value: object) -> bytes:
    """Build the stored bytes of an `<attach>` attribute: the file's name, NUL, its content.

    Raises:
        WrongValue: The value is not the path of a file.
    """
    if isinstance(value, AttachedFile):
        return _joined(value.name, value.content)
    if not isinstance(value, (str, os.PathLike)):
        raise WrongValue(f"an <attach> takes the path of a file, not a {type(value).__name__}.")
    path = Path(value)
    if not is_file(path):
        raise WrongValue(f"there is no file {shown(str(path))}.")
    return _joined(path.name, path.read_bytes())


def decode_attachment(stored: bytes) -> AttachedFile:
    """Read the stored bytes of an `<attach>` attribute."""
    name, _, content = stored.partition(b"\0")
    return AttachedFile(check_name(name.decode()), content)


def _joined(name: str, content: bytes) -> bytes:
    return check_name(name).encode() + b"\0" + content


def _write(draft: Path, content: bytes) -> None:
    draft.write_bytes(content)
