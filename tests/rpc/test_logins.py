"""Logging in at an issuer of identities: a real server, a real channel, and a small issuer on a port."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from joserfc import jwt

import levada as lv
from levada_api.v1 import access_service_pb2 as pb
from levada_api.v1 import access_service_pb2_grpc
from levada_server import issuer as issuers
from levada_server.app import running
from levada_server.config import Settings
from levada_server.errors import LimitReached
from levada_server.permissions.id_tokens import IssuerSettings
from tests.support.identity_provider import IdentityProvider, identity_provider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    import asyncpg
    from joserfc.jwk import ECKey

TIMEOUT_S = 30.0
ODD_ANSWERS = [
    ("/.well-known/openid-configuration", 200, b"{}"),
    ("/.well-known/openid-configuration", 200, b"[]"),
    ("/.well-known/openid-configuration", 200, b'{"issuer": "https://evil", "token_endpoint": "https://evil/t"}'),
    ("/.well-known/openid-configuration", 302, b"http://127.0.0.1:1/"),
    ("/.well-known/openid-configuration", 404, b"no"),
    ("/device", 200, b"<html>"),
    ("/device", 200, b"[" * 100_000),
    ("/device", 200, b'{"device_code": "' + b"x" * 2**20 + b'"}'),
    ("/device", 200, b'{"device_code": "a"}'),
    ("/device", 400, b'{"error": "unauthorized_client"}'),
    (
        "/device",
        200,
        b'{"device_code": "a", "user_code": "\\u001b[2J", "verification_uri": "https://x", "expires_in": 1}',
    ),
    (
        "/device",
        200,
        b'{"device_code": "a", "user_code": "b", "verification_uri": "javascript:x", "expires_in": 1}',
    ),
    (
        "/device",
        200,
        b'{"device_code": "a", "user_code": "b", "verification_uri": "https://x", "expires_in": NaN}',
    ),
    ("/device", 500, b""),
]


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as running_provider:
        yield running_provider


class Client:
    """Somebody without a token, and the server's owner beside."""

    def __init__(self, channel: grpc.aio.Channel, address: str, provider: IdentityProvider) -> None:
        self.stub = access_service_pb2_grpc.AccessServiceStub(channel)
        self.address = address
        self.provider = provider

    async def start(self) -> pb.StartLoginResponse:
        answer: pb.StartLoginResponse = await self.stub.StartLogin(pb.StartLoginRequest(), timeout=TIMEOUT_S)
        return answer

    async def poll(self, login: str) -> pb.PollLoginResponse:
        answer: pb.PollLoginResponse = await self.stub.PollLogin(pb.PollLoginRequest(login=login), timeout=TIMEOUT_S)
        return answer

    async def log_in(self, name: str = "anna", **claims: object) -> pb.PollLoginResponse:
        started = await self.start()
        self.provider.approve(started.code, preferred_username=name, **claims)
        return await self.poll(started.login)

    async def refusal(self, name: str = "anna", **claims: object) -> tuple[str, str]:
        """Return the code and the text with which a login ends."""
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await self.log_in(name, **claims)
        return refused.value.code().name, str(refused.value.details())

    async def user_of(self, secret: str) -> str:
        answer = await self.stub.GetCaller(
            pb.GetCallerRequest(), metadata=(("authorization", f"Bearer {secret}"),), timeout=TIMEOUT_S
        )
        return str(answer.user.name)

    async def as_owner(self, method: Any, request: Any, response: Any) -> Any:  # noqa: ANN401  # messages
        def ask() -> Any:  # noqa: ANN401
            with lv.Connection(self.address) as connection:
                return connection.call(f"AccessService/{method}", request, response)  # type: ignore[arg-type]

        return await asyncio.to_thread(ask)

    async def add(self, name: str) -> None:
        await self.as_owner("CreateUser", pb.CreateUserRequest(name=name), pb.CreateUserResponse)

    async def change(self, name: str, **changes: Any) -> None:  # noqa: ANN401  # fields
        await self.as_owner("UpdateUser", pb.UpdateUserRequest(name=name, **changes), pb.UpdateUserResponse)


