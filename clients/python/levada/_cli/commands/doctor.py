"""The command `levada doctor`."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from levada._base.text import plural
from levada._cli.health.finding import FIXED, OK, PROBLEM, WARNING, Finding
from levada._cli.health.folder import check_credentials, check_folder
from levada._cli.health.installation import check_installation
from levada._cli.health.server import check_server, find_checked_source
from levada._cli.output import print_json, terminal_width, write_styled

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

_STYLES = {OK: "green", FIXED: "green", WARNING: "yellow", PROBLEM: "red"}
_CHECK_WIDTH = 14
_STATE_WIDTH = 9
_NARROWEST = 30


def doctor(options: argparse.Namespace) -> int:
    """Check everything, mend what can be mended if asked to, and return 1 if a problem is left."""
    counts = dict.fromkeys(_STYLES, 0)
    for finding in _findings(options.url):
        if options.fix and finding.mend is not None:
            finding = _mended(finding)
        counts[finding.state] += 1
        if options.json:
            told = {"check": finding.check, "state": finding.state, "message": finding.message}
            print_json(told | {"advice": finding.advice or None})
        else:
            _print(finding)
    if not options.json:
        print()
        print(_summary(counts))
    return int(counts[PROBLEM] > 0)


def _findings(url: str | None) -> Iterator[Finding]:
    source, found = find_checked_source(url)
    yield from chain(check_installation(), found, check_credentials())
    if source is None:
        return
    if source.data_folder is not None:
        yield from check_folder(source.data_folder)
    yield from check_server(source)


def _mended(finding: Finding) -> Finding:
    assert finding.mend is not None
    try:
        finding.mend()
    except OSError as error:
        return replace(finding, message=f"{finding.message}; it could not be mended: {error.strerror}")
    return Finding(finding.check, FIXED, f"{finding.message}: mended by `{finding.advice}`")


def _print(finding: Finding) -> None:
    indent = " " * (_STATE_WIDTH + _CHECK_WIDTH)
    write_styled(f"{finding.state:{_STATE_WIDTH}}", _STYLES[finding.state])
    room = max(terminal_width() - len(indent), _NARROWEST)
    first, *more = _wrapped(finding.message, room)
    print(f"{finding.check:{_CHECK_WIDTH}}{first}")
    for line in [*more, *(_wrapped(f"→ {finding.advice}", room) if finding.advice else ())]:
        print(f"{indent}{line}")


def _wrapped(text: str, width: int) -> list[str]:
    # Paths and commands stay whole, so that they can be copied.
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _summary(counts: dict[str, int]) -> str:
    parts = [plural(counts[PROBLEM], "problem")] if counts[PROBLEM] else ["no problem"]
    parts += [plural(counts[WARNING], "warning")] if counts[WARNING] else []
    parts += [f"{counts[FIXED]} mended"] if counts[FIXED] else []
    return ", ".join(parts)
