"""Statements that count rows."""

from __future__ import annotations

from levada_server.model.table import TableName
from levada_server.query.algebra import TableOperand, Top
from levada_server.query.compile import compile_relation
from tests.support.lab import lab


def test_counting_the_first_rows_of_an_order_sorts_none() -> None:
    first = Top(TableOperand(TableName("lab", "Session")), limit=5, order=("session DESC",))
    text = compile_relation(first, lab().catalog()).count().text
    assert "ORDER BY" not in text
    assert "LIMIT" in text
