"""Short tracebacks: the user's lines and one of this package, where Python or IPython prints an error."""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada._base.config import config
from levada._base.errors import LevadaError

if TYPE_CHECKING:
    from types import TracebackType

_PACKAGE = str(Path(__file__).parent.parent) + os.sep
_MOST_CAUSES = 100
"""An error that is its own cause, by way of others, must not hold the program."""


def install() -> None:
    """Shorten the tracebacks that Python prints at a program's end, and IPython after a cell.

    `config["display.full_tracebacks"] = True` brings the whole ones back. In IPython, another package's handler stays.
    """
    before = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        shorten(error)
        before(kind, error, error.__traceback__ or traceback)

    sys.excepthook = show
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive else None
    if shell is not None and not shell.custom_exceptions:
        shell.set_custom_exc((Exception, KeyboardInterrupt), _show_in_ipython)


def shorten(error: BaseException) -> None:
    """Take the lines of this package but the first in each run of them from the traceback of an error and its causes.

    An error of another class that this package raises itself keeps its last lines: they say where.
    """
    if config["display.full_tracebacks"]:
        return
    waiting: list[BaseException | None] = [error]
    for _ in range(_MOST_CAUSES):
        if not waiting:
            return
        if (cause := waiting.pop()) is not None:
            _cut(cause)
            waiting += [cause.__cause__, None if cause.__suppress_context__ else cause.__context__]


def _cut(error: BaseException) -> None:
    lines = []
    traceback = error.__traceback__
    while traceback is not None:
        lines.append(traceback)
        traceback = traceback.tb_next
    ours = [line.tb_frame.f_code.co_filename.startswith(_PACKAGE) for line in lines]
    end = len(lines)
    if not isinstance(error, (LevadaError, KeyboardInterrupt)):
        while end and ours[end - 1]:
            end -= 1
    kept = [
        line
        for number, line in enumerate(lines)
        if number >= end or not ours[number] or number == 0 or not ours[number - 1]
    ]
    for line, following in itertools.pairwise([*kept, None]):
        if line is not None:
            line.tb_next = following


def _show_in_ipython(
    shell: Any,  # noqa: ANN401  # IPython is not a dependency
    kind: type[BaseException],
    error: BaseException,
    traceback: TracebackType,
    tb_offset: int | None = None,
) -> None:
    shorten(error)
    shell.showtraceback((kind, error, error.__traceback__ or traceback), tb_offset=tb_offset)
