"""Find the shape of a relation: its message without the values of its mappings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from levada_api.v1 import relation_pb2 as pb
from levada_server.operations.access.plans import Asked, Shape
from levada_server.rpc.decoding import values as decode
from levada_server.rpc.decoding.relations import is_parameter, received_relation

if TYPE_CHECKING:
    from levada_api.v1 import value_pb2

MAX_BYTES = 8 * 2**10
"""The largest relation, in bytes, whose plan is kept; larger ones seldom repeat, and their plans would fill the
memory."""


def asked_relation(field: str, message: pb.Relation) -> Asked:
    """Read a relation of a request as far as needed to find its compiled plan.

    Raises:
        InvalidRequest: A value is malformed.
    """
    kept = message.ByteSize() <= MAX_BYTES and not any(node.HasField("staleness") for node in message.nodes)
    shape = _shape(message) if kept else None  # what staleness tells depends on the rights of the caller
    return Asked(
        partial(received_relation, field, message), partial(received_relation, field, message, parameters=True), shape
    )


def mapped_values(message: pb.Relation) -> list[value_pb2.Value]:
    """Return the values in the mappings of a relation, in order."""
    return [
        entry.value
        for condition in message.conditions
        if condition.HasField("mapping")
        for entry in condition.mapping.entries
    ]


def parameters_of(message: pb.Relation) -> list[value_pb2.Value]:
    """Return its values that others of their kind may replace, in the order of their numbers."""
    return list(filter(is_parameter, mapped_values(message)))


def _shape(message: pb.Relation) -> Shape:
    bare = pb.Relation()
    bare.CopyFrom(message)
    kinds: list[str] = []
    values: list[object] = []
    for place in parameters_of(bare):
        kinds.append(str(place.WhichOneof("kind")))
        values.append(decode.value(place))
        place.Clear()
    # An entry without a value is refused when it is read, so no plan can be found for it.
    return Shape((bare.SerializeToString(deterministic=True), *kinds), tuple(values))
