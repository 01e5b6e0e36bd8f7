"""Arrays of fixed dtype and shape: one array of all rows on fetch, and only such arrays on insert."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import levada as lv

DTYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
DTYPES += ["float16", "float32", "float64", "complex64", "complex128"]


@pytest.fixture
def table(connection: lv.Connection) -> type[lv.Manual]:
    lines = [f"{dtype} = null : <array {dtype}(2, 3)>" for dtype in DTYPES]
    definition = "\n".join(("id : int32", "---", *lines, "vector = null : < ARRAY Float32 (4) >"))
    cls: type[lv.Manual] = lv.Schema("arrays", connection=connection)(
        type("Many", (lv.Manual,), {"definition": definition})
    )
    return cls


def rows(count: int) -> list[dict[str, Any]]:
    r = np.random.default_rng(5)
    made = []
    for index in range(count):
        row: dict[str, Any] = {"id": index, "vector": r.normal(size=4).astype(np.float32)}
        for name in DTYPES:
            numbers = r.integers(0, 2 if name == "bool" else 100, (2, 3)).astype(name)
            row[name] = numbers * numbers.dtype.type(1 - 2j) if numbers.dtype.kind == "c" else numbers
        made.append(row)
    return made


def test_all_rows_are_one_array(table: type[lv.Manual]) -> None:
    given = rows(600)  # enough for COPY both ways
    table.insert(given)
    arrays = table.to_arrays(order_by="id")
    for dtype in DTYPES:
        found = arrays[dtype]
        assert (found.dtype, found.shape) == (np.dtype(dtype), (600, 2, 3))
        assert np.array_equal(found, np.stack([row[dtype] for row in given]))
    assert table.fetch("vector", order_by="id").shape == (600, 4)
    found = table.fetch("vector")
    found[0] = 1  # it can be written to


def test_missing_arrays_are_none(table: type[lv.Manual]) -> None:
    first, second = rows(2)
    table.insert([first, {"id": 1}])
    one, two = table.to_dicts(order_by="id")
    assert all(np.array_equal(one[dtype], first[dtype]) and two[dtype] is None for dtype in DTYPES)
    column = table.fetch("float32", order_by="id")
    assert (column.dtype, column[1]) == (object, None)
    frame = table.to_pandas()
    assert np.array_equal(frame.loc[0, "complex64"], first["complex64"])
    assert frame.loc[1, "int8"] is None
    assert table.to_polars()["vector"].to_list()[1] is None
    assert np.array_equal((table & "id = 0").fetch1("bool"), first["bool"])
    table.update1({"id": 1, "float16": second["float16"].tolist()})
    assert np.array_equal((table & "id = 1").fetch1("float16"), second["float16"])


def test_no_rows_have_the_shape(table: type[lv.Manual]) -> None:
    arrays = table.to_arrays()
    assert {dtype: (arrays[dtype].dtype, arrays[dtype].shape) for dtype in DTYPES} == {
        dtype: (np.dtype(dtype), (0, 2, 3)) for dtype in DTYPES
    }
    assert table.to_pandas().shape == (0, len(DTYPES) + 1)
    assert table.to_polars().shape == (0, len(DTYPES) + 2)


def test_every_form_of_rows_brings_arrays(table: type[lv.Manual]) -> None:
    given = rows(3)
    table.insert(given)
    expected = table.to_arrow(order_by="id")
    structured = np.array(
        [tuple(row.values()) for row in given],
        dtype=[("id", int), *[(n, v.dtype, v.shape) for n, v in given[0].items() if n != "id"]],
    )
    frames = [
        expected,
        pd.DataFrame(given),
        structured,
        [tuple(row[n] for n in expected.column_names) for row in given],
    ]
    for frame in [*frames, table.to_polars(), table.to_pandas(), table.fetch(as_dict=True)]:
        table.delete_quick()
        table.insert(frame)
        assert table.to_arrow(order_by="id").equals(expected)


def test_polars_has_arrays_of_its_own(table: type[lv.Manual]) -> None:
    table.insert(rows(3))
    frame = table.to_polars()
    assert frame["vector"].dtype == pl.Array(pl.Float32, 4)
    assert frame["uint64"].dtype == pl.Array(pl.UInt64, (2, 3))


TENSOR = pa.fixed_shape_tensor(pa.float32(), (4,))


def tensors(values: list[Any]) -> pa.Array:
    return pa.ExtensionArray.from_storage(TENSOR, pa.array(values, pa.list_(pa.float32(), 4)))


def test_a_missing_array_of_arrow_may_have_anything_under_it(table: type[lv.Manual]) -> None:
    table.insert(pa.table({"id": [1, 2, 3], "vector": tensors([[1, 2, 3, 4], None, [5, 6, 7, 8]])}))
    found = table.fetch("vector", order_by="id")
    assert [None if one is None else one.tolist() for one in found] == [[1, 2, 3, 4], None, [5, 6, 7, 8]]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (tensors([None, [1, 2, 3, 4], [1, None, 3, 4]]), "row 2, attribute `vector`: An element is missing"),
        (pa.array([bytes(16), None, bytes(15)]), "row 2, attribute `vector`: 15 bytes, and .* takes 16"),
        (pa.array([None, None, 1.5]), "row 2, attribute `vector`: A value of double, and <array float32.4,.>"),
        (
            pa.ExtensionArray.from_storage(
                pa.fixed_shape_tensor(pa.float64(), (4,)), pa.array([[1, 2, 3, 4]] * 3, pa.list_(pa.float64(), 4))
            ),
            "row 0, attribute `vector`: A value of .*double.*, and",
        ),
        (pa.array([[1, 2, 3, 4], [1, 2, 3], None]), "row 1, attribute `vector`: An array of shape .3,., and"),
    ],
)
def test_what_is_no_such_array_is_named(table: type[lv.Manual], column: pa.Array, message: str) -> None:
    with pytest.raises(lv.errors.WrongValue, match=message):
        table.insert(pa.table({"id": [1, 2, 3], "vector": column}))
    assert len(table()) == 0


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        ("<array float32>", "is not a type"),
        ("<array float128 (2)>", "`float128` is not a dtype of an array"),
        ("<array float32 ()>", "an array has a fixed shape"),
        ("<array float32 (0, 3)>", "an array has a fixed shape"),
        ("<array float64 (100000, 100000)>", "takes 80000000000 bytes"),
    ],
)
def test_a_type_without_fixed_size_is_refused(connection: lv.Connection, type_: str, message: str) -> None:
    schema = lv.Schema("arrays", connection=connection)
    with pytest.raises(lv.errors.InvalidDefinition, match=message):
        schema(type("Wrong", (lv.Manual,), {"definition": f"id : int32\n---\na : {type_}"}))


def test_a_row_of_defaults_needs_no_field(connection: lv.Connection) -> None:
    @lv.Schema("arrays", connection=connection)
    class Counted(lv.Manual):
        definition = """
        id : int32 auto_increment
        ---
        note = "none" : varchar(9)
        """

    Counted.insert1({})
    Counted.insert([{}, {}])
    assert Counted.fetch("note").tolist() == ["none"] * 3
    assert Counted.fetch("id").tolist() == [1, 2, 3]


@pytest.mark.parametrize("missing", [None, pd.NaT, pd.NA])
def test_an_update_clears_an_array_by_a_missing_value(table: type[lv.Manual], missing: object) -> None:
    table.insert1({"id": 0, "vector": np.zeros(4)})
    table.update1({"id": 0, "vector": missing})
    assert table.to_dicts()[0]["vector"] is None


@pytest.mark.parametrize("value", [np.array(1.0), np.array(None, object)])
def test_an_array_without_dimensions_contains_no_rows(table: type[lv.Manual], value: np.ndarray[Any, Any]) -> None:
    with pytest.raises(lv.errors.InvalidRequest, match="contains no rows"):
        table.insert(value)
    with pytest.raises(lv.errors.InvalidRequest, match="a row is a mapping or a sequence"):
        table.insert1(value)