@asynccontextmanager
async def serving(
    database_url: str,
    folder: Path,
    provider: IdentityProvider,
    **options: Any,  # noqa: ANN401  # fields
) -> AsyncIterator[Client]:
    settings = Settings(
        database_url,
        folder,
        "127.0.0.1:0",
        grace_s=0.1,
        issuer=IssuerSettings(provider.url, "levada", **options),
    )
    async with running(settings) as (_, address), grpc.aio.insecure_channel(address) as channel:
        yield Client(channel, address, provider)


@pytest.fixture
async def client(database_url: str, tmp_path: Path, provider: IdentityProvider) -> AsyncIterator[Client]:
    async with serving(database_url, tmp_path, provider) as started:
        await started.add("anna")
        yield started


async def test_a_user_logs_in_and_gets_a_token(client: Client) -> None:
    started = await client.start()
    assert started.page == client.provider.page
    assert started.page_with_code == f"{started.page}?code={started.code}"
    assert started.lifetime.ToSeconds() == 600
    waiting = await client.poll(started.login)
    assert (waiting.secret, waiting.HasField("token"), waiting.HasField("interval")) == ("", False, True)
    client.provider.approve(started.code, preferred_username="anna")
    answer = await client.poll(started.login)
    assert answer.token.user == "anna"
    days = (answer.token.expire_time.ToDatetime() - answer.token.create_time.ToDatetime()).total_seconds() / 86_400
    assert days == pytest.approx(30)
    assert await client.user_of(answer.secret) == "anna"
    with pytest.raises(grpc.aio.AioRpcError, match="has ended"):
        await client.poll(started.login)


async def test_a_login_is_in_the_audit(client: Client, connection: asyncpg.Connection[asyncpg.Record]) -> None:
    token = (await client.log_in("anna")).token
    (row,) = await connection.fetch("SELECT * FROM levada.audit WHERE method = 'PollLogin'")
    assert (row["subject"], row["outcome"]) == ("anna", "OK")
    assert json.loads(row["details"])["new_token"] == token.id


async def test_without_an_issuer_nobody_logs_in(database_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url, tmp_path, "127.0.0.1:0", grace_s=0.1)
    async with running(settings) as (_, address), grpc.aio.insecure_channel(address) as channel:
        stub = access_service_pb2_grpc.AccessServiceStub(channel)
        for call in (stub.StartLogin(pb.StartLoginRequest()), stub.PollLogin(pb.PollLoginRequest(login="x"))):
            assert await call.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_only_users_of_this_server_log_in(client: Client) -> None:
    assert (await client.refusal("ben"))[0] == "UNAUTHENTICATED"
    assert "levada users add ben" in (await client.refusal("ben"))[1]
    for name in ("administrator", "server", "an na", "1", "x" * 65, "anna\n"):
        assert (await client.refusal(name))[0] == "UNAUTHENTICATED"
    assert (await client.refusal(None))[0] == "UNAUTHENTICATED"  # type: ignore[arg-type]  # no name at all


async def test_unknown_users_may_be_added_without_any_role(
    database_url: str, tmp_path: Path, provider: IdentityProvider
) -> None:
    async with serving(database_url, tmp_path, provider, add_users=True, group="lab") as client:
        assert "group" in (await client.refusal("ben"))[1]
        answer = await client.log_in("ben", groups=["lab"])
        listed = await client.as_owner("ListUsers", pb.ListUsersRequest(), pb.ListUsersResponse)
    assert answer.token.user == "ben"
    assert [(user.name, user.administrator, list(user.schema_prefixes)) for user in listed.users] == [
        ("ben", False, [])
    ]


async def test_an_account_stays_the_user_that_it_became(client: Client) -> None:
    await client.log_in("anna", sub="1")
    assert (await client.log_in("anna-maria", sub="1")).token.user == "anna"  # renamed at the issuer
    assert "--forget-account" in (await client.refusal("anna", sub="2"))[1]  # another account takes the name there
    await client.change("anna", forget_account=True)
    assert (await client.log_in("anna", sub="2")).token.user == "anna"
    assert (await client.refusal("anna", sub="1"))[0] == "UNAUTHENTICATED"


