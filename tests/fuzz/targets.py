"""The targets of fuzzing: each has seeds, takes an input as the code does, and names the clear errors."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from levada._values.blob import MAX_ROW_BYTES, decode_blob, encode_blob
from levada.errors import LevadaError as ClientError
from levada_server.arrow.ipc.ingest import RowStream
from levada_server.arrow.ipc.reading import Allowance
from levada_server.arrow.types import COLUMN_KINDS
from levada_server.errors import LevadaError
from levada_server.model.declaration import declare
from levada_server.model.dependencies import Catalog
from levada_server.model.table import TableName, Tier
from levada_server.query.algebra import ExpressionText, Restrict, TableOperand
from levada_server.query.compile import compile_relation
from levada_server.rpc.decoding.entities import entity_set
from tests.fuzz import messages, relations
from tests.fuzz.values import VALUES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from levada_server.model.table import Table

TESTS = ("levada._values.blob",)

DEFINITION = """
id : int64
---
name = null : varchar(20)
sex = null : enum('M', 'F')
time = null : datetime
zoned = null : timestamptz
day = null : date
clock = null : time
delay = null : duration
weight = null : float32
price = null : decimal(5,2)
notes = null : json
picture = null : bytes
trace = null : <array float32(2,)>
guid = null : uuid
value = null : <blob>
file = null : <attach>
"""
_CODECS = (None, "zstd")
NAME = TableName("lab", "Thing")
TABLE: Table = replace(declare(NAME, Tier.MANUAL, DEFINITION, lambda name: TABLE), id=1)
RESULT: Table = replace(
    declare(TableName("lab", "Result"), Tier.COMPUTED, "-> Thing\n---\nscore : float64\n", lambda name: TABLE),
    id=2,
    has_make=True,
    source_key=("id",),
)
CATALOG = Catalog(1, frozenset({"lab"}), {table.name: table for table in (TABLE, RESULT)})


@dataclass(frozen=True, slots=True)
class Target:
    """A function that is fuzzed.

    Args:
        seeds: Valid inputs.
        take: The function.
        allowed: The errors that it may raise.
    """

    seeds: Callable[[], Iterable[bytes]]
    take: Callable[[bytes], object]
    allowed: type[Exception]


def _streams(*, nested: bool) -> list[bytes]:
    columns = {
        "name": pa.array(["a", None, "bcd"]),
        "sex": pa.array(["M", "F", None]).dictionary_encode(),
        "time": pa.array([0, 1, None], pa.timestamp("us")),
        "zoned": pa.array([0, 1, None], pa.timestamp("ns", "Europe/Berlin")),
        "day": pa.array([0, 1, None], pa.date32()),
        "clock": pa.array([0, 1, None], pa.time64("us")),
        "delay": pa.array([0, -1, None], pa.duration("ms")),
        "weight": pa.array([0.5, 1, None], pa.float64()),
        "price": pa.array([1, 2, None], pa.decimal128(7, 2)),
        "notes": pa.array([{"a": [1, 2]}, None, {"a": []}]),
        "picture": pa.array([b"", b"abc", None], pa.large_binary()),
        "trace": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.float32(), 2)),
        "guid": pa.array([bytes(16), None, bytes(16)], pa.uuid()),
        "value": pa.array([b"lv1\0", b"lv1z" + pa.compress(bytes(9), "zstd", asbytes=True), None]),
        "file": pa.array([b"a\0b", None, None]),
    }
    if not nested:
        del columns["notes"], columns["trace"]
        return [
            _stream(pa.record_batch({name: column}), codec) for name, column in columns.items() for codec in _CODECS
        ]
    columns["trace"] = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float32(), [2]), columns["trace"])
    ids = pa.array(range(3), pa.int64())
    batches = [pa.record_batch({"id": ids, name: column}) for name, column in columns.items()]
    batches.append(pa.record_batch({"id": ids, **columns}))
    return [_stream(batch, codec) for batch in batches for codec in _CODECS]


def _stream(batch: pa.RecordBatch, codec: str | None) -> bytes:
    content = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=codec)
    with pa.ipc.new_stream(content, batch.schema, options=options) as writer:
        writer.write_batch(batch)
        writer.write_batch(batch.slice(1))
    return content.getvalue()


def _insert(content: bytes) -> None:
    for columns in RowStream(pa.PythonFile(io.BytesIO(content), "r"), TABLE, ignore_extra_fields=True):
        columns.check_sizes(TABLE, 2**20)
        for attribute, array in zip(columns.attributes, columns.arrays, strict=True):
            COLUMN_KINDS[attribute.type.kind].encode(array, attribute.type)
            COLUMN_KINDS[attribute.type.kind].to_driver(array)


def _restrict(content: bytes) -> None:
    entity_set(content, lambda rows, columns: None, Allowance(2**27, 2**20))


def _blobs() -> list[bytes]:
    return [encode_blob(value) for value in VALUES] + [encode_blob(np.zeros(2000))]


def _declare(content: bytes) -> None:
    text = content.decode(errors="replace")
    declare(NAME, Tier.MANUAL, text, lambda name: TABLE)


EXPRESSIONS = (
    "id > 5 and name like 'a%' or not (weight between 1 and 2.5)",
    "name in ('a', 'b', null) and coalesce(name, 'x') is not null",
    "day + interval 1 day >= '2026-01-01' and time < now() and timestampdiff(day, day, time) < 3",
    "if(weight is null, 0, round(weight, 2)) = cast(price as float64)",
    "case when sex = 'M' then 1 else -2 end % 7 = abs(id) * 3 / 2",
    "notes.a.b[0] = 'x' and nullif(id, 3) is null and length(concat(name, 'é')) <= 9",
    "replace(lower(name), 'a', 'b') <> 'c' and picture is null and guid = '00000000-0000-0000-0000-000000000000'",
)


def _compile(content: bytes) -> None:
    text = ExpressionText(content.decode(errors="replace"))
    compile_relation(Restrict(TableOperand(NAME), text), CATALOG)


def _rows() -> bytes:
    return _stream(pa.record_batch({"id": pa.array([1, 2]), "name": pa.array(["a", None])}), None)


TARGETS = {
    "arrow": Target(lambda: _streams(nested=True), _insert, LevadaError),
    "entities": Target(lambda: _streams(nested=False), _restrict, LevadaError),
    "values": Target(_blobs, lambda content: decode_blob(content, MAX_ROW_BYTES), ClientError),
    "expressions": Target(lambda: map(str.encode, EXPRESSIONS), _compile, LevadaError),
    "definitions": Target(lambda: [DEFINITION.encode()], _declare, LevadaError),
    "relations": Target(
        lambda: relations.seeds(_rows()), lambda content: relations.read(content, CATALOG), LevadaError
    ),
    "messages": Target(
        lambda: messages.seeds(relations.every_condition(_rows()), _rows()),
        messages.Dispatching(CATALOG).take,
        LevadaError,
    ),
}
