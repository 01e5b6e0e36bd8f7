"""The MATLAB code of the documentation runs as it is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.clients.matlab.m_tests import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.matlab.conftest import Octave

PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if "```matlab" in page.read_text(encoding="utf-8")
]
ADDRESS = "localhost:50051"
"""The placeholder in the pages for the address of the reader's server."""
_BLOCK = re.compile(r'^```matlab(?: title="(?P<file>[^"]+)")?\n(?P<code>.*?)^```$', re.MULTILINE | re.DOTALL)


def page_id(page: Path) -> str:
    """Name a page in a test's id."""
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_matlab_of_a_page_runs_in_order(page: Path, octave: Octave, tmp_path: Path) -> None:
    script: list[str] = []
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["file"] is None:
            script.append(block["code"].replace(ADDRESS, octave.address))
        else:
            file = tmp_path / block["file"]
            file.parent.mkdir(exist_ok=True)
            file.write_text(block["code"], encoding="utf-8")
    assert script, "the page has files and nothing that uses them"
    octave.run(f"cd('{tmp_path}'); addpath('{tmp_path}');\n" + "\n".join(script))
