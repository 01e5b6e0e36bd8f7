"""Paths into JSON values, as `->`, `->>` and json_value spell them: `$.a.b[0]."any key"`."""

from __future__ import annotations

import re

_STEP = re.compile(
    r"""\.(?P<key>[^\W\d]\w*)|\."(?P<quoted>(?:[^"\\]|\\.)*)"|\[\s*(?P<index>[0-9]{1,9})\s*\]""", re.DOTALL
)

MAX_STEPS = 100


def path_steps(text: str) -> tuple[str, ...] | None:
    """Split a path into keys and indices; a text that does not begin with `$` is one key. None if it is not a path."""
    if not text.startswith("$"):
        return (text,)
    steps: list[str] = []
    position = 1
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None or len(steps) == MAX_STEPS:
            return None
        steps.append(match["key"] or match["index"] or re.sub(r"\\(.)", r"\1", match["quoted"]))
        position = match.end()
    return tuple(steps)
