"""Find out who calls: by a token, or by the private socket, which only the server's own user can open."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, TypeAlias

from levada_server.errors import Unauthenticated
from levada_server.operations.caller import ADMINISTRATOR
from levada_server.permissions.permissions import REFUSED

if TYPE_CHECKING:
    from collections.abc import Mapping

    import grpc.aio

    from levada_server.permissions.permissions import Identity
    from levada_server.storage.permissions.cache import PermissionsCache

    Context: TypeAlias = grpc.aio.ServicerContext[bytes, bytes]

OPEN_METHODS = frozenset({"/levada_api.v1.AccessService/StartLogin", "/levada_api.v1.AccessService/PollLogin"})
"""The methods that anybody may call, because they lead to a token."""
AUTHORIZATION = "authorization"
"""The metadata key of a token: `Bearer lev_…`."""
_SOCKET = "unix:"


async def identify(context: Context, metadata: Mapping[str, str | bytes], permissions: PermissionsCache) -> Identity:
    """Return who makes a call; if it is one of many that are refused, wait first.

    A token counts also on the private socket; without one, the socket's caller is administrator.

    Raises:
        Unauthenticated: There is no valid token, and the call came by another way than the private socket.
    """
    try:
        return await _identified(context, metadata, permissions)
    except Unauthenticated:
        await permissions.hold_back()
        raise


async def _identified(context: Context, metadata: Mapping[str, str | bytes], permissions: PermissionsCache) -> Identity:
    peer = context.peer()
    text = str(metadata.get(AUTHORIZATION, ""))
    if not text and peer.startswith(_SOCKET):
        return ADMINISTRATOR
    scheme, _, token = text.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated(REFUSED)
    now = dt.datetime.now(dt.UTC)
    try:
        identity = permissions.current.identify(token, peer, now)
    except Unauthenticated:
        if not await permissions.look_again():  # another server may have just issued it
            raise
        identity = permissions.current.identify(token, peer, now)
    if identity.token_id is not None:
        permissions.note_use(identity.token_id, now)
    return identity
