"""Compares the result of a query with the one that pandas computes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pandas as pd

from examples.university.answers import answer

if TYPE_CHECKING:
    import levada as lv
    from examples.university.registry import Registry


class WrongAnswer(Exception):
    """A query differs from the result that pandas computes."""


_TOLERANCE = 1e-12
"""Relative; sums of floats differ a little in another order."""


def check(name: str, query: lv.Relation, registry: Registry) -> pd.DataFrame:
    """Fetch a query and compare it with the answer of that name.

    Returns:
        The result of the query, in the order of its key.

    Raises:
        WrongAnswer: They differ; the message says where.
    """
    found = query.to_pandas().sort_index()
    try:
        pd.testing.assert_frame_equal(
            _plain(found), _plain(answer(name, registry)), check_dtype=False, check_index_type=False, rtol=_TOLERANCE
        )
    except AssertionError as error:
        raise WrongAnswer(f"{name}: the query returns other rows (left) than pandas (right). {error}") from None
    return found


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert every value to text, a float or None, because the libraries represent dates and gaps differently.

    The rows are in the order of the key.
    """
    key = [name for name in frame.index.names if name is not None]
    frame = frame.reset_index() if key else frame
    columns = {name: [_plain_value(value) for value in frame[name].tolist()] for name in frame.columns}
    return pd.DataFrame(columns).sort_values(key, ignore_index=True) if key else pd.DataFrame(columns)


def _plain_value(value: object) -> object:
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return str(value.date())
    return float(value) if isinstance(value, (int, float, Decimal)) else str(value)
