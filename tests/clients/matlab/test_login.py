"""Logging in by the toolbox: a real server, a small issuer of identities on a port, and the file of credentials."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from levada_server.app import running
from levada_server.config import Settings
from levada_server.permissions.id_tokens import IssuerSettings
from tests.clients.matlab.conftest import Octave
from tests.support.identity_provider import identity_provider

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

_SCRIPT = """
setenv('LEVADA_URL', address);
connection = levada.login();
caller = levada.internal.api.getCaller(connection, struct());
printf('%s\\n', caller.user.name);
connection.close();
connection = levada.connect(address);
caller = levada.internal.api.getCaller(connection, struct());
printf('%s\\n', caller.user.name);
connection.close();
"""
_REFUSED = """
try
    levada.login(address);
catch failure
    printf('%s %s\\n', failure.identifier, failure.message);
end
"""


async def test_a_login_shows_the_page_and_keeps_the_token(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config" / "credentials.json"
    monkeypatch.setenv("LEVADA_CREDENTIALS", str(file))
    with identity_provider() as provider:
        issuer = IssuerSettings(provider.url, "levada", add_users=True)
        settings = Settings(database_url, tmp_path, "127.0.0.1:0", grace_s=0.1, issuer=issuer)
        async with running(settings) as (_, address):
            monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))  # Octave does not find the private socket
            process = Octave(address).start(_SCRIPT)
            assert process.stdout is not None
            told = await asyncio.to_thread(process.stdout.readline)
            assert provider.page in told, told + await asyncio.to_thread(process.stdout.read)
            provider.approve(told.rstrip(".\n").rpartition(" ")[2], preferred_username="anna")
            output, _ = await asyncio.to_thread(process.communicate)
            assert process.returncode == 0, output
            kept = json.loads(file.read_text())
            assert output.splitlines()[1:] == [
                f"You are anna at {address}; the token is kept for this address.",
                "anna",
                "anna",
            ]
            # Another login replaces the token, and what is kept for other servers stays.
            other = {"address": "https://host:1", "token": "", "authority": "-----\nx\n"}
            file.write_text(json.dumps([other, *kept]))
            process = Octave(address).start(_SCRIPT)
            assert process.stdout is not None
            told = await asyncio.to_thread(process.stdout.readline)
            provider.approve(told.rstrip(".\n").rpartition(" ")[2], preferred_username="ben")
            output, _ = await asyncio.to_thread(process.communicate)
    assert process.returncode == 0, output
    assert output.splitlines()[-1] == "ben"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    first, second = json.loads(file.read_text())
    assert first == other
    assert second["address"] == kept[0]["address"]
    assert second["token"] != kept[0]["token"]


def test_a_server_without_an_issuer_is_told(octave: Octave) -> None:
    assert octave.run(_REFUSED).startswith("levada:Unsupported ")
