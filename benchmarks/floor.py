"""The least that a small call can take here: a bare gRPC stream to a process that asks PostgreSQL once by asyncpg.

`python -m benchmarks.floor DSN SOCKET STATEMENT` serves it, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import asyncpg
import grpc
import grpc.aio
import uvloop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

_METHOD = "/floor.Floor/Ask"


@contextmanager
def bare_call(dsn: str, statement: str) -> Iterator[Callable[[int], bytes]]:
    """Serve a statement for the length of the block; yield a function that sends its parameter and gets one row."""
    with tempfile.TemporaryDirectory(prefix="levada-floor-") as folder:
        target = f"unix:{Path(folder) / 'socket'}"
        command = [sys.executable, "-m", "benchmarks.floor", dsn, target, statement]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdout.readline()
            requests: SimpleQueue[bytes | None] = SimpleQueue()
            with grpc.insecure_channel(target) as channel:
                call: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(_METHOD)
                answers = call(iter(requests.get, None))

                def ask(value: int) -> bytes:
                    requests.put(value.to_bytes(8, "little"))
                    answer: bytes = next(answers)
                    return answer

                yield ask
                requests.put(None)
            process.stdin.close()


async def _serve(dsn: str, target: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)

    async def ask(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        async for request in requests:
            row = await connection.fetchrow(statement, int.from_bytes(request, "little"))
            await context.write(repr(tuple(row or ())).encode())

    server = grpc.aio.server()
    service, _, method = _METHOD.strip("/").partition("/")
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(ask)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    server.add_insecure_port(target)
    await server.start()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)
    await connection.close()


if __name__ == "__main__":
    uvloop.run(_serve(*sys.argv[1:]))
