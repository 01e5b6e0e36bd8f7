"""The command `levada query`: rows of a table as text, CSV, Parquet or JSON, written as they arrive."""

from __future__ import annotations

import csv
import os
import sys
from contextlib import contextmanager, nullcontext
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

import pyarrow.parquet as pq

from levada._base.errors import InvalidRequest
from levada._base.text import plural, printable
from levada._cli.commands.catalog import restricted
from levada._cli.output import fitted_widths, json_text, table_line, write_styled
from levada._query.fetching import to_dicts
from levada._query.restriction import Top
from levada._values.types import Family

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from levada._net.connection import Connection
    from levada._query.fetching import Result
    from levada._query.relation import Relation
    from levada._values.heading import Attribute, Heading

_FORMATS = {".csv": "csv", ".parquet": "parquet", ".json": "json", ".jsonl": "json", ".ndjson": "json", ".txt": "table"}
_TABLE_ROWS = 100
"""How many rows a table has if nobody says."""
_MEASURED_ROWS = 200
"""The first rows, which decide how wide the columns of a table are."""
_MOST_CELL = 40
_LONG, _LONGEST = 1e6, 1e15
"""From here to there a float has no exponent in a table."""
_CSV_CANNOT = (Family.BLOB, Family.FILE, Family.OBJECT, Family.ARRAY)


def query(connection: Connection, options: argparse.Namespace) -> int:
    """Print rows of a table, or write them into a file."""
    form = format_of(options.output, options.format, "json" if options.json else "table")
    relation: Relation = restricted(connection, options.table, options.conditions)
    if options.attributes:
        relation = relation.proj(*options.attributes)
    limit: int | None = _TABLE_ROWS if form == "table" and options.limit is None else options.limit
    limit = None if options.limit == "all" else limit
    order = options.order or (["KEY"] if form == "table" else [])
    if form == "table":
        return _print_table(relation, order, limit, told_limit=options.limit is not None)
    ordered = _ordered(relation, order, limit)
    heading = relation.heading
    if form == "csv":
        _check_for_csv(heading)
    with _target(options.output, binary=form == "parquet") as file:
        count = _WRITERS[form](ordered, heading, file)
    if options.output is not None and str(options.output) != "-":
        print(f"wrote {plural(count, 'row')} into {options.output}", file=sys.stderr)
    return 0


def format_of(path: Path | None, named: str | None, default: str | None) -> str:
    """Return the form of a file, as named or by its ending.

    Raises:
        InvalidRequest: Neither says it.
    """
    if named:
        return named
    if path is None or str(path) == "-":
        if default is None:
            raise InvalidRequest("Say what you pass in: --format csv, json or parquet.")
        return default
    try:
        return _FORMATS[path.suffix.lower()]
    except KeyError:
        raise InvalidRequest(
            f"The ending of {path} does not say its form; add --format csv, json or parquet."
        ) from None


def _ordered(relation: Relation, order: Sequence[str], limit: int | None) -> Relation:
    return relation & Top(limit, list(order)) if order or limit is not None else relation


def _rows(result: Result) -> Iterator[dict[str, Any]]:  # Any: values of every kind
    for batch in result.batches():
        yield from to_dicts(batch)


# ----------------------------------------------------------------------------------------------------- files


def _write_csv(relation: Relation, heading: Heading, file: IO[Any]) -> int:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(heading.names)
    kinds = [attribute.parsed_type.family for attribute in heading.attributes.values()]
    count = 0
    for row in _rows(relation._result()):
        count += 1
        writer.writerow([_csv_cell(value, family) for value, family in zip(row.values(), kinds, strict=True)])
    return count


def _csv_cell(value: object, family: Family) -> object:
    if value is None:
        return ""
    if family is Family.JSON:
        return json_text(value)
    return json_text(value).strip('"') if isinstance(value, bytes) else value


def _check_for_csv(heading: Heading) -> None:
    """Refuse what CSV cannot hold.

    Raises:
        InvalidRequest: An attribute has such values.
    """
    large = [a.name for a in heading.attributes.values() if a.parsed_type.family in _CSV_CANNOT or a.parsed_type.codecs]
    if large:
        others = ",".join(name for name in heading.names if name not in large)
        raise InvalidRequest(
            f"CSV cannot hold {', '.join(f'`{name}`' for name in large)}; write .parquet, or leave it out: "
            f"--attributes {others}"
        )


def _write_json(relation: Relation, _heading: Heading, file: IO[Any]) -> int:
    count = 0
    for row in _rows(relation._result()):
        count += 1
        file.write(json_text(row) + "\n")
    return count


def _write_parquet(relation: Relation, _heading: Heading, file: IO[Any]) -> int:
    result = relation._result()
    count = 0
    with pq.ParquetWriter(file, result.schema) as writer:
        for batch in result.batches():
            writer.write_batch(batch)
            count += batch.num_rows
    return count


_WRITERS = {"csv": _write_csv, "json": _write_json, "parquet": _write_parquet}


@contextmanager
def _target(path: Path | None, *, binary: bool) -> Iterator[IO[Any]]:
    """Open standard output, or a file that is there whole at the end, or not at all."""
    if path is None or str(path) == "-":
        if binary and sys.stdout.isatty():
            raise InvalidRequest("Parquet is not for a terminal; name a file: -o rows.parquet")
        with nullcontext(sys.stdout.buffer if binary else sys.stdout) as stream:
            yield stream
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") if binary else draft.open("w", encoding="utf-8", newline="") as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


# ----------------------------------------------------------------------------------------------------- tables


def _print_table(relation: Relation, order: Sequence[str], limit: int | None, *, told_limit: bool) -> int:
    heading = relation.heading
    attributes = list(heading.attributes.values())
    light = [a.name for a in attributes if not a.parsed_type.heavy and not a.parsed_type.codecs]
    # One row more than shown tells whether there are more.
    most = limit if limit is None or told_limit else limit + 1
    rows = (_cells(row, attributes) for row in _rows(_ordered(relation.proj(*light), order, most)._result()))
    first = [row for row, _ in zip(rows, range(_MEASURED_ROWS), strict=False)]
    names = [f"*{a.name}" if a.in_key else a.name for a in attributes]
    widths = _widths(names, first)
    right = [a.numeric for a in attributes]
    write_styled(table_line(names, widths, right), "bold")
    print()
    print("  ".join("-" * width for width in widths))
    count = 0
    for row in chain(first, rows):
        count += 1
        if limit is not None and count > limit:
            total = len(relation)
            print(f"{limit} of {total} rows; --limit all prints all, --limit N as many as you like", file=sys.stderr)
            return 0
        print(table_line(row, widths, right))
    print(plural(count, "row"), file=sys.stderr)
    return 0


def _cells(row: dict[str, object], attributes: Iterable[Attribute]) -> list[str]:
    cells = []
    for attribute in attributes:
        if attribute.name not in row:
            cells.append(f"<{attribute.parsed_type.codec or attribute.parsed_type.kind}>")
            continue
        value = row[attribute.name]
        cells.append(printable(_cell(value)).replace("\n", " ").replace("\t", " "))
    return cells


def _cell(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, float):
        # Enough for the eye; the other forms have every digit.
        return f"{value:.1f}" if _LONG <= abs(value) < _LONGEST else f"{value:.6g}"
    return json_text(value) if isinstance(value, (dict, list)) else str(value)


def _widths(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    if sys.stdout.isatty():
        widths = [min(width, max(_MOST_CELL, len(name))) for width, name in zip(widths, names, strict=True)]
    return fitted_widths(widths, names)
