"""`python -m levada` is the command `levada`."""

from __future__ import annotations

import sys

from levada._cli.main import main

if __name__ == "__main__":  # processes of a worker import this module under another name
    sys.exit(main())
