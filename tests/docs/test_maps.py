"""The maps for contributors name what is there, and the client's map all of its modules."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVER = ROOT / "server" / "levada_server"
CLIENT = ROOT / "clients" / "python" / "levada"
TOOLBOX = ROOT / "clients" / "matlab" / "toolbox" / "+levada"
DASHBOARD = ROOT / "server" / "dashboard" / "src"
PLACES = (
    ROOT,
    SERVER,
    CLIENT,
    ROOT / "clients" / "matlab",
    ROOT / "clients" / "matlab" / "toolbox",
    TOOLBOX,
    TOOLBOX / "+internal",
    DASHBOARD,
    ROOT / "proto" / "levada_api" / "v1",
    ROOT / "tests" / "clients" / "python",
    ROOT / "tests" / "support",
)
"""The folders to which names in the maps are relative."""
MAPS = ("server/README.md", "clients/python/README.md", "clients/matlab/README.md")
PAGES = (*MAPS, "proto/README.md", "CONTRIBUTING.md")
ENDINGS = (".py", ".m", ".cpp", ".hpp", ".proto", ".sql", ".md", ".json", ".toml", ".yml", ".yaml", ".binpb")
"""The endings of the names of files."""
_IN_FILE = re.compile(r"`([\w./+-]+\.(?:py|m|cpp|hpp|proto|sql))`\s+\(([^()]*)\)")
"""A file, and in brackets after it what it holds."""
_SYMBOL = re.compile(r"`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)`")
_FILE = re.compile(r"`([\w+./-]+(?:\.(?:py|m|cpp|hpp|proto|sql|ts|svelte|md|json|toml|yml)|/))`")
"""A file, or a folder, which ends with a slash."""
_TOOLBOX_PACKAGE = re.compile(r"^\| `\+(\w+)` \|.*\| ([^|]*) \|$", re.MULTILINE)
"""The row of a package of the toolbox; its last cell names some functions of the package."""
_PACKAGE = re.compile(r"^\*\*`(_\w+)`\*\*: (.*?)\n\n", re.DOTALL | re.MULTILINE)
"""The paragraph about a package of the client; it names its modules, some by their common beginning, as `message_…`."""
_MODULE = re.compile(r"`(\w+…?)`")
_PLACED_MODULE = re.compile(r"`(_\w+/\w+)`")


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_map_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    places = (*PLACES, (ROOT / page).parent)
    names = set(_FILE.findall(text))
    folders = {f"{folder.name}/" for place in (SERVER, CLIENT) for folder in place.rglob("*") if folder.is_dir()}
    assert [name for name in sorted(names - folders) if not any((place / name).exists() for place in places)] == []


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


@pytest.mark.parametrize("page", MAPS)
def test_every_symbol_that_a_map_names_is_in_its_file(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    missing = [
        f"{name} ({symbol})"
        for name, inside in _IN_FILE.findall(text)
        for symbol in _SYMBOL.findall(inside)
        if not symbol.endswith(ENDINGS) and not any(_has(found, symbol) for found in _found(name))
    ]
    assert missing == []


@pytest.mark.parametrize("page", MAPS)
def test_every_other_name_in_a_map_is_somewhere_in_the_code(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    names = {symbol.rpartition(".")[2] for symbol in _SYMBOL.findall(text) if not symbol.endswith(ENDINGS)}
    assert names - _words() == set()


def test_the_map_of_the_toolbox_names_functions_of_its_packages() -> None:
    text = (ROOT / "clients" / "matlab" / "README.md").read_text(encoding="utf-8")
    rows = {package: set(_SYMBOL.findall(cell)) for package, cell in _TOOLBOX_PACKAGE.findall(text)}
    folders = {folder.name[1:]: folder for folder in (TOOLBOX / "+internal").glob("+*")}
    assert rows.keys() == folders.keys()
    assert {
        name for package in rows for name in rows[package] if not (folders[package] / f"{name}.m").exists()
    } == set()


def _found(name: str) -> list[Path]:
    return [place / name for place in PLACES if (place / name).is_file()]


def _has(file: Path, symbol: str) -> bool:
    """Return whether a file defines a name; a file in another language than Python only has to contain it."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".py":
        return re.search(rf"\b{symbol}\b", text) is not None
    scope: ast.AST | None = ast.parse(text)
    for name in symbol.split("."):
        scope = None if scope is None else next((node for node in ast.walk(scope) if _defines(node, name)), None)
    return scope is not None


def _defines(node: ast.AST, name: str) -> bool:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return node.name == name
        case ast.arg():
            return node.arg == name
        case ast.Assign():
            return any(name == ast.unparse(target).rpartition(".")[2] for target in node.targets)
        case ast.AnnAssign():
            return name == ast.unparse(node.target).rpartition(".")[2]
        case _:
            return False


@cache
def _words() -> frozenset[str]:
    """Return all words in the code, and in the names of its files."""
    files = [
        file
        for folder in ("server", "clients", "proto", "tests", ".ci", "build/generated")
        for kind in ("*.py", "*.m", "*.cpp", "*.hpp", "*.proto", "*.sql", "*.yaml")
        for file in (ROOT / folder).rglob(kind)
        if file != Path(__file__)
    ]
    return frozenset(
        word
        for file in files
        for word in (*re.findall(r"\w+", file.read_text(encoding="utf-8")), *re.findall(r"\w+", str(file)))
    )
