"""The digest of what a read returned: equal for equal rows, however they come, and another one for other rows."""

from __future__ import annotations

import pyarrow as pa
import pytest

from levada_server.arrow.references import REFERENCE
from levada_server.arrow.row_digest import RowDigest

KEY = list(range(5))
TENSOR = pa.fixed_shape_tensor(pa.float32(), (2,))


def reference(path: str, shape: list[int] | None) -> dict[str, object]:
    given = {"path": path, "shape": shape}
    return {field.name: given.get(field.name) for field in REFERENCE}


def tensors(*rows: list[float]) -> pa.Array:
    return pa.ExtensionArray.from_storage(TENSOR, pa.array(rows, TENSOR.storage_type))


COLUMNS: dict[str, tuple[pa.Array, pa.Array]] = {
    "whole numbers": (pa.array([1, None, 3, 4, 5]), pa.array([1, 0, 3, 4, 5])),
    "bools": (pa.array([True, None, False, True, True]), pa.array([True, False, False, True, True])),
    "texts": (pa.array(["ab", "c", None, "", "e"]), pa.array(["a", "bc", None, "", "e"])),
    "labels": (pa.array(["a", "b", "a", None, "b"]).dictionary_encode(), pa.array(["a", "b", "a", None, "a"])),
    "spans": (pa.array([1, 2, 3, 4, 5], pa.duration("us")), pa.array([1, 2, 3, 4, 6], pa.duration("us"))),
    "objects": (
        pa.array([reference("p", [2, 3]), None, reference("q", None), None, None], REFERENCE),
        pa.array([reference("p", [23]), None, reference("q", None), None, None], REFERENCE),
    ),
    "lists": (pa.array([[1], [2, 3], [], None, [4]]), pa.array([[1, 2], [3], [], None, [4]])),
    "arrays": (
        tensors([1, 2], [3, 4], [5, 6], [7, 8], [9, 0]),
        tensors([1, 2], [3, 4], [5, 6], [7, 8], [9, 1]),
    ),
}
"""Two columns that differ, by their kind."""


def digest(*batches: pa.RecordBatch) -> str:
    taken = RowDigest(["key"])
    for batch in batches:
        taken.take(batch)
    return taken.text()


def batch(column: pa.Array) -> pa.RecordBatch:
    return pa.record_batch({"key": pa.array(KEY, pa.int32()), "value": column})


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_digest_tells_rows_apart_and_not_how_they_come(kind: str) -> None:
    column, other = COLUMNS[kind]
    whole = batch(column)
    assert digest(whole) == digest(batch(column)) != digest(batch(other))
    turned = whole.take(pa.array([4, 2, 0, 1, 3]))
    assert digest(whole) == digest(turned)
    columns = [pa.concat_arrays([of.slice(0, 2), of, of.slice(0, 1)]) for of in whole.columns]
    within = pa.record_batch(columns, whole.schema.names).slice(2, 5)
    assert digest(whole) == digest(within)
