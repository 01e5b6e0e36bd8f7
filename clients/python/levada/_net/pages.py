"""Lists that come in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

    from levada_api.methods import MethodName

_TOKEN, _NEXT_TOKEN = "page_token", "next_page_token"
"""The fields by which the messages of every such method lead from page to page."""
_Response = TypeVar("_Response", bound="Message")


class Caller(Protocol):
    """An object that calls methods of a server."""

    def call(self, method: MethodName, request: Message, response: type[_Response], /) -> _Response:
        """Call a method with one request and one response."""


def pages(connection: Caller, method: MethodName, request: Message, response: type[_Response]) -> Iterator[_Response]:
    """Yield the pages of a list; fetch each page on demand.

    Args:
        connection: Calls the method.
        method: A method whose request has a `page_token` and whose response a `next_page_token`.
        request: The request for the first page; its `page_token` is set for the next pages.
        response: The class of a page.
    """
    while True:
        page = connection.call(method, request, response)
        yield page
        token = getattr(page, _NEXT_TOKEN)
        if not token:
            return
        setattr(request, _TOKEN, token)
