"""Rows are compressed on their way to and from another machine, and only there."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

import levada as lv
from levada._values import ipc_writer
from levada._values.ipc_writer import IpcWriter
from levada_server.arrow.ipc import compression
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TESTS = ("levada._values.ipc_writer",)

COUNT = 20_000


@pytest.fixture(autouse=True)
def slow_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server takes the link for slow, however quick it is."""
    monkeypatch.setattr(compression, "LOOK_S", math.inf)


@pytest.fixture
def proxy(server_address: str) -> Iterator[Proxy]:
    with Proxy([server_address]) as proxy:
        yield proxy


def another_machine(proxy: Proxy) -> str:
    """Return an address that the client does not know for its own machine."""
    return f"grpc://{proxy.address.replace('127.0.0.1', 'LOCALHOST')}"


def table_on(connection: lv.Connection) -> type[lv.Manual]:
    definition = "id : int64\n---\nx = null : float64\nname : varchar(20)\nmood : enum('good', 'bad')\nraw : bytes\n"
    declared: type[lv.Manual] = lv.Schema("lab", connection=connection)(
        type("Thing", (lv.Manual,), {"definition": definition})
    )
    return declared


def rows(count: int = COUNT) -> pa.Table:
    return pa.table(
        {
            "id": np.arange(count),
            "x": pa.array(np.arange(count) / 8, mask=np.arange(count) % 7 == 0),
            "name": [f"name {number % 100}" for number in range(count)],
            "mood": ["good", "bad"] * (count // 2),
            "raw": [bytes([number % 256]) * 20 for number in range(count)],
        }
    )


def passed(proxy: Proxy, work: Callable[[], object]) -> int:
    before = proxy.passed_bytes
    work()
    return proxy.passed_bytes - before


def test_rows_are_smaller_on_their_way_to_and_from_another_machine(proxy: Proxy) -> None:
    here, there = _sizes(proxy, proxy.address), _sizes(proxy, another_machine(proxy))
    for work, size in there.items():
        assert size * 3 < here[work], (work, here, there)
    assert here["fetch"] > COUNT * 50


def _sizes(proxy: Proxy, address: str) -> dict[str, int]:
    """Insert and fetch many rows; return the bytes of each."""
    found: list[pa.Table] = []
    with lv.Connection(address) as connection:
        thing = table_on(connection)
        thing.delete(prompt=False)

        def fetch() -> None:
            found.append(thing.to_arrow(order_by="KEY"))

        sizes = {"insert": passed(proxy, lambda: thing.insert(rows())), "fetch": passed(proxy, fetch)}
        with connection.transaction():
            sizes["fetch in a transaction"] = passed(proxy, fetch)
        for table in found:
            assert table.num_rows == COUNT
            assert table.to_pylist()[5:9] == rows().slice(5, 4).to_pylist()
        assert thing.to_pandas(order_by="KEY")["name"].tolist() == rows().column("name").to_pylist()
    return sizes


def test_few_rows_are_left_as_they_are(proxy: Proxy) -> None:
    sizes = []
    for address in (proxy.address, another_machine(proxy)):
        with lv.Connection(address) as connection:
            thing = table_on(connection)
            thing.insert(rows(100), skip_duplicates=True)
            thing.to_arrow()
            sizes.append(passed(proxy, thing.to_arrow))
    assert abs(sizes[0] - sizes[1]) < 400, sizes


def test_noise_and_values_of_any_size_come_back(proxy: Proxy) -> None:
    noise = [np.random.default_rng(1).bytes(300_000), bytes(40_000_000), b"", b"a"]
    with lv.Connection(another_machine(proxy)) as connection:
        thing = table_on(connection)
        thing.insert({"id": id_, "name": "a", "mood": "bad", "raw": raw} for id_, raw in enumerate(noise))
        assert thing.to_arrays("raw", order_by="KEY").tolist() == noise


@pytest.mark.parametrize("way", [None, *ipc_writer.COMPRESSIONS])
@pytest.mark.parametrize("sizes", [(), (1,), (1, 50_000, 1), (50_000, 1, 50_000), (0, 50_000), (4_000_000, 3)])
def test_streams_of_batches_of_any_size_are_read_as_one(sizes: tuple[int, ...], way: str | None) -> None:
    schema = pa.schema({"id": pa.int64(), "text": pa.dictionary(pa.int8(), pa.string())})
    codes = [pa.array(np.arange(size, dtype=np.int8) % 2) for size in sizes]
    texts = [pa.DictionaryArray.from_arrays(code, pa.array(["a", "b"])) for code in codes]
    batches = [
        pa.record_batch([pa.array(np.arange(size)), text], schema=schema)
        for size, text in zip(sizes, texts, strict=True)
    ]
    sink = io.BytesIO()
    writer = IpcWriter(sink, schema, way)
    for batch in batches:
        writer.write(batch)
    writer.close()
    read = pa.ipc.open_stream(sink.getvalue())
    assert read.schema.equals(schema, check_metadata=True)
    assert list(read) == batches
    large = any(batch.nbytes <= 2**25 for batch in batches if batch.nbytes >= 2**14)
    assert (len(sink.getvalue()) < sum(batch.nbytes for batch in batches) * 0.9) is (large and way is not None)
