"""The attributes that may stand at the end of unfinished code: `N.c.`, `N & {"`, `N & "`, `N.fetch1("`.

The code is parsed, never run: only names, members and operators of relations are followed.
"""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada._query.relation import Relation
from levada._query.restriction import as_operand

if TYPE_CHECKING:
    from collections.abc import Mapping

_MARK = "levada_cursor"
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_QUOTE = re.compile(r"(?i:\b([rbfu]{0,2}))?('''|\"\"\"|'|\")")
_WORD = re.compile(r"[A-Za-z_]\w*$|$")
_MAGIC = re.compile(r"%{1,2}\w+\s+")
_NAMING = frozenset({"fetch", "fetch1", "proj", "to_arrays", "to_arrow", "to_dicts", "to_pandas", "to_polars"})
"""Methods whose arguments are names of attributes."""
_ROWS = frozenset({"ignore", "insert", "insert1", "reserve", "update1", "validate"})
"""Methods whose arguments are rows or keys."""
_RESTRICTING = frozenset({"restrict"})
_LISTS = frozenset({"AndList", "Not"})
_FOLLOWED = frozenset({"aggr", "extend", "join", "proj"})
"""Methods of relations that ask no server, and whose result has other attributes."""
_JOBS = frozenset({"jobs", "pending", "reserved", "completed", "errors", "ignored"})


@dataclass(frozen=True)
class Place:
    """The place of a name in unfinished code.

    Args:
        relation: The expression of the relation whose attribute it is.
        start: The part of the name that is typed.
    """

    relation: ast.expr
    start: str


def place_at_end(code: str) -> Place | None:
    """Find which relation's attribute is being typed at the end of some code; None if it is none."""
    opened = _unfinished(code)
    if opened is None:
        return None
    head, quote, closing = opened
    if not quote and ".c." not in head:
        return None
    start = _WORD.search(head)
    word = start[0] if start else ""
    finished = [f"{head}{_MARK}{quote}{value}{closing}{end}" for value in ("", ": 0") for end in ("", ": pass")]
    for text in finished if quote else finished[:2]:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        if (relation := _relation_of(tree)) is not None:
            return Place(relation, word)
    return None


def names_at(place: Place, namespace: Mapping[str, object]) -> list[str]:
    """Return the names that continue a place, in the order of the heading.

    Args:
        namespace: The variables by their names.

    Raises:
        LookupError: The expression is not one that can be followed.
        LevadaError: The server refuses the relation, or is out of reach.
    """
    relation = _value(place.relation, namespace)
    if not isinstance(relation, Relation) or relation._connection is None:
        raise LookupError("not a relation of a server")
    return [name for name in relation.heading.names if name.startswith(place.start)]


def _unfinished(code: str) -> tuple[str, str, str] | None:
    """Return the statement that some code ends in, the quote of the text that it ends in, and the brackets to close.

    None if it ends in a comment, or in a text in which no name can stand.
    """
    begin, position, brackets = 0, 0, ""
    while position < len(code):
        character = code[position]
        if character == "#":
            end = code.find("\n", position)
            if end < 0:
                return None
            position = end
        elif text := _QUOTE.match(code, position):
            end = _end_of_text(code, text.end(), text[2])
            if end < 0:
                is_plain = not set((text[1] or "").lower()) & set("bf")
                return (_statement(code[begin:]), text[2], _closed(brackets)) if is_plain else None
            position = end
        elif character in _CLOSING:
            brackets += character
        elif character in ")]}":
            brackets = brackets[:-1]
        elif character in "\n;" and not brackets:
            begin = position + 1
        position += 1
    return _statement(code[begin:]), "", _closed(brackets)


def _end_of_text(code: str, position: int, quote: str) -> int:
    """Return the position of the last character of a text, -1 if it does not end."""
    while position < len(code):
        if code[position] == "\\":
            position += 2
        elif code.startswith(quote, position):
            return position + len(quote) - 1
        else:
            position += 1
    return -1


def _closed(brackets: str) -> str:
    return "".join(_CLOSING[bracket] for bracket in reversed(brackets))


