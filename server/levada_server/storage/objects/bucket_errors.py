"""Errors of buckets, as errors of Levada."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from levada_server.errors import LevadaError, LimitReached, PreconditionFailed, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOG = logging.getLogger("levada.objects")
_FULL = re.compile(
    r"\b507\b|InsufficientStorage|QuotaExceeded|StorageFull|InsufficientCapacity|no writable volumes|No space left",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"https?://\S+")


@contextmanager
def told_of(store: str) -> Iterator[None]:
    """Turn errors of a bucket into errors that say what is wrong with its store; answers of a store that works stay.

    Raises:
        LimitReached: The store is full.
        PreconditionFailed: It refuses the server.
        Unavailable: It cannot be reached, or fails.
    """
    try:
        yield
    except (FileNotFoundError, AlreadyExistsError, PreconditionError):
        raise
    except (PermissionDeniedError, UnauthenticatedError) as error:
        _note(store, error)
        raise refused(store) from None
    except (BaseError, PermissionError, OSError) as error:
        _note(store, error)
        raise failed(store, str(error)) from None


def refused(store: str) -> LevadaError:
    """Return the error of a store that refuses the server."""
    return PreconditionFailed(
        f"The store `{store}` refuses the server's credentials; its owner must renew them or extend their rights.",
        store=store,
    )


def failed(store: str, text: str) -> LevadaError:
    """Return the error of a store that is full, or that fails otherwise."""
    if _FULL.search(text):
        return LimitReached(
            f"The store `{store}` is full. Nothing that was stored is lost. Free some space, or ask its owner, and "
            "repeat the call.",
            limit="store",
            store=store,
        )
    return Unavailable(
        f"The store `{store}` does not answer, or answers with an error; the server's log has it. Try again later; "
        "if that does not help, ask its owner whether it runs and has space.",
        store=store,
    )


def _note(store: str, error: BaseException) -> None:
    """Log the first line of an error without the addresses, which may be signed."""
    lines = str(error).splitlines()
    text = _ADDRESS.sub("its address", lines[0]) if lines else ""
    _LOG.warning("the store %s failed: %s: %s", store, type(error).__name__, text)
