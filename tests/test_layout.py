"""Tests import only the private modules of the Python client that they test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CLIENT = ROOT / "clients" / "python"
PRIVATE = {
    ".".join(file.relative_to(CLIENT).with_suffix("").parts)
    for file in CLIENT.glob("levada/_[a-z]*/**/*.py")
    if file.stem != "__init__"
}
SUPPORT = {ROOT / "tests" / "support" / "client.py", ROOT / "benchmarks" / "client.py"}
"""They reach what nothing public shows or sets, each with its reason."""
FILES = sorted(
    {file for folder in ("tests", "benchmarks", "examples") for file in (ROOT / folder).rglob("*.py")}
    - {*SUPPORT, Path(__file__)}
)

_NAME = re.compile(r"\blevada(?:\.\w+)+")
_IMPORT = re.compile(r"\bfrom (levada(?:\.\w+)*) import (\w+)")


def imported(tree: ast.Module) -> set[str]:
    """Collect the private modules that a file imports, or names in its texts: programs, and places to patch."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                names.update(alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module)):
                names.update(f"{module}.{alias.name}" for alias in node.names)
            case ast.Constant(value=str(text)):
                names.update(_NAME.findall(text))
                names.update(".".join(parts) for parts in _IMPORT.findall(text))
            case _:
                pass
    return {found for name in names if (found := longest_module(name)) is not None}


def longest_module(name: str) -> str | None:
    """Find the private module in a dotted name, behind which names of its contents may stand."""
    parts = name.split(".")
    shorter = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((module for module in shorter if module in PRIVATE), None)


def declared(tree: ast.Module) -> set[str]:
    """Read the constant `TESTS` of a file."""
    constants = [node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TESTS"]
    return {module for constant in constants for module in ast.literal_eval(constant.value)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_imports_only_the_private_modules_that_it_tests(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    subject = file.stem.removeprefix("test_")
    tested = declared(tree)
    assert tested <= PRIVATE, "TESTS names a module that does not exist"
    foreign = {module for module in imported(tree) - tested if module.rpartition(".")[2] != subject}
    assert not foreign, f"it does not test {', '.join(sorted(foreign))}; use public names or tests/support"


def test_what_a_file_reaches_is_found() -> None:
    reaches = {
        "import levada._net.transport": "levada._net.transport",
        "from levada._net import transport": "levada._net.transport",
        "from levada._net.transport import Transport": "levada._net.transport",
        "if TYPE_CHECKING:\n    from levada._values.rows import Rows": "levada._values.rows",
        "monkeypatch.setattr('levada._tables.table.uuid4', same)": "levada._tables.table",
        "run('import threading; from levada._jobs import make')": "levada._jobs.make",
    }
    assert {source: imported(ast.parse(source)) for source in reaches} == {
        source: {module} for source, module in reaches.items()
    }
    assert (
        imported(ast.parse("import levada as lv\nfrom levada.errors import NotFound\nf('levada.connect()')")) == set()
    )
