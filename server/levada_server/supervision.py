"""The background tasks of the server: their errors are logged, they start again, and their health is known."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from levada_server.errors import LevadaError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
"""The pause after a failed round doubles with each further failure, up to this or to the task's own interval."""
_LOG = logging.getLogger("levada.server")


class Report(Protocol):
    """Takes the health of background tasks, and whether the server is ready."""

    async def __call__(self, name: str, *, healthy: bool, ready: bool) -> None:
        """Note whether the last round of a task succeeded, if one is named, and whether the server is ready."""
        ...


class Supervision:
    """Runs background tasks, each a round that repeats for ever, and knows whether the server is ready for calls.

    A round that fails, in whatever way, is logged and repeated after a pause. `close` is all that ends a task. The
    server is ready unless a task fails on which calls depend, or it is about to stop; any thread may ask.
    """

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._report: Report | None = None
        self._failing: dict[str, bool] = {}  # the tasks that fail now, and whether calls depend on each
        self._draining = False
        self.failure_counts: Counter[str] = Counter()
        """How often a round of each task has failed."""
        self.gave_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Gets the error with which the server must end."""

    def report_to(self, report: Report) -> None:
        """Report the health of the tasks that begin from now on."""
        self._report = report

    def repeat(
        self,
        name: str,
        work: Callable[[], Awaitable[object]],
        every_s: float = 0.0,
        *,
        first_s: float = 0.0,
        essential: bool = False,
    ) -> None:
        """Begin a background task.

        Args:
            name: A word for the log and for health.
            work: One round.
            every_s: The pause between two rounds; 0 if a round itself waits for something to do.
            first_s: The pause before the first round.
            essential: The server is not ready while the task fails.
        """
        self._tasks.append(
            asyncio.create_task(self._keep(name, work, every_s, first_s, essential), name=f"levada-{name}")
        )

    @property
    def failing(self) -> tuple[str, ...]:
        """Return the tasks whose last round failed."""
        return tuple(dict(self._failing))

    @property
    def obstacles(self) -> tuple[str, ...]:
        """Return why the server is not ready for calls; nothing if it is ready."""
        failing = tuple(name for name, essential in dict(self._failing).items() if essential)
        return (*failing, "stopping") if self._draining else failing

    async def drain(self) -> None:
        """Report that the server is about to stop, so that it is not ready for new clients."""
        self._draining = True
        await self._tell("", healthy=True)

    def give_up(self, error: LevadaError) -> None:
        """Let the server end with an error that no further round mends."""
        if not self.gave_up.done():
            self.gave_up.set_exception(error)

    async def close(self) -> None:
        """End all tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.gave_up.done():
            self.gave_up.exception()  # whoever waits for it has had it

    async def _keep(
        self, name: str, work: Callable[[], Awaitable[object]], every_s: float, first_s: float, essential: bool
    ) -> None:
        failures = 0
        if first_s:
            await asyncio.sleep(first_s)
        while not _ending():  # what a round awaits may swallow that the task was cancelled
            try:
                await work()
                failed = False
            except asyncio.CancelledError:
                if _ending():
                    raise
                _LOG.error("background task %s was cancelled from inside; it starts again", name)
                failed = True
            except LevadaError as error:
                _LOG.warning("background task %s failed; it starts again: %s", name, error)
                failed = True
            except Exception:  # noqa: BLE001  # whatever it was, the task must go on
                _LOG.exception("background task %s failed; it starts again", name)
                failed = True
            if failed:
                self._failing[name] = essential
                self.failure_counts[name] += 1
            if failed or failures:
                if not failed:
                    del self._failing[name]
                await self._tell(name, healthy=not failed)
            failures = failures + 1 if failed else 0
            await asyncio.sleep(_pause(failures, every_s) if failed else every_s)

    async def _tell(self, name: str, *, healthy: bool) -> None:
        if self._report is None:
            return
        try:
            await self._report(name, healthy=healthy, ready=not self.obstacles)
        except Exception:  # noqa: BLE001  # a task outlives whoever listens
            _LOG.exception("the health of background task %s was not reported", name)


def _ending() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _pause(failures: int, every_s: float) -> float:
    doubled: float = FIRST_PAUSE_S * 2.0 ** min(failures - 1, 16)
    return min(doubled, max(LONGEST_PAUSE_S, every_s))
