"""Lists that come in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

    from levada_api.methods import MethodName
    from levada_api.v1.access_service_pb2 import (
        ListGrantsRequest,
        ListGrantsResponse,
        ListTokensRequest,
        ListTokensResponse,
        ListUsersRequest,
        ListUsersResponse,
    )
    from levada_api.v1.job_service_pb2 import ListEnvironmentsRequest, ListEnvironmentsResponse
    from levada_api.v1.object_service_pb2 import ListStoresRequest, ListStoresResponse
    from levada_api.v1.recording_service_pb2 import (
        ListRecordedReadsRequest,
        ListRecordedReadsResponse,
        ListRecordingsRequest,
        ListRecordingsResponse,
    )
    from levada_api.v1.schema_service_pb2 import (
        ListSchemasRequest,
        ListSchemasResponse,
        ListTablesRequest,
        ListTablesResponse,
    )

_Response = TypeVar("_Response", bound="Message")
_Page = TypeVar(
    "_Page",
    "ListEnvironmentsResponse",
    "ListGrantsResponse",
    "ListRecordedReadsResponse",
    "ListRecordingsResponse",
    "ListSchemasResponse",
    "ListStoresResponse",
    "ListTablesResponse",
    "ListTokensResponse",
    "ListUsersResponse",
)


class Caller(Protocol):
    """An object that calls methods of a server."""

    def call(self, method: MethodName, request: Message, response: type[_Response], /) -> _Response:
        """Call a method with one request and one response."""


def pages(
    connection: Caller,
    method: MethodName,
    request: ListEnvironmentsRequest
    | ListGrantsRequest
    | ListRecordedReadsRequest
    | ListRecordingsRequest
    | ListSchemasRequest
    | ListStoresRequest
    | ListTablesRequest
    | ListTokensRequest
    | ListUsersRequest,
    response: type[_Page],
) -> Iterator[_Page]:
    """Yield the pages of a list; fetch each page on demand.

    Args:
        request: The request for the first page; its `page_token` is set for the next pages.
        response: The class of a page.
    """
    while True:
        page = connection.call(method, request, response)
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
