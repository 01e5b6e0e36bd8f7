"""The values that a relation mentions, each with the attributes that it may be a value of."""

from __future__ import annotations

from decimal import Decimal

import pytest

from levada_server.model.table import TableName
from levada_server.query.algebra import Equalities, ExpressionText, Named, Parameter, Project, Restrict, TableOperand
from levada_server.query.analysis.mentions import mentions

TABLE = TableOperand(TableName("lab", "Subject"))


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("quality > 1", (), {("quality", 1)}),
        ("subject = 1 AND quality = 2", (), {("subject", 1), ("quality", 2)}),
        (
            "NOT (subject IN (1, ?) OR quality IN ?)",
            (2, (3, 4)),
            {("subject", 1), ("subject", 2)} | {("quality", 3), ("quality", 4)},
        ),
        ("subject BETWEEN -1 AND 2.5", (), {("subject", -1), ("subject", Decimal("2.5"))}),
        ("12 = `subject`", (), {("subject", 12)}),
        ("subject + 0 = 12", (), {("subject", 0), ("subject", 12)}),
        ("1", (), set()),
        (r"name = 'O\'Brien'", (), {("name", "O'Brien")}),
        ("name LIKE 'O''Brien%'", (), {("name", "O'Brien%"), ("name", "O'Brien")}),
        (r"name LIKE 'a\_1'", (), {("name", "a\\_1"), ("name", "a_1")}),
        ('name = "a""b"', (), {("name", 'a"b')}),
        # A text in a function may be a part of any value.
        ("lower(name) = 'a'", (), {(None, "a")}),
        ("'a'", (), {(None, "a")}),
    ],
)
def test_a_value_in_a_text_is_one_of_the_attribute_that_it_is_compared_with(
    text: str, values: tuple[object, ...], expected: set[tuple[str | None, object]]
) -> None:
    assert set(mentions(Restrict(TABLE, ExpressionText(text, values)))) == expected


def test_a_value_of_a_renamed_attribute_is_one_of_the_attribute_that_it_was() -> None:
    items = (
        Named("person", ExpressionText("subject")),
        Named("twin", ExpressionText("(subject)")),
        Named("low", ExpressionText("lower(name)")),
        Named("most", ExpressionText("quality * 12")),
    )
    renamed = Project(TABLE, items)
    condition = Equalities((("person", 1), ("twin", Parameter(0, 3)), ("low", "a"), ("most", 4)))
    assert set(mentions(Restrict(renamed, condition))) == {
        ("quality", 12),
        ("person", 1),
        ("subject", 1),
        ("low", "a"),
        ("name", "a"),
        (None, "a"),
        ("most", 4),
        ("quality", 4),
    }
    again = Project(renamed, (Named("human", ExpressionText("person")),))
    assert ("subject", 2) in set(mentions(Restrict(again, ExpressionText("human > 2"))))
