"""A new kind whose values are treated like those of another one needs only its rows in the tables of kinds."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest

from levada._query.fetching import python_values, to_array, to_pandas, to_polars
from levada._values.columns import Place, arrow_column
from levada._values.conversions import VALUE_KINDS
from levada._values.heading import Attribute, Heading
from levada._values.rows import read_rows
from levada._values.types import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

TESTS = (
    "levada._query.fetching",
    "levada._values.columns",
    "levada._values.conversions",
    "levada._values.heading",
    "levada._values.rows",
    "levada._values.types",
)

VALUES: dict[str, Sequence[object]] = {
    "bool": (True, False),
    "float64": (1.5, 2.0),
    "text": ("a", "b"),
    "date": (dt.date(2026, 1, 5),),
    "datetime": (dt.datetime(2026, 1, 5, 12), dt.datetime(2026, 1, 6)),
    "timestamptz": (dt.datetime(2026, 1, 5, tzinfo=dt.UTC),),
    "uuid": (UUID(int=7), UUID(int=8)),
    "json": ({"a": [1]}, [2, 3]),
    "bytes": (b"a",),
    "blob": ({"a": np.arange(3)}, "text"),
}


def attribute(kind: str) -> Attribute:
    return Attribute("value", kind, False, True, None, "", False, "")


@pytest.mark.parametrize("kind", VALUES)
def test_another_kind_of_the_same_family_is_treated_alike(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    other = f"other{kind}"  # parsed types are kept
    monkeypatch.setitem(KINDS, other, KINDS[kind])
    monkeypatch.setitem(VALUE_KINDS, other, VALUE_KINDS[kind])

    def seen(word: str) -> list[str]:
        column = arrow_column([*VALUES[kind], None], attribute(word), Place("Table"))
        field = pa.field("value", column.type, metadata={"levada.type": word})
        table = pa.table([column], schema=pa.schema([field]))
        heading = Heading({"value": attribute(word)})
        structured = pa.table({"value": pa.array([{"x": 1}])}) if kind == "json" else pa.table({"value": column})
        frame, series = to_pandas(table), to_polars(table)
        forms = (
            (column.type, column.to_pylist()),
            python_values(column, field),
            to_array(table.column(0), field),
            to_array(table.slice(0, 1).column(0), field),
            (frame.dtypes["value"], frame["value"].tolist()),
            (str(series["value"].dtype), series["value"].to_list()),
            read_rows(structured, heading, "Table", ignore_extra_fields=False).table().to_pydict(),
            read_rows(frame, heading, "Table", ignore_extra_fields=False).table().to_pydict(),
            (heading.blobs, heading.as_dtype),
        )
        return [repr(form) for form in forms]

    assert seen(other) == seen(kind)
