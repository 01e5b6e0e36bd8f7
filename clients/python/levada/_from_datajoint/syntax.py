"""Readings of Python's syntax that need no code to run: tables, arguments and texts."""

from __future__ import annotations

import ast

_TIERS = frozenset({"Manual", "Lookup", "Imported", "Computed", "Part"})


def tier_of(node: ast.ClassDef) -> str:
    """Return the tier of a class by the names of its bases; empty if it is not a table."""
    return next((word for base in node.bases if (word := last_word(base)) in _TIERS), "")


def last_word(node: ast.expr) -> str:
    """Return the last word of a name with dots; empty for all other expressions."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def argument(call: ast.Call, place: int, name: str) -> ast.expr | None:
    """Return an argument of a call by its place or its name; None if it is not there."""
    if place < len(call.args):
        return call.args[place]
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def names_of(node: ast.Assign) -> list[str]:
    """Return the plain names to which a statement assigns."""
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def written(node: ast.JoinedStr) -> str:
    """Return the text of an f-string as it is written between its quotes, but for escaped characters."""
    parts = []
    for one in node.values:
        if isinstance(one, ast.Constant):
            parts.append(str(one.value).replace("{", "{{").replace("}", "}}"))
        elif isinstance(one, ast.FormattedValue):
            conversion = f"!{chr(one.conversion)}" if one.conversion != -1 else ""
            form = f":{written(one.format_spec)}" if isinstance(one.format_spec, ast.JoinedStr) else ""
            parts.append(f"{{{ast.unparse(one.value)}{conversion}{form}}}")
    return "".join(parts)


def beginning(node: ast.expr | None, texts: Texts) -> str:
    """Return what an expression surely begins with, if it is a text; else nothing."""
    match node:
        case ast.JoinedStr():
            return written(node)
        case ast.BinOp(left, ast.Add() | ast.Mod(), _) | ast.Call(ast.Attribute(left, "format")):
            return beginning(left, texts)
        case _:
            return texts.of(node) or ""


class Texts:
    """The texts that code surely has."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        """By the names that stand for them."""

    def of(self, node: ast.expr | None) -> str | None:
        """Return the text that an expression surely is; None for all others."""
        match node:
            case ast.Constant(str(text)):
                return text
            case ast.Name(name):
                return self.known.get(name)
            case ast.BinOp(left, ast.Add(), right):
                parts = [self.of(left), self.of(right)]
            case ast.JoinedStr(values):
                parts = [self.of(value) for value in values]
            case ast.FormattedValue(value, -1, None):
                return self.of(value)
            case _:
                return None
        known = [part for part in parts if part is not None]
        return "".join(known) if len(known) == len(parts) else None
