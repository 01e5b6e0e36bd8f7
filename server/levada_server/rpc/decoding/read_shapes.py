"""Split the reads of jobs into shapes, which many share, and values; and read them back."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

from levada_api.v1 import relation_pb2 as pb
from levada_api.v1 import value_pb2
from levada_server.jobs.limits import MAX_INPUTS
from levada_server.operations.access.plans import Asked, Shape
from levada_server.rpc.decoding import values as decode
from levada_server.rpc.decoding.relation_shape import MAX_BYTES, asked_relation, parameters_of
from levada_server.rpc.decoding.relations import received_relation
from levada_server.storage.jobs.inputs import NOT_REPEATABLE, Inputs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from levada_server.jobs.signing import Input, Receipt

_KEY_BYTES = 16
_JSON = json.JSONEncoder(separators=(",", ":"))
_NOTHING_READ = Inputs("[]")
_EMPTY = {
    "boolean": value_pb2.Value(boolean=False),
    "integer": value_pb2.Value(integer=0),
    "big_integer": value_pb2.Value(big_integer="0"),
    "float": value_pb2.Value(float=0.0),
    "text": value_pb2.Value(text=""),
    "binary": value_pb2.Value(binary=b""),
    "decimal": value_pb2.Value(decimal="0"),
    "uuid": value_pb2.Value(uuid=bytes(16)),
    "date": value_pb2.Value(date=0),
    "time": value_pb2.Value(time=0),
    "duration": value_pb2.Value(duration=0),
    "timestamp": value_pb2.Value(timestamp=value_pb2.Timestamp()),
}
"""A value of each kind of parameters."""


def stored_inputs(receipts: Collection[Receipt]) -> Inputs:
    """Return the reads of a job as they are stored."""
    if not receipts:
        return _NOTHING_READ
    reads = dict.fromkeys(read for receipt in receipts for read in _hashable(receipt.inputs))
    if len(reads) > MAX_INPUTS or not all(read[2] for read in reads):
        return NOT_REPEATABLE
    shapes: dict[str, str] = {}
    tables: set[int] = set()
    stored = []
    for relation, kind, digest, names, of_tables, insight in reads:
        bare, values, without_values = _split(relation)
        rest = [kind, names, of_tables, insight]
        key = hashlib.blake2b(bare + _JSON.encode(rest).encode(), digest_size=_KEY_BYTES).hexdigest()
        shapes[key] = _JSON.encode([base64.b64encode(without_values).decode(), *rest])
        tables.update(id_ for _, id_ in of_tables)
        stored.append([key, values, digest])
    return Inputs(_JSON.encode(stored), tuple(sorted(tables)), shapes)


def _hashable(inputs: Iterable[Input]) -> Iterator[tuple]:  # type: ignore[type-arg]  # the fields of Input
    for read in inputs:
        yield read.relation, read.kind, read.digest, read.names, tuple(sorted(read.tables.items())), read.insight


def _split(relation: bytes) -> tuple[bytes, list[str], bytes]:
    """Return what identifies relations that differ in values only, the values, and one of these without its values.

    The last is kept for all of them, so nobody's key may be in it.
    """
    if len(relation) > MAX_BYTES:
        return relation, [], relation
    message = pb.Relation.FromString(relation)
    values, kinds = [], []
    places = parameters_of(message)
    for value in places:
        values.append(base64.b64encode(value.SerializeToString()).decode())
        kinds.append(str(value.WhichOneof("kind")))
        value.Clear()
    bare = message.SerializeToString(deterministic=True) + _JSON.encode(kinds).encode()
    for value, kind in zip(places, kinds, strict=True):
        value.CopyFrom(_EMPTY[kind])
    return bare, values, message.SerializeToString(deterministic=True)


def asked_again(relation: bytes, values: Sequence[str]) -> Asked:
    """Return a relation with other values, as if a client asked for it.

    Args:
        relation: One relation of the shape.
        values: The values that were stored.
    """
    if not values:
        return asked_relation("relation", pb.Relation.FromString(relation))
    held = [base64.b64decode(value) for value in values]

    def message() -> pb.Relation:
        whole = pb.Relation.FromString(relation)
        for place, content in zip(parameters_of(whole), held, strict=True):
            place.ParseFromString(content)
        return whole

    # Thousands are asked for at once, mostly for their values alone, so the relation waits until it is wanted.
    return Asked(
        lambda: received_relation("relation", message()),
        lambda: received_relation("relation", message(), parameters=True),
        Shape((), tuple(decode.value(value_pb2.Value.FromString(content)) for content in held)),
    )
