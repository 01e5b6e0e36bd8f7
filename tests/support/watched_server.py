"""A server in a process of its own that measures how long its event loop was held: `python -m` with a database's URL.

For each line on its input it prints the longest hold since the last one, in seconds, and its memory, in bytes.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import psutil

from levada_server.app import running
from levada_server.config import Settings

TICK_S = 0.005


async def watch(database_url: str, folder: Path) -> None:
    """Serve until the input ends."""
    settings = Settings(database_url=database_url, data_folder=folder, listen="127.0.0.1:0", grace_s=0.1)
    async with running(settings) as (_, address):
        print(address, flush=True)  # noqa: T201  # the process that started this one reads it
        worst = 0.0
        asked = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
        while True:
            began, computed = time.perf_counter(), time.process_time()
            await asyncio.sleep(TICK_S)
            # Another process may have had the processor; then this one has not computed meanwhile.
            held = min(time.perf_counter() - began - TICK_S, time.process_time() - computed)
            worst = max(worst, held)
            if asked.done():
                if not asked.result():
                    return
                print(worst, psutil.Process().memory_info().rss, flush=True)  # noqa: T201  # as above
                worst = 0.0
                asked = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(watch(sys.argv[1], Path(place)))
