"""How this installation of Levada was made, so that messages can say how to complete it."""

from __future__ import annotations

import json
import shlex
from importlib.metadata import PackageNotFoundError, distribution


def install_command(extra: str) -> str:
    """Return the command that installs an extra from where Levada was installed: a wheel or a repository.

    Source: PEP 610, "Recording the Direct URL Origin of installed distributions".
    """
    requirement, editable = f"levada[{extra}]", ""
    try:
        origin = json.loads(distribution("levada").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        origin = {}
    if url := origin.get("url"):
        requirement = f"{requirement} @ {url}"
        if origin.get("dir_info", {}).get("editable"):
            editable, requirement = "--editable ", f"{url.removeprefix('file://')}[{extra}]"
    return f"python -m pip install {editable}{shlex.quote(requirement)}"
