"""Find the JSON that PostgreSQL refused, because its error names neither row nor attribute."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

from levada_server.errors import WrongValue
from levada_server.model.kinds import Family

if TYPE_CHECKING:
    from levada_server.arrow.ipc.ingest import Columns
    from levada_server.model.table import Table


def wrong_document(table: Table, columns: Columns) -> WrongValue | None:
    """Find the first document among some rows that is not JSON, or that PostgreSQL cannot hold."""
    for attribute, array in zip(columns.attributes, columns.arrays, strict=True):
        if attribute.type.family is not Family.JSON:
            continue
        for row, text in enumerate(array.to_pylist(), columns.first_row):
            problem = None if text is None else _problem(text)
            if problem is not None:
                return WrongValue(
                    f"`{table.name}`, row {row}, attribute `{attribute.name}`: {problem}.",
                    table=table.name,
                    attribute=attribute.name,
                    row=row,
                )
    return None


def _problem(text: str) -> str | None:
    try:
        document = json.loads(text, parse_constant=_refuse)
        plain = json.dumps(document, ensure_ascii=False)
        plain.encode()
    except UnicodeEncodeError:
        return "text with a lone surrogate, which is not valid Unicode"
    except ValueError as error:
        return f"this is not JSON: {error}"
    return "text with the character NUL, which PostgreSQL cannot hold" if _has_nul(document) else None


def _has_nul(document: object) -> bool:
    match document:
        case str():
            return "\0" in document
        case dict():
            return any(_has_nul(part) for item in document.items() for part in item)
        case list():
            return any(map(_has_nul, document))
        case _:
            return False


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number in JSON")
