"""The files of the dashboard's page, kept in memory."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

PAGE_FOLDER = Path(__file__).parent / "page"
"""The folder of the built page; its source is in server/dashboard."""
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
}
_COMPRESSED = (".html", ".js", ".css", ".json", ".svg", ".txt", ".wasm")
_HASHED = "/assets/"
"""Vite names files below it by their content, so that they never change."""
MISSING = (
    "The page of the dashboard is not built here. Install a release of Levada, or build it from server/dashboard.\n"
)


@dataclass(frozen=True)
class PageFile:
    """A file of the page.

    Args:
        content: Its bytes.
        content_type: Its media type.
        compressible: Whether gzip may make files of its kind smaller.
        lasting: Whether browsers may keep it for ever.
    """

    content: bytes
    content_type: str
    compressible: bool
    lasting: bool

    @cached_property
    def compressed(self) -> bytes | None:
        """Its bytes by gzip, None if that saves nothing; most servers are asked for few files, if any."""
        compressed = gzip.compress(self.content, mtime=0) if self.compressible else self.content
        return compressed if len(compressed) < len(self.content) else None


@cache
def read_page(folder: Path = PAGE_FOLDER) -> dict[str, PageFile]:
    """Read the files by their paths, which begin with `/`; the page itself is `/`, also if there is none."""
    files = {
        f"/{file.relative_to(folder).as_posix()}": file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix in _TYPES
    }
    page = {path: _read(path, file) for path, file in files.items()}
    missing = PageFile(MISSING.encode(), _TYPES[".txt"], compressible=False, lasting=False)
    return {**page, "/": page.get("/index.html", missing)}


def _read(path: str, file: Path) -> PageFile:
    return PageFile(
        file.read_bytes(), _TYPES[file.suffix], file.suffix in _COMPRESSED, lasting=path.startswith(_HASHED)
    )
