"""The command `levada dashboard`: open the server's dashboard in a browser, signed in."""

from __future__ import annotations

import html
import os
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from levada._cli.output import print_json
from levada_api.v1 import access_service_pb2 as pb

if TYPE_CHECKING:
    import argparse

    from levada._net.connection import Connection

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Levada</title></head><body>
<form method="post" action="{url}sign-in"><input type="hidden" name="code" value="{code}">
<button>Open the dashboard</button></form>
<script>document.forms[0].submit()</script>
</body></html>
"""


def show(connection: Connection, options: argparse.Namespace) -> int:
    """Open the dashboard."""
    answer = connection.call("AccessService/OpenDashboard", pb.OpenDashboardRequest(), pb.OpenDashboardResponse)
    seconds = answer.lifetime.ToTimedelta().total_seconds()
    if options.json:
        print_json({"url": answer.url, "code": answer.code, "seconds": seconds})
        return 0
    opened = not options.no_browser and webbrowser.open(write_page(answer.url, answer.code).as_uri())
    print(answer.url)
    instead = "If no browser opens it: go" if opened else "Go"
    print(f"{instead} to {answer.url}sign-in, and type {answer.code} within {seconds:.0f} s.", file=sys.stderr)
    return 0


def write_page(url: str, code: str) -> Path:
    """Write the file by which a browser signs in, for this user alone; the code is on no command line.

    Args:
        url: The address of the dashboard, with a `/` at its end.
        code: The code, after whose use the file is worth nothing.
    """
    state = os.environ.get("XDG_STATE_HOME", "")
    folder = (Path(state) if state.startswith("/") else Path.home() / ".local" / "state") / "levada"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "dashboard.html"
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as writing:
        writing.write(_PAGE.format(url=html.escape(url), code=html.escape(code)))
    return file
