"""What servicers need from a call beside its request: who calls, and what its answer carries."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from levada_server.errors import InvalidRequest
from levada_server.operations.context import Caller
from levada_server.storage.postgres.request_outcomes import Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from levada_server.operations.context import Engine

Metadata: TypeAlias = "tuple[tuple[str, str | bytes], ...]"
"""What goes with a call or its answer, by key."""

CATALOG_VERSION = "levada-catalog-version"
WARNING = "levada-warning-bin"
NOTICE = "levada-notice-bin"
MAX_TOLD = 16
MAX_TOLD_CHARACTERS = 1_000
MAX_TOLD_BYTES = 4_500
"""Warnings and notices of one answer: they travel in headers, which are limited to a few kilobytes."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Context(Protocol):
    """A call, beside its request: one of grpc's, or one of several that a stream carries."""

    def invocation_metadata(self) -> Any:  # noqa: ANN401  # grpc's own kind of `Metadata`, or None
        """What came with the call."""

    def trailing_metadata(self) -> Any:  # noqa: ANN401  # as above
        """What goes with the answer."""

    def set_trailing_metadata(self, trailing_metadata: Any, /) -> None:  # noqa: ANN401  # as above
        """Let something go with the answer, in place of what did."""


class Repeatable(Protocol):
    """A request, or its header, that carries an id."""

    request_id: str


def caller(context: Context, request: Repeatable | None = None) -> Caller:
    """Tell who calls, and which version of the catalog they have seen.

    Args:
        context: Of the call.
        request: What is asked, if asking it twice must not do it twice.

    Raises:
        InvalidRequest: The request's id is none.
    """
    metadata = dict(context.invocation_metadata() or ())
    seen = str(metadata.get(CATALOG_VERSION, "0"))
    return Caller(
        user="owner",
        catalog_version=int(seen) if seen.isdecimal() and len(seen) < 19 else 0,
        request=None if request is None else request_of(request),
    )


def request_of(request: Repeatable) -> Request | None:
    """Tell under which id something is asked; None if it has none.

    Raises:
        InvalidRequest: The id is too long or has signs of its own.
    """
    if not request.request_id:
        return None
    if _REQUEST_ID.fullmatch(request.request_id) is None:
        raise InvalidRequest("`request_id` is at most 64 letters, digits, - and _.", field="request_id")
    return Request(request.request_id, type(request).__name__.removesuffix("Request"))


def worker(context: Context, engine: Engine, lease_token: str, request: Repeatable | None = None) -> Caller:
    """Tell who calls, under the lease that the request names, if it does.

    Raises:
        InvalidRequest: The token is none of ours.
    """
    who = caller(context, request)
    return replace(who, job=engine.signer.read_lease(lease_token)) if lease_token else who


async def answer(context: Context, engine: Engine, warnings: Iterable[str] = (), notices: Iterable[str] = ()) -> None:
    """Put what the caller is to know into what the answer carries; a stream carries it for all its requests.

    Args:
        context: The call.
        engine: Knows the catalog's version.
        warnings: What the caller is told each time.
        notices: What the caller is told once, however often it is said.
    """
    version = (await engine.cache.current()).version
    said = ((WARNING, warnings), (NOTICE, notices))
    new = ((key, _cut(text).encode()) for key, texts in said for text in texts)
    before = (entry for entry in context.trailing_metadata() or () if entry[0] in (WARNING, NOTICE))
    kept = tuple(dict.fromkeys((*before, *new)))[:MAX_TOLD]
    sizes = accumulate(len(value) for _, value in kept)
    fitting = (entry for entry, size in zip(kept, sizes, strict=True) if size <= MAX_TOLD_BYTES)
    context.set_trailing_metadata(((CATALOG_VERSION, str(version)), *fitting))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TOLD_CHARACTERS else text[:MAX_TOLD_CHARACTERS] + "…"