async def test_a_disabled_user_cannot_log_in(client: Client) -> None:
    await client.change("anna", disabled=True)
    assert "disabled" in (await client.refusal("anna"))[1]
    await client.change("anna", disabled=False)
    assert (await client.log_in("anna")).token.user == "anna"
    await client.change("anna", disabled=True)
    assert "disabled" in (await client.refusal("anna"))[1]


async def test_bad_logins_are_refused(client: Client) -> None:
    started = await client.start()
    for login in ("", "x", started.login[:-4], started.login[:8] + "AAAA" + started.login[12:]):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await client.poll(login)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    client.provider.deny(started.code)
    with pytest.raises(grpc.aio.AioRpcError, match="refused at the issuer") as denied:
        await client.poll(started.login)
    assert denied.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_an_id_token_that_the_issuer_did_not_sign_is_refused(client: Client) -> None:
    provider, now = client.provider, int(time.time())
    other = provider.new_key()
    kid = provider.keys[-1].kid
    bad = {
        "another's key": lambda claims: issuers_token(other, kid, claims),
        "an unknown key": lambda claims: issuers_token(other, other.kid, claims),
        "another audience": lambda claims: provider.signed({**claims, "aud": "else"}),
        "expired": lambda claims: provider.signed({**claims, "exp": now - 100}),
        "another nonce": lambda claims: provider.signed({**claims, "nonce": "x"}),
        "cut": lambda claims: provider.signed(claims)[:-4],
        "rubbish": lambda _: "x",
    }
    for kind, sign in bad.items():
        provider.sign = sign
        assert (kind, *await client.refusal()) == (
            kind,
            "UNAUTHENTICATED",
            "The issuer's answer cannot be trusted; ask an administrator to look.",
        )
    provider.sign = provider.signed
    assert (await client.log_in()).token.user == "anna"


def issuers_token(key: ECKey, kid: str | None, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "ES256", "kid": kid}, claims, key)


async def test_new_keys_are_read_and_unknown_ones_not_asked_for_at_will(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = client.provider
    await client.log_in()
    provider.keys.append(provider.new_key())
    assert (await client.refusal())[0] == "UNAUTHENTICATED"  # the keys were just read
    assert provider.asked.count("/keys") == 1
    monkeypatch.setattr(issuers, "LEAST_S", 0.0)
    assert (await client.log_in()).token.user == "anna"
    assert provider.asked.count("/keys") == 2
    await client.log_in()
    assert provider.asked.count("/keys") == 2
    assert provider.asked.count("/.well-known/openid-configuration") == 1


async def test_old_keys_are_kept_while_the_issuer_cannot_tell_them(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.log_in()
    monkeypatch.setattr(issuers, "KEEP_S", 0.0)
    monkeypatch.setattr(issuers, "LEAST_S", 0.0)
    client.provider.answers = {"/keys": (500, b""), "/.well-known/openid-configuration": (500, b"")}
    assert (await client.log_in()).token.user == "anna"  # the first after what was read has become old
    assert (await client.log_in()).token.user == "anna"
    assert client.provider.asked.count("/keys") > 1


async def test_an_issuer_that_stalls_holds_no_other_call_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuers, "MAX_LOGINS", 5)
    monkeypatch.setattr(issuers, "SPARE_LOGINS", 2)
    provider = client.provider
    provider.stalled.clear()
    waiting = [asyncio.ensure_future(client.start()) for _ in range(3)]
    while provider.arrived < 3:
        await asyncio.wait(waiting, timeout=0.01)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await client.start()
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await client.add("ben")  # and other calls are served
    provider.stalled.set()
    assert all(started.code for started in await asyncio.gather(*waiting))


async def test_no_host_waits_in_all_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuers, "MAX_LOGINS", 5)
    monkeypatch.setattr(issuers, "SPARE_LOGINS", 2)
    monkeypatch.setattr(issuers, "THREADS", 5)
    issuer = issuers.Issuer(IssuerSettings("https://id.example.org", "levada"))
    async with AsyncExitStack() as places:
        for host, refused in (("a", ""), ("a", ""), ("a", "a"), ("b", "ab"), ("c", "abcd")):
            await places.enter_async_context(issuer.waiting(host))
            for other in refused:
                with pytest.raises(LimitReached):
                    await places.enter_async_context(issuer.waiting(other))
    async with issuer.waiting("a"):
        pass
    issuer.close()


