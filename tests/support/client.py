"""The only reaches of tests into the Python client's private parts: each for what nothing public shows or sets."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from levada._net import address, transport
from levada._net.backoff import Backoff
from levada._objects import local_files, transfer
from levada._pipeline import populate

if TYPE_CHECKING:
    import pytest

    import levada as lv
    from levada._net.small_calls import _CallStream


def forget_default_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin as a new process does, which has no default connection: a process cannot give its own back."""
    monkeypatch.setattr(address, "_default", address._Default())  # noqa: SLF001  # see above


def give_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not repeat calls to a server that is out of reach, so that a test of the error does not take ten seconds."""
    monkeypatch.setattr(transport, "_RETRY_SECONDS", 0)


def hurry_transfers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Go on soon after a transfer broke off: a test cuts many, and the pauses between them are not a setting."""
    monkeypatch.setattr(transfer, "RETRY", Backoff(first_seconds=0.01))


def see_other_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    """See other disks than the server, as a program in a container does: no file of a store has the server's stamp."""

    def check(*_: object) -> None:
        raise local_files.FileUnreachable

    monkeypatch.setattr(local_files, "_check", check)


def shorten_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `populate` reserve for a second: its minute is not a setting, and heartbeats come three times a lease."""
    monkeypatch.setattr(populate, "_LEASE", timedelta(seconds=1))


def open_streams(connection: lv.Connection) -> frozenset[_CallStream]:
    """Return the streams for small calls that a connection holds open; a call looks the same on one as on its own."""
    return frozenset(connection._small_calls._open)  # noqa: SLF001  # see above
