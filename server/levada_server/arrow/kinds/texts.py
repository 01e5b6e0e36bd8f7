"""Columns of text and enums."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from levada_server.arrow.kinds.column_kind import ColumnKind, converted, is_text, read_texts, write_binaries
from levada_server.errors import ValueOutOfRange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_server.arrow.kinds.column_kind import Field
    from levada_server.model.types import AttributeType


_FEW = 16
"""Up to this many values Python checks more quickly than Arrow."""


def _read(field: Field, _: pa.DataType, __: AttributeType) -> pa.Array:
    return read_texts(field)


def _fit(column: pa.Array, target: pa.DataType, type_: AttributeType) -> pa.Array | None:
    if not is_text(column.type):
        return None
    column = converted(column, target)
    if len(column) <= _FEW:
        longest = sys.maxsize if type_.length is None else type_.length
        fits = all(value is None or (len(value) <= longest and "\0" not in value) for value in column.to_pylist())
        return column if fits else None
    if type_.length is not None and (pc.max(pc.utf8_length(column)).as_py() or 0) > type_.length:
        return None
    return None if pc.any(pc.match_substring(column, "\0")).as_py() else column


TEXTS = ColumnKind(pa.utf8(), _read, write_binaries, _fit)


def _labels(type_: AttributeType) -> pa.Array:
    return pa.array(type_.labels, pa.utf8())


def _read_enums(field: Field, _: pa.DataType, type_: AttributeType) -> pa.Array:
    texts, labels = read_texts(field), _labels(type_)
    codes = pc.index_in(texts, labels)
    if codes.null_count != texts.null_count:
        strange = pc.filter(texts, pc.and_(codes.is_null(), texts.is_valid()))[0].as_py()
        raise ValueOutOfRange(f"The result has {strange!r} in an enum that has no such label.")
    return pa.DictionaryArray.from_arrays(codes, labels)


def _enums_from_driver(values: Sequence[object], _: pa.DataType, type_: AttributeType) -> pa.Array:
    codes = {label: code for code, label in enumerate(type_.labels)}
    indices = pa.array([None if v is None else codes[str(v)] for v in values], pa.int32())
    return pa.DictionaryArray.from_arrays(indices, _labels(type_))


def _fit_enums(column: pa.Array, target: pa.DataType, type_: AttributeType) -> pa.Array | None:
    if not is_text(column.type):
        return None
    column = converted(column, target)
    known = pc.all(pc.is_in(column.drop_null(), _labels(type_))).as_py()
    return column if known is not False else None


ENUMS = ColumnKind(
    pa.dictionary(pa.int32(), pa.utf8()),
    _read_enums,
    write_binaries,
    _fit_enums,
    storage=pa.utf8(),
    from_driver=_enums_from_driver,
)
