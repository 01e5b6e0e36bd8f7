"""A definition, line by line.

Rules about a single line are checked here; rules that involve parents or other lines in `declaration`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.model.definition.attribute_line import AttributeLine, parse_attribute
from levada_server.model.definition.foreign_key_line import ForeignKeyLine, parse_foreign_key
from levada_server.model.definition.index_line import IndexLine, parse_index
from levada_server.model.definition.text import lines, refuse
from levada_server.model.types import NO_CODECS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DIVIDER = re.compile(r"(?:-{3,}|_{3,})\s*(?:#.*)?")


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition, line by line.

    Args:
        comment: The table's comment.
        lines: In order, without the divider and comments.
    """

    comment: str
    lines: tuple[AttributeLine | ForeignKeyLine | IndexLine, ...]


def is_divided(definition: str) -> bool:
    """Return whether a definition has a line that divides the primary key from other attributes."""
    return any(_DIVIDER.fullmatch(line.text) for line in lines(definition))


def parse_definition(
    definition: str,
    codecs: Mapping[str, str] = NO_CODECS,
    times_are_spans: Callable[[str], bool] = lambda name: False,
) -> Definition:
    """Read the lines of a definition.

    Args:
        definition: The text.
        codecs: The client's codecs, as `parse_type` takes them.
        times_are_spans: Returns whether `time` declares the attribute of a name as a duration.

    Raises:
        InvalidDefinition: A line is not valid; the message quotes it and points at the column.
    """
    comment = ""
    parsed: list[AttributeLine | ForeignKeyLine | IndexLine] = []
    divided = False
    for count, line in enumerate(lines(definition)):
        if line.text.startswith("#"):
            comment = line.text[1:].strip() if count == 0 else comment
        elif _DIVIDER.fullmatch(line.text):
            if divided:
                raise refuse(line, 0, "this is the second divider", "one `---`, below the primary key")
            divided = True
        elif index := parse_index(line):
            parsed.append(index)
        elif line.text.startswith(("->", "(")):
            parsed.append(parse_foreign_key(line, primary_key=not divided))
        else:
            parsed.append(parse_attribute(line, not divided, codecs, times_are_spans))
    return Definition(comment, tuple(parsed))
