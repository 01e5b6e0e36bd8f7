"""Check the English of docstrings, comments, messages and pages: `python .ci/english.py`.

A short list of turns that slow readers down, and that are nearly always wrong. Code blocks and text in backticks are
skipped.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

START = r"(?:^|(?<=[.!:;] ))"
WORDS = {
    r"^(?:Give|Gives) ": "begin a docstring with the verb a reader searches for: Return, Yield, Compute, Read, Build",
    r"^(?:Tell|Tells) ": "write Return whether, Describe or Report",
    r"\b(?:is|are|was|were) told\b(?! to\b)": "write warn, report or notify, and say who does it",
    r"(?<!here )\b(?:is|are) no (?!longer\b|more\b|less\b|other\b)": "write is not a",
    r"\b(?:is|are) none of\b": "write is not one of, or is not a",
    r"\b[Tt]hose (?:that|which|who)\b": "name the things",
    r"\bof which\b|\bof whom\b": "make it a sentence of its own, or use whose",
    r"\b(?:so many|so often|so long|so much) \w+ at most\b|\w at most[.,;:)]": "write at most before its number",
    r"\b[Ss]o (?:often|many) (?!as\b|that\b|of\b)": "write how often, this many, or the number",
    r"\b(?:that|what) is to be\b": "write to be, or name the thing",
    r"\bas of now\b": "write now",
    r"\bwhether or not\b|\bor not[.,;:]": "whether is enough",
    r"\bin hand\b": "write current, running or held",
    START + r"(?:What|Where) (?![^.;|]*\?)": "a sentence begins with the thing itself; for a condition write If",
    START + r"Of ": "begin with the noun: The size of",
}
"""Regular expressions over one paragraph on one line, each with what to do instead."""

OMITTED = re.compile(r"\.ci/english")
"""This file, which quotes the words."""


def paragraphs(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the paragraphs of prose in a file, each with the number of its first line."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return _python(text)
    return _blocks(_prose(text) if path.suffix == ".md" else _comments(text, "//" if path.suffix == ".proto" else "%"))


def _python(text: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(text)
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(str(p.value) if isinstance(p, ast.Constant) else "`x`" for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield from _blocks(enumerate(node.value.split("\n"), node.lineno))
    comments = [t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type == tokenize.COMMENT]
    yield from _blocks((token.start[0], token.string.lstrip("#!:")) for token in comments)


def _prose(text: str) -> Iterator[tuple[int, str]]:
    code = False
    for number, line in enumerate(text.split("\n"), 1):
        fence = line.lstrip().startswith("```")
        code ^= fence
        yield number, "" if code or fence else line


def _comments(text: str, mark: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        yield number, line.strip().removeprefix(mark) if line.lstrip().startswith(mark) else ""


def _blocks(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Join the lines of a paragraph; list items, table rows and named entries (`name: …`) begin a new one."""
    first, words = 0, ""
    for number, line in lines:
        if words and (not line.strip() or number > first + words.count("\n") + 1 or _BEGINS.match(line)):
            yield first, words.replace("\n", " ")
            words = ""
        if line.strip():
            first, words = (number, _BEGINS.sub("", line.strip())) if not words else (first, f"{words}\n{line.strip()}")
    if words:
        yield first, words.replace("\n", " ")


_BEGINS = re.compile(r"^\s*(?:[-*|#] ?|\d+\. |\w+: )")


def main() -> int:
    """Print every finding; return 1 if there are any."""
    listed = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True).stdout.split()
    found = 0
    for name in listed:
        if not name.endswith((".py", ".md", ".proto", ".m")) or OMITTED.match(name):
            continue
        for line, text in paragraphs(Path(name)):
            for part in re.sub(r"`[^`]*`", "`x`", text).split(" | "):
                for word, advice in WORDS.items():
                    if match := re.search(word, part.strip()):
                        sys.stdout.write(f"{name}:{line}: {match[0].strip()!r}: {advice}: {part.strip()[:100]}\n")
                        found += 1
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main())
