"""The maps for contributors name files that are there, and the client's map all of its modules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "clients" / "python" / "levada"
TOOLBOX = ROOT / "clients" / "matlab" / "toolbox" / "+levada"
PLACES = (
    ROOT,
    ROOT / "server" / "levada_server",
    CLIENT,
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
_PACKAGE = re.compile(r"^\*\*`(_\w+)`\*\*: (.*?)\n\n", re.DOTALL | re.MULTILINE)
"""The paragraph about a package of the client; it names its modules, some by their common beginning, as `message_…`."""
_MODULE = re.compile(r"`(\w+…?)`")
_PLACED_MODULE = re.compile(r"`(_\w+/\w+)`")


@pytest.mark.parametrize(
    "page",
    ["server/README.md", "clients/python/README.md", "clients/matlab/README.md", "proto/README.md", "CONTRIBUTING.md"],
)
def test_every_file_that_a_map_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    places = (*PLACES, (ROOT / page).parent)
    names = set(_FILE.findall(text))
    assert [name for name in sorted(names) if not any((place / name).exists() for place in places)] == []


def test_the_clients_map_names_its_modules_and_nothing_else() -> None:
    text = (ROOT / "clients" / "python" / "README.md").read_text(encoding="utf-8")
    named = {package: set(_MODULE.findall(words)) for package, words in _PACKAGE.findall(text)}
    modules = {file.stem for file in CLIENT.glob("**/*.py")}
    assert {name for names in named.values() for name in names if not name.endswith("…")} - modules == set()
    placed = _PLACED_MODULE.findall(text)
    assert [name for name in placed if not ((CLIENT / f"{name}.py").exists() or (CLIENT / name).exists())] == []
    packages = {folder.name: {file.stem for file in folder.glob("[!_]*.py")} for folder in CLIENT.glob("_[!_]*/")}
    unnamed = {
        f"{package}/{module}"
        for package, found in packages.items()
        for module in found - named[package]
        if not any(name.endswith("…") and module.startswith(name[:-1]) for name in named[package])
    }
    assert unnamed == set()


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
