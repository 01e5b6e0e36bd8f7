"""Lines of the log: texts of users neither move a terminal's cursor nor look like lines of their own."""

from __future__ import annotations

import json
import logging
import sys

from levada_server.logs import JsonLines, TextLines

EVIL = "a\x1b[2J\x9b1m\u202eb\u2066\u061c\n2026-01-01 ERROR forged"


def record(message: str, *, failed: bool = False) -> logging.LogRecord:
    stack = None
    if failed:
        try:
            raise ValueError(message)
        except ValueError:
            stack = sys.exc_info()
    return logging.LogRecord("levada", logging.ERROR, "file.py", 1, "told: %s", (message,), stack)


def test_a_message_is_one_line_without_controls() -> None:
    line = TextLines().format(record(EVIL))
    assert line.endswith("told: a\\u001b[2J\\u009b1m\\u202eb\\u2066\\u061c\\n2026-01-01 ERROR forged")
    assert line.isprintable()


def test_a_stack_is_indented() -> None:
    first, *rest = TextLines().format(record(EVIL, failed=True)).split("\n")
    assert first.isprintable()
    assert "  2026-01-01 ERROR forged" in rest
    assert all(line.startswith("  ") and line.isprintable() for line in rest)


def test_a_line_of_json_means_the_same_without_controls() -> None:
    line = JsonLines().format(record(EVIL + " Übung"))
    assert json.loads(line)["message"] == f"told: {EVIL} Übung"
    assert line.isprintable()
    assert "Übung" in line
