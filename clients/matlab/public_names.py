"""Reads the public names of the toolbox out of its M files: functions, classes, methods, arguments, options, help."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOLBOX = Path(__file__).resolve().parent / "toolbox"
NAMESPACE = TOOLBOX / "+levada"

_HEAD = re.compile(r"function (?:(?P<outputs>\[[^\]]*\]|\w+) = )?(?P<name>\w+)(?:\((?P<inputs>[^)]*)\))?$")
_CLASS = re.compile(r"classdef (?P<name>\w+)(?: < (?P<base>[\w.]+))?$")
_OPTION = re.compile(r"^   (?P<name>[A-Z]\w+) {2,}(?P<purpose>\S.*)$")
_PASSED_ON = re.compile(r"(?P<name>[\w.]+)\((?:[^()]|\([^()]*\))*\b(?:varargin(?:\{:\})?|inputs)\b")
_PAIRS_OF_OPTIONS = re.compile(r"(?:readOptions|takeOptions)\((?P<given>.*)", re.DOTALL)


@dataclass(frozen=True)
class Usage:
    """A line of help that shows a call.

    Args:
        positional: The names of its arguments, without literal texts, numbers and options.
        options: The values that it shows, by the name of the option.
        repeats: Whether its last argument may be repeated.
        comment: The words behind the call.
    """

    positional: tuple[str, ...]
    options: dict[str, str]
    repeats: bool
    comment: str


@dataclass(frozen=True)
class Function:
    """A function or method.

    Args:
        full_name: As users call it, as levada.connect or levada.Table.insert.
        owner: The name of its class; empty for a function.
        help: The lines of its help, without the percent sign; for a constructor, those of its class.
        body: Its code.
    """

    full_name: str
    owner: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    help: tuple[str, ...]
    body: str

    @property
    def name(self) -> str:
        """The last part of its name."""
        return self.full_name.rpartition(".")[2]

    @property
    def is_method(self) -> bool:
        """Whether its first argument is the object."""
        return bool(self.owner) and self.name != self.owner

    @property
    def sentence(self) -> str:
        """The first line of the help, without the name."""
        return self.help[0].partition(" ")[2]

    def usages(self) -> Iterator[Usage]:
        """Yield the lines of help that call this function."""
        opening = re.compile(rf"^   (?:[\w\[\], .]+ = )?(?:\w+\.)*{self.name}\(")
        for line in self.help:
            if found := opening.match(line):
                inside, rest = _balanced(line[found.end() :])
                yield _usage(inside, rest.strip(" ;,"), self.is_method)

    def purposes(self) -> dict[str, str]:
        """Return what the help says about each argument, by its name."""
        found: dict[str, str] = {}
        for index, line in enumerate(self.help):
            if match := re.match(r"^   (\w+) {2,}(\S.*)$", line):
                more = itertools.takewhile(re.compile(" " * match.start(2) + r"\S").match, self.help[index + 1 :])
                found[match[1]] = " ".join([match[2], *(text.strip() for text in more)])
        for usage in self.usages():
            if len(usage.options) == 1 and usage.comment:
                found.setdefault(next(iter(usage.options)), usage.comment)
        return found

    def documented_options(self) -> set[str]:
        """Return the options that its own help names."""
        listed = {match["name"] for line in self.help if (match := _OPTION.match(line))}
        return listed.union(*(usage.options for usage in self.usages()))


@dataclass(frozen=True)
class Class:
    """A class with its public methods; the constructor has the class's name."""

    name: str
    base: str
    help: tuple[str, ...]
    methods: tuple[Function, ...]

    @property
    def sentence(self) -> str:
        """The first line of the help, without the name."""
        return self.help[0].partition(" ")[2]


@cache
def public() -> tuple[Function | Class, ...]:
    """Return the functions and classes of the toolbox by name."""
    files = sorted(NAMESPACE.glob("*.m"), key=lambda file: file.stem.lower())
    return tuple(_read(file) for file in files if file.stem != "Contents")


def functions() -> Iterator[Function]:
    """Yield all public functions, constructors and methods."""
    for found in public():
        if isinstance(found, Function):
            yield found
        else:
            yield from found.methods


def options(function: Function) -> dict[str, str]:
    """Return the options that a function reads, with the code of their defaults, also where it passes them on."""
    if function.inputs[-1:] != ("varargin",):
        return {}
    return _options_in(function.body, function.owner, function.name)


def passed_on(function: Function) -> Iterator[Function]:
    """Yield the methods of the same class that a method hands its options to."""
    for match in _PASSED_ON.finditer(function.body):
        yield from _methods_named(match["name"], function.owner, function.name)


def _methods_named(name: str, owner: str, but: str) -> Iterator[Function]:
    for found in public():
        if isinstance(found, Class) and found.name == owner:
            yield from (method for method in found.methods if method.name == name != but)


