"""The rows of a table on two servers, compared by their digests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from levada._moving.digests import RowDigests, Total
from levada._query.fetching import grouped, to_dicts
from levada._values.heading import Heading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from levada._query.relation import Relation

GROUP_BYTES = 16 * 2**20
"""Rows are read in groups of about this size, so that no more are in memory."""
_DIGEST = np.dtype("S16")
EXAMPLES = 3
"""Keys that a comparison names."""


class Held:
    """The digests of the rows of a table: 32 bytes for each row, and nothing else of it."""

    def __init__(self) -> None:
        self._keys = bytearray()
        self._rows = bytearray()
        self._sorted: tuple[np.ndarray[tuple[int], np.dtype[np.bytes_]], list[int]] | None = None

    @classmethod
    def of(cls, rows: Relation, heading: Heading) -> Held:
        """Read the rows of a relation, by the attributes of a heading in their order."""
        held, digests = cls(), RowDigests(heading)
        for group in groups_of(rows):
            held.add(*digests.take(group))
        return held

    def add(self, keys: Sequence[bytes], rows: Sequence[bytes]) -> None:
        """Add rows by their digests."""
        self._keys += b"".join(keys)
        self._rows += b"".join(rows)
        self._sorted = None

    def __len__(self) -> int:
        return len(self._keys) // _DIGEST.itemsize

    def places(self, keys: Sequence[bytes]) -> list[int]:
        """Return the place of the row of each key; -1 if there is none."""
        if not len(self) or not keys:
            return [-1] * len(keys)
        if self._sorted is None:
            stored = np.frombuffer(bytes(self._keys), _DIGEST)
            order = np.argsort(stored, kind="stable")
            self._sorted = stored[order], order.tolist()
        stored, places = self._sorted
        wanted = np.frombuffer(b"".join(keys), _DIGEST)
        found = np.minimum(np.searchsorted(stored, wanted), len(stored) - 1)
        return [places[at] if same else -1 for at, same in zip(found.tolist(), stored[found] == wanted, strict=True)]

    def row(self, place: int) -> bytes:
        """Return the digest of the row at a place."""
        return bytes(self._rows[place * _DIGEST.itemsize : (place + 1) * _DIGEST.itemsize])

    def rows(self) -> Iterator[bytes]:
        """Yield the digests of all rows."""
        return (self.row(place) for place in range(len(self)))


@dataclass(slots=True)
class Comparison:
    """The difference of two tables.

    Args:
        same: How many rows are equal.
        different: How many rows have the same key, but other values.
        only_held: How many rows only the table has whose digests were held.
        only_read: How many rows only the table has that was read.
        held: The rows of the first whose keys both have.
        read: The rows of the second whose keys both have.
        examples: The keys of some rows with other values.
    """

    same: int = 0
    different: int = 0
    only_held: int = 0
    only_read: int = 0
    held: Total = field(default_factory=Total)
    read: Total = field(default_factory=Total)
    examples: list[str] = field(default_factory=list)


def key_text(key: Mapping[str, object]) -> str:
    """Write the key of a row."""
    return ", ".join(f"{name}={value!r}" for name, value in key.items())


def key_of(heading: Heading) -> Heading:
    """Return the key of a heading, by whose digests the rows are known that a table has."""
    return Heading({name: heading[name] for name in heading.primary_key})


def groups_of(rows: Relation) -> Iterator[pa.Table]:
    """Yield the rows of a relation as they arrive, a group at a time."""
    return grouped(rows._result().batches(), GROUP_BYTES)


def compare(held: Held, rows: Relation, heading: Heading) -> Comparison:
    """Compare rows whose digests are held with those of a relation, by the attributes of a heading in their order."""
    found, digests = Comparison(), RowDigests(heading)
    for group in groups_of(rows):
        keys, read = digests.take(group)
        for number, (place, row) in enumerate(zip(held.places(keys), read, strict=True)):
            if place < 0:
                found.only_read += 1
                continue
            there = held.row(place)
            found.held.add_digest(there)
            found.read.add_digest(row)
            if there == row:
                found.same += 1
                continue
            found.different += 1
            if len(found.examples) < EXAMPLES:
                found.examples.append(key_text(to_dicts(group.select(heading.primary_key).slice(number, 1))[0]))
    found.only_held = len(held) - found.same - found.different
    return found
