"""Collect warnings and notices for the caller, and encode them as metadata of the answer."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

WARNING = "levada-warning-bin"
NOTICE = "levada-notice-bin"
MAX_TOLD = 16
MAX_TOLD_CHARACTERS = 1_000
MAX_TOLD_BYTES = 4_500
"""The most bytes of all texts of one answer; they travel in headers, which hold a few kilobytes."""
MAX_FAILURE_TOLD_BYTES = 800
"""The same beside the status of an error, which may fill most of them."""
_ENTRY_BYTES = 50
"""The bytes of an entry beside its text."""


class Told:
    """Texts for the caller, each once: warnings for every call, notices for every connection."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], None] = {}

    def warn(self, texts: Iterable[str]) -> None:
        """Add warnings, which the caller sees with each call."""
        self._add(WARNING, texts)

    def notify(self, texts: Iterable[str]) -> None:
        """Add notices, which the caller sees once, however often they come."""
        self._add(NOTICE, texts)

    def add(self, other: Told) -> None:
        """Add the texts of the answer to a carried call."""
        self._texts |= other._texts

    def copy(self) -> Told:
        """Return a copy of the texts so far."""
        told = Told()
        told.add(self)
        return told

    def entries(self, limit_bytes: int = MAX_TOLD_BYTES) -> list[tuple[str, str]]:
        """Return the metadata key and value of each text, as many as fit into headers."""
        kept = [(key, _cut(text)) for key, text in self._texts][:MAX_TOLD]
        sizes = accumulate(len(text.encode()) + _ENTRY_BYTES for _, text in kept)
        return [entry for entry, size in zip(kept, sizes, strict=True) if size <= limit_bytes]

    def _add(self, key: str, texts: Iterable[str]) -> None:
        for text in texts:
            self._texts[key, text] = None


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TOLD_CHARACTERS else text[:MAX_TOLD_CHARACTERS] + "…"
