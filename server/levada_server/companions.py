"""More server processes on the same port, among which the system distributes connections."""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import os
import signal
import sys
import threading
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from levada_server import allocation, deadline
from levada_server.app import serve
from levada_server.errors import LevadaError, Unavailable
from levada_server.logs import configure

if sys.platform != "win32":
    import uvloop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from levada_server.config import Settings
    from levada_server.supervision import Supervision

PAUSE_S = 1.0
"""The pause before a process that ended without a stop signal is replaced."""
ROUND_S = 5.0
"""How long a round of watching a process takes."""
SWITCH_S = 0.0005
"""How long, in seconds, a thread may keep the event loop waiting, which takes several turns for each small call."""
YOUNG_OBJECTS = 20_000
"""A call creates hundreds of objects that die with it, so garbage is collected only after this many."""
_LOG = logging.getLogger("levada.server")


@asynccontextmanager
async def companions(settings: Settings, count: int, supervision: Supervision) -> AsyncIterator[None]:
    """Run more processes for the length of the block, and replace any that ends.

    Args:
        settings: The settings of each.
        count: How many processes.
        supervision: The supervision of the tasks that replace processes.

    Raises:
        Unavailable: One could not start.
    """
    running: list[_Companion] = []
    try:
        for number in range(1, count + 1):
            running.append(await _Companion.start(replace(settings, metrics=_next_port(settings.metrics, number))))
        for number, companion in enumerate(running, 2):
            supervision.repeat(f"process-{number}", companion.keep)
        yield
    finally:
        for companion in running:
            companion.leave()
        await asyncio.gather(*(companion.stop() for companion in running))


def _next_port(metrics: tuple[str, int] | None, number: int) -> tuple[str, int] | None:
    """Return the address of a further process's metrics: a port for each, or any free port."""
    if metrics is None:
        return None
    host, port = metrics
    return host, port + number if port else 0


class _Companion:
    """A process and its successors."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._left = False
        self._process: SpawnProcess
        self._pipe: Connection
        self._ended: asyncio.Event

    @classmethod
    async def start(cls, settings: Settings) -> _Companion:
        companion = cls(settings)
        await companion._start()
        return companion

    async def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(self._settings, theirs), name="levada-server")
        self._process.start()
        theirs.close()
        self._ended = _event_of(self._process.sentinel)
        try:
            complaint: str | None = await asyncio.to_thread(self._pipe.recv)
        except EOFError:
            complaint = "it ended while starting"
        if complaint is not None:
            await self.stop()
            raise Unavailable(f"A further process of the server could not start: {complaint}")

    async def keep(self) -> None:
        """Wait a while for the process to end, and replace it if it has.

        Raises:
            Unavailable: The next could not start.
        """
        try:
            async with asyncio.timeout(ROUND_S):
                await self._end()
        except TimeoutError:
            return
        if self._left:
            await asyncio.sleep(ROUND_S)
            return
        _LOG.error("process %s ended with %s; starting another", self._process.pid, self._process.exitcode)
        await asyncio.sleep(PAUSE_S)
        if not self._left:
            await self._start()

    def leave(self) -> None:
        """Replace the process no more."""
        self._left = True

    async def stop(self) -> None:
        """Stop the process and wait for it."""
        self._process.terminate()
        await self._end()
        self._pipe.close()

    async def _end(self) -> None:
        await self._ended.wait()
        self._process.join()


def _event_of(sentinel: int) -> asyncio.Event:
    """Return an event that is set when the process of a sentinel ends."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.remove_reader(sentinel)
        ended.set()

    loop.add_reader(sentinel, end)
    return ended


def _work(settings: Settings, pipe: Connection) -> None:
    """Serve until stopped, or until the first process is gone."""
    configure(settings.log_level, settings.log_format)
    threading.Thread(target=_follow, args=(pipe,), name="levada-server-first", daemon=True).start()
    try:
        run(serve(settings, lambda _: pipe.send(None), stopping=partial(stop_in_time, settings)))
    except LevadaError as error:
        pipe.send(error.message)


def _follow(pipe: Connection) -> None:
    try:
        pipe.recv()  # nothing is ever sent through it
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)


def stop_in_time(settings: Settings) -> None:
    """Let the process end in time once its server begins to stop."""
    deadline.end_within(settings.grace_s + deadline.STOP_S)


def run(server: Coroutine[None, None, None]) -> None:
    """Run a server in this system's fastest event loop, without scanning imported modules for garbage."""
    allocation.return_large_blocks()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
    sys.setswitchinterval(SWITCH_S)
    if sys.platform == "win32":
        asyncio.run(server)
    else:
        uvloop.run(server)
