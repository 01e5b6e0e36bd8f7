"""A request that takes effect once, however often it is repeated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """The id of a request, and its method.

    Args:
        id: Chosen by the client.
        method: The called method; an id belongs to one method.
    """

    id: str
    method: str
