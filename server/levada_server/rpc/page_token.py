"""Write and read page tokens, which hold the name after which the next page begins."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, TypeVar

from levada_server.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Item = TypeVar("_Item")


def page(items: Sequence[_Item], name: Callable[[_Item], str], *, size: int, token: str) -> tuple[Sequence[_Item], str]:
    """Cut one page out of a list; return it and the token of the next, empty at the end.

    Args:
        items: The whole list, in its order.
        name: The name of an item, unique in the list.
        size: The length of the page.
        token: The token that the page before returned; empty for the first page.

    Raises:
        InvalidRequest: This server did not write the token, or its item is gone.
    """
    start = 0
    if token:
        after = read_name(token)
        start = next((i + 1 for i, item in enumerate(items) if name(item) == after), -1)
        if start < 0:
            raise InvalidRequest("`page_token` is out of date; begin with the first page.", field="page_token")
    found = items[start : start + size]
    more = start + size < len(items)
    return found, write_name(name(found[-1])) if more else ""


def write_number(number: int) -> str:
    """Return the token of a page that begins after a number."""
    return write_name(str(number))


def read_number(token: str) -> int:
    """Read the number after which a page begins.

    Raises:
        InvalidRequest: This server did not write the token.
    """
    text = read_name(token)
    if not (text.isdecimal() and text.isascii() and len(text) < 19):
        raise InvalidRequest("This server did not write `page_token`; begin with the first page.", field="page_token")
    return int(text)


def write_name(name: str) -> str:
    """Return the token of a page that begins after a name."""
    return base64.urlsafe_b64encode(name.encode()).decode()


def read_name(token: str) -> str:
    """Read the name after which a page begins.

    Raises:
        InvalidRequest: This server did not write the token.
    """
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise InvalidRequest(
            "This server did not write `page_token`; begin with the first page.", field="page_token"
        ) from None
