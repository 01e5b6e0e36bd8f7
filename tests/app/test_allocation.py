"""The memory of large messages goes back to the system when they are done."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio
import psutil
from levada_server.companions import run

BLOCK_BYTES = 16 * 2**20
COUNT = 10

def used_bytes():
    return psutil.Process().memory_info().rss

async def serve():
    kept = []
    bytearray(BLOCK_BYTES * 3 // 2)  # a larger one was freed before
    before = used_bytes()
    for _ in range(3):
        messages = []
        for _ in range(COUNT):
            messages.append(bytearray(b"x" * BLOCK_BYTES))
            kept.append(bytearray(2000))  # lives longer than the message before it
        messages.clear()
    print(used_bytes() - before)

run(serve())
"""
GROWN_BYTES = 8 * 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps them by default")
def test_large_messages_leave_no_holes_between_small_blocks() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True)
    assert int(done.stdout) < GROWN_BYTES
