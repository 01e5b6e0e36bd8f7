"""Read the named statements of `queries/*.sql`."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

_HEADER = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_MARK = re.compile(r"\{(\w+)\}")


@cache
def statements(module: str) -> dict[str, str]:
    """Read the statements of one file by name.

    Each begins with a line `-- name: …`. A mark such as `{jobs}` stands for a quoted name or list of names, which
    `fill` puts in.
    """
    text = (resources.files("levada_server.storage") / "queries" / f"{module}.sql").read_text(encoding="utf-8")
    parts = _HEADER.split(text)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


def fill(statement: str, **names: str) -> str:
    """Replace the marks of a statement by quoted names."""
    return _MARK.sub(lambda mark: names[mark[1]], statement)
