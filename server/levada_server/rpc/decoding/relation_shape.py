"""Find the shape of a relation: its message without the values of its mappings."""

from __future__ import annotations

from functools import partial

from levada_api.v1 import relation_pb2 as pb
from levada_server.operations.access.plans import Asked, Shape
from levada_server.rpc.decoding import values as decode
from levada_server.rpc.decoding.relations import is_parameter, received_relation

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


def _shape(message: pb.Relation) -> Shape:
    bare = pb.Relation()
    bare.CopyFrom(message)
    kinds: list[str] = []
    values: list[object] = []
    for condition in bare.conditions:
        for entry in condition.mapping.entries if condition.HasField("mapping") else ():
            if is_parameter(entry.value):
                kinds.append(str(entry.value.WhichOneof("kind")))
                values.append(decode.value(entry.value))
                entry.value.Clear()
    # An entry without a value is refused when it is read, so no plan can be found for it.
    return Shape((bare.SerializeToString(deterministic=True), *kinds), tuple(values))
