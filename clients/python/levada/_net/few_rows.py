"""Results that are certainly small: they come in one message, which is quicker than a stream of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_api.v1 import query_service_pb2 as pb

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from levada._net.small_calls import SmallCalls

_FEW_ROWS = 100


def fetch_few_rows(calls: SmallCalls, request: Message) -> pb.FetchRelationResponse | None:
    """Fetch a relation in one message if its limit keeps it small; return None if it needs a stream."""
    if not isinstance(request, pb.FetchRelationRequest) or not request.relation.nodes:
        return None
    root = request.relation.nodes[-1]
    if not (root.HasField("top") and root.top.HasField("limit") and root.top.limit <= _FEW_ROWS):
        return None
    answer = calls.call("QueryService/FetchFewRows", pb.FetchFewRowsRequest(fetch=request), pb.FetchFewRowsResponse)
    return None if answer.too_large else answer.result
