"""The finding of a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

OK = "ok"
WARNING = "warning"
"""It works, but not as it should, or not much longer."""
PROBLEM = "problem"
"""It does not work."""
FIXED = "fixed"


@dataclass(frozen=True)
class Finding:
    """The finding of a check.

    Args:
        check: The thing that was looked at, in a word or two.
        state: `OK`, `WARNING`, `PROBLEM` or `FIXED`.
        message: The finding, in one sentence.
        advice: A command, or another way to mend it.
        mend: Repairs it; None if only a person can.
    """

    check: str
    state: str
    message: str
    advice: str = ""
    mend: Callable[[], None] | None = None
