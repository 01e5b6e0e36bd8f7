"""The server's log: text for people, or a JSON object per line; lines written during a call carry the call's id."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from itertools import count
from textwrap import indent
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

LogFormat: TypeAlias = Literal["text", "json"]

_CALL: ContextVar[tuple[int, str] | None] = ContextVar("levada_logged_call", default=None)
_STREAM: ContextVar[int | None] = ContextVar("levada_logged_stream", default=None)
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_NUMBERS = count(1)
"""Counts the calls of this process; together with its id they identify a call."""


def configure(level: str, log_format: LogFormat) -> None:
    """Write the log of this process to standard error.

    The audit is for programs that collect it, so only JSON has its lines; people read it as a relation.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if log_format == "json" else TextLines())
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger("levada.audit").setLevel("INFO" if log_format == "json" else "WARNING")


def begin_call(method: str) -> None:
    """Attribute the following log lines of this task to a new call of a method."""
    _CALL.set((next(_NUMBERS), method))


@contextmanager
def carried_call(method: str) -> Iterator[None]:
    """Attribute the log lines of the block to a new call of a method, which a stream carries."""
    before = _CALL.get()
    stream = _STREAM.set(None if before is None else before[0])
    call = _CALL.set((next(_NUMBERS), method))
    try:
        yield
    finally:
        _CALL.reset(call)
        _STREAM.reset(stream)


def call_id() -> str | None:
    """Return the id of the call for which this task works; None outside a call."""
    call = _CALL.get()
    return None if call is None else f"{os.getpid()}-{call[0]}"


def _escaped(text: str) -> str:
    """Spell what a terminal would obey, or what turns a line's direction, as JSON does; users' texts are logged."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class TextLines(logging.Formatter):
    """Lines for people; within a call, the id of the call ends the line.

    A message is one line, and further lines of a stack are indented, so that no text looks like a line of its own.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s%(call)s")

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        id_ = call_id()
        record.call = "" if id_ is None else f" (call {id_})"
        return _escaped(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Write the line of a record."""
        record.message = record.message.replace("\n", "\\n")
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: ANN401  # as the base class has it
        """Write a stack."""
        return indent(super().formatException(ei), "  ")


class JsonLines(logging.Formatter):
    """One JSON object per line: `time`, `level`, `logger`, `message`; within a call, its id and method; and details.

    `call` is the id, and `stream` that of the stream which carries the call, if one does.
    A record's `details`, given as `extra={"details": {...}}`, become members of the object.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (call := _CALL.get()) is not None:
            line |= {"call": call_id(), "method": call[1]}
        if (stream := _STREAM.get()) is not None:
            line["stream"] = f"{os.getpid()}-{stream}"
        line |= getattr(record, "details", {})
        if record.exc_info:
            line["stack"] = self.formatException(record.exc_info)
        return _escaped(json.dumps(line, default=str, ensure_ascii=False))
