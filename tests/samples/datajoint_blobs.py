"""The contents of the samples in `datajoint_blobs.json`; as a program, it writes them anew by DataJoint for Python.

pip install datajoint==2.3.5
python tests/samples/datajoint_blobs.py
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

FILE = Path(__file__).with_suffix(".json")

_RECORDS = np.array([(1, 0.5, True), (2, -1.5, False)], dtype=[("n", "i4"), ("x", "f8"), ("ok", "?")])
_STRUCTS = np.empty((1, 2), dtype=[("name", object), ("trace", object)])
_STRUCTS["name"] = [[np.array([1.0]), np.array([2.0])]]
_STRUCTS["trace"][0, 0], _STRUCTS["trace"][0, 1] = np.arange(3.0), np.zeros((0, 0))
_CELLS = np.empty((2, 2), dtype=object)
_CELLS[0, 0], _CELLS[1, 0] = np.arange(2.0), np.array([[True]])
_CELLS[0, 1], _CELLS[1, 1] = np.zeros((0, 0)), np.array([[5]], np.uint8)

VALUES: dict[str, Any] = {
    # These need no more than mYm has.
    **{
        f"array {dtype}": np.arange(6).reshape(2, 3).astype(dtype)
        for dtype in ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "c8", "c16")
    },
    "array of no elements": np.zeros((0, 3)),
    "array of three dimensions": np.arange(24.0).reshape(2, 3, 4),
    "array in Fortran's order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "array of non-finite numbers": np.array([np.nan, np.inf, -0.0]),
    "compressed": np.zeros(5_000),
    "cells": _CELLS,
    "structs": _STRUCTS,
    # These are dj0.
    "none": None,
    "bool": True,
    "int": -5,
    "long int": 3**200,
    "float": -0.0,
    "complex": 1.5 - 2j,
    "text": "naïve 🐬\0",
    "empty text": "",
    "bytes": b"\0\xff",
    "decimal": Decimal("-1.50"),
    "uuid": UUID(int=5),
    "date": dt.date(2026, 1, 2),
    "time": dt.time(23, 59, 59, 999_999),
    "midnight": dt.time(0),
    "datetime": dt.datetime(1, 1, 1, 0, 0, 0, 1),
    "list": [1, [2.5, "x"], None, []],
    "tuple": (1, ("a", ())),
    "set": {1, 2},
    "dict": {"a": 1, 5: {"b": np.arange(3)}, (1, 2): None},
    "large dict": {f"key {i}": float(i) for i in range(200)},
    "scalar of NumPy": np.array(2.5, np.float32),
    "moments": np.array(["2026-01-02T03", "NaT"], dtype="datetime64[us]"),
    "array of objects": np.array([1, "x", None], dtype=object),
    "array of text": np.array([["a", "bc"]], dtype=object),
    "records": _RECORDS,
}
"""The value that each sample must be read as."""


def main() -> None:
    """Write the samples."""
    from datajoint import blob  # needed only for this

    written = {
        **VALUES,
        "cells": VALUES["cells"].view(blob.MatCell),
        "structs": VALUES["structs"].view(blob.MatStruct),
        "scalar of NumPy": np.float32(2.5),
        "array of text": VALUES["array of text"].astype(str),
    }
    packed = {name: base64.b64encode(blob.pack(value)).decode() for name, value in written.items()}
    FILE.write_text(json.dumps(packed, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
