"""The background tasks of the server: their errors are logged, they start again, and their health is known."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from levada_server.errors import LevadaError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
"""The pause after a failed round doubles with each further failure, up to this or to the task's own interval."""
_LOG = logging.getLogger("levada.server")


class Report(Protocol):
    """Takes the health of a background task."""

    async def __call__(self, name: str, *, healthy: bool, essential: bool) -> None:
        """Note whether the last round of a task succeeded, and whether calls depend on the task."""
        ...


class Supervision:
    """Runs background tasks, each a round that repeats for ever.

    A round that fails, in whatever way, is logged and repeated after a pause. `close` is all that ends a task.
    """

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._report: Report | None = None
        self.gave_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Gets the error with which the server must end."""

    def report_to(self, report: Report) -> None:
        """Report the health of the tasks that begin from now on."""
        self._report = report

    def repeat(
        self, name: str, work: Callable[[], Awaitable[object]], every_s: float = 0.0, *, essential: bool = False
    ) -> None:
        """Begin a background task.

        Args:
            name: A word for the log and for health.
            work: One round.
            every_s: The pause between two rounds; 0 if a round itself waits for something to do.
            essential: The server is not ready while the task fails.
        """
        self._tasks.append(asyncio.create_task(self._keep(name, work, every_s, essential), name=f"levada-{name}"))

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

    async def _keep(self, name: str, work: Callable[[], Awaitable[object]], every_s: float, essential: bool) -> None:
        failures = 0
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
            if failed or failures:
                await self._tell(name, healthy=not failed, essential=essential)
            failures = failures + 1 if failed else 0
            await asyncio.sleep(_pause(failures, every_s) if failed else every_s)

    async def _tell(self, name: str, *, healthy: bool, essential: bool) -> None:
        if self._report is None:
            return
        try:
            await self._report(name, healthy=healthy, essential=essential)
        except Exception:  # noqa: BLE001  # a task outlives whoever listens
            _LOG.exception("the health of background task %s was not reported", name)


def _ending() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _pause(failures: int, every_s: float) -> float:
    doubled: float = FIRST_PAUSE_S * 2.0 ** min(failures - 1, 16)
    return min(doubled, max(LONGEST_PAUSE_S, every_s))