def _options_in(code: str, owner: str, name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in re.finditer(r"takeOption\(\w+, '(\w+)', (?:\.\.\.\s*)?(.*)", code):
        found[match[1]] = _balanced(match[2])[0]
    given = _PAIRS_OF_OPTIONS.search(code)
    if given is not None:
        source, opening = given["given"], "struct("
        if source.startswith("defaults"):
            source, opening = code, "defaults = struct("
        _, opened, defaults = source.partition(opening)
        assert opened, f"{name}: the defaults of its options are not a struct"
        inside = re.sub(r"\.\.\.\s*", "", _balanced(defaults)[0])
        parts = _split(inside)
        found |= {key.strip("'"): value for key, value in zip(parts[::2], parts[1::2], strict=True)}
    for match in _PASSED_ON.finditer(code):
        *packages, last = match["name"].split(".")
        if packages[:2] == ["levada", "internal"] and packages[2] not in {"inputs", "errors"}:
            folder = NAMESPACE.joinpath(*(f"+{package}" for package in packages[1:]))
            found |= _options_in((folder / f"{last}.m").read_text(encoding="utf-8"), "", last)
        elif not packages:
            for method in _methods_named(last, owner, name):
                found |= options(method)
    return found


def _read(file: Path) -> Function | Class:
    lines = file.read_text(encoding="utf-8").split("\n")
    found = _CLASS.match(lines[0])
    if found is None:
        return _function(lines, 0, f"levada.{file.stem}", "")
    methods = []
    shown = False
    for index, line in enumerate(lines):
        if re.match(r"    (methods|properties)\b", line):
            shown = re.match(r"    methods( \(Static\))?$", line) is not None
        if shown and line.startswith("        function "):
            name = _head(line)["name"]
            if name == file.stem:
                constructor = _function(lines, index, f"levada.{name}", file.stem)
                methods.append(replace(constructor, help=_help(lines, 1)))
            else:
                methods.append(_function(lines, index, f"levada.{file.stem}.{name}", file.stem))
    return Class(file.stem, found["base"] or "", _help(lines, 1), tuple(methods))


def _function(lines: list[str], index: int, full_name: str, owner: str) -> Function:
    head = _head(lines[index])
    indent = len(lines[index]) - len(lines[index].lstrip())
    end = next((at for at in range(index + 1, len(lines)) if lines[at] == " " * indent + "end"), len(lines))
    names = tuple(name.strip() for name in (head["inputs"] or "").split(",") if name.strip())
    outputs = tuple(re.findall(r"\w+", head["outputs"] or ""))
    if not owner:
        end = len(lines)  # with the local functions
    body = "\n".join(line for line in lines[index + 1 : end] if not line.lstrip().startswith("%"))
    return Function(full_name, owner, names, outputs, _help(lines, index + 1), body)


def _head(line: str) -> re.Match[str]:
    found = _HEAD.match(line.strip())
    assert found is not None, line
    return found


def _help(lines: list[str], start: int) -> tuple[str, ...]:
    found = []
    for line in lines[start:]:
        if not line.lstrip().startswith("%"):
            break
        found.append(line.lstrip()[1:])
    assert found, f"{lines[start - 1]} has no help"
    return tuple(found)


def _usage(inside: str, comment: str, is_method: bool) -> Usage:
    parts = _split(inside)
    repeats = parts[-1:] == ["..."]
    shown: dict[str, str] = {}
    positional = []
    index = 0
    for part in parts[:1] if is_method else []:
        if part != "...":
            index = 1
    while index < len(parts):
        if re.match(r"'[A-Z]\w*[a-z]\w*'$", parts[index]) and index + 1 < len(parts):
            if parts[index] != "'Option'":
                shown[parts[index].strip("'")] = parts[index + 1]
            index += 2
        else:
            if re.match(r"[a-zA-Z]\w*$", parts[index]) and parts[index] not in {"true", "false"}:
                positional.append(parts[index])
            index += 1
    return Usage(tuple(positional), shown, repeats and bool(positional), comment)


def _balanced(text: str) -> tuple[str, str]:
    """Divide a text at the bracket that closes it."""
    depth = 0
    quoted = False
    for at, letter in enumerate(text):
        if letter == "'":
            quoted = not quoted
        elif not quoted and letter in "([{":
            depth += 1
        elif not quoted and letter in ")]}":
            if depth == 0:
                return text[:at], text[at + 1 :]
            depth -= 1
    return text, ""


def _split(text: str) -> list[str]:
    """Divide arguments at the commas outside of brackets and quotes."""
    parts = [""]
    depth = 0
    quoted = False
    for letter in text:
        if letter == "'":
            quoted = not quoted
        if not quoted:
            depth += (letter in "([{") - (letter in ")]}")
            if letter == "," and depth == 0:
                parts.append("")
                continue
        parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]
