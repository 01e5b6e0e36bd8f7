"""Fetch the inputs of several jobs at once: learn with which reads `make` begins, and send those of later keys ahead.

An answer is used only for the equal request, so a wrong guess costs time and never changes a result.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from levada._base.errors import LevadaError
from levada._base.names import stored_name
from levada._values.message_encoding import encode_value
from levada_api.v1 import query_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from google.protobuf.message import Message

    from levada._jobs.job_calls import Lease
    from levada._net.connection import Connection
    from levada_api.methods import MethodName
    from levada_api.v1 import relation_pb2, value_pb2

_FIELDS = {
    "QueryService/FetchRelation": "fetch",
    "QueryService/CountRelation": "count",
    "QueryService/CheckExistence": "existence",
}
"""The reads that can be sent ahead, and their field in a PatternedRead."""
_MOST_READS = 32
_MOST_ANSWERS = 4_096
_MOST_VALUES = 10_000
"""Limits of the server: reads of a job, reads of a call, and values of a read."""
_KEPT_SECONDS = 1.0
"""How old an answer may be: as old as a batch becomes before it gives back its other jobs."""
_SAMPLES = 2
"""How many `make` must have asked before the reads of others are known."""
_LEAST_SHARE = 0.1
"""Reads that take a smaller part of a `make` are not worth an answer that may be a moment old."""
_FIRST_JOBS = 16
"""For how many jobs the first call of a batch asks, whose answers are waited for."""
_JOBS = 64
"""For how many jobs each further call asks, while the `make` of those before run."""
_PAUSE = 16
"""How many `make` of other reads than expected are waited for before their reads are learned anew."""
_LONGEST_PAUSE = 4_096


def is_prefetchable(method: MethodName) -> bool:
    """Return whether answers to a method can be sent ahead."""
    return method in _FIELDS


@dataclass(frozen=True)
class Read:
    """A read of a `make`: its method, and its request without lease and receipt, serialized."""

    method: MethodName
    request: bytes


@dataclass
class Answers:
    """The answers to the first reads of one job, in order; `take` returns the next.

    Args:
        reads: The reads, with their answers.
        expires: Until when they are used, in seconds of the monotonic clock.
        catalog_version: The version of the catalog that they belong to.
    """

    reads: deque[tuple[Read, Message]]
    expires: float
    catalog_version: int

    def take(self, read: Read, catalog_version: int) -> Message | None:
        """Return the answer to a read if it is the next; if not, drop all: they are older than this one will be."""
        if (
            self.reads
            and self.reads[0][0] == read
            and time.monotonic() < self.expires
            and catalog_version == self.catalog_version
        ):
            return self.reads.popleft()[1]
        self.reads.clear()
        return None


@dataclass(frozen=True)
class _UnderWay:
    """A call whose answers are still to come.

    Args:
        leases: The leases of its jobs.
        asked: The reads of each.
        expires: As of `Answers`.
        catalog_version: As of `Answers`.
        finish: Waits for the response.
    """

    leases: Sequence[Lease]
    asked: Sequence[Sequence[Read]]
    expires: float
    catalog_version: int
    finish: Callable[[], pb.PrefetchReadsResponse]


@dataclass
class _Place:
    """A value in a mapping of a read: it was equal to these attributes of each key, and the same each time if constant.

    Args:
        name: The attribute that is compared with it.
        attributes: Attributes of the key.
        constant: The value, serialized; None if it varies.
        kind: Its kind.
    """

    name: str
    attributes: frozenset[str]
    constant: bytes | None
    kind: str | None

    def narrowed(self, value: value_pb2.Value, key: Mapping[str, bytes]) -> _Place | None:
        content = _bytes(value)
        attributes = frozenset(name for name in self.attributes if key[name] == content)
        constant = self.constant if self.constant == content else None
        if value.WhichOneof("kind") != self.kind or (not attributes and constant is None):
            return None
        return _Place(self.name, attributes, constant, self.kind)

    def value(self, key: Mapping[str, value_pb2.Value], constant: value_pb2.Value) -> value_pb2.Value:
        if self.name in self.attributes:
            return key[self.name]
        if self.constant is not None:
            return constant
        return key[min(self.attributes)]


@dataclass
class _Pattern:
    """One of the reads that a `make` begins with.

    Attributes:
        tries: How many `make` came as far as this read.
        misses: How many of them made another read, or none.
    """

    method: MethodName
    template: Message
    bare: bytes
    places: list[_Place]
    tries: int = 1
    misses: int = 0

    def fits(self, read: Read, key: Mapping[str, bytes]) -> bool:
        """Learn from what a `make` asked for in this place; return whether it is this read."""
        if read.method != self.method:
            return False
        request, values, bare = _split(read)
        if bare != self.bare:
            return False
        narrowed = [place.narrowed(value, key) for place, value in zip(self.places, values, strict=True)]
        if None in narrowed:
            return False
        self.places = [place for place in narrowed if place is not None]
        self.template = request
        return True

    @property
    def seldom(self) -> bool:
        """Whether it is not made often enough."""
        return self.misses > 1 and 4 * self.misses > self.tries


class Prefetch:
    """Learns the reads of one table's `make`, and fetches them for several jobs at once.

    Args:
        connection: The connection to the table's server.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._patterns: list[_Pattern] | None = None
        self._samples = 0
        self._pause = 0
        self._next_pause = _PAUSE
        self._make_seconds = 0.0
        self._read_seconds = 0.0
        self._answers: dict[str, Answers] = {}
        self._asked: set[str] = set()  # the tokens of jobs of this batch for whose reads it has asked
        self._under_way: _UnderWay | None = None

    def answers(self, lease: Lease, waiting: Sequence[Lease]) -> Answers | None:
        """Return the answers for a job that begins, if there are any; ask for those of later jobs meanwhile.

        Args:
            lease: Its lease.
            waiting: The leases of the jobs that begin next, itself and others, of whatever tables.
        """
        if lease.token not in self._answers:
            if lease.token not in self._asked:
                self._ask(lease, waiting, _FIRST_JOBS)
            if self._under_way is not None and lease in self._under_way.leases:
                self._take()
                self._ask(lease, waiting, _JOBS)
        return self._answers.pop(lease.token, None)

    def start_over(self) -> None:
        """Drop all answers, and learn anew after some more `make`, each time after more of them."""
        self.forget_answers()
        self._patterns, self._samples = None, 0
        self._pause, self._next_pause = self._next_pause, min(2 * self._next_pause, _LONGEST_PAUSE)

    def learn(self, lease: Lease, reads: Sequence[Read], seconds: float, read_seconds: float, *, hits: int) -> None:
        """Learn from a `make` that has ended well.

        Args:
            lease: Its lease.
            reads: Its reads before its first insert.
            seconds: How long it took.
            read_seconds: How long it waited for answers.
            hits: How many reads had been answered ahead.
        """
        if self._pause:
            self._pause -= 1
            return
        if not hits:
            self._make_seconds = self._make_seconds / 2 + seconds
            self._read_seconds = self._read_seconds / 2 + read_seconds
        if self._patterns is not None and hits == len(reads) == len(self._patterns):
            return
        values = _encoded(lease.key)
        key = {name: _bytes(value) for name, value in values.items()}
        self._samples += 1
        if self._patterns is None:
            self._patterns = [_pattern(read, key) for read in reads[:_MOST_READS]]
            return
        for number, pattern in enumerate(self._patterns):
            pattern.tries += 1
            if number >= len(reads) or not pattern.fits(reads[number], key):
                pattern.misses += 1
                if self._samples <= _SAMPLES or pattern.seldom:
                    self._keep(number)
                return

    def _keep(self, count: int) -> None:
        """Keep only the first patterns."""
        if count:
            del (self._patterns or [])[count:]
        else:
            self.start_over()

    def _is_worth_a_call(self, jobs: int) -> bool:
        return (
            self._samples >= _SAMPLES
            and bool(self._patterns)
            and len(self._patterns or ()) * jobs > 1
            and self._read_seconds >= _LEAST_SHARE * self._make_seconds
        )

    def _ask(self, lease: Lease, waiting: Sequence[Lease], most: int) -> None:
        """Ask for the reads of jobs of the table that have not been asked for; `_take` waits for the answers."""
        left = [other for other in waiting if other.table == lease.table and other.token not in self._asked]
        if not self._is_worth_a_call(len(left)):
            return
        patterns = tuple(self._patterns or ())
        places = max(len(pattern.places) for pattern in patterns)
        own = left[: min(most, _MOST_ANSWERS // len(patterns), _MOST_VALUES // max(places, 1))]
        self._asked.update(other.token for other in own)
        keys = [_encoded(lease.key) for lease in own]
        request = pb.PrefetchReadsRequest(lease_tokens=[lease.token for lease in own])
        asked: list[list[Read]] = [[] for _ in own]
        for pattern in patterns:
            patterned = request.reads.add()
            of_read: Any = getattr(patterned, _FIELDS[pattern.method])  # Any: one of the messages with a relation
            of_read.CopyFrom(pattern.template)
            bare: Any = type(pattern.template)()
            bare.CopyFrom(pattern.template)
            in_bare = _mapped_values(bare.relation)
            constants = _mapped_values(_relation(pattern.template))
            for number, key in enumerate(keys):
                for place, slot, constant in zip(pattern.places, in_bare, constants, strict=True):
                    value = place.value(key, constant)
                    patterned.values.append(value)
                    slot.CopyFrom(value)
                asked[number].append(Read(pattern.method, bare.SerializeToString(deterministic=True)))
        began, version = time.monotonic(), self._connection.catalog_version
        try:
            finish = self._connection.start("QueryService/PrefetchReads", request, pb.PrefetchReadsResponse)
        except LevadaError:  # make's own read raises it
            return
        self._under_way = _UnderWay(own, asked, began + _KEPT_SECONDS, version, finish)

    def _take(self) -> None:
        """Wait for the answers that are under way, if there are any."""
        if self._under_way is None:
            return
        call, self._under_way = self._under_way, None
        try:
            response = call.finish()
        except LevadaError:  # make's own read raises it in its own line, if it is an error there
            self.start_over()
            return
        answers = iter(response.answers)
        for number, (lease, reads) in enumerate(zip(call.leases, call.asked, strict=True)):
            found: deque[tuple[Read, Message]] = deque()
            whole = True
            for read in reads:
                answer = next(answers)
                shape = answer.WhichOneof("answer")
                whole = whole and shape is not None
                if whole and shape is not None:
                    found.append((read, getattr(answer, shape)))
            if number == 0 and len(found) < len(reads):
                self._keep(len(found))  # the server never answers the others ahead, or they are large
            if found:
                self._answers[lease.token] = Answers(found, call.expires, call.catalog_version)
                self._next_pause = _PAUSE

    def forget_answers(self) -> None:
        """Drop the answers for jobs that do not begin."""
        self._answers.clear()
        self._asked.clear()
        self._under_way = None


class _Kept(threading.local):
    def __init__(self) -> None:
        self.tables: WeakKeyDictionary[Connection, dict[tuple[str, ...], Prefetch]] = WeakKeyDictionary()


_kept = _Kept()


def prefetch_of(connection: Connection, lease: Lease) -> Prefetch:
    """Return what this thread has learned of the reads of a table; with another key it is another table."""
    tables = _kept.tables.setdefault(connection, {})
    table = (lease.table.schema, stored_name(lease.table.table), *lease.key)
    if table not in tables:
        tables[table] = Prefetch(connection)
    return tables[table]


def _pattern(read: Read, key: Mapping[str, bytes]) -> _Pattern:
    request, values, bare = _split(read)
    names = [entry.name for entry in _entries(_relation(request))]
    places = []
    for name, value in zip(names, values, strict=True):
        content = _bytes(value)
        equal = frozenset(attribute for attribute, of_key in key.items() if of_key == content)
        places.append(_Place(name, equal, content, value.WhichOneof("kind")))
    return _Pattern(read.method, request, bare, places)


_MESSAGES: Mapping[str, type[Message]] = {
    "QueryService/FetchRelation": pb.FetchRelationRequest,
    "QueryService/CountRelation": pb.CountRelationRequest,
    "QueryService/CheckExistence": pb.CheckExistenceRequest,
}


def _split(read: Read) -> tuple[Message, list[value_pb2.Value], bytes]:
    """Return a request, the values of its mappings, and what is left of it without them."""
    request = _MESSAGES[read.method].FromString(read.request)
    rest = _MESSAGES[read.method].FromString(read.request)
    for value in _mapped_values(_relation(rest)):
        value.Clear()
    return request, _mapped_values(_relation(request)), rest.SerializeToString(deterministic=True)


def _relation(request: Message) -> relation_pb2.Relation:
    relation: relation_pb2.Relation = request.relation  # type: ignore[attr-defined]  # each of _MESSAGES has one
    return relation


def _entries(relation: relation_pb2.Relation) -> list[value_pb2.AttributeValue]:
    return [
        entry
        for condition in relation.conditions
        if condition.HasField("mapping")
        for entry in condition.mapping.entries
    ]


def _mapped_values(relation: relation_pb2.Relation) -> list[value_pb2.Value]:
    return [entry.value for entry in _entries(relation)]


def _encoded(key: Mapping[str, Any]) -> dict[str, value_pb2.Value]:  # Any: an attribute's value
    return {name: encode_value(value) for name, value in key.items()}


def _bytes(value: value_pb2.Value) -> bytes:
    return value.SerializeToString(deterministic=True)
