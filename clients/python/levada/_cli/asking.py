"""Questions before commands that change much."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from levada._base.prompt import choose

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
    with redirect_stdout(stream):
        return choose(question, ("yes", "no"), "no", "Add --yes if it is what you want.") == "yes"
