"""A server in a process of its own that measures how long its event loop was held: `python -m` with a database's URL.

For each line on its input it prints what happened since the last one: how long the loop's thread computed at most
between two turns, how long at most threads beside kept it from its turn, both in seconds, and the memory of the process
in bytes. Neither time counts what other processes take of the processor.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import psutil

from levada_server.app import running
from levada_server.companions import run
from levada_server.config import Settings
from tests.support.private_address import private_address

TICK_S = 0.005


async def watch(database_url: str, folder: Path) -> None:
    """Serve until the input ends."""
    settings = Settings(database_url=database_url, data_folder=folder, listen=private_address(), grace_s=0.1)
    async with running(settings) as (_, address):
        print(address, flush=True)  # noqa: T201  # the process that started this one reads it
        computed_s = held_s = 0.0
        asked = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
        while True:
            clocks = time.perf_counter(), time.process_time(), time.thread_time()
            await asyncio.sleep(TICK_S)
            wall = time.perf_counter() - clocks[0] - TICK_S
            computed_s = max(computed_s, time.thread_time() - clocks[2])
            held_s = max(held_s, min(wall, time.process_time() - clocks[1]))
            if asked.done():
                if not asked.result():
                    return
                print(computed_s, held_s, psutil.Process().memory_info().rss, flush=True)  # noqa: T201  # as above
                computed_s = held_s = 0.0
                asked = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        run(watch(sys.argv[1], Path(place)))
