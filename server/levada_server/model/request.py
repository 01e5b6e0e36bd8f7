"""A request that has one effect however often it comes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """The id of a request, and its method.

    Args:
        id: Chosen by the client.
        method: The method that is called; an id belongs to one method.
    """

    id: str
    method: str
