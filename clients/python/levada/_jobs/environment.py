"""The environment of this process: Python and the installed packages, with their versions."""

from __future__ import annotations

import json
import platform
from functools import cache
from importlib import metadata


@cache
def environment() -> str:
    """Return the environment as JSON, equal in all processes that have the same."""
    packages: dict[str, str] = {}
    for distribution in metadata.distributions():
        # The first on the path is the one that is imported.
        packages.setdefault(str(distribution.metadata["Name"]), distribution.version)
    return json.dumps(
        {
            "language": platform.python_implementation(),
            "version": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "packages": dict(sorted(packages.items())),
        }
    )
