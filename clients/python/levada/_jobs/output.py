"""The output of `make`: its prints, warnings and log lines are shown as always, and kept for its job."""

from __future__ import annotations

import logging
import re
import sys
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FIRST, _LAST = 2**14, 3 * 2**14
"""How many characters to keep of the beginning and of the end."""

_OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n)")
"""Text that a terminal overwrites, as the earlier states of a progress bar."""


class Output:
    """The text that one `make` wrote; of a long one the beginning and the end."""

    def __init__(self) -> None:
        self._first = ""
        self._last: list[str] = []
        self._last_size = 0
        self._left_out = 0

    def add(self, text: str) -> None:
        """Add text."""
        fits = _FIRST - len(self._first)
        if fits:
            self._first += text[:fits]
            text = text[fits:]
        if text:
            self._last.append(text)
            self._last_size += len(text)
        # Cut seldom: each cut copies the end.
        if self._last_size > 2 * _LAST:
            self._cut()

    def _cut(self) -> None:
        excess = self._last_size - _LAST
        if excess > 0:
            self._left_out += excess
            self._last = ["".join(self._last)[excess:]]
            self._last_size = _LAST

    def text(self) -> str:
        """Return the text, with a line that says how much was left out."""
        self._cut()
        gap = f"\n… {self._left_out} characters left out …\n" if self._left_out else ""
        return _OVERWRITTEN.sub("", "".join((self._first, gap, *self._last)))


class _Copying:
    """A stream that passes everything on to another, and keeps a copy of what is written."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        output = _present()
        if output is not None and isinstance(text, str):
            output.add(text)
        return self.stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> object:
        return getattr(self.stream, name)


_current: ContextVar[Output | None] = ContextVar("levada_output", default=None)
_running: list[Output] = []
_lock = threading.Lock()


def _present() -> Output | None:
    """Return the output of this thread's `make`; in a thread that a `make` started, that of the only one there is."""
    output = _current.get()
    if output is None and len(_running) == 1:
        return _running[0]
    return output


@contextmanager
def kept() -> Iterator[Output]:
    """Keep what is written to standard output and standard error in the length of a block.

    The handlers of the root logger that write there count too. Programs that the block starts write past it.
    """
    output = Output()
    with _lock:
        if not _running:
            _install()
        _running.append(output)
    token = _current.set(output)
    try:
        yield output
    finally:
        _current.reset(token)
        with _lock:
            _running.remove(output)
            if not _running:
                _remove()


def _install() -> None:
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None:
            copying = _Copying(stream)
            setattr(sys, name, copying)
            _redirect(stream, copying)


def _remove() -> None:
    for name in ("stdout", "stderr"):
        copying = getattr(sys, name)
        if isinstance(copying, _Copying):  # else it was replaced meanwhile, for good
            setattr(sys, name, copying.stream)
            _redirect(copying, copying.stream)


def _redirect(old: object, new: object) -> None:
    """Let handlers of the root logger write to another stream; they remember the one of their beginning."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is old:
            handler.stream = new
