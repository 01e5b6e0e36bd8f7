"""Errors of commands: one line for ours, the user's own lines of code for the errors of user code."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.config import config
from levada._base.errors import LevadaError
from levada._base.text import text_of
from levada._cli import output

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE = str(Path(__file__).parent.parent)
_IMPORT = str(Path(importlib.__file__).parent)
EXIT_FAILED = 1
EXIT_USAGE = 2


def report(error: BaseException, command: str, *, as_json: bool = False) -> int:
    """Write an error to standard error, and return the exit code."""
    if as_json:
        sys.stderr.write(f"{output.json_text(_as_object(error))}\n")
        return EXIT_FAILED
    if isinstance(error, (LevadaError, OSError)) and not config["display.full_tracebacks"]:
        _say(command, _told(error))
        return EXIT_FAILED
    if config["display.full_tracebacks"]:
        traceback.print_exception(error)
        return EXIT_FAILED
    lines = list(user_lines(error))
    if lines:
        sys.stderr.write("".join(["Traceback (your code):\n", *traceback.format_list(lines)]))
    _say(command, f"{type(error).__name__}: {text_of(error)}".rstrip(": "))
    for note in getattr(error, "__notes__", ()):
        sys.stderr.write(f"  {note}\n")
    if not lines:
        last = traceback.extract_tb(error.__traceback__)[-1]
        sys.stderr.write(f"This is a fault of Levada; please report it: {last.filename}, line {last.lineno}.\n")
    return EXIT_FAILED


def user_lines(error: BaseException) -> Iterator[traceback.FrameSummary]:
    """Yield the lines of a traceback that are the user's: neither of this package, nor of Python's import."""
    for line in traceback.extract_tb(error.__traceback__):
        if not line.filename.startswith((_PACKAGE, "<frozen ", _IMPORT)):
            yield line


def _as_object(error: BaseException) -> dict[str, object]:
    known = error if isinstance(error, LevadaError) else None
    return {
        "error": type(error).__name__,
        "reason": None if known is None else known.reason,
        "message": _told(error),
        "details": {} if known is None else known.details,
        "call_id": None if known is None else known.call_id,
        "notes": list(getattr(error, "__notes__", ())),
        "lines": [f"{line.filename}:{line.lineno} in {line.name}" for line in user_lines(error)],
    }


def report_usage(told: str) -> int:
    """Write what is wrong with the arguments to standard error as JSON, and return the exit code."""
    *_, message = told.strip().splitlines()
    sys.stderr.write(f"{output.json_text({'error': 'usage', 'reason': None, 'message': message})}\n")
    return EXIT_USAGE


def _say(command: str, text: str) -> None:
    output.write_styled(f"{command}: ", "red", sys.stderr)
    sys.stderr.write(f"{text}\n")


def _told(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror[0].lower()}{error.strerror[1:]}."
    return text_of(error)
