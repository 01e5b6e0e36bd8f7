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
_SYMBOLS = re.compile(r"`([\w./-]+\.py)` \(((?:`[\w.]+`(?:, | and )?)+)\)")
"""A file with functions, classes or constants of it in brackets after it."""
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


def test_every_symbol_that_the_servers_map_names_is_in_its_file() -> None:
    text = (ROOT / "server" / "README.md").read_text(encoding="utf-8")
    missing = [
        f"{name} ({symbol})"
        for name, symbols in _SYMBOLS.findall(text)
        for symbol in re.findall(r"[\w.]+", symbols)
        if not any(symbol.rpartition(".")[2] in found.read_text(encoding="utf-8") for found in _found(name))
    ]
    assert missing == []


def _found(name: str) -> list[Path]:
    return [place / name for place in PLACES if (place / name).is_file()]
