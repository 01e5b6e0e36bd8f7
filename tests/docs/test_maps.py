"""The maps for contributors name files that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLBOX = ROOT / "clients" / "matlab" / "toolbox" / "+levada"
PLACES = (
    ROOT,
    ROOT / "server" / "levada_server",
    ROOT / "clients" / "python" / "levada",
    ROOT / "clients" / "matlab",
    ROOT / "clients" / "matlab" / "toolbox",
    TOOLBOX,
    TOOLBOX / "+internal",
    ROOT / "proto" / "levada_api" / "v1",
    ROOT / "tests" / "clients" / "python",
    ROOT / "tests" / "support",
)
"""The folders to which names in the maps are relative."""
_FILE = re.compile(r"`([\w+./-]+\.(?:py|m|cpp|hpp|proto|sql|md|json|toml|yml))`")


@pytest.mark.parametrize(
    "page",
    ["server/README.md", "clients/python/README.md", "clients/matlab/README.md", "proto/README.md", "CONTRIBUTING.md"],
)
def test_every_file_that_a_map_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    places = (*PLACES, (ROOT / page).parent)
    names = set(_FILE.findall(text))
    assert [name for name in sorted(names) if not any((place / name).exists() for place in places)] == []
