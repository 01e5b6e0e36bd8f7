"""The table of types of `docs/how-to/import-datajoint.md`; as a program it writes it, for the end of the page."""

from __future__ import annotations

import sys

from levada._from_datajoint.stored_types import TRANSLATIONS

TESTS = ("levada._from_datajoint.stored_types",)


def table_of_types() -> str:
    """Return the table."""
    lines = ["| type there | here | remark |", "| --- | --- | --- |"]
    for row in TRANSLATIONS:
        there = row.there if "`" in row.there else _as_code(row.there)
        here = row.here if row.here in ("a decision", "the same") else _as_code(row.here)
        lines.append(f"| {there} | {here} | {row.remark} |")
    return "\n".join(lines) + "\n"


def _as_code(types: str) -> str:
    return f"`{types}`"


if __name__ == "__main__":
    sys.stdout.write(table_of_types())
