"""Reads that each of several jobs makes with values of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest
from levada_server.operations.prefetch import PatternedRead
from levada_server.rpc.decoding import values as decode
from levada_server.rpc.decoding.relation_shape import asked_relation, mapped_values
from levada_server.rpc.decoding.relations import is_parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_api.v1 import query_service_pb2 as pb
    from levada_api.v1 import value_pb2

_KINDS = {"fetch": "rows", "count": "count", "existence": "exists"}


def patterned_read(message: pb.PatternedRead, job_count: int) -> PatternedRead:
    """Read a read of several jobs.

    Args:
        message: The message.
        job_count: The number of jobs.

    Raises:
        InvalidRequest: It is malformed, or the values do not fit the relation and the jobs.
    """
    shape = message.WhichOneof("read")
    if shape is None:
        raise InvalidRequest("`reads` has an element without `fetch`, `count` or `existence`.", field="reads")
    request: pb.FetchRelationRequest | pb.CountRelationRequest | pb.CheckExistenceRequest = getattr(message, shape)
    bare = type(request.relation)()
    bare.CopyFrom(request.relation)
    places = mapped_values(bare)
    count = len(places)
    if len(message.values) != count * job_count:
        raise InvalidRequest(
            f"`values` has {len(message.values)} values; {job_count} jobs with {count} each need {count * job_count}.",
            field="values",
        )
    free = [is_parameter(place) for place in places]
    for number, value in enumerate(message.values):
        place = places[number % count]
        if value.WhichOneof("kind") != place.WhichOneof("kind") or not (free[number % count] or value == place):
            raise InvalidRequest(
                f"`values` has at place {number} a value of another kind than `read`, or another list.", field="values"
            )

    def of_job(job: int) -> Sequence[value_pb2.Value]:
        return message.values[job * count : (job + 1) * count]

    def relation(job: int) -> bytes:
        for place, value in zip(places, of_job(job), strict=True):
            place.CopyFrom(value)
        return bare.SerializeToString(deterministic=True)

    return PatternedRead(
        asked_relation("relation", request.relation),
        _KINDS[shape],
        digest=shape == "fetch" and message.fetch.digest,
        recorded=bool(request.recordings),
        relation=relation,
        values=[
            tuple(decode.value(value) for value, is_free in zip(of_job(job), free, strict=True) if is_free)
            for job in range(job_count)
        ],
    )
