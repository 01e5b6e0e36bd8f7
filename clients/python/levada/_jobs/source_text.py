"""The source of functions and of assignments, normalized: without comments, docstrings, layout and line numbers.

A file may be edited after it was imported, and a module, a function or a constant of it be loaded again later, as by
IPython's `%autoreload` and `%run`. So each text that a file had is kept, and each function and constant is looked up in
the text that it comes from: the one that has the same code, or assigns the same value.
"""

from __future__ import annotations

import ast
import hashlib
import linecache
import sys
from functools import cached_property
from types import CodeType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BLOCKS = (ast.If, ast.Try, ast.With, ast.For, ast.While)
_UNCHANGEABLE = (bool, int, float, complex, str, bytes, tuple, frozenset, type(None))
_KEPT_TEXTS = 8
"""How many texts of one file are kept."""
_texts: dict[str, list[_Text]] = {}
"""The texts that each file was found to have, the latest last."""
_origins: dict[tuple[str, str], tuple[object, _Text | None]] = {}
"""By file and name the value that a constant had when its text was looked for, and that text."""


def source_of(code: CodeType) -> str:
    """Return the source of a function's code; if no text that the file had gives this code, what identifies the code.

    The former does not depend on the version of Python, the latter does.
    """
    for text in _known(code.co_filename):
        if (source := text.function(code)) is not None:
            return source
    return _identity(code)


def assignments(module: str, file: str, name: str, value: object) -> list[tuple[str, str, list[str]]]:
    """Find how a name of a module gets its value, also through imports of it.

    Args:
        module: The module.
        file: Its file, which `sys.modules` does not know of what `%run` has run; empty if it has none.
        name: The name.
        value: The value that it has there.

    Returns:
        For each statement at the top of a module its module, its normalized source, and the names that it uses; empty
        if none is known to give this value, as in a notebook.
    """
    found: list[tuple[str, str, list[str]]] = []
    waiting, seen = [(module, name)], set()
    while waiting:
        place, wanted = waiting.pop()
        if (place, wanted) in seen or place not in sys.modules:
            continue
        seen.add((place, wanted))
        text = _text_of(file if place == module else getattr(sys.modules[place], "__file__", None), wanted, value)
        if text is None:
            continue
        for statement in text.imports:
            for alias in statement.names:
                if wanted == (alias.asname or alias.name) or alias.name == "*":
                    source = wanted if alias.name == "*" else alias.name
                    waiting.append((_origin(place, statement), source))
        for assignment in text.assigned.get(wanted, ()):
            used = [node.id for node in ast.walk(assignment) if isinstance(node, ast.Name)]
            used += [node.attr for node in ast.walk(assignment) if isinstance(node, ast.Attribute)]
            found.append((place, normalized(assignment), used))
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


# --------------------------------------------------------------------------------------------- texts of files


