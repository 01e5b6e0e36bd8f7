"""The jobs of a schema, as people see them."""

from __future__ import annotations

from typing import Any, cast

from levada._pipeline.schema_jobs import SchemaJobs

TESTS = ("levada._pipeline.schema_jobs",)


class Counted:
    """Jobs of a table whose counts alone are known."""

    def __init__(self, table_name: str, counts: dict[str, int]) -> None:
        self.table_name = table_name
        self._counts = counts

    def progress(self) -> dict[str, int]:
        return self._counts


def test_counts_stand_below_their_states_if_only_some_tables_have_a_state() -> None:
    tables = [Counted("square", {"pending": 1, "total": 1}), Counted("cube", {"pending": 2, "held": 3, "total": 5})]
    header, *rows = repr(SchemaJobs(cast("Any", tables))).splitlines()
    assert [dict(zip(header.split(), row.split(), strict=True)) for row in rows] == [
        {"table_name": "square", "pending": "1", "held": "0", "total": "1"},
        {"table_name": "cube", "pending": "2", "held": "3", "total": "5"},
    ]
