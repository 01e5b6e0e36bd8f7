"""`python -m benchmarks.rolling`: restart, then kill, each of several servers under load; no call may fail.

The tests run a smaller version.
"""

from __future__ import annotations

import argparse
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import levada as lv
from benchmarks.drills import databases
from benchmarks.misbehaviour import NAME, add_users
from tests.support.processes import Server

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE = f"{NAME.schema}.Thing"
CALLS_BETWEEN = 20
"""How many calls of each client end between two restarts, so that each meets servers that all serve."""
PATIENCE_SECONDS = 60.0
"""A drill in which no call succeeds for this long has failed."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done.

    Args:
        servers: How many servers.
        clients: How many threads, each with a connection of its own.
        rounds: How often each server is restarted, and then killed.
    """

    servers: int = 3
    clients: int = 8
    rounds: int = 2


SMALL = Scale(servers=2, clients=4, rounds=1)


@dataclass
class Outcome:
    """The results of the clients' calls.

    Attributes:
        calls: How many calls succeeded, by kind.
        failures: The errors, each with its kind of call.
        slowest_seconds: The longest call.
        lost: How many acknowledged rows are not stored.
        extra: How many rows are stored that were not acknowledged.
    """

    calls: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0
    lost: int = 0
    extra: int = 0


class Thing(lv.Manual):
    """Rows, each inserted once by one client."""

    definition = """
    client : int32
    number : int32
    ---
    x : float64
    """


def restart_in_turn(database_url: str, scale: Scale) -> Outcome:
    """Restart each server in turn by SIGTERM, then by SIGKILL, while clients work; compare what is stored.

    Args:
        database_url: An empty database.
        scale: How much is done.
    """
    with ExitStack() as stack:
        places = [f"127.0.0.1:{port}" for port in free_ports(scale.servers)]
        # As in `levada serve`, calls may take some seconds after the signal.
        servers = [stack.enter_context(Server(database_url, place, "--grace", "10")) for place in places]
        address = ",".join(places)
        with lv.Connection(places[0]) as connection:  # by the private socket, as administrator
            lv.Schema(NAME.schema, connection=connection)(Thing)
            (token,) = add_users(connection, "client", 1)
        load = Load(address, token)
        with ThreadPoolExecutor(scale.clients) as pool:
            running = [pool.submit(load.client, number) for number in range(scale.clients)]
            try:
                for _ in range(scale.rounds):
                    for end in (Server.stop, Server.kill):
                        for server in servers:
                            load.await_calls(CALLS_BETWEEN * scale.clients)
                            end(server)
                            server.start()
                load.await_calls(CALLS_BETWEEN * scale.clients)
            finally:
                load.ended.set()
        for client in running:
            client.result()
        return load.compared()


class Load:
    """Clients that call all the time, and the results."""

    def __init__(self, address: str, token: str | None) -> None:
        self.ended = threading.Event()
        self.outcome = Outcome()
        self.acknowledged: set[tuple[int, int]] = set()
        self._address, self._token = address, token
        self._lock = threading.Condition()

    def await_calls(self, count: int) -> None:
        """Wait until some more calls have ended.

        Raises:
            TimeoutError: None ends any more.
        """
        with self._lock:
            wanted = self._ended_calls() + count
            while (before := self._ended_calls()) < wanted:
                self._lock.wait(PATIENCE_SECONDS)
                if self._ended_calls() == before:
                    raise TimeoutError("No call ends any more.")

    def compared(self) -> Outcome:
        """Compare the acknowledged rows with the stored ones; return the results."""
        with lv.Connection(self._address, self._token) as connection:
            rows = lv.FreeTable(connection, TABLE).to_arrow().select(["client", "number"]).to_pylist()
        stored = {(row["client"], row["number"]) for row in rows}
        self.outcome.lost = len(self.acknowledged - stored)
        self.outcome.extra = len(stored - self.acknowledged)
        return self.outcome

    def _ended_calls(self) -> int:
        return self.outcome.calls.total() + len(self.outcome.failures)

    def client(self, number: int) -> None:
        """Insert, read and count rows, singly, many at once and in transactions, until the end."""
        with lv.Connection(self._address, self._token) as connection:
            things = lv.FreeTable(connection, TABLE)
            mine = things & {"client": number}
            count = 0

            def rows(many: int) -> list[dict[str, object]]:
                return [{"client": number, "number": count + more, "x": 0.5} for more in range(many)]

            def both() -> None:
                for row in rows(2):
                    things.insert1(row)

            def move(many: int, kind: str, insert: Callable[[], object]) -> None:
                nonlocal count
                if self._tried(kind, insert):
                    with self._lock:
                        self.acknowledged |= {(number, count + more) for more in range(many)}
                count += many

            while not self.ended.is_set():
                move(1, "insert1", lambda: things.insert1(rows(1)[0]))
                self._tried("fetch1", lambda: (mine & {"number": 0}).fetch1("x"))
                move(1000, "insert", lambda: things.insert(rows(1000)))
                self._tried("count", lambda: len(mine))
                self._tried("fetch", mine.to_arrow)
                move(2, "transaction", lambda: connection.run_transaction(both))

    def _tried(self, kind: str, call: Callable[[], object]) -> bool:
        began = time.perf_counter()
        try:
            call()
        except lv.errors.LevadaError as error:
            with self._lock:
                self.outcome.failures.append(f"{kind}: {type(error).__name__}: {error}")
                self._lock.notify_all()
            return False
        seconds = time.perf_counter() - began
        with self._lock:
            self.outcome.calls[kind] += 1
            self.outcome.slowest_seconds = max(self.outcome.slowest_seconds, seconds)
            self._lock.notify_all()
        return True


def free_ports(count: int) -> list[int]:
    """Find ports of the loopback address that nobody listens on."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def main() -> None:
    """Run the drill and print its outcome."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    with databases() as database:
        outcome = restart_in_turn(database(), Scale())
    calls = ", ".join(f"{count} {kind}" for kind, count in outcome.calls.items())
    print(f"calls: {sum(outcome.calls.values())} ({calls})")
    print(f"failed: {len(outcome.failures)}", *outcome.failures[:10], sep="\n  ")
    print(f"slowest call: {outcome.slowest_seconds:.2f} s; rows lost: {outcome.lost}, extra: {outcome.extra}")
    if outcome.failures or outcome.lost or outcome.extra:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
