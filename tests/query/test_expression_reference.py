"""The reference page agrees with the table of functions."""

from __future__ import annotations

import re
from pathlib import Path

from levada_server.query.expression.functions import FUNCTIONS
from levada_server.query.expression.reference import reference_page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "expressions.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference_page()


def test_the_page_names_every_function() -> None:
    page = reference_page()
    for name in FUNCTIONS:
        assert re.search(rf"`[^`]*\b{name}\b[^`]*`", page), name
