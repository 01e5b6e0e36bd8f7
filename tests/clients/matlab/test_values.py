"""Blobs of Python's own kinds, read by MATLAB, and written back by it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa

import levada as lv

if TYPE_CHECKING:
    from tests.clients.matlab.m_tests import MTests

DAY = dt.date(2026, 3, 1)
VALUES: dict[str, Any] = {  # Any: of every kind
    "date": DAY,
    "time": dt.time(9, 30, 0, 250_000),
    "moment": dt.datetime(2026, 3, 1, 9, 30),
    "zoned": dt.datetime(2026, 3, 1, 9, 30, tzinfo=dt.UTC),
    "span": -dt.timedelta(hours=36, seconds=1.5),
    "decimal": Decimal("1.50"),
    "uuid": UUID("01234567-89ab-cdef-0123-456789abcdef"),
    "big": 2**200,
    "nested": {"when": [DAY, (Decimal("1.50"),)]},
    "frame": pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}),
    "indexed": pd.DataFrame({"a": [1, 2]}, index=["r1", "r2"]),
    "levels": pd.DataFrame(
        {"a": [1.5, 2.5]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=[None, "second"])
    ),
    "typed": pd.DataFrame(
        {
            "small": np.array([1, 2], np.int8),
            "text": pd.array(["a", None], "string"),
            "whole": pd.array([1, None], "Int64"),
            "when": pd.to_datetime(["2026-03-01", None]).tz_localize("Europe/Lisbon"),
        }
    ),
    "one row": pd.DataFrame({"a": [7], "levada_type": ["date"]}),
    "arrow": pa.table({"n": pa.array([1, None], pa.int16()), "day": pa.array([DAY, None])}),
    "records": np.array([(1, 2.5), (3, 4.5)], dtype=[("n", np.int16), ("x", np.float32)]),
    "padded": np.array(["a", "bc"], dtype="U9"),
    "days": np.array(["2026-03-01", "NaT"], dtype="datetime64[D]").reshape(2, 1),
    "look-alike": {"a": 1, "levada_type": "date"},
    "numbers": np.array([[1, 2, 3], [4, 5, 6]], np.int16),
    "small": np.uint8(200),
    "map": {"not a name": 5.0},
    "by number": {2: "two"},
    "by pair": {(1, 2): "x"},
}


def test_a_char_matrix_comes_back_from_python_as_one(m_tests: MTests, server_address: str) -> None:
    with lv.Connection(server_address) as connection:
        schema = lv.Schema("lab", connection=connection)

        @schema
        class Item(lv.Manual):
            definition = """
            name : varchar(40)
            ---
            value : <blob>
            """

        m_tests.run("testValues", "test_write_matrix", server_address)
        matrix = Item.fetch1("value")
        assert matrix.tolist() == ["ab ", "cde"]
        Item.insert1({"name": "copy", "value": matrix})
        changed = matrix.copy()
        changed[0] = "x"
        Item.insert1({"name": "changed", "value": changed})
        m_tests.run("testValues", "test_read_matrix", server_address)


def test_values_of_python_in_matlab_and_back(m_tests: MTests, server_address: str) -> None:
    with lv.Connection(server_address) as connection:
        schema = lv.Schema("lab", connection=connection)

        @schema
        class Item(lv.Manual):
            definition = """
            name : varchar(40)
            ---
            value : <blob>
            """

        Item.insert([{"name": name, "value": value} for name, value in VALUES.items()])
        m_tests.run("testValues", "test_read", server_address)
        m_tests.run("testValues", "test_copy", server_address)
        for name, value in VALUES.items():
            copy = (Item & {"name": f"copy of {name}"}).fetch1("value")
            assert type(copy) is type(value)
            if isinstance(value, pd.DataFrame):
                pd.testing.assert_frame_equal(copy, value)
            elif isinstance(value, pa.Table):
                assert copy.equals(value)
            elif name == "padded":
                assert (copy.ravel().tolist(), copy.dtype) == (value.tolist(), value.dtype)
            else:
                np.testing.assert_equal(copy, value)
