"""What servicers need from a call beside its request: who calls, and what its answer carries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from levada_server.operations.engine import Caller

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grpc.aio import ServicerContext

    from levada_server.operations.engine import Engine

Context: TypeAlias = "ServicerContext[Any, Any]"  # Any: whatever messages the method takes and gives

_CATALOG_VERSION = "levada-catalog-version"
_WARNING = "levada-warning-bin"
_NOTICE = "levada-notice-bin"
MAX_TOLD = 16
"""Warnings and notices of one answer: they travel in headers, which are limited to a few kilobytes."""


def caller(context: Context) -> Caller:
    """Tell who calls, and which version of the catalog they have seen."""
    metadata = dict(context.invocation_metadata() or ())
    seen = str(metadata.get(_CATALOG_VERSION, "0"))
    return Caller(user="owner", catalog_version=int(seen) if seen.isdecimal() and len(seen) < 19 else 0)


def worker(context: Context, engine: Engine, lease_token: str) -> Caller:
    """Tell who calls, under the lease that the request names, if it does.

    Raises:
        InvalidRequest: The token is none of ours.
    """
    who = caller(context)
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
    said = ((_WARNING, warnings), (_NOTICE, notices))
    new = ((key, text.encode()) for key, texts in said for text in texts)
    before = (entry for entry in context.trailing_metadata() or () if entry[0] in (_WARNING, _NOTICE))
    kept = tuple(dict.fromkeys((*before, *new)))[:MAX_TOLD]
    context.set_trailing_metadata(((_CATALOG_VERSION, str(version)), *kept))
