"""Questions before commands that change much."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from levada._base.errors import PreconditionFailed
from levada._base.prompt import user_choice

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def agreed(lines: Sequence[str], question: str, options: argparse.Namespace) -> bool:
    """Show what is about to happen, and ask, unless the option `--yes` answers already.

    Raises:
        PreconditionFailed: There is nobody to ask.
    """
    if options.yes:
        return True
    # With --json, standard output is for the program that reads it.
    stream = sys.stderr if options.json else sys.stdout
    stream.write("\n".join([*lines, ""]))
    stream.flush()
    try:
        with redirect_stdout(stream):
            return user_choice(question, default="no") == "yes"
    except PreconditionFailed:
        raise PreconditionFailed("Nobody can answer here; add --yes if it is what you want.") from None
