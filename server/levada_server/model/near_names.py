"""The known names that a caller may have meant by a name that does not exist."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_NAMED = 30
"""The most names that a message lists."""


def near(name: str, known: Collection[str]) -> str | None:
    """Return the known name that differs from a name by a slip, in any letter case; None if there is none."""
    by_letters = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), by_letters, n=1)
    return by_letters[close[0]] if close else None


def meant(name: str, known: Collection[str], verb: str = "there are") -> str:
    """Return the end of a message about a name: what may be meant, and what there is.

    Args:
        verb: Stands before the list: `there are`, `it has`.
    """
    listed = ", ".join([*known][:MAX_NAMED]) + (f" and {len(known) - MAX_NAMED} more" if len(known) > MAX_NAMED else "")
    found = f"{verb} {listed or 'none'}"
    close = near(name, known)
    return f"did you mean `{close}`? {found[0].upper()}{found[1:]}" if close else found
