"""Values of all kinds that a `<blob>` keeps, as seeds."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa

VALUES: tuple[object, ...] = (
    *(None, True, 5, 2**70, 1.5, 1 + 2j, "text", b"bytes", Decimal("1.5"), UUID(int=5)),
    *(dt.date(2026, 1, 2), dt.time(3, 4), dt.datetime(2026, 1, 2, tzinfo=dt.UTC), dt.timedelta(1)),
    *([1, "a", [2.5]], (1, 2), {1, 2}, frozenset("a"), {"a": 1}, {1: "b", (2, 3): None}),
    *(np.arange(6).reshape(2, 3), np.array(["a", "bc"]), np.array([1, "x"], dtype=object), np.float32(2)),
    *(np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), np.array([(1, "x")], dtype=[("a", "O"), ("b", "O")])),
    pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.to_datetime(["2026-01-01"] * 2, utc=True)}),
    pa.table(
        {
            "d": pa.array([Decimal("1.5"), None]),
            "l": pa.array([[1], [2, 3]]),
            "s": pa.array([{"a": 1}, None]),
            "t": pa.array([0, None], pa.timestamp("us", "UTC")),
            "w": pa.array(["a", "b"]).dictionary_encode(),
            "f": pa.array([[1, 2], None], pa.list_(pa.int8(), 2)),
        }
    ),
)
