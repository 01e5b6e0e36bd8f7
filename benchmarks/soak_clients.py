"""The clients of the soak: `python -m benchmarks.soak_clients ROLE …`.

Each writes its acts and the answers to its output. They end after SIGTERM, when their acts are over, and may be
killed at any time.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pyarrow as pa

import levada as lv
from benchmarks.client import message
from benchmarks.soak import BESIDE, KEPT
from benchmarks.soak_pipeline import SCHEMA, Event, Number, Sample, Session
from levada.errors import (
    Conflict,
    DuplicateEntity,
    LimitReached,
    LostConnectionError,
    MissingParent,
    PreconditionFailed,
    Unavailable,
    UnknownTable,
)
from levada_api.v1 import (
    query_service_pb2,
    query_service_pb2_grpc,
    row_service_pb2,
    schema_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
)
from tests.support.attacks import ANSWERS, ATTACKS, raw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIVES = 10**6
"""Clients number their batches, sessions and samples from their own number times this."""
EVENTS = 10**6
"""And the events of a batch from the batch times this."""
PAUSE_SECONDS = 0.02
MESSAGE_CHARACTERS = 500
LONG_MAKE = 7.0
"""Some samples take this many times as long as a transaction may be idle: in the full soak, longer than a lease."""


class Undone(Exception):
    """Ends a transaction, so that it is undone."""


class Client:
    """A client of the soak.

    Args:
        life: Its number, which no other client has.
        steady: Whether its server is never killed.
        harsh: Whether PostgreSQL, the network and the disk fail too.
        idle_seconds: How long the server lets a transaction be idle.
    """

    def __init__(self, life: int, *, steady: bool, harsh: bool, idle_seconds: float) -> None:
        self.chance = random.Random(life)
        self.idle_seconds = idle_seconds
        self.stopping = threading.Event()
        self._steady = steady
        self._harsh = harsh
        self._acts = count()
        self._numbers = count(life * LIVES)

    def number(self) -> int:
        """Return a number that no client has used."""
        return next(self._numbers)

    def pause(self, seconds: float) -> None:
        """Wait, at most until the client is to end."""
        self.stopping.wait(seconds)

    @contextmanager
    def act(self, does: str, *expected: type[lv.LevadaError], **details: object) -> Iterator[None]:
        """Say that an act begins, and which answer it got.

        Args:
            does: Its kind.
            expected: The errors that it may meet.
            details: Its subject, for the ledger.
        """
        number = next(self._acts)
        _say(act=number, does=does, **details)
        answer: dict[str, object] = {"told": "done", "reason": "", "message": "", "expected": True}
        try:
            yield
        except Undone:
            answer = {"told": "refused", "reason": "undone", "message": "", "expected": True}
        except LostConnectionError as error:
            lost = {"told": "unknown", "reason": error.reason, "message": str(error)[:MESSAGE_CHARACTERS]}
            answer = lost | {"expected": not self._steady}
        except lv.LevadaError as error:
            refused = {"told": "refused", "reason": error.reason, "message": str(error)[:MESSAGE_CHARACTERS]}
            full = self._harsh and isinstance(error, LimitReached)
            answer = refused | {"expected": full or isinstance(error, expected)}
        _say(act=number, **answer)


def _say(**record: object) -> None:
    os.write(1, json.dumps(record).encode() + b"\n")  # at once; it is short enough for a pipe to take it whole


# --------------------------------------------------------------------------------------------- inserts


class Inserter:
    """Inserts sessions, events and samples, in every way."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._chance = client.chance
        self._kept = [KEPT]
        self._prey: list[int] = []
        self._there: list[tuple[int, int]] = []
        """Events of kept session_service_pb2."""

    def work(self) -> None:
        """Insert until the client is to end."""
        ways: dict[Callable[[], None], int] = {
            self.session: 3,
            self.few: 12,
            self.many: 2,
            self.slowly: 1,
            self.transaction: 4,
            self.existing: 2,
            self.samples: 2,
        }
        while not self._client.stopping.is_set():
            self._chance.choices(list(ways), list(ways.values()))[0]()
            self._client.pause(PAUSE_SECONDS)

    def session(self) -> None:
        """Insert a session."""
        session, kept = self._client.number(), self._chance.random() < 0.3
        with self._inserting("insert one", session, session, session=1):
            Session.insert1({"session": session, "kept": kept, "batch": session})
            (self._kept if kept else self._prey).append(session)

    def few(self) -> None:
        """Insert some events by one message."""
        session, batch = self._any_session(), self._client.number()
        rows = self._events(session, batch, self._chance.randint(1, 50))
        with self._inserting("insert few", session, batch, event=len(rows)):
            Event.insert(rows)
            if session in self._kept:
                self._there.append((session, rows[0]["event"]))

    def many(self) -> None:
        """Insert many events by a stream."""
        session, batch = self._any_session(), self._client.number()
        size = self._chance.randint(10_000, 20_000)
        with self._inserting("insert many", session, batch, event=size):
            Event.insert(pa.table(_columns(session, batch, 0, size)))

    def slowly(self) -> None:
        """Insert many events by a stream that takes its time."""
        session, batch = self._chance.choice(self._kept), self._client.number()
        pieces, size = self._chance.randint(5, 20), 2_000
        schema = pa.schema({name: column.type for name, column in _columns(session, batch, 0, 1).items()})

        def batches() -> Iterator[pa.RecordBatch]:
            for piece in range(pieces):
                yield pa.record_batch(_columns(session, batch, piece * size, size), schema=schema)
                self._client.pause(0.2)

        with self._inserting("insert slowly", session, batch, event=pieces * size):
            Event.insert(pa.RecordBatchReader.from_batches(schema, batches()))

    def transaction(self) -> None:
        """Insert a session with its events; sometimes undo it."""
        session = self._client.number()
        rows = self._events(session, session, self._chance.randint(1, 20))
        rows_sent = {"session": 1, "event": len(rows)}
        # It may be open for too long beside many that are idle.
        with self._client.act("insert in transaction", LimitReached, session=session, batch=session, rows=rows_sent):
            with lv.conn().transaction:
                Session.insert1({"session": session, "kept": False, "batch": session})
                Event.insert(rows)
                if self._chance.random() < 0.2:
                    raise Undone
            self._prey.append(session)

    def existing(self) -> None:
        """Insert some events together with one that exists."""
        if not self._there:
            return
        session, event = self._chance.choice(self._there)
        batch = self._client.number()
        rows = self._events(session, batch, 5)
        with self._inserting("insert existing", session, batch, event=len(rows)):
            try:
                Event.insert([*rows, rows[0] | {"event": event}])
            except DuplicateEntity:
                raise Undone from None

    def samples(self) -> None:
        """Insert samples for the workers."""
        batch = self._client.number()
        seconds = LONG_MAKE * self._client.idle_seconds if self._chance.random() < 0.02 else 0.0
        with self._inserting("insert samples", KEPT, batch, sample=1):
            Sample.insert1({"sample": batch, "batch": batch, "seconds": seconds})

    @contextmanager
    def _inserting(self, does: str, session: int, batch: int, /, **rows: int) -> Iterator[None]:
        """Act; a session that is not kept may be deleted meanwhile."""
        expected = (MissingParent,) if session in self._prey else ()
        with self._client.act(does, *expected, session=session, batch=batch, rows=rows):
            yield

    def _any_session(self) -> int:
        return self._chance.choice([*self._kept, *self._prey[-5:]])

    def _events(self, session: int, batch: int, size: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pa.table(_columns(session, batch, 0, size)).to_pylist()
        return rows


def _columns(session: int, batch: int, first: int, size: int) -> dict[str, pa.Array]:
    events = np.arange(batch * EVENTS + first, batch * EVENTS + first + size)
    return {
        "session": pa.array(np.full(size, session)),
        "event": pa.array(events),
        "batch": pa.array(np.full(size, batch)),
        "value": pa.array((events % 1000).astype(np.float64)),
    }


# --------------------------------------------------------------------------------------------- deletes


def delete(client: Client) -> None:
    """Delete sessions that are not kept, and batches of their events; sometimes undo it."""
    chance = client.chance
    while not client.stopping.is_set():
        found: list[int] = []
        batches: list[int] = []
        with client.act("look"):
            found = [key["session"] for key in (Session & "not kept").keys(limit=20)]
            found = chance.sample(found, min(len(found), chance.randint(1, 3)))
            events = (Event & [{"session": session} for session in found]).to_dicts("batch", limit=1)
            batches = [event["batch"] for event in events]
        chosen = Session & [{"session": session} for session in found]
        way = chance.randrange(4)
        if way == 0 and batches:
            with client.act("delete batches", batches=batches):
                (Event & [{"batch": batch} for batch in batches]).delete(prompt=False)
        elif way == 1 and found:
            with client.act("delete in transaction", Conflict, LimitReached, sessions=found), lv.conn().transaction:
                chosen.delete(prompt=False)
                if chance.random() < 0.5:
                    raise Undone
        elif found:
            with client.act("delete sessions", sessions=found):
                chosen.delete(prompt=False)
        client.pause(PAUSE_SECONDS)


# --------------------------------------------------------------------------------- declarations and alterations


def declare(client: Client) -> None:
    """Declare, fill, alter and drop tables beside the others, and alter the table of events."""
    beside = lv.Schema(BESIDE)
    context = {"Session": Session}
    while not client.stopping.is_set():
        name = f"Table{client.number()}"
        key = client.chance.choice(["session : int64", "-> Session"])
        declared: Any = type(name, (lv.Manual,), {"definition": f"{key}\n---\nx = null : float64"})
        there = False
        with client.act("declare", table=name.lower()):
            beside(declared, context=context)
            there = True
        unknown = () if there else (UnknownTable,)
        with client.act("fill", *unknown):
            declared.insert([{"session": KEPT, "x": 0.5}])
        with client.act("alter", Conflict, *unknown):  # a long delete of sessions may hold it for too long
            declared.definition = f"{key}\n---\nx = null : float64\ny = null : varchar(20)"
            declared().alter(prompt=False, context=context)
        if client.chance.random() < 0.8:
            with client.act("drop", *unknown, table=name.lower()):
                declared.drop(prompt=False)
        if client.chance.random() < 0.2:
            with client.act("alter events", Conflict):  # a long insert may hold them for too long
                _toggle_attribute()
        client.pause(10 * PAUSE_SECONDS)


def _toggle_attribute() -> None:
    """Add an attribute to the events, or drop it."""
    there = "note" in Event().heading.names
    Event.definition = _EVENT if there else f"{_EVENT}\nnote = null : varchar(10)"
    Event().alter(prompt=False)


_EVENT = Event.definition


# ------------------------------------------------------------------------------------------------- silence


def idle(client: Client) -> None:
    """Insert in transactions, and commit late or too late."""
    while not client.stopping.is_set():
        batch = client.number()
        rows = pa.table(_columns(KEPT, batch, 0, 3))
        late = client.chance.random() < 0.5
        with client.act(
            "insert and idle", LimitReached, PreconditionFailed, session=KEPT, batch=batch, rows={"event": 3}
        ):
            if late and client.chance.random() < 0.3:
                _stop_inserting(client, rows)
                raise Undone
            with lv.conn().transaction:
                Event.insert(rows)
                client.pause(client.idle_seconds * (2.0 if late else 0.3))
        client.pause(PAUSE_SECONDS)


def _stop_inserting(client: Client, rows: pa.Table) -> None:
    """Begin a transaction and half an insert, and leave it so."""
    header = row_service_pb2.InsertHeader(name=schema_pb2.TableName(schema=SCHEMA, table="Event"))
    requests = [
        session_service_pb2.OpenSessionRequest(begin=session_service_pb2.Begin()),
        session_service_pb2.OpenSessionRequest(insert_rows=row_service_pb2.InsertRowsRequest(header=header), more=True),
        session_service_pb2.OpenSessionRequest(
            insert_rows=row_service_pb2.InsertRowsRequest(arrow_ipc=rows.schema.serialize().to_pybytes()), more=True
        ),
    ]

    def sent() -> Iterator[session_service_pb2.OpenSessionRequest]:
        yield from requests
        client.pause(2 * client.idle_seconds)

    with _channel() as channel, _lost():
        list(session_service_pb2_grpc.SessionServiceStub(channel).OpenSession(sent()))


def stop_reading(client: Client) -> None:
    """Read the beginning of long results, and stop."""
    product = Number.proj(a="number") * Number.proj(b="number")
    while not client.stopping.is_set():
        way = client.chance.choice(["plain", "digest", "transaction"])
        with client.act("stop reading", LimitReached, PreconditionFailed, way=way):
            seconds = client.idle_seconds * client.chance.choice([0.5, 2.0])
            match way:
                case "digest":
                    request = query_service_pb2.FetchRelationRequest(relation=message(product), digest=True)
                    with _channel() as channel, _lost():
                        pieces = query_service_pb2_grpc.QueryServiceStub(channel).FetchRelation(request)
                        next(pieces)
                        client.pause(seconds)
                        pieces.cancel()
                case "transaction":
                    with lv.conn().transaction:
                        _read_a_little(client, product, seconds)
                case _:
                    _read_a_little(client, product, seconds)
        client.pause(PAUSE_SECONDS)


def _read_a_little(client: Client, relation: lv.Relation, seconds: float) -> None:
    rows = iter(relation)
    next(rows)
    client.pause(seconds)
    del rows  # nobody reads it any more, which cancels the call


def _channel() -> grpc.Channel:
    return grpc.insecure_channel(lv.conn().address)


@contextmanager
def _lost() -> Iterator[None]:
    """Raise the client's errors for what a bare channel raises."""
    try:
        yield
    except grpc.RpcError as error:
        code = error.code()
        if code is grpc.StatusCode.UNAVAILABLE:
            raise Unavailable(str(error.details())) from None
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise LimitReached(str(error.details())) from None
        if code is not grpc.StatusCode.CANCELLED:
            raise lv.LevadaError(f"{code.name}: {error.details()}") from None


# -------------------------------------------------------------------------------------------------- attacks


def attack(client: Client) -> None:
    """Send messages made to kill, freeze or fill a server."""
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(lv.conn().address, options=options) as channel:
        while not client.stopping.is_set():
            attack, (method, make) = client.chance.choice(list(ATTACKS.items()))
            with client.act("attack"):
                code, reason = raw(channel, method, make())
                if code in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):  # of the channel: no server answered
                    raise Unavailable(attack)
                if code not in ANSWERS or not reason:
                    raise lv.LevadaError(f"{attack}: {code} {reason}")
                raise Undone
            client.pause(10 * PAUSE_SECONDS)


ROLES: dict[str, Callable[[Client], None]] = {
    "insert": lambda client: Inserter(client).work(),
    "delete": delete,
    "declare": declare,
    "idle": idle,
    "stop reading": stop_reading,
    "attack": attack,
}


def main() -> None:
    """Play roles, each in a thread, until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak_clients")
    parser.add_argument("roles", nargs="+", choices=ROLES)
    parser.add_argument("--life", type=int, required=True)
    parser.add_argument("--idle", type=float, required=True)
    parser.add_argument("--steady", action="store_true")
    parser.add_argument("--harsh", action="store_true")
    arguments = parser.parse_args()
    client = Client(arguments.life, steady=arguments.steady, harsh=arguments.harsh, idle_seconds=arguments.idle)
    signal.signal(signal.SIGTERM, lambda *_: client.stopping.set())
    with ThreadPoolExecutor(len(arguments.roles)) as threads:
        playing = [threads.submit(ROLES[role], client) for role in arguments.roles]
        wait(playing, return_when=FIRST_EXCEPTION)
        client.stopping.set()
    for role in playing:
        role.result()


if __name__ == "__main__":
    main()