def _statement(code: str) -> str:
    code = code.lstrip()
    code = code[2:] if code.startswith("elif ") else code
    return _MAGIC.sub("", code, count=1) if code.startswith("%") else code


def _relation_of(tree: ast.AST) -> ast.expr | None:
    """Find the expression of the relation whose attribute stands at the mark."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Attribute(value=owner, attr="c"), attr=name) if name.endswith(_MARK):
                return owner
            case ast.Constant(value=str(text)) if text.endswith(_MARK):
                return _relation_around(node, parents)
    return None


def _relation_around(text: ast.expr, parents: Mapping[ast.AST, ast.AST]) -> ast.expr | None:
    """Find the relation that a text is about: that it restricts, or whose method takes it."""
    node: ast.AST = text
    parent = parents[node]
    is_key = isinstance(parent, ast.Dict) and text in parent.keys
    if isinstance(parent, ast.Dict):
        if not is_key:
            return None
        node, parent = parent, parents[parent]
    while isinstance(parent, (ast.List, ast.Tuple, ast.Set)) or _is_condition(parent):
        node, parent = parent, parents[parent]
    match parent:
        case ast.BinOp(left=left, op=ast.BitAnd() | ast.Sub() | ast.BitXor()) if node is parent.right:
            return left
        case ast.Subscript(value=ast.Attribute(value=owner, attr="c")) if node is text:
            return owner
        case ast.Call(func=ast.Attribute(value=owner, attr=method)):
            fits = method in _ROWS if is_key else method in _NAMING and node is text
            if method == "aggr" and node is text and node in parent.args[1:]:
                return owner
            return owner if fits or method in _RESTRICTING else None
        case ast.keyword(arg=name):
            return _relation_of_keyword(name, parents[parent], parents)
        case _:
            return None


def _is_condition(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in _LISTS
        case _:
            return False


def _relation_of_keyword(name: str | None, call: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> ast.expr | None:
    match call:
        case ast.Call(func=ast.Name(id="Top") | ast.Attribute(attr="Top")) if name == "order_by":
            outer = parents[call]
            return outer.left if isinstance(outer, ast.BinOp) and outer.right is call else None
        case ast.Call(func=ast.Attribute(value=owner, attr="aggr"), args=[group, *_]):
            return group if name != "order_by" else owner
        case ast.Call(func=ast.Attribute(value=owner, attr=method)):
            return owner if name == "order_by" or method == "proj" else None
        case _:
            return None


def _value(expression: ast.expr, namespace: Mapping[str, object]) -> object:
    """Evaluate an expression as far as it builds a relation with its attributes; a restriction leaves these alone.

    Raises:
        LookupError: It does anything else.
    """
    match expression:
        case ast.Name(id=name):
            return as_operand(namespace[name])
        case ast.Constant(value=value):
            return value
        case ast.BinOp(left=left, op=ast.BitAnd() | ast.Sub() | ast.BitXor()):
            return _value(left, namespace)
        case ast.BinOp(left=left, op=op, right=right):
            first, second = _value(left, namespace), _value(right, namespace)
            if isinstance(first, Relation) and isinstance(second, Relation):
                return first + second if isinstance(op, ast.Add) else first * second
        case ast.Attribute(value=inner, attr=name):
            return _member(_value(inner, namespace), name)
        case ast.Call(func=ast.Attribute(value=inner, attr=method)) if method in _FOLLOWED:
            relation = _value(inner, namespace)
            if isinstance(relation, Relation):
                arguments = [_value(argument, namespace) for argument in expression.args]
                named = {word.arg: _value(word.value, namespace) for word in expression.keywords if word.arg}
                return getattr(relation, method)(*arguments, **named)
        case ast.Call(func=called, args=[], keywords=[]):
            relation = _value(called, namespace)  # `Session()` is `Session`
            if isinstance(relation, Relation):
                return relation
        case _:
            pass
    raise LookupError(ast.unparse(expression))


def _member(owner: object, name: str) -> object:
    if isinstance(owner, Relation) and name in _JOBS:
        return getattr(owner, name)
    try:
        member = inspect.getattr_static(type(owner) if isinstance(owner, Relation) else owner, name)
    except AttributeError:
        raise LookupError(name) from None
    return as_operand(member)
