"""Compare rows that were computed again with what is stored."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from levada._query import fetching
from levada._values.types import Family

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from levada._values.heading import Heading

    Row = dict[str, Any]  # Any: an attribute's value

MISSING = "(no row)"
"""Stands for the value of a row that only one side has."""


@dataclass(frozen=True)
class Difference:
    """One value that differs.

    Args:
        table: The name of the table or part.
        key: The primary key of the row.
        attribute: The attribute; empty if only one side has the row.
        stored: The stored value; `MISSING` if there is no such row.
        computed: The value that was computed again; `MISSING` if there is no such row.
    """

    table: str
    key: Row
    attribute: str
    stored: Any
    computed: Any

    def as_row(self) -> Row:
        """Return it as a dictionary."""
        return {
            "table": self.table,
            **self.key,
            "attribute": self.attribute,
            "stored": self.stored,
            "computed": self.computed,
        }


def differences(
    table: str,
    heading: Heading,
    stored: pa.Table,
    computed: Sequence[pa.RecordBatch],
    tolerance: Mapping[str, float],
    hashes: Mapping[str, str],
) -> Iterator[Difference]:
    """Yield the differences between the stored rows of a key and the rows that were computed again.

    An attribute that the computed rows lack takes its default; one whose default is of the moment, such as the time,
    is not compared.

    Args:
        table: The name of the table or part.
        heading: Its attributes.
        stored: The stored rows.
        computed: The computed rows.
        tolerance: The largest absolute difference of numbers, by attribute, that counts as none.
        hashes: The hashes of the computed objects in stores by their ids; objects of one hash are equal.
    """
    before = {_key(row, heading): row for row in fetching.to_dicts(stored)}
    after: dict[tuple[str, ...], Row] = {}
    for batch in computed:
        for row in _rows(batch, stored.schema):
            after[_key(row, heading)] = row
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        named = {name: (old or new or {}).get(name) for name in heading.primary_key}
        if old is None or new is None:
            yield Difference(table, named, "", MISSING if old is None else old, MISSING if new is None else new)
            continue
        for attribute in heading.attributes.values():
            if attribute.in_key:
                continue
            name = attribute.name
            if name not in new:
                continue  # the default, which is the same, or of the moment
            if attribute.parsed_type.family is Family.OBJECT:
                same = _same_object(old[name], new[name], hashes)
            else:
                same = equal(old[name], new[name], tolerance.get(name, 0.0))
            if not same:
                yield Difference(table, named, name, old[name], new[name])


def _same_object(reference: Mapping[str, Any] | None, computed: str | None, hashes: Mapping[str, str]) -> bool:
    if reference is None or computed is None:
        return reference is None and computed is None
    return bool(computed == reference["id"] or hashes.get(computed) == reference["hash"])


def _key(row: Row, heading: Heading) -> tuple[str, ...]:
    return tuple(str(row.get(name)) for name in heading.primary_key)


def _rows(batch: pa.RecordBatch, like: pa.Schema) -> list[Row]:
    """Return computed rows as dictionaries of Python values, by the types of the stored ones."""
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        field = like.field(name)
        if fetching.type_read(field).family is Family.OBJECT:
            columns[name] = column.to_pylist()
        else:
            columns[name] = fetching.python_values(column, field)
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def equal(one: object, other: object, tolerance: float = 0.0) -> bool:
    """Return whether two values are equal, with NaN equal to NaN, and numbers as far apart as a tolerance."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return _equal_arrays(np.asarray(one), np.asarray(other), tolerance)
    if isinstance(one, float) and isinstance(other, (int, float)):
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return one == other or abs(one - other) <= tolerance
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k], tolerance) for k in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(equal(a, b, tolerance) for a, b in zip(one, other, strict=True))
    if type(one) is not type(other):
        return False
    try:
        return bool(one == other) or (bool(tolerance) and bool(abs(one - other) <= tolerance))  # type: ignore[operator]  # a type without a difference raises
    except (TypeError, ValueError):
        return False


def _equal_arrays(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any], tolerance: float) -> bool:
    if one.shape != other.shape or one.dtype.kind != other.dtype.kind:
        return False
    if one.dtype.names or one.dtype.kind == "O":
        return equal(one.tolist(), other.tolist(), tolerance)
    if one.dtype.kind in "fc":
        with np.errstate(invalid="ignore"):
            near = (one == other) | (np.isnan(one) & np.isnan(other))
            if tolerance:
                near |= np.abs(one - other) <= tolerance
        return bool(np.all(near))
    if tolerance and one.dtype.kind in "iu":
        return bool(np.all(np.abs(one.astype(np.float64) - other.astype(np.float64)) <= tolerance))
    return bool(np.array_equal(one, other))
