"""The commands of the server, which has its own command line."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from levada._base.installation import install_command, missing_server_modules

if TYPE_CHECKING:
    from collections.abc import Sequence


def become_server(words: Sequence[str]) -> int:
    """Become the server; return only if it is not installed."""
    if missing := missing_server_modules():
        why = f"the server is not completely installed ({missing[0]} is missing)"
        print(f"levada {words[0]}: {why}; run {install_command('server')}", file=sys.stderr)
        return 1
    os.execv(sys.executable, [sys.executable, "-m", "levada_server", *words])
