"""No secret is on a command line, in a log, in an error or in the audit, whatever a server and its clients do."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import re
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import grpc
import psutil
import pytest

import levada as lv
from levada_api.v1 import access_service_pb2 as pb
from levada_api.v1 import access_service_pb2_grpc
from levada_server import cli
from levada_server.backup.backup import back_up
from levada_server.config import database_url as address_of
from levada_server.config import without_password
from levada_server.errors import InvalidRequest, Unavailable
from levada_server.storage.postgres.database import Database
from tests.support.identity_provider import identity_provider
from tests.support.receivers import webhook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.identity_provider import IdentityProvider

PASSWORD = "database/pass word"
IN_ADDRESS = "database%2Fpass%20word"
CLIENT_SECRET = "secret-at-the-issuer"
HOOK = "secret-of-the-webhook"
SMTP = "secret-of-the-mail-server"
WRONG = "lev_" + "x" * 43
TIMEOUT_S = 60.0
SERVE = """
import sys
from datetime import timedelta
from levada_server import cli
from levada_server.monitoring import alerts
alerts.EVERY_S, alerts.LAG = 0.05, timedelta(0)
sys.exit(cli.main())
"""
PIPELINE = """
    import levada as lv

    schema = lv.Schema("lab")

    @schema
    class Session(lv.Lookup):
        definition = "session : int32"
        contents = ((1,), (2,))

    @schema
    class Broken(lv.Computed):
        definition = "-> Session"

        def make(self, key):
            lv.FreeTable("lab.Nothing").insert1(key)
"""


class CommandLines(threading.Thread):
    """Collects the command lines of all processes that this one starts, as everybody on the machine sees them."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[str] = set()
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.02):
            self.look()

    def look(self) -> None:
        for process in psutil.Process().children(recursive=True):
            try:
                self.seen.add(" ".join(process.cmdline()))
            except psutil.Error:
                continue

    def end(self) -> None:
        self._ended.set()
        self.join()


@pytest.fixture
def command_lines() -> Iterator[CommandLines]:
    lines = CommandLines()
    lines.start()
    yield lines
    lines.end()


def with_password(url: str) -> str:
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{IN_ADDRESS}@{host}"))