class _Text:
    """One text of a file, or of a cell of a notebook; it has neither functions nor assignments if it is not Python."""

    def __init__(self, file: str, content: str) -> None:
        self.content = content
        self._file = file
        self._identities: dict[CodeType, str] = {}
        try:
            self._tree = ast.parse(content)
        except (SyntaxError, ValueError, RecursionError):
            self._tree = ast.Module([], [])

    def function(self, code: CodeType) -> str | None:
        """Return the normalized source of a function that has this code, in whatever line; None if there is none."""
        identity = _identity(code)
        places = sorted(self._functions.get(code.co_name, ()), key=lambda line: line != code.co_firstlineno)
        for line in places:
            if any(self._identity(each) == identity for each in self._codes.get((code.co_name, line), ())):
                return " ".join(map(normalized, self._functions[code.co_name][line]))
        return None

    def may_give(self, name: str, value: object) -> bool:
        """Return whether the module's assignments of a name may be where its value comes from.

        Only of literals that nothing changes later is this known.
        """
        literals = []
        for statement in self.assigned.get(name, ()):
            try:
                literal = ast.literal_eval(_assigned_value(statement))
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                return True
            if not isinstance(literal, _UNCHANGEABLE):
                return True
            literals.append(repr(literal))
        return not literals or name in self._rebound or repr(value) in literals

    @cached_property
    def assigned(self) -> dict[str, list[ast.stmt]]:
        """The statements at the top of the module, also those in branches, by the names that they assign."""
        found: dict[str, list[ast.stmt]] = {}
        for statement in self._statements:
            if not isinstance(statement, _DOCUMENTED):
                stored = (n for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
                for name in dict.fromkeys(node.id for node in stored):
                    found.setdefault(name, []).append(statement)
        return found

    @cached_property
    def imports(self) -> list[ast.ImportFrom]:
        """The imports of names at the top of the module."""
        return [statement for statement in self._statements if isinstance(statement, ast.ImportFrom)]

    @cached_property
    def _statements(self) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        waiting = list(reversed(self._tree.body))
        while waiting:
            statement = waiting.pop()
            if isinstance(statement, _BLOCKS):
                waiting += [s for s in ast.iter_child_nodes(statement) if isinstance(s, ast.stmt)]
                if isinstance(statement, (ast.With, ast.For)):
                    found.append(statement)
            else:
                found.append(statement)
        return found

    @cached_property
    def _rebound(self) -> set[str]:
        """The names that functions assign too."""
        return {name for node in ast.walk(self._tree) if isinstance(node, ast.Global) for name in node.names}

    @cached_property
    def _functions(self) -> dict[str, dict[int, list[ast.AST]]]:
        """The functions by name and first line."""
        found: dict[str, dict[int, list[ast.AST]]] = {}
        for node in ast.walk(self._tree):
            if isinstance(node, _FUNCTIONS):
                decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
                line = min(part.lineno for part in (node, *decorators))
                name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
                found.setdefault(name, {}).setdefault(line, []).append(node)
        return found

    @cached_property
    def _codes(self) -> dict[tuple[str, int], list[CodeType]]:
        """The code of the functions, by name and first line."""
        try:
            code = compile(self._tree, self._file, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError):
            return {}
        found: dict[tuple[str, int], list[CodeType]] = {}
        for part in _codes(code):
            found.setdefault((part.co_name, part.co_firstlineno), []).append(part)
        return found

    def _identity(self, code: CodeType) -> str:
        if code not in self._identities:
            self._identities[code] = _identity(code)
        return self._identities[code]


def _known(file: str) -> Iterator[_Text]:
    """Yield the texts that a file was found to have, the latest first, and then a newer one if there is one."""
    known = tuple(reversed(_texts.get(file, ())))
    yield from known
    if (latest := _latest(file)) not in known:
        yield latest


def _latest(file: str) -> _Text:
    """Return the text that a file has now."""
    linecache.checkcache(file)
    content = "".join(linecache.getlines(file))
    texts = _texts.setdefault(file, [])
    if not texts or texts[-1].content != content:
        again = next((text for text in texts if text.content == content), None) or _Text(file, content)
        _texts[file] = [*(text for text in texts if text is not again), again][-_KEPT_TEXTS:]
    return _texts[file][-1]


def _text_of(file: str | None, name: str, value: object) -> _Text | None:
    """Return the text of a module's file that gives a value to a name; None if none is known to do."""
    if not file:
        return None
    earlier = _origins.get((file, name))
    if earlier is not None and earlier[0] is value:
        return earlier[1]
    _latest(file)
    text = next((text for text in _known(file) if text.may_give(name, value)), None)
    _origins[file, name] = (value, text)
    return text


def _assigned_value(statement: ast.stmt) -> ast.expr:
    """Return what a statement assigns to its only name.

    Raises:
        ValueError: It does something else.
    """
    match statement:
        case (
            ast.Assign(targets=[ast.Name()], value=value) | ast.AnnAssign(target=ast.Name(), value=ast.expr() as value)
        ):
            return value
        case _:
            raise ValueError("it does not assign one value to one name")


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _identity(code: CodeType) -> str:
    digest = hashlib.sha256(code.co_code)
    for part in _codes(code):
        constants = [constant for constant in part.co_consts if not isinstance(constant, CodeType)]
        digest.update(part.co_code + repr((part.co_names, constants)).encode(errors="replace"))
    return digest.hexdigest()


def _origin(module: str, statement: ast.ImportFrom) -> str:
    """Return the absolute name of the module of an import."""
    if not statement.level:
        return statement.module or ""
    package = str(getattr(sys.modules[module], "__package__", "") or "")
    parts = package.split(".")
    above = parts[: len(parts) - statement.level + 1]
    return ".".join([*above, *([statement.module] if statement.module else [])])
