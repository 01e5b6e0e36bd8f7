"""Handing results in beside the next `make`: quick ones in groups, slow ones soon."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from levada._jobs.completion import complete

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada._base.errors import LevadaError
    from levada._jobs.completion import Made
    from levada._net.connection import Connection

_GROUP_SECONDS = 0.2
"""Results wait no longer than this for others that could go with them."""
_GROUP_JOBS = 64
_GROUP_BYTES = 16 * 2**20
"""So many jobs, or bytes of their rows, wait for no others."""

Settled = list[tuple["Made", "LevadaError | None"]]
"""Jobs that were handed in, each with why nothing of it was committed, or None."""


class Sender:
    """Hands results in; a thread does it while the next `make` runs, and `close` ends that.

    All but the thread's own part is called by one thread.

    Args:
        connection: Where the jobs are.
        patience: Seconds to keep trying while the server is out of reach.
    """

    def __init__(self, connection: Connection, patience: float) -> None:
        self._connection = connection
        self._patience = patience
        self._changed = threading.Condition()  # guards all that follows
        self._waiting: list[Made] = []
        self._waiting_bytes = 0
        self._since = 0.0  # when the first that waits came, by the clock that only goes forward
        self._sending = False
        self._settled: Settled = []
        self._failure: Exception | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def add(self, made: Made) -> None:
        """Take a result; it is handed in by `go_on` or `flush`."""
        with self._changed:
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting.append(made)
            self._waiting_bytes += made.byte_count

    def go_on(self) -> None:
        """Let what waits be handed in beside what comes next; where it is too much, wait until some of it is."""
        with self._changed:
            if not self._waiting:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="levada-sender", daemon=True)
                self._thread.start()
            if len(self._waiting) == 1 or self._is_full():
                self._changed.notify_all()
            while self._sending and self._waiting_bytes > _GROUP_BYTES:
                self._changed.wait()

    def settled(self) -> Settled:
        """Give what was handed in since the last time.

        Raises:
            Unavailable: The server stayed out of reach.
        """
        if not self._settled and self._failure is None:
            return []
        with self._changed:
            if self._failure is not None:
                raise self._failure
            settled, self._settled = self._settled, []
            return settled

    def flush(self) -> Settled:
        """Hand in all that waits, and give what `settled` gives.

        Raises:
            Unavailable: The server stayed out of reach.
        """
        with self._changed:
            while self._sending:
                self._changed.wait()
            made = () if self._failure is not None else self._take()
        self._send(made)
        return self.settled()

    def close(self) -> None:
        """Drop what waits, and let the thread end; what it is handing in is not waited for."""
        with self._changed:
            self._closed = True
            _free(self._take())
            self._sending = False
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._is_due():
                    if self._closed:
                        return
                    self._changed.wait(self._pause())
                made = self._take()
            try:
                self._send(made)
            except Exception as error:  # noqa: BLE001  # raised where the results come from
                with self._changed:
                    self._failure = error

    def _is_full(self) -> bool:
        return len(self._waiting) >= _GROUP_JOBS or self._waiting_bytes > _GROUP_BYTES

    def _is_due(self) -> bool:
        return bool(self._waiting) and not self._sending and (self._is_full() or self._pause() == 0)

    def _pause(self) -> float | None:
        if not self._waiting or self._sending:
            return None
        return max(0.0, self._since + _GROUP_SECONDS - time.monotonic())

    def _take(self) -> Sequence[Made]:
        made, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._sending = bool(made)
        return made

    def _send(self, made: Sequence[Made]) -> None:
        if not made:
            return
        try:
            errors = complete(self._connection, made, self._patience)
            with self._changed:
                self._settled += zip(made, errors, strict=True)
        finally:
            with self._changed:
                self._sending = False
                self._changed.notify_all()
            _free(made)


def _free(made: Sequence[Made]) -> None:
    for job in made:
        job.close()
