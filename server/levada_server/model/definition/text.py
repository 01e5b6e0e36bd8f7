"""The text of a definition: lines joined by backslashes, quotes, and errors that point at a position."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.errors import InvalidDefinition

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEFINITION_CHARACTERS = 2**18
MAX_LISTED = 100
MAX_QUOTED_CHARACTERS = 100
MAX_SENTENCE_CHARACTERS = 400

_LINE_END = re.compile(r"\r\n|\r|\n")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_BLANK = re.compile(r"\s*")
_SINGLE = r"'[^'\\]*(?:\\.[^'\\]*)*'"
_DOUBLE = _SINGLE.replace("'", '"')
_MARK = re.compile(rf"""{_SINGLE}|{_DOUBLE}|['"()#:,]""")
_QUOTED = re.compile(rf"(?:{_SINGLE})+|(?:{_DOUBLE})+")


@dataclass(frozen=True, slots=True)
class Piece:
    """One line of the text, as part of the joined line.

    Args:
        offset: Its start in the joined line.
        number: Line number, from 1.
        indent: Blanks before it.
        raw: The line as written.
    """

    offset: int
    number: int
    indent: int
    raw: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a definition, after joining lines that end in a backslash.

    Args:
        text: Without blanks around it; never empty and never ends in a backslash.
        pieces: The lines it was joined from, at least one.
    """

    text: str
    pieces: tuple[Piece, ...]

    @property
    def number(self) -> int:
        """Number of its first line, from 1."""
        return self.pieces[0].number


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of a line.

    Args:
        text: Without blanks around it; may be empty.
        offset: Its start in the line.
    """

    text: str
    offset: int


def lines(definition: str) -> Iterator[Line]:
    """Iterate over the lines that are not blank, after joining lines that end in a backslash.

    Raises:
        InvalidDefinition: The text is too long, or contains a character that a database cannot store.
    """
    if len(definition) > MAX_DEFINITION_CHARACTERS:
        raise InvalidDefinition(
            f"The definition is too long ({len(definition)} characters); shorten it.",
            expected=f"at most {MAX_DEFINITION_CHARACTERS} characters",
        )
    pieces: list[Piece] = []
    texts: list[str] = []
    offset = 0
    for number, raw in enumerate(_LINE_END.split(definition), start=1):
        if unprintable := _UNPRINTABLE.search(raw):
            at = Line(raw, (Piece(0, number, 0, raw),))
            raise refuse(at, unprintable.start(), "a control character", "text that can be printed")
        text = raw.strip()
        continued = text.endswith("\\")
        if continued:
            text = _without_continuation(text)
        if text or pieces:
            pieces.append(Piece(offset, number, len(raw) - len(raw.lstrip()), raw))
            texts.append(text)
            offset += len(text) + 1
        if pieces and not continued:
            yield Line(" ".join(texts).rstrip(), tuple(pieces))
            pieces, texts, offset = [], [], 0
    if pieces:
        yield Line(" ".join(texts).rstrip(), tuple(pieces))


def _without_continuation(text: str) -> str:
    """Drop all backslashes and blanks at the end, so that no joined line ends in a backslash either."""
    end = len(text)
    while end and (text[end - 1] == "\\" or text[end - 1].isspace()):
        end -= 1
    return text[:end]


def pointing(line: Line, offset: int, sentence: str) -> tuple[str, dict[str, int]]:
    """Describe a position in the definition.

    Returns:
        The message, which quotes the line and points at the column, and the details `line` and `column`.
    """
    piece = line.pieces[bisect_right(line.pieces, offset, key=lambda piece: piece.offset) - 1]
    end = len(piece.raw.rstrip())
    at = min(piece.indent + offset - piece.offset, end)
    start = min(piece.indent, at)
    if at - start > MAX_QUOTED_CHARACTERS * 3 // 4:
        start = at - MAX_QUOTED_CHARACTERS // 2
    quoted = piece.raw[start : min(end, start + MAX_QUOTED_CHARACTERS)]
    printed = "".join(character if character.isprintable() else " " for character in quoted)
    message = f"line {piece.number}, column {at + 1}: {_cut(sentence)}\n    {printed}\n    {' ' * (at - start)}^"
    return message, {"line": piece.number, "column": at + 1}


def refuse(line: Line, offset: int, wrong: str, expected: str) -> InvalidDefinition:
    """Build the error that describes a problem at a position, and what was expected there."""
    message, place = pointing(line, offset, f"{_cut(wrong)}; expected {expected}")
    return InvalidDefinition(message, expected=_cut(expected), **place)


def _cut(sentence: str) -> str:
    return sentence if len(sentence) <= MAX_SENTENCE_CHARACTERS else sentence[:MAX_SENTENCE_CHARACTERS] + "…"


def skip_blanks(line: Line, offset: int) -> int:
    """Return the offset of the next character that is not blank, or the line's end."""
    match = _BLANK.match(line.text, offset)
    assert match is not None
    return match.end()


def word(line: Line, start: int, end: int) -> Word:
    """Cut a piece out of a line, without the blanks around it."""
    return Word(line.text[start:end].strip(), min(skip_blanks(line, start), end))


def marks(line: Line, start: int) -> Iterator[tuple[str, int]]:
    """Iterate over the parentheses, commas, colons and hashes outside quotes.

    Yields:
        The character and its offset.

    Raises:
        InvalidDefinition: A quote is not closed.
    """
    for match in _MARK.finditer(line.text, start):
        if match[0] in ("'", '"'):
            raise refuse(line, match.start(), "this quote is not closed", f"another {match[0]} after it")
        if len(match[0]) == 1:
            yield match[0], match.start()


def quoted(text: str) -> bool:
    """Return whether a whole text is in one pair of quotes; quotes within may be doubled or escaped."""
    return _QUOTED.fullmatch(text) is not None


def listed(line: Line, opening: int) -> tuple[tuple[Word, ...], int]:
    """Read a list in parentheses.

    Args:
        opening: Offset of the opening parenthesis.

    Returns:
        The texts between the commas, and the offset after the list.

    Raises:
        InvalidDefinition: The parenthesis or a quote is not closed, or the list is too long.
    """
    items: list[Word] = []
    depth = 0
    start = opening + 1
    for mark, offset in marks(line, opening):
        depth += {"(": 1, ")": -1}.get(mark, 0)
        if depth == 0 or (mark == "," and depth == 1):
            items.append(word(line, start, offset))
            start = offset + 1
        if len(items) > MAX_LISTED:
            raise refuse(line, offset, "this list is too long", f"at most {MAX_LISTED} in parentheses")
        if depth == 0:
            return tuple(items) if len(items) > 1 or items[0].text else (), start
    raise refuse(line, opening, "this parenthesis is not closed", "a `)` that closes it")