def test_a_whole_run_shows_no_secret(
    database_url: str, tmp_path: Path, command_lines: CommandLines, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    data = tmp_path / "data"
    data.mkdir()
    told: list[str] = []
    secrets = {PASSWORD, IN_ADDRESS, CLIENT_SECRET, HOOK, SMTP, WRONG}
    environment = {**os.environ, "LEVADA_DATABASE_URL": with_password(database_url), "LEVADA_SMTP_PASSWORD": SMTP}
    with identity_provider() as provider, webhook(f"/{HOOK}") as hook, (tmp_path / "server.log").open("w") as errors:
        provider.secret = CLIENT_SECRET
        write(
            data / "issuer.toml", f'url = "{provider.url}"\nclient_id = "levada"\nclient_secret = "{CLIENT_SECRET}"\n'
        )
        mail = '[mail]\nserver = "127.0.0.1:1"\nfrom = "a@b.org"\nto = ["a@b.org"]\nuser = "levada"\n'
        write(data / "alerts.toml", f'[webhook]\nurl = "{hook.url}"\n{mail}')
        options = ["serve", "--data-dir", str(data), "--listen", "127.0.0.1:0", "--grace", "0.1"]
        server = subprocess.Popen(
            [sys.executable, "-c", SERVE, *options, "--log-level", "DEBUG", "--log-format", "json"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[4]
            secrets.add(token := new_token(address))
            secrets |= log_in(address, provider, told)
            compute(address, token, tmp_path, told)
            assert hook.arrived.wait(TIMEOUT_S)
            asyncio.run(back_up(with_password(database_url), {}, tmp_path / "backup"))
        finally:
            server.terminate()
            server.communicate(timeout=TIMEOUT_S)
    key, audit = asyncio.run(stored(database_url))
    secrets |= {key.hex(), base64.b64encode(key).decode(), repr(key)[2:-1]}
    log = (tmp_path / "server.log").read_text()
    shown = {
        "the server's log": log,
        "the client's log": caplog.text,
        "what programs said": "\n".join(told),
        "the audit": audit,
        "command lines": "\n".join(command_lines.seen),
    }
    ids = re.findall(r"The server's log has this as call (\d+-\d+)", shown["what programs said"])
    assert len(ids) == 2  # of the two jobs
    assert all(f'"call": "{id_}"' in log for id_ in ids)
    assert "anna" in audit
    assert "(mail: Connection refused)" in log
    assert "/FailJob" in log
    assert "call " in caplog.text
    assert "levada_server" in shown["command lines"]
    assert "pg_dump" in shown["command lines"]
    assert "job_ended" in shown["what programs said"]
    found = [(place, secret) for place, text in shown.items() for secret in secrets if secret in text]
    assert found == []


def write(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o600)


def run(*arguments: str, env: dict[str, str]) -> str:
    """Run a command and return all that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "levada", *arguments],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.stdout


def new_token(address: str) -> str:
    """Add a user over the private socket, as `levada users add` does, and return the user's token."""
    with lv.Connection(address) as at:
        request = pb.CreateUserRequest(name="anna", administrator=True)
        at.call("AccessService/CreateUser", request, pb.CreateUserResponse)
        token = at.call("AccessService/CreateToken", pb.CreateTokenRequest(user="anna"), pb.CreateTokenResponse)
    return token.secret


def log_in(address: str, provider: IdentityProvider, told: list[str]) -> set[str]:
    """Log in at the issuer, and fail to; return what only the one who logs in may know."""
    with grpc.insecure_channel(address) as channel:
        stub = access_service_pb2_grpc.AccessServiceStub(channel)
        started = stub.StartLogin(pb.StartLoginRequest(), timeout=TIMEOUT_S)
        device_code = next(code for code, login in provider.logins.items() if login["user_code"] == started.code)
        provider.approve(started.code, preferred_username="anna")
        answer = stub.PollLogin(pb.PollLoginRequest(login=started.login), timeout=TIMEOUT_S)
        with pytest.raises(grpc.RpcError) as refused:
            stub.PollLogin(pb.PollLoginRequest(login=started.login), timeout=TIMEOUT_S)
        told.append(str(refused.value))
        with pytest.raises(grpc.RpcError) as refused:
            stub.GetCaller(pb.GetCallerRequest(), metadata=(("authorization", f"Bearer {WRONG}"),), timeout=TIMEOUT_S)
        told.append(str(refused.value))
    return {answer.secret, started.login, started.code, device_code}


def compute(address: str, token: str, folder: Path, told: list[str]) -> None:
    """Make a pipeline and let its jobs fail, all with a token."""
    (folder / "pipeline.py").write_text(textwrap.dedent(PIPELINE))
    environment = {**os.environ, "LEVADA_URL": address, "LEVADA_TOKEN": token, "PYTHONPATH": str(folder)}
    with lv.Connection(address, token=token) as at:
        lv.Schema("lab", connection=at)
        with pytest.raises(lv.errors.UnknownTable) as caught:
            lv.FreeTable(at, "lab.Nothing").to_dicts()
        told.append(repr(caught.value))
    told.append(run("worker", "pipeline", "--drain", "--log-format", "json", env=environment))


async def stored(url: str) -> tuple[bytes, str]:
    """Return the key that signs leases, and the audit as text."""
    connection = await asyncpg.connect(url)
    try:
        key = await connection.fetchval("SELECT secret FROM levada.signing_key")
        rows = await connection.fetch("SELECT a::text FROM levada.audit AS a")
    finally:
        await connection.close()
    return key, json.dumps([row[0] for row in rows], ensure_ascii=False)


@pytest.mark.parametrize(
    "url",
    ["postgresql://me:secret@db/lab", "postgresql://me@db/lab?password=secret", "postgres://:secret@/lab?host=/tmp"],
)
def test_a_password_on_the_command_line_is_refused_with_advice(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRequest, match="PGPASSFILE") as caught:
        address_of(url)
    assert "secret" not in caught.value.message
    monkeypatch.setenv("LEVADA_DATABASE_URL", url)
    assert address_of(None) == url
    assert address_of("postgresql://other/lab") == "postgresql://other/lab"
    plain, password = without_password(url)
    assert (password, "secret" in plain) == ("secret", False)


def test_the_owners_password_is_refused_there_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls, owner = ["--database-url", "postgresql://calls@db/lab"], "postgresql://owner:secret@db/lab"
    assert cli.main(["serve", *calls, "--owner-url", owner]) == cli.EXIT_FAILED
    error = capsys.readouterr().err
    assert "LEVADA_OWNER_URL" in error
    assert "secret" not in error
    monkeypatch.delenv("LEVADA_DATABASE_URL", raising=False)
    monkeypatch.setenv("LEVADA_OWNER_URL", owner)
    assert cli.main(["serve"]) == cli.EXIT_FAILED
    assert "the embedded database has one role" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url", ["postgresql://me:sec/ret@db/lab", "postgresql://me:sec#ret@db/lab", "host=db password=secret", "secret"]
)
def test_an_address_that_cannot_be_read_is_refused_without_being_quoted(url: str) -> None:
    for read in (address_of, without_password):
        with pytest.raises(InvalidRequest, match="postgresql://user@host/database") as caught:
            read(url)
        assert "sec" not in caught.value.message


async def test_an_address_that_the_driver_cannot_read_is_not_quoted() -> None:
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        await Database.connect("postgresql://me:sec/ret@db/lab")
    assert "sec" not in caught.value.message
