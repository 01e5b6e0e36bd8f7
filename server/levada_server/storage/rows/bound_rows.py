"""Bind few rows as arrays, which a statement reads like a table, in one trip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.query.postgres_types import value_type
from levada_server.query.sql import quote_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_server.model.heading import Attribute


def bound_rows(attributes: Sequence[Attribute], *, before: int = 0) -> str:
    """Write the source of rows `r`, one bound array per attribute; `_row` is the number of each, from 1.

    Args:
        attributes: The attributes of the rows.
        before: The number of values that are bound before the arrays.
    """
    arrays = ", ".join(f"${i}::{value_type(a.type)}[]" for i, a in enumerate(attributes, before + 1))
    names = ", ".join(quote_name(a.name) for a in attributes)
    return f"unnest({arrays}) WITH ORDINALITY AS r({names}, _row)"
