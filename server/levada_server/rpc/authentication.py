"""Find out who calls: by a token, or by the private socket, which only the server's own user can open."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, TypeAlias

from levada_server.errors import Unauthenticated
from levada_server.operations.caller import ADMINISTRATOR
from levada_server.permissions.permissions import REFUSED
from levada_server.rpc.browser import BrowserContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    import grpc.aio

    from levada_server.permissions.permissions import Identity, Permissions
    from levada_server.storage.permissions.cache import PermissionsCache

    Context: TypeAlias = grpc.aio.ServicerContext[bytes, bytes] | BrowserContext

OPEN_METHODS = frozenset(f"/levada_api.v1.AccessService/{name}" for name in ("StartLogin", "PollLogin", "ExchangeCode"))
"""The methods that anybody may call, because they lead to a token or a session."""
AUTHORIZATION = "authorization"
"""The metadata key of a token: `Bearer lev_…`."""
_SOCKET = "unix:"


async def identify(context: Context, metadata: Mapping[str, str | bytes], permissions: PermissionsCache) -> Identity:
    """Return who makes a call; if it is one of many that are refused, wait first.

    A token counts also on the private socket; without one, the socket's caller is administrator. A browser may bring
    the cookie of a session instead.

    Raises:
        Unauthenticated: There is no valid token or session, and the call came by another way than the private socket.
    """
    try:
        return await _identified(context, metadata, permissions)
    except Unauthenticated:
        await permissions.hold_back()
        raise


async def _identified(context: Context, metadata: Mapping[str, str | bytes], permissions: PermissionsCache) -> Identity:
    peer = context.peer()
    text = str(metadata.get(AUTHORIZATION, ""))
    session = context.session if isinstance(context, BrowserContext) and not text else ""
    if not text and not session and peer.startswith(_SOCKET):
        return ADMINISTRATOR
    scheme, _, token = text.partition(" ")
    if not session and scheme.lower() != "bearer":
        raise Unauthenticated(REFUSED)
    now = dt.datetime.now(dt.UTC)

    def known(current: Permissions) -> Identity:
        return current.identify_session(session, peer, now) if session else current.identify(token, peer, now)

    try:
        identity = known(permissions.current)
    except Unauthenticated:
        await permissions.await_news()  # another server may have just issued it
        identity = known(permissions.current)
    if identity.token_id is not None:
        permissions.note_use(identity.token_id, now)
    return identity
