"""Who is let in: over real channels, with and without TLS, by tokens good and bad."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import sys
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

import levada as lv
from levada._net.unverified import ask_authority
from levada.errors import InvalidRequest, PreconditionFailed, Unauthenticated
from levada_api.v1 import access_service_pb2, access_service_pb2_grpc
from levada_server.app import running
from levada_server.certificates import make_certificates
from levada_server.config import Settings
from tests.support.client import forget_default_connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from levada_server.rpc.server import RpcServer

TESTS = ("levada._net.unverified",)
TIMEOUT_S = 30.0
SERVICE = "/levada_api.v1.SchemaService"


@asynccontextmanager
async def serving(database_url: str, folder: Path, **options: object) -> AsyncIterator[tuple[RpcServer, str]]:
    """Serve a database on a port, with its private socket."""
    settings = Settings(database_url, folder, "127.0.0.1:0", grace_s=0.1, **options)  # type: ignore[arg-type]
    async with running(settings) as (server, address):
        yield server, address


@pytest_asyncio.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[RpcServer, str]]:
    async with serving(database_url, tmp_path) as started:
        yield started


async def token(address: str, user: str = "anna", **options: object) -> str:
    """Add a user by the private socket, if there is none, and return a token."""

    def ask() -> str:
        with lv.Connection(address) as connection:
            listed = connection.call(
                "AccessService/ListUsers", access_service_pb2.ListUsersRequest(), access_service_pb2.ListUsersResponse
            )
            if user not in {one.name for one in listed.users}:
                request = access_service_pb2.CreateUserRequest(name=user)
                connection.call("AccessService/CreateUser", request, access_service_pb2.CreateUserResponse)
            made = access_service_pb2.CreateTokenRequest(user=user, **options)  # type: ignore[arg-type]
            return connection.call("AccessService/CreateToken", made, access_service_pb2.CreateTokenResponse).secret

    return await asyncio.to_thread(ask)


def metadata(text: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", text),)


async def outcome(channel: grpc.aio.Channel, text: str | None) -> str:
    """Return the name of the status with which a call with a token ends."""
    stub = access_service_pb2_grpc.AccessServiceStub(channel)
    try:
        await stub.GetCaller(
            access_service_pb2.GetCallerRequest(), metadata=None if text is None else metadata(text), timeout=TIMEOUT_S
        )
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


async def test_nothing_that_a_stranger_sends_is_read(server: tuple[RpcServer, str]) -> None:
    _, address = server
    async with grpc.aio.insecure_channel(address) as channel:
        for name in ("RowService/InsertFewRows", "QueryService/FetchRelation", "RowService/InsertRows"):
            sent: Any = channel.stream_stream(f"/levada_api.v1.{name}")  # grpc's own class wants messages, not bytes
            call = sent(metadata=metadata("Bearer lev_wrong"), timeout=TIMEOUT_S)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                async for _ in call:  # though no message was sent
                    pass
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED, name


async def test_the_owner_needs_no_token_and_everybody_else_one(server: tuple[RpcServer, str]) -> None:
    _, address = server

    def owner() -> str:
        with lv.Connection(address) as connection:
            answer = connection.call(
                "AccessService/GetCaller", access_service_pb2.GetCallerRequest(), access_service_pb2.GetCallerResponse
            )
            return str(answer.user.name)

    assert await asyncio.to_thread(owner) == "administrator"
    async with grpc.aio.insecure_channel(address) as channel:
        assert await outcome(channel, None) == "UNAUTHENTICATED"
        assert await outcome(channel, f"Bearer {await token(address)}") == "OK"


async def test_bad_tokens_of_many_kinds_are_refused(server: tuple[RpcServer, str]) -> None:
    _, address = server
    good = await token(address)
    brief = access_service_pb2.CreateTokenRequest().lifetime
    brief.FromTimedelta(dt.timedelta(milliseconds=1))
    ended = await token(address, lifetime=brief)
    bad = {
        "none": "",
        "no scheme": good,
        "other scheme": f"Basic {good}",
        "empty": "Bearer ",
        "cut": f"Bearer {good[:-1]}",
        "longer": f"Bearer {good}A",
        "capitals": f"Bearer {good.upper()}",
        "another": f"Bearer lev_{'A' * 43}",
        "a JWT": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm5hIn0.",
        "a name": "Bearer anna",
        "twice": f"Bearer {good} {good}",
        "ended": f"Bearer {ended}",
        "huge": f"Bearer {'x' * 4000}",
    }
    async with grpc.aio.insecure_channel(address) as channel:
        assert {name: await outcome(channel, text) for name, text in bad.items()} == dict.fromkeys(
            bad, "UNAUTHENTICATED"
        )
        assert await outcome(channel, f"Bearer {good}") == "OK"
        assert await outcome(channel, f"bearer {good}") == "OK"


async def test_without_a_token_an_unknown_method_looks_like_a_known_one(server: tuple[RpcServer, str]) -> None:
    _, address = server
    good = await token(address)
    codes = []
    async with grpc.aio.insecure_channel(address) as channel:
        for path in (
            "/levada_api.v1.SchemaService/ListSchemas",
            "/levada_api.v1.SchemaService/Nothing",
            "/no.Such/Thing",
        ):
            for text in ("", f"Bearer {good}"):
                call: Any = channel.unary_unary(path)(
                    b"",  # type: ignore[arg-type]  # raw bytes
                    metadata=metadata(text),
                    timeout=TIMEOUT_S,
                )
                codes.append((await call.code()).name)
        assert codes == [
            "UNAUTHENTICATED",
            "OK",
            "UNAUTHENTICATED",
            "UNIMPLEMENTED",
            "UNAUTHENTICATED",
            "UNIMPLEMENTED",
        ]
        health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
        with pytest.raises(grpc.aio.AioRpcError, match="UNAUTHENTICATED"):
            await reflection.ServerReflectionInfo(iter([asked]), timeout=TIMEOUT_S).read()


async def test_a_revoked_token_ends_a_stream(server: tuple[RpcServer, str]) -> None:
    _, address = server
    good = await token(address)

    def revoke() -> None:
        with lv.Connection(address) as connection:
            connection.call(
                "AccessService/RevokeTokens",
                access_service_pb2.RevokeTokensRequest(user="anna"),
                access_service_pb2.RevokeTokensResponse,
            )

    async with grpc.aio.insecure_channel(address) as channel:
        stream: Any = channel.stream_stream("/levada_api.v1.SessionService/OpenCalls")(
            metadata=metadata(f"Bearer {good}"), timeout=TIMEOUT_S
        )
        await stream.wait_for_connection()
        await asyncio.to_thread(revoke)
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await stream.read()
    assert ended.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_tls_with_an_authority_of_ones_own(database_url: str, tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "tls", ["localhost", "127.0.0.1"])
    pair = made.certificate, tmp_path / "tls" / "server.key"
    async with serving(database_url, tmp_path, certificate=pair) as (_, address):
        there = f"https://localhost:{address.rpartition(':')[2]}"
        good = await token(address)
        unknown = await asyncio.to_thread(ask_authority, there)
        assert unknown is not None
        assert unknown.fingerprint == made.fingerprint

        def names() -> str:
            with lv.Connection(there, good, authority=unknown.pem) as connection:
                return str(connection.server_version)

        assert await asyncio.to_thread(names)
        # A new certificate without a restart; a half-written file keeps the old one.
        key = pair[1].read_bytes()
        pair[1].write_bytes(b"half")
        assert await asyncio.to_thread(names)
        pair[1].write_bytes(key)
        make_certificates(tmp_path / "tls", ["localhost"])
        assert await asyncio.to_thread(names)


async def test_servers_of_a_list_are_known_by_the_name_of_the_first(database_url: str, tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "tls", ["localhost"])
    pair = made.certificate, tmp_path / "tls" / "server.key"
    async with serving(database_url, tmp_path / "one", certificate=pair) as (_, one):
        good = await token(one)
        async with serving(database_url, tmp_path / "two", certificate=pair) as (_, two):
            ports = [address.rpartition(":")[2] for address in (one, two)]
            there = f"https://localhost:{ports[0]},127.0.0.1:{ports[1]}"
            authority = made.authority.read_text(encoding="utf-8")

            def names() -> list[str]:
                with lv.Connection(there, good, authority=authority) as connection:
                    return [str(connection.server_version) for _ in range(4)]

            assert len(await asyncio.to_thread(names)) == 4


async def test_a_login_in_a_notebook_asks_for_the_authority_and_a_token(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_certificates(tmp_path / "tls", ["localhost", "127.0.0.1"])
    forget_default_connection(monkeypatch)
    monkeypatch.setenv("LEVADA_CREDENTIALS", str(tmp_path / "credentials.json"))
    answers = iter(["no", "yes"])
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    # A notebook replaces these two.
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    async with serving(database_url, tmp_path, certificate=(made.certificate, tmp_path / "tls" / "server.key")) as (
        _,
        address,
    ):
        good = await token(address)
        monkeypatch.setattr("getpass.getpass", lambda _: good)
        monkeypatch.setenv("LEVADA_URL", there := f"https://localhost:{address.rpartition(':')[2]}")
        with pytest.raises(InvalidRequest, match="nothing was sent"):
            await asyncio.to_thread(lv.login)
        (await asyncio.to_thread(lv.login)).close()
        connection = await asyncio.to_thread(lv.connect)
        connection.close()
    told = capsys.readouterr()
    assert told.out.count(f"SHA-256 {made.fingerprint}") == 2
    assert told.out.endswith(f"You are anna at {there}; the token is kept for this address.\n")
    assert not told.err


async def test_a_login_that_nobody_answers_says_how_to_go_on(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_certificates(tmp_path / "tls", ["localhost", "127.0.0.1"])
    monkeypatch.setattr("sys.stdin", io.StringIO())
    async with serving(database_url, tmp_path, certificate=(made.certificate, tmp_path / "tls" / "server.key")) as (
        _,
        address,
    ):
        there = f"https://localhost:{address.rpartition(':')[2]}"
        with pytest.raises(PreconditionFailed, match=r"Nobody can answer.*Nothing was sent.*`certificates`"):
            await asyncio.to_thread(lv.login, there)


async def test_a_login_whose_input_ends_says_how_to_give_a_token(
    server: tuple[RpcServer, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(PreconditionFailed, match=r"No token came.*pipe it in"):
        await asyncio.to_thread(lv.login, server[1])


def test_a_login_needs_the_name_of_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEVADA_URL", raising=False)
    with pytest.raises(InvalidRequest, match="No server is named"):
        lv.login()


def test_a_token_never_travels_in_the_clear() -> None:
    with pytest.raises(InvalidRequest, match="in the clear"):
        lv.Connection("http://lab.example.org:50051", "lev_x")


async def test_a_wrong_token_is_told(server: tuple[RpcServer, str]) -> None:
    with pytest.raises(Unauthenticated, match="levada login"):
        await asyncio.to_thread(lv.Connection, server[1], "lev_wrong")
