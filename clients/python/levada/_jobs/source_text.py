"""The source of functions and of assignments, normalized: without comments, docstrings, layout and line numbers."""

from __future__ import annotations

import ast
import hashlib
import linecache
import sys
from functools import cache
from types import CodeType, ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BLOCKS = (ast.If, ast.Try, ast.With, ast.For, ast.While)
_texts: dict[str, str] = {}
"""The text of each file when it was first read."""
_specs: dict[str, object] = {}
"""The spec of each module when `forget_reloaded` last looked: a module that is reloaded gets another one."""


def forget_reloaded() -> bool:
    """Forget the source of modules that were reloaded since the last call, and return whether any were.

    Other files are not read again: what runs is as it was imported, whatever has been written to them since.
    """
    changed = False
    for name, module in list(sys.modules.items()):
        if not issubclass(type(module), ModuleType):  # some only say that they are modules
            continue
        attributes = object.__getattribute__(module, "__dict__")  # an attribute of a lazy module would load it
        spec = attributes.get("__spec__")
        if name in _specs and _specs[name] is not spec:
            _texts.pop(str(attributes.get("__file__")), None)
            changed = True
        _specs[name] = spec
    if changed:
        _file.cache_clear()
        _statements.cache_clear()
    return changed


def _text(file: str) -> str:
    if file not in _texts:
        linecache.checkcache(file)
        _texts[file] = "".join(linecache.getlines(file))
    return _texts[file]


def source_of(code: CodeType) -> str:
    """Return the source of a function's code; if it is not at hand or was edited since, what identifies the code.

    The former does not depend on the version of Python, the latter does.
    """
    nodes, running = _file(code.co_filename)
    place = (code.co_name, code.co_firstlineno)
    if place in nodes and _same(running.get(place), code):
        return " ".join(map(normalized, nodes[place]))
    return _identity(code)


def assignments(module: str, name: str) -> list[tuple[str, str, list[str]]]:
    """Find how a name of a module gets its value, also through imports of it.

    Returns:
        For each statement at the top of a module its module, its normalized source, and the names that it uses; empty
        if there is none, as in a notebook.
    """
    found: list[tuple[str, str, list[str]]] = []
    waiting, seen = [(module, name)], set()
    while waiting:
        place, wanted = waiting.pop()
        if (place, wanted) in seen or place not in sys.modules:
            continue
        seen.add((place, wanted))
        for statement in _statements(place):
            if isinstance(statement, ast.ImportFrom):
                for alias in statement.names:
                    if wanted == (alias.asname or alias.name) or alias.name == "*":
                        source = wanted if alias.name == "*" else alias.name
                        waiting.append((_origin(place, statement), source))
            elif wanted in _assigned(statement):
                used = [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
                used += [node.attr for node in ast.walk(statement) if isinstance(node, ast.Attribute)]
                found.append((place, normalized(statement), used))
    return found


def normalized(node: object) -> str:
    """Write a syntax tree as text: alike in all versions of Python, as far as the grammar is."""
    if isinstance(node, ast.AST):
        fields = []
        for name, value in ast.iter_fields(node):
            if name in ("ctx", "kind", "type_comment", "lineno"):
                continue
            if name == "body" and isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
                value = value[1:]
            if value is None or value == []:
                continue
            fields.append(f"{name}={normalized(value)}")
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(map(normalized, node))}]"
    return repr(node)


@cache
def _file(
    name: str,
) -> tuple[dict[tuple[str, int], list[ast.AST]], dict[tuple[str, int], CodeType]]:
    """Return the functions of a file, or of a cell of a notebook, by name and line: their trees, and their code."""
    text = _text(name)
    if not text:
        return {}, {}
    try:
        tree = ast.parse(text)
        code = compile(tree, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return {}, {}
    nodes: dict[tuple[str, int], list[ast.AST]] = {}
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTIONS):
            decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
            line = min(part.lineno for part in (node, *decorators))
            named = "<lambda>" if isinstance(node, ast.Lambda) else node.name
            nodes.setdefault((named, line), []).append(node)
    return nodes, {(part.co_name, part.co_firstlineno): part for part in _codes(code)}


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _same(filed: CodeType | None, running: CodeType) -> bool:
    """Return whether the code that runs is that of the file, which may have been edited since it was imported."""
    return filed is not None and _identity(filed) == _identity(running)


def _identity(code: CodeType) -> str:
    digest = hashlib.sha256(code.co_code)
    for part in _codes(code):
        constants = [constant for constant in part.co_consts if not isinstance(constant, CodeType)]
        digest.update(part.co_code + repr((part.co_names, constants)).encode(errors="replace"))
    return digest.hexdigest()


@cache
def _statements(module: str) -> list[ast.stmt]:
    """Return the statements at the top of a module that may bind names, also those in branches."""
    file = getattr(sys.modules[module], "__file__", None)
    if file is None:
        return []
    try:
        tree = ast.parse(_text(file))
    except (SyntaxError, ValueError, RecursionError):
        return []
    found: list[ast.stmt] = []
    waiting = list(reversed(tree.body))
    while waiting:
        statement = waiting.pop()
        if isinstance(statement, _BLOCKS):
            waiting += [s for s in ast.iter_child_nodes(statement) if isinstance(s, ast.stmt)]
            if isinstance(statement, (ast.With, ast.For)):
                found.append(statement)
        else:
            found.append(statement)
    return found


def _assigned(statement: ast.stmt) -> set[str]:
    """Return the names that a statement at the top of a module assigns."""
    if isinstance(statement, _DOCUMENTED):
        return set()
    return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _origin(module: str, statement: ast.ImportFrom) -> str:
    """Return the absolute name of the module of an import."""
    if not statement.level:
        return statement.module or ""
    package = str(getattr(sys.modules[module], "__package__", "") or "")
    parts = package.split(".")
    above = parts[: len(parts) - statement.level + 1]
    return ".".join([*above, *([statement.module] if statement.module else [])])
