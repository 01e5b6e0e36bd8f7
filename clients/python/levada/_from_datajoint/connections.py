"""Finding the connections of DataJoint in code, by what its names are bound to."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CLASS = frozenset({"Connection", "connection.Connection"})
_MADE_BY = frozenset({"conn", "connection.conn", *_CLASS})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class _Annotation(ast.Starred):
    """An annotation, in the place of a value."""


class Connections:
    """The expressions of a file that stand for a connection.

    A name is one where any binding of its function, or else of the functions around it or the module, is one. An
    attribute is one in the whole file, whosever it is.

    Args:
        place: Returns the place below `datajoint` of an expression such as `dj.conn`; None for all others.
    """

    def __init__(self, tree: ast.Module, place: Callable[[ast.expr], str | None]) -> None:
        self._place = place
        self._attributes = {"connection"}
        self._scopes: dict[ast.AST, list[_Scope]] = {}
        """The scopes around each name, the innermost first; a class is none for the functions within."""
        self._bindings: dict[_Scope, list[tuple[ast.expr, ast.expr]]] = {}
        """The target and the value of each binding in a scope."""
        self._names: dict[_Scope, dict[str, bool]] = {}
        """The names bound in a scope, and whether each is a connection."""
        self._makers: set[str] = set()
        """The functions that return a connection, by their names."""
        self._read(tree, [tree])
        for scope, bindings in self._bindings.items():
            names = (target.id for target, _ in bindings if isinstance(target, ast.Name))
            self._names[scope] = dict.fromkeys(names, False)
        while self._learn():  # until nothing is new, as bindings refer to each other
            pass

    def has(self, node: ast.expr) -> bool:
        """Return whether an expression stands for a connection."""
        match node:
            case ast.Call(function):
                made = self._place(function) in _MADE_BY
                return made or (isinstance(function, ast.Name | ast.Attribute) and _last(function) in self._makers)
            case ast.Attribute(attr=name):
                return name in self._attributes
            case ast.Name(name):
                return next((self._names[one][name] for one in self._around(node) if name in self._names[one]), False)
            case ast.BoolOp(values=values):
                return any(map(self.has, values))
            case ast.IfExp(body=body, orelse=other):
                return self.has(body) or self.has(other)
            case ast.NamedExpr(value=value):
                return self.has(value)
            case _:
                return False

    def _around(self, node: ast.AST) -> Iterator[_Scope]:
        return (one for one in self._scopes[node] if one in self._names)

    def _read(self, node: ast.AST, scopes: list[_Scope]) -> None:
        self._scopes[node] = scopes
        for target, value in _bindings(node):
            self._bindings.setdefault(scopes[0], []).append((target, value))
        if isinstance(node, _FUNCTIONS):
            inner: list[_Scope] = [node, *(one for one in scopes if not isinstance(one, ast.ClassDef))]
            self._bindings.setdefault(node, []).extend(_arguments(node.args))
        else:
            inner = [node, *scopes] if isinstance(node, ast.ClassDef) else scopes
        for child in ast.iter_child_nodes(node):
            self._read(child, inner)

    def _learn(self) -> bool:
        """Go once through the bindings; return whether a connection was found that was not known."""
        before = len(self._attributes), len(self._makers), sum(sum(one.values()) for one in self._names.values())
        for scope, bindings in self._bindings.items():
            for target, value in bindings:
                if not self._makes(value):
                    continue
                if isinstance(target, ast.Attribute):
                    self._attributes.add(target.attr)
                elif isinstance(target, ast.Name):
                    self._names[scope][target.id] = True
                    if isinstance(scope, ast.ClassDef):
                        self._attributes.add(target.id)
        for node in self._scopes:
            if isinstance(node, ast.Return) and node.value is not None and self._makes(node.value):
                function = self._scopes[node][0]
                if isinstance(function, _FUNCTIONS):
                    self._makers.add(function.name)
        return before != (
            len(self._attributes),
            len(self._makers),
            sum(sum(one.values()) for one in self._names.values()),
        )

    def _makes(self, value: ast.expr) -> bool:
        """Return whether a value is a connection, or an annotation names its class."""
        if isinstance(value, _Annotation):
            return any(self._place(one) in _CLASS for one in ast.walk(value.value) if isinstance(one, ast.expr))
        return self.has(value)


def _bindings(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the targets and the values that a node binds in its own scope."""
    match node:
        case ast.Assign(targets, value):
            for target in targets:
                yield from _pairs(target, value)
        case ast.AnnAssign(target, annotation, value):
            yield target, _Annotation(annotation)
            if value is not None:
                yield target, value
        case ast.NamedExpr(target, value):
            yield target, value
        case ast.withitem(value, ast.expr() as target):
            yield target, value
        case _:
            pass


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    several = (ast.Tuple, ast.List)
    if isinstance(target, several) and isinstance(value, several) and len(target.elts) == len(value.elts):
        for one, other in zip(target.elts, value.elts, strict=True):
            yield from _pairs(one, other)
    else:
        yield target, value


def _arguments(arguments: ast.arguments) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the arguments of a function with their defaults and annotations."""
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + [*arguments.defaults, *arguments.kw_defaults]
    for one, default in zip([*plain, *arguments.kwonlyargs], defaults, strict=True):
        name = ast.Name(one.arg)
        yield name, default or ast.Constant(None)
        if one.annotation is not None:
            yield name, _Annotation(one.annotation)


def _last(node: ast.Name | ast.Attribute) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id
