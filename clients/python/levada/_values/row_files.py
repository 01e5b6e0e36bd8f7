"""Rows in files of text: CSV with a first line of names, and JSON with one object per line."""

from __future__ import annotations

import base64
import binascii
import csv
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._values.types import Family

if TYPE_CHECKING:
    from levada._values.heading import Attribute, Heading

Row = Mapping[str, object]


class Lines(Iterable[Row]):
    """Rows of a file, read as they are taken.

    Args:
        source: Its path, or the opened file; a path is closed at the end.
        name: How errors name the file.
        heading: The attributes that the rows are for.

    Attributes:
        numbers: The line on which each row that was taken ends, from 1.
    """

    def __init__(self, source: Path | IO[str], name: str, heading: Heading) -> None:
        self._source = source
        self._name = name
        self._attributes = heading.attributes
        self.numbers = array("q")

    def __iter__(self) -> Iterator[Row]:
        with _opened(self._source) as file:
            for number, row in self._numbered(file):
                self.numbers.append(number)
                yield row

    def _numbered(self, file: IO[str]) -> Iterator[tuple[int, Row]]:
        raise NotImplementedError


class CsvLines(Lines):
    """Rows of a CSV file; an empty cell is missing, except in text without a default, where it is empty."""

    def _numbered(self, file: IO[str]) -> Iterator[tuple[int, Row]]:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, [])
            if not header or len(set(header)) < len(header):
                raise InvalidRequest(f"{self._name}: the first line must name the attributes, each once.")
            attributes = [self._attributes.get(name) for name in header]
            for cells in reader:
                if len(cells) != len(header):
                    if not cells:  # an empty line
                        continue
                    raise InvalidRequest(
                        f"{self._name}, line {reader.line_num}: {len(cells)} cells for {len(header)} names in the "
                        "first line."
                    )
                row = {n: _read_cell(c, a) for n, c, a in zip(header, cells, attributes, strict=True)}
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise InvalidRequest(f"{self._name}, after line {reader.line_num}: {error}.") from None


class JsonLines(Lines):
    """Rows of a file with one JSON object per line; bytes are base64."""

    def _numbered(self, file: IO[str]) -> Iterator[tuple[int, Row]]:
        number = 0
        try:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise InvalidRequest(
                        f"{self._name}, line {number}: each line holds one JSON object, not {line:.40}"
                    )
                yield number, {name: self._read(name, value) for name, value in row.items()}
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"{self._name}, after line {number}: {error}.") from None
        except (json.JSONDecodeError, binascii.Error) as error:
            raise InvalidRequest(f"{self._name}, line {number}: {error}.") from None

    def _read(self, name: str, value: object) -> object:
        attribute = self._attributes.get(name)
        if isinstance(value, str) and attribute is not None and attribute.parsed_type.kind == "bytes":
            return base64.b64decode(value, validate=True)
        return value


def csv_rows(path: Path, heading: Heading) -> Iterator[Row]:
    """Read a CSV file with a header, row by row."""
    return iter(CsvLines(path, str(path), heading))


@contextmanager
def _opened(source: Path | IO[str]) -> Iterator[IO[str]]:
    if isinstance(source, Path):
        with source.open(newline="", encoding="utf-8-sig") as file:
            yield file
    else:
        yield source


def _read_cell(cell: str, attribute: Attribute | None) -> object:
    if attribute is None:
        return cell
    if not cell:
        required = not attribute.nullable and attribute.default is None
        return cell if attribute.parsed_type.textual and required else None
    return json.loads(cell) if attribute.parsed_type.family is Family.JSON else cell