async def test_hosts_ask_the_issuer_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever one of them has in line; and a call that leaves takes no turn with it."""
    monkeypatch.setattr(issuers, "THREADS", 2)
    issuer = issuers.Issuer(IssuerSettings("https://id.example.org", "levada"))
    order: list[str] = []
    answered = asyncio.Event()

    async def ask(name: str) -> None:
        async with issuer.waiting(name[0]):
            order.append(name)
            if name == "a0":
                await answered.wait()

    async with asyncio.TaskGroup() as calls:
        tasks = [calls.create_task(ask(name)) for name in ("a0", "a1", "a2", "a3", "b0", "c0")]
        tasks[0].add_done_callback(lambda _: order.append("a0 is over"))
        async with issuer.waiting("d"):
            await asyncio.sleep(0)
            assert order == ["a0"]
            tasks[1].cancel()
        await asyncio.wait(tasks[1:])
        answered.set()
    assert order == ["a0", "b0", "c0", "a2", "a3", "a0 is over"]
    issuer.close()


async def test_an_issuer_that_never_answers_is_given_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuers, "ANSWER_S", 0.05)
    client.provider.stalled.clear()
    with pytest.raises(grpc.aio.AioRpcError, match="does not answer") as refused:
        await client.start()
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_an_issuer_that_answers_otherwise_is_unavailable(client: Client) -> None:
    for path, status, content in ODD_ANSWERS:
        client.provider.answers = {path: (status, content)}
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await client.start()
        assert (content, refused.value.code()) == (content, grpc.StatusCode.UNAVAILABLE)
    client.provider.answers = {}
    assert (await client.log_in()).token.user == "anna"


async def test_the_issuer_may_want_to_be_asked_less_often(client: Client) -> None:
    started = await client.start()
    client.provider.answers = {"/token": (400, json.dumps({"error": "slow_down"}).encode())}
    assert (await client.poll(started.login)).interval.ToSeconds() == 5


async def test_a_client_with_a_secret_sends_it(database_url: str, tmp_path: Path, provider: IdentityProvider) -> None:
    provider.secret = "s"
    async with serving(database_url, tmp_path, provider) as client:
        with pytest.raises(grpc.aio.AioRpcError):
            await client.start()
    async with serving(database_url, tmp_path, provider, client_secret="s", add_users=True) as client:
        assert (await client.log_in()).token.user == "anna"


BY_PYTHON = "import sys, levada as lv; print(lv.login(sys.argv[1]) is lv.conn())"


@pytest.mark.parametrize("command", [("-m", "levada", "login"), ("-c", BY_PYTHON)], ids=["command", "function"])
async def test_a_login_shows_the_page_and_keeps_the_token(
    command: tuple[str, ...], client: Client, tmp_path: Path
) -> None:
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("LEVADA_")},
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),  # it does not find the private socket
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        client.address,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    told = (await process.stderr.readline()).decode()
    assert client.provider.page in told
    client.provider.approve(told.rstrip(".\n").rpartition(" ")[2], preferred_username="anna")
    output, errors = await process.communicate()
    first, *more = output.decode().splitlines()
    assert (process.returncode, first) == (
        0,
        f"You are anna at {client.address}; the token is kept for this address.",
    ), errors
    assert more == (["True"] if command[0] == "-c" else [])
    file = tmp_path / "config" / "levada" / "credentials.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert await client.user_of(json.loads(file.read_text())[0]["token"]) == "anna"
