"""Arrow data that no honest client sends is refused with a clear error, and nothing is inserted."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import grpc.aio
import numpy as np
import pyarrow as pa
import pytest
import pytest_asyncio

from levada_api.v1 import row_service_pb2 as pb
from levada_api.v1 import row_service_pb2_grpc, schema_pb2, server_service_pb2, server_service_pb2_grpc
from levada_server import errors
from levada_server.arrow.ipc import ingest
from levada_server.arrow.ipc.reading import BATCH_VALUES
from levada_server.model.table import Tier
from levada_server.operations import inserts, updates
from levada_server.operations.inserts import InsertOptions
from levada_server.operations.transactions import TransactionLimits
from levada_server.rpc.server import RpcServer
from levada_server.rpc.status import status
from tests.support import make
from tests.support.make import ME, named
from tests.support.private_address import private_address

if TYPE_CHECKING:
    from levada_server.operations.context import Engine

DEFINITION = """
id : int64
---
name = null : varchar(20)
sex = null : enum('M', 'F')
time = null : datetime
day = null : date
clock = null : time
weight = null : float32
price = null : decimal(5,2)
notes = null : json
picture = null : bytes
trace = null : <array float32(2,)>
guid = null : uuid
"""
COUNT = 1237
"""The number of rows in a good stream; it occurs nowhere else there, so that it can be found and changed."""


@pytest_asyncio.fixture
async def table(engine: Engine) -> Engine:
    await make.make_table(engine, "Thing", DEFINITION)
    return engine


def stream(*batches: pa.RecordBatch) -> bytes:
    content = io.BytesIO()
    with pa.ipc.new_stream(content, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return content.getvalue()


def batch(**columns: pa.Array) -> pa.RecordBatch:
    """Rows with ids, and some other columns."""
    count = len(next(iter(columns.values()))) if columns else COUNT
    return pa.RecordBatch.from_pydict({"id": pa.array(range(count), pa.int64()), **columns})


GOOD = stream(
    batch(
        name=pa.array([f"name {i}" for i in range(COUNT)]),
        sex=pa.array(["M", "F", None] * (COUNT // 3) + ["M"]).dictionary_encode(),
        weight=pa.array(np.ones(COUNT, np.float32)),
    )
)
TWO = stream(batch(name=pa.array(["a"])), pa.RecordBatch.from_pydict({"id": pa.array([9]), "name": pa.array(["b"])}))


def from_buffers(
    type_: pa.DataType, count: int, *buffers: bytes | np.ndarray[tuple[int], np.dtype[np.int32]]
) -> pa.Array:
    """An array that nothing has checked."""
    return pa.Array.from_buffers(type_, count, [None, *map(pa.py_buffer, buffers)])


def with_number(content: bytes, occurrence: int, number: int) -> bytes:
    """Change one occurrence of the number of rows: of the batch, or of one of its columns."""
    old = COUNT.to_bytes(8, "little", signed=True)
    parts = content.split(old)
    assert len(parts) > occurrence + 1
    return (
        old.join(parts[: occurrence + 1])
        + number.to_bytes(8, "little", signed=True)
        + old.join(parts[occurrence + 1 :])
    )


def in_one_dictionary(values: list[str], codes: list[int]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(values), safe=False)


BAD: dict[str, tuple[bytes, type[errors.LevadaError]]] = {
    "nothing": (b"", errors.InvalidRequest),
    "text": (b"subject,name\n1,a\n", errors.InvalidRequest),
    "noise": (random.Random(1).randbytes(5000), errors.InvalidRequest),
    "noise after a schema": (GOOD[:600] + random.Random(2).randbytes(5000), errors.InvalidRequest),
    "a file instead of a stream": (b"ARROW1\0\0" + GOOD, errors.InvalidRequest),
    "cut in the middle": (GOOD[: len(GOOD) // 2], errors.InvalidRequest),
    "cut before the mark of its end": (TWO[:-8], errors.InvalidRequest),
    "cut inside of the mark of its end": (TWO[:-3], errors.InvalidRequest),
    "a list": (stream(batch(name=pa.array([["a", "b"]]))), errors.WrongValue),
    "a struct": (stream(batch(weight=pa.array([{"x": 1}]))), errors.WrongValue),
    "a moment as a number": (stream(batch(weight=pa.array([1], pa.timestamp("us")))), errors.WrongValue),
    "a tensor of another shape": (
        stream(
            batch(
                trace=pa.ExtensionArray.from_storage(
                    pa.fixed_shape_tensor(pa.float32(), [3]), pa.array([[1, 2, 3]], pa.list_(pa.float32(), 3))
                )
            )
        ),
        errors.WrongValue,
    ),
    "a tensor with a hole": (
        stream(
            batch(
                trace=pa.ExtensionArray.from_storage(
                    pa.fixed_shape_tensor(pa.float32(), [2]), pa.array([[1, None]], pa.list_(pa.float32(), 2))
                )
            )
        ),
        errors.WrongValue,
    ),
    "bytes without an array": (stream(batch(trace=pa.array([b"1234567"]))), errors.WrongValue),
    "a label that is none": (stream(batch(sex=in_one_dictionary(["M", "X"], [0, 1]))), errors.ValueOutOfRange),
    "a code past the dictionary": (stream(batch(sex=in_one_dictionary(["M", "F"], [0, 7]))), errors.InvalidRequest),
    "a negative code": (stream(batch(name=in_one_dictionary(["a"], [-2]))), errors.InvalidRequest),
    "a moment past all calendars": (
        stream(batch(time=pa.array([2**62], pa.timestamp("us")))),
        errors.ValueOutOfRange,
    ),
    "a moment past its unit": (stream(batch(time=pa.array([2**60], pa.timestamp("s")))), errors.ValueOutOfRange),
    "a day before all calendars": (stream(batch(day=pa.array([-(2**31)], pa.date32()))), errors.ValueOutOfRange),
    "a time after midnight": (
        stream(batch(clock=pa.array([86_400 * 10**6], pa.int64()).view(pa.time64("us")))),
        errors.InvalidRequest,
    ),
    "an integer out of range": (
        stream(pa.RecordBatch.from_pydict({"id": pa.array([1, 2**63], pa.uint64())})),
        errors.ValueOutOfRange,
    ),
    "NaN as an integer": (
        stream(pa.RecordBatch.from_pydict({"id": pa.array([1.0, float("nan")])})),
        errors.ValueOutOfRange,
    ),
    "a float out of range": (stream(batch(weight=pa.array([1e300]))), errors.ValueOutOfRange),
    "a decimal out of range": (stream(batch(price=pa.array([1000.0]))), errors.ValueOutOfRange),
    "a decimal that is none": (stream(batch(price=pa.array([float("nan")]))), errors.ValueOutOfRange),
    "text with NUL": (stream(batch(name=pa.array(["a\0b"]))), errors.ValueOutOfRange),
    "text that is not UTF-8": (
        stream(batch(name=from_buffers(pa.utf8(), 1, np.array([0, 2], np.int32), b"\xff\xfe"))),
        errors.InvalidRequest,
    ),
    "a document that is none": (stream(batch(notes=pa.array(["{"]))), errors.WrongValue),
    "an identifier that is none": (stream(batch(guid=pa.array([b"short"]))), errors.WrongValue),
    "offsets that go back": (
        stream(batch(name=from_buffers(pa.utf8(), 2, np.array([0, 3, 1], np.int32), b"abc"))),
        errors.InvalidRequest,
    ),
    "offsets past the end": (
        stream(batch(name=pa.array(["a", "b" * 12]))).replace(
            np.array([0, 1, 13], np.int32).tobytes(), np.array([0, 1, 2**30], np.int32).tobytes()
        ),
        errors.InvalidRequest,
    ),
    "offsets past 2^31": (
        stream(batch(name=pa.array(["a", "b" * 12], pa.large_utf8()))).replace(
            np.array([0, 1, 13], np.int64).tobytes(), np.array([0, 1, 2**31 + 1], np.int64).tobytes()
        ),
        errors.InvalidRequest,
    ),
    "a dictionary that is not UTF-8": (
        stream(
            batch(
                name=pa.DictionaryArray.from_arrays(
                    pa.array([0]), from_buffers(pa.utf8(), 1, np.array([0, 1], np.int32), b"\xff"), safe=False
                )
            )
        ),
        errors.InvalidRequest,
    ),
    "a document with NUL": (stream(batch(notes=pa.array(['"a\\u0000b"']))), errors.WrongValue),
    "no such attribute": (stream(batch(nothing=pa.array([1]))), errors.UnknownAttribute),
    "an attribute twice": (
        stream(pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"])),
        errors.InvalidRequest,
    ),
    "no key": (stream(pa.RecordBatch.from_pydict({"name": pa.array(["a"])})), errors.MissingAttribute),
    "a key that is missing": (
        stream(pa.RecordBatch.from_pydict({"id": pa.array([1, None], pa.int64())})),
        errors.MissingAttribute,
    ),
    **{
        f"{number} rows at place {place}": (
            with_number(GOOD, place, number),
            # The first place is the batch's, which Arrow compares with those of its columns.
            errors.LimitReached if place and number > BATCH_VALUES else errors.InvalidRequest,
        )
        for place in range(4)
        for number in (COUNT + 1, COUNT * 100, -1, 2**31, 2**62)
    },
}


async def count(engine: Engine) -> int:
    return len(await make.fetch(engine, "Thing"))


@pytest.mark.parametrize(("content", "kind"), BAD.values(), ids=BAD.keys())
async def test_bad_arrow_is_refused_whole(table: Engine, content: bytes, kind: type[errors.LevadaError]) -> None:
    with pytest.raises(errors.LevadaError) as caught:
        await inserts.insert(table, ME, named("Thing"), InsertOptions(), io.BytesIO(content))
    assert type(caught.value) is kind, caught.value
    assert len(caught.value.message) > 20
    assert await count(table) == 0
    assert await inserts.insert(table, ME, named("Thing"), InsertOptions(), io.BytesIO(GOOD)) == COUNT


async def test_a_bad_batch_undoes_the_good_ones_before_it(table: Engine) -> None:
    good = batch(name=pa.array(["a"] * 2000))
    bad = pa.RecordBatch.from_pydict(
        {"id": pa.array([9999]), "name": from_buffers(pa.utf8(), 1, np.array([0, 1], np.int32), b"\xff")}
    )
    with pytest.raises(errors.InvalidRequest):
        await inserts.insert(table, ME, named("Thing"), InsertOptions(), io.BytesIO(stream(good, bad)))
    assert await count(table) == 0


@pytest.mark.parametrize("limit", ["STREAM_BYTES", "STREAM_VALUES"])
async def test_many_batches_that_each_fit_are_refused_once_they_take_too_much_together(
    table: Engine, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = [pa.record_batch({"id": pa.array(range(first, first + COUNT))}) for first in range(0, 5 * COUNT, COUNT)]
    most = 3 * COUNT * (1 if limit == "STREAM_VALUES" else 8)
    monkeypatch.setattr(ingest, limit, most + COUNT // 2)
    with pytest.raises(errors.LimitReached, match="send fewer"):
        await inserts.insert(table, ME, named("Thing"), InsertOptions(), io.BytesIO(stream(*batches)))
    assert await count(table) == 0
    content = io.BytesIO(stream(*batches[:3]))
    assert await inserts.insert(table, ME, named("Thing"), InsertOptions(), content) == 3 * COUNT


async def test_large_values_are_refused_with_the_way_around(table: Engine) -> None:
    limited = replace(table, value_bytes=1000)
    fits = batch(picture=pa.array([b"", bytes(1000)]))
    large = fits.set_column(1, "picture", pa.array([b"", bytes(1001)]))
    with pytest.raises(errors.LimitReached, match=r"has 1001 bytes.*at most 1000.*<blob@store>") as caught:
        await inserts.insert(limited, ME, named("Thing"), InsertOptions(), io.BytesIO(stream(large)))
    assert (caught.value.details["row"], caught.value.details["attribute"]) == ("1", "picture")
    assert await count(table) == 0
    assert await inserts.insert(limited, ME, named("Thing"), InsertOptions(), io.BytesIO(stream(fits))) == 2
    with pytest.raises(errors.LimitReached, match="store"):
        await updates.update(limited, ME, named("Thing"), {"id": 1, "picture": bytes(1001)})
    await updates.update(limited, ME, named("Thing"), {"id": 1, "picture": bytes(1000)})


@pytest.mark.parametrize(("size", "told"), [(1001, "has 1001 bytes"), (None, "does not say how many")])
async def test_compressed_values_count_by_what_they_stand_for(engine: Engine, size: int | None, told: str) -> None:
    await make.make_table(engine, "Kept", "id : int64\n---\nvalue : <blob>")
    limited = replace(engine, value_bytes=1000)

    def rows(frame: bytes) -> io.BytesIO:
        return io.BytesIO(stream(batch(value=pa.array([b"lv1\0", b"lv1z" + frame], pa.binary()))))

    frame = pa.compress(bytes(size or 0), codec="zstd", asbytes=True) if size else b"\x28\xb5\x2f\xfd\0\x58\x01\0\0"
    with pytest.raises(errors.LevadaError, match=told) as caught:
        await inserts.insert(limited, ME, named("Kept"), InsertOptions(), rows(frame))
    assert (caught.value.details["row"], caught.value.details["attribute"]) == ("1", "value")
    small = pa.compress(bytes(1000), codec="zstd", asbytes=True)
    assert await inserts.insert(limited, ME, named("Kept"), InsertOptions(), rows(small)) == 2
    with pytest.raises(errors.LevadaError, match=told) as caught:
        await updates.update(limited, ME, named("Kept"), {"id": 1, "value": b"lv1z" + frame})
    assert caught.value.details["attribute"] == "value"
    await updates.update(limited, ME, named("Kept"), {"id": 1, "value": b"lv1z" + small})
    await make.make_table(engine, "Made", "-> Kept\n---\nvalue : <blob>", Tier.COMPUTED)
    await make.refresh(engine, "Made")
    (lease,) = await make.reserve(engine, await make.make_session(engine), "Made")
    with pytest.raises(errors.LevadaError, match=told):
        await make.complete(limited, lease, {"Made": [{"id": 0, "value": b"lv1z" + frame}]})
    await make.complete(limited, lease, {"Made": [{"id": 0, "value": b"lv1z" + small}]})


async def test_a_server_says_what_a_value_may_have(engine: Engine) -> None:
    for limited, value_bytes in ((engine, 64 * 2**20), (replace(engine, value_bytes=1000), 1000)):
        server = RpcServer(limited, "0", embedded=False, transaction_limits=TransactionLimits())
        address = server.listen(private_address())
        await server.start()
        async with grpc.aio.insecure_channel(address) as channel:
            stub = server_service_pb2_grpc.ServerServiceStub(channel)
            info = await stub.GetServerInfo(server_service_pb2.GetServerInfoRequest())
        assert info.limits.value_bytes == value_bytes
        await server.stop(10)


async def test_a_few_codes_that_stand_for_more_than_memory_are_refused(table: Engine) -> None:
    codes = pa.array(np.zeros(2**20, np.int8))
    bomb = batch(picture=pa.DictionaryArray.from_arrays(codes, pa.array([bytes(2**20)])))
    with pytest.raises(errors.LimitReached, match="fewer rows"):
        await inserts.insert(table, ME, named("Thing"), InsertOptions(), io.BytesIO(stream(bomb)))
    assert await count(table) == 0


async def test_no_damaged_byte_ends_the_process_or_its_connections(table: Engine) -> None:
    rng = random.Random(3)
    for _ in range(400):
        damaged = bytearray(TWO if rng.random() < 0.5 else GOOD)
        head = min(len(damaged), 1500)  # the schema and the lengths, because their damage has the worst effects
        for _ in range(rng.choice([1, 1, 4])):
            damaged[rng.randrange(head)] = rng.randrange(256)
        try:
            await inserts.insert(table, ME, named("Thing"), InsertOptions(replace=True), io.BytesIO(bytes(damaged)))
        except errors.LevadaError as error:
            assert error.message
    await inserts.insert(table, ME, named("Thing"), InsertOptions(replace=True), io.BytesIO(GOOD))
    assert await count(table) >= COUNT


async def test_over_one_channel_each_is_told_and_the_channel_goes_on(table: Engine) -> None:
    server = RpcServer(table, "0", embedded=False, transaction_limits=TransactionLimits())
    address = server.listen(private_address())
    await server.start()
    header = pb.InsertHeader(name=schema_pb2.TableName(schema="lab", table="Thing"))
    async with grpc.aio.insecure_channel(address) as channel:
        stub = row_service_pb2_grpc.RowServiceStub(channel)
        for content, kind in BAD.values():
            with pytest.raises(grpc.aio.AioRpcError) as one:
                await stub.InsertFewRows(pb.InsertFewRowsRequest(header=header, arrow_ipc=content))
            halves = [content[: len(content) // 2], content[len(content) // 2 :]]
            pieces = [pb.InsertRowsRequest(header=header), *(pb.InsertRowsRequest(arrow_ipc=half) for half in halves)]
            with pytest.raises(grpc.aio.AioRpcError) as other:
                await stub.InsertRows(iter(pieces))
            assert one.value.code() == other.value.code() == status(kind("x"))[0]
            assert one.value.details() == other.value.details()
        answer = await stub.InsertFewRows(pb.InsertFewRowsRequest(header=header, arrow_ipc=GOOD))
        assert answer.row_count == await count(table) == COUNT
    await server.stop(0)


@pytest.mark.parametrize("row_count", [3, 2_000])
@pytest.mark.parametrize("skip_duplicates", [False, True])
@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("{", "this is not JSON"),
        ("NaN", "NaN is not a number in JSON"),
        (r'{"a": ["x\u0000"]}', "the character NUL"),
        (r'"\ud800"', "a lone surrogate"),
    ],
)
async def test_a_wrong_document_is_named_by_row_and_attribute(
    table: Engine, row_count: int, skip_duplicates: bool, document: str, problem: str
) -> None:
    notes = pa.array(['{"u": "\\\\u0000"}'] * (row_count - 1) + [document])
    content = stream(batch(name=pa.array(["a"] * row_count), notes=notes))
    with pytest.raises(errors.WrongValue, match=f"row {row_count - 1}, attribute `notes`: .*{problem}") as caught:
        options = InsertOptions(skip_duplicates=skip_duplicates)
        await inserts.insert(table, ME, named("Thing"), options, io.BytesIO(content))
    assert caught.value.details["row"] == str(row_count - 1)
    assert await count(table) == 0
