"""Progress of long work: a line on a terminal, a bar in a notebook that stays legible, nothing in a pipe."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from levada._base.text import in_notebook, markup, printable, size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

_EVERY_SECONDS = {"terminal": 0.1, "notebook": 0.3}
"""How often it is written anew."""
_PATIENCE_SECONDS = 1.0
"""How long work runs before its progress is shown, unless it is shown from the start."""
_BAR = 24
_BLOCKS = " ▏▎▍▌▋▊▉█"


class Progress:
    """How far some work is, shown on this thread's terminal or notebook while it runs.

    It is also a context manager, at whose end it is closed.

    Args:
        title: Names the work.
        total: How much there is to do; None if nobody knows.
        unit: The counted things: `rows`; `bytes` are written as sizes; empty for keys of a populate.
        shown: True: also where output is not for a person, then as one line at the end; None: only for people.
        at_once: Show it from the start and leave it there, also if the work is short.
    """

    def __init__(
        self,
        title: str,
        total: int | None,
        unit: str = "",
        *,
        shown: bool | None = None,
        at_once: bool = False,
    ) -> None:
        self._title = title
        self._total = total
        self._unit = unit
        self._at_once = at_once
        self._place = _place(shown)
        self._done = self._failed = 0
        self._begin = time.monotonic()
        self._next = self._begin + (0.0 if at_once else _PATIENCE_SECONDS)
        self._closed = False
        self._handle: Any = None  # IPython's; Any: it is not a dependency
        self._written = 0
        if at_once:
            self._show()

    def update(self, count: int = 1, *, failed: bool = False) -> None:
        """Advance.

        Args:
            count: By how much.
            failed: It ended with an error.
        """
        self._done += count
        self._failed += count if failed else 0
        self._show()

    @property
    def done(self) -> int:
        """How much is done."""
        return self._done

    def close(self) -> None:
        """Write the last state, if any was shown."""
        self._closed = True
        if self._place == "notebook" and self._handle is not None:
            self._handle.update(self)
        elif self._place == "terminal" and self._written:
            self._write(self._line() if self._at_once else "")
            sys.stderr.write("\n" if self._at_once else "\r")
        elif self._place == "pipe":
            sys.stderr.write(f"{self._line(bar=False)}\n")
        self._place = ""

    def counted(self, items: Iterable[Any], count: Callable[[Any], int]) -> Iterator[Any]:  # Any: as given
        """Yield items, and advance by the count of each."""
        for item in items:
            yield item
            self.update(count(item))

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return self._line(bar=False)

    def _repr_html_(self) -> str:
        share = "" if self._total is None else f' max="{max(self._total, 1)}" value="{min(self._done, self._total)}"'
        failed = f' · <b style="color:#d33">{self._failed} failed</b>' if self._failed else ""
        words = [self._count(), *self._times()]
        return (
            f'<div style="font-size:90%">{markup(self._title)} <progress{share} style="vertical-align:middle">'
            f"</progress> {markup(words[0])}{failed}{''.join(f' · {markup(word)}' for word in words[1:])}</div>"
        )

    def _show(self) -> None:
        now = time.monotonic()
        if self._place not in _EVERY_SECONDS or now < self._next:
            return
        self._next = now + _EVERY_SECONDS[self._place]
        if self._place == "terminal":
            self._write(self._line())
        elif self._handle is None:
            from IPython.display import display

            self._handle = display(self, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(self)

    def _write(self, line: str) -> None:
        sys.stderr.write(f"\r{line.ljust(self._written)}")
        sys.stderr.flush()
        self._written = len(line)

    def _line(self, *, bar: bool = True) -> str:
        drawn = [f"{_drawn(self._done / max(self._total, 1))} "] if bar and self._total is not None else []
        failed = [f"{self._failed} failed"] if self._failed else []
        return f"{printable(self._title)}: {''.join(drawn)}{', '.join([self._count(), *failed, *self._times()])}"

    def _count(self) -> str:
        if self._unit == "bytes":
            done, total = size_text(self._done), "" if self._total is None else size_text(self._total)
        else:
            done, total = f"{self._done:,}", "" if self._total is None else f"{self._total:,}"
        words = f"{done} of {total}" if total else done
        return f"{words} {self._unit}" if self._unit not in ("", "bytes") else words

    def _times(self) -> list[str]:
        spent = time.monotonic() - self._begin
        if self._closed or not self._done or self._total is None or self._done >= self._total:
            return [_duration(spent)]
        return [_duration(spent), f"{_duration(spent / self._done * (self._total - self._done))} left"]


def is_for_people() -> bool:
    """Return whether progress would be seen: by default it is shown only then."""
    return bool(_place(None))


def _place(shown: bool | None) -> str:
    """Return where progress is written: on a terminal, in a notebook, in a pipe, or nowhere."""
    if shown is False or threading.current_thread() is not threading.main_thread():
        return ""
    if in_notebook():
        return "notebook"
    if sys.stderr is not None and sys.stderr.isatty():
        return "terminal"
    return "pipe" if shown else ""


def _drawn(share: float) -> str:
    steps = round(min(share, 1.0) * _BAR * (len(_BLOCKS) - 1))
    whole, part = divmod(steps, len(_BLOCKS) - 1)
    return f"{_BLOCKS[-1] * whole}{_BLOCKS[part].strip()}".ljust(_BAR, "░")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
