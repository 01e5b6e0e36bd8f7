"""A TCP proxy that delays each byte by half a round trip in each direction, and can limit the bandwidth.

`python -m benchmarks.delaying_proxy` prints its port, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE_BYTES = 2**16
_WAITING = 1_000
"""The most pieces on their way in one direction."""
_WAITING_IN_LINE = 16
"""As many if the bandwidth is limited: a megabyte, as the buffers of a router hold."""


@contextmanager
def far_away(target: str, round_trip_s: float, bytes_per_s: float = math.inf) -> Iterator[int]:
    """Run the proxy in its own process for the length of the block; return its port.

    Args:
        target: The server, `host:port` or `unix:/path`.
        round_trip_s: The time in seconds that a byte and its answer take longer than without the proxy.
        bytes_per_s: The bandwidth in each direction of each connection.
    """
    command = [sys.executable, "-m", "benchmarks.delaying_proxy", target, str(round_trip_s), str(bytes_per_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float, bytes_per_s: float
) -> None:
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(
        _WAITING if bytes_per_s == math.inf else _WAITING_IN_LINE
    )
    free = 0.0  # when the line has sent all earlier bytes

    async def deliver() -> None:
        while True:
            due, piece = await pieces.get()
            await asyncio.sleep(due - loop.time())
            if not piece:
                break
            writer.write(piece)
            await writer.drain()
        writer.close()

    delivering = asyncio.create_task(deliver())
    with suppress(OSError):
        while piece := await reader.read(_PIECE_BYTES):
            free = max(free, loop.time()) + len(piece) / bytes_per_s
            await pieces.put((free + delay_s, piece))
    await pieces.put((max(free, loop.time()) + delay_s, b""))
    with suppress(OSError):
        await delivering


async def _serve(target: str, round_trip_s: float, bytes_per_s: float) -> None:
    scheme, _, path = target.partition(":")

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # at the end
            await carry(reader, writer)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if scheme == "unix":
            their_reader, their_writer = await asyncio.open_unix_connection(path)
        else:
            their_reader, their_writer = await asyncio.open_connection(scheme, int(path))
        delay_s = round_trip_s / 2
        await asyncio.gather(
            _pass_on(reader, their_writer, delay_s, bytes_per_s), _pass_on(their_reader, writer, delay_s, bytes_per_s)
        )

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    # `select` waits for parts of a millisecond; `epoll` would add up to one in each direction.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(_serve(sys.argv[1], *map(float, sys.argv[2:])))
