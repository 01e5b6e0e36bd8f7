"""Log in at the issuer of identities that a server trusts; the server alone speaks to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from levada._base.errors import Unauthenticated, Unsupported
from levada._net.transport import Transport
from levada_api.v1 import access_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable


def log_in(
    address: str, authority: str | None, show: Callable[[pb.StartLoginResponse], None]
) -> pb.PollLoginResponse | None:
    """Return a new token once the user has logged in; None if the server has no issuer.

    Args:
        address: The server's address.
        authority: The certificate of its authority in PEM; None for the authorities of this system.
        show: Shows the user the page on which to log in, and the code to type there.

    Raises:
        Unauthenticated: The issuer, or the server, refuses the user; or the user took too long.
        Unavailable: The server, or the issuer, does not answer.
    """
    transport = Transport(address, None, None if authority is None else authority.encode())
    try:
        try:
            started = transport.call("AccessService/StartLogin", pb.StartLoginRequest(), pb.StartLoginResponse)
        except Unsupported:
            return None
        show(started)
        deadline = time.monotonic() + started.lifetime.ToTimedelta().total_seconds()
        pause = started.interval
        while time.monotonic() < deadline:
            time.sleep(pause.ToTimedelta().total_seconds())
            answer = transport.call(
                "AccessService/PollLogin", pb.PollLoginRequest(login=started.login), pb.PollLoginResponse
            )
            if answer.secret:
                return answer
            pause = answer.interval
        raise Unauthenticated("The time to log in is over; begin again.")
    finally:
        transport.close()
