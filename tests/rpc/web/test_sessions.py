"""How a browser gets a session, and how it loses it: over real HTTP, on a real server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

import levada as lv
from levada.errors import PermissionDenied
from levada_api.v1 import access_service_pb2 as access
from levada_server.operations.browsers import MAX_CODES, MAX_SESSIONS
from levada_server.storage.permissions.cache import PermissionsCache
from tests.support.browser import HandMade, Served, frame, path_of, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg
    from google.protobuf.message import Message

FORM = "application/x-www-form-urlencoded"


@pytest_asyncio.fixture
async def front(database_url: str, tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(database_url, tmp_path) as served:
        yield served


async def administer(served: Served, method: str, request: Message, response: type[Message]) -> Message:
    """Make a call as the administrator at the private socket."""

    def call() -> Message:
        with lv.Connection(served.address) as connection:
            return connection.call(f"AccessService/{method}", request, response)  # type: ignore[arg-type]  # a name

    return await asyncio.to_thread(call)


async def token(served: Served, user: str = "anna") -> tuple[str, str]:
    """Add a user; return a token of the user, and its id."""
    await administer(served, "CreateUser", access.CreateUserRequest(name=user), access.CreateUserResponse)
    made = await administer(served, "CreateToken", access.CreateTokenRequest(user=user), access.CreateTokenResponse)
    assert isinstance(made, access.CreateTokenResponse)
    return made.secret, made.token.id


async def caller(browser: HandMade) -> str:
    """Return who calls from a browser, or the code of the refusal."""
    done = await browser.call("GetCaller")
    return str(done.messages[0].user.name) if done.code == "OK" else done.code


async def until(browser: HandMade, wanted: str) -> None:
    """Wait until calls from a browser end so; another server may need a second to hear of a change."""
    async with asyncio.timeout(30):
        while await caller(browser) != wanted:
            pass


async def test_a_code_of_the_private_socket_makes_an_administrator(front: Served) -> None:
    browser = HandMade(front.url)
    assert await caller(browser) == "UNAUTHENTICATED"
    await browser.sign_in(await front.code())
    done = await browser.call("GetCaller")
    assert (done.messages[0].user.name, done.messages[0].user.administrator) == ("administrator", True)
    assert (await browser.call("ListUsers")).code == "OK"


async def test_a_code_of_a_token_makes_its_user(front: Served) -> None:
    secret, _ = await token(front)
    browser = await front.signed_in(secret)
    assert await caller(browser) == "anna"
    assert (await browser.call("ListUsers")).code == "PERMISSION_DENIED"


async def test_a_code_counts_once(front: Served) -> None:
    code = await front.code()
    request = access.ExchangeCodeRequest(code=code)
    done = await asyncio.gather(*(HandMade(front.url).call("ExchangeCode", request) for _ in range(8)))
    assert sorted(one.code for one in done) == ["OK"] + ["UNAUTHENTICATED"] * 7
    assert sum("set-cookie" in one.reply.headers for one in done) == 1


async def test_who_guesses_codes_is_held_back(front: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    held_back: list[None] = []

    async def hold_back(_: PermissionsCache) -> None:
        held_back.append(None)

    monkeypatch.setattr(PermissionsCache, "hold_back", hold_back)
    tried = [await front.code(), "", "x", "x" * 22]
    codes = [
        (await HandMade(front.url).call("ExchangeCode", access.ExchangeCodeRequest(code=code))).code for code in tried
    ]
    assert codes == ["OK"] + ["UNAUTHENTICATED"] * 3
    assert len(held_back) == 3


async def test_a_code_ends_after_a_minute(front: Served, connection: asyncpg.Connection[asyncpg.Record]) -> None:
    code = await front.code()
    left = await connection.fetchval("SELECT max(expire_time) - now() FROM levada.browser_code")
    assert 0 < left.total_seconds() <= 60
    await connection.execute("UPDATE levada.browser_code SET expire_time = now()")
    done = await HandMade(front.url).call("ExchangeCode", access.ExchangeCodeRequest(code=code))
    assert done.code == "UNAUTHENTICATED"


async def test_only_digests_are_stored(
    front: Served, connection: asyncpg.Connection[asyncpg.Record], tmp_path: Path
) -> None:
    waiting, used = await front.code(), await front.code()
    browser = HandMade(front.url)
    await browser.sign_in(used)
    stored = [
        str(dict(row))
        for table in ("browser_code", "browser_session", "audit")
        for row in await connection.fetch(f"SELECT * FROM levada.{table}")  # noqa: S608  # fixed names
    ]
    assert stored
    secret = browser.cookie.partition("=")[2]
    assert not [row for row in stored for text in (waiting, used, secret) if text in row]


async def test_the_cookie_is_for_this_server_and_its_page_alone(front: Served) -> None:
    browser = HandMade(front.url)
    name, *rules = (await browser.sign_in(await front.code())).split("; ")
    assert name.startswith("levada-")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} < set(rules)
    assert "Secure" not in rules  # it is loopback without TLS
    assert "Domain" not in str(rules)


async def test_a_script_never_sees_the_secret(front: Served) -> None:
    done = await HandMade(front.url).call("ExchangeCode", access.ExchangeCodeRequest(code=await front.code()))
    secret = done.reply.headers["set-cookie"].partition("=")[2].partition(";")[0]
    assert len(secret) == 43
    assert secret.encode() not in done.reply.body


async def test_a_token_becomes_a_session(front: Served) -> None:
    secret, _ = await token(front)
    browser = HandMade(front.url)
    done = await browser.call("CreateBrowserSession", authorization=f"Bearer {secret}")
    browser.cookie = done.reply.headers["set-cookie"].partition(";")[0]
    assert await caller(browser) == "anna"
    assert (await browser.call("CreateBrowserSession")).code == "INVALID_ARGUMENT"
    assert (await HandMade(front.url).call("CreateBrowserSession")).code == "UNAUTHENTICATED"


async def test_a_token_goes_before_the_cookie(front: Served) -> None:
    secret, _ = await token(front)
    browser = await front.signed_in()
    done = await browser.call("GetCaller", authorization=f"Bearer {secret}")
    assert done.messages[0].user.name == "anna"


async def test_signing_out_ends_the_session_and_forgets_the_cookie(front: Served) -> None:
    browser = await front.signed_in()
    done = await browser.call("DeleteBrowserSession")
    assert "Max-Age=0" in done.reply.headers["set-cookie"]
    assert await caller(browser) == "UNAUTHENTICATED"


@pytest.mark.parametrize("end", ["disable", "revoke", "delete"])
async def test_withdrawn_rights_end_the_session_on_every_server(
    front: Served, database_url: str, tmp_path: Path, end: str, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    secret, id_ = await token(front)
    browser = await front.signed_in(secret)
    async with serving(database_url, tmp_path / "other") as other:
        there = HandMade(other.url, browser.cookie)
        assert [await caller(browser), await caller(there)] == ["anna", "anna"]
        if end == "disable":
            request = access.UpdateUserRequest(name="anna", disabled=True)
            await administer(front, "UpdateUser", request, access.UpdateUserResponse)
        elif end == "revoke":
            await administer(front, "RevokeTokens", access.RevokeTokensRequest(id=id_), access.RevokeTokensResponse)
        else:
            await connection.execute("DELETE FROM levada.browser_session")
        await until(browser, "UNAUTHENTICATED")
        await until(there, "UNAUTHENTICATED")


async def test_revoking_all_tokens_ends_sessions_of_administrators_too(front: Served) -> None:
    browser = await front.signed_in()
    secret, id_ = await token(front)
    await administer(front, "RevokeTokens", access.RevokeTokensRequest(id=id_), access.RevokeTokensResponse)
    assert secret
    assert await caller(browser) == "administrator"
    await administer(front, "RevokeTokens", access.RevokeTokensRequest(all=True), access.RevokeTokensResponse)
    assert await caller(browser) == "UNAUTHENTICATED"


async def test_an_expired_session_is_refused(front: Served, connection: asyncpg.Connection[asyncpg.Record]) -> None:
    browser = await front.signed_in()
    await connection.execute("UPDATE levada.browser_session SET expire_time = now()")
    await until(browser, "UNAUTHENTICATED")


async def test_a_code_of_one_server_counts_on_another(front: Served, database_url: str, tmp_path: Path) -> None:
    async with serving(database_url, tmp_path / "other") as other:
        browser = HandMade(other.url)
        await browser.sign_in(await front.code())
        assert await caller(browser) == "administrator"


async def test_calls_at_once_on_another_server_all_know_a_new_session(
    front: Served, database_url: str, tmp_path: Path
) -> None:
    async with serving(database_url, tmp_path / "other") as other:
        for _ in range(5):
            browser = await front.signed_in()
            there = HandMade(other.url, browser.cookie)
            assert set(await asyncio.gather(*(caller(there) for _ in range(10)))) == {"administrator"}


async def test_a_session_has_the_scopes_of_its_token(front: Served) -> None:
    await token(front)
    await asyncio.to_thread(_make_schemas, front.address)
    request = access.CreateTokenRequest(user="anna", scopes=[{"role": "ROLE_VIEWER", "schema": "seen"}])
    made = await administer(front, "CreateToken", request, access.CreateTokenResponse)
    assert isinstance(made, access.CreateTokenResponse)
    for schema in ("seen", "other"):
        grant = access.GrantRoleRequest(grant={"grantee": "anna", "role": "ROLE_OWNER", "schema": schema})
        await administer(front, "GrantRole", grant, access.GrantRoleResponse)
    browser = await front.signed_in(made.secret)
    assert (await browser.call("ListGrants", access.ListGrantsRequest(schema="other"))).code == "NOT_FOUND"
    assert [s.name for s in (await browser.call("ListSchemas")).messages[0].schemas] == ["seen"]


def _make_schemas(address: str) -> None:
    with lv.Connection(address) as connection:
        for name in ("seen", "other"):
            lv.Schema(name, connection=connection).activate(name)


async def test_old_codes_and_sessions_give_way(front: Served, connection: asyncpg.Connection[asyncpg.Record]) -> None:
    codes = [await front.code() for _ in range(MAX_CODES + 1)]
    done = await HandMade(front.url).call("ExchangeCode", access.ExchangeCodeRequest(code=codes[0]))
    assert done.code == "UNAUTHENTICATED"
    browsers = []
    for _ in range(MAX_SESSIONS + 1):
        browsers.append(HandMade(front.url))
        await browsers[-1].sign_in(await front.code())
    assert [await caller(browsers[0]), await caller(browsers[1])] == ["UNAUTHENTICATED", "administrator"]
    assert await connection.fetchval("SELECT count(*) FROM levada.browser_session") == MAX_SESSIONS


async def test_the_form_signs_in_and_goes_on_to_the_page(front: Served) -> None:
    browser = HandMade(front.url)
    shown = await browser.request("GET", "sign-in")
    assert shown.status == 200
    assert b"<form" in shown.body
    for origin in ("null", browser.origin):  # a file of the user's, and the form itself
        headers = browser.headers(origin=origin, content_type=FORM, sec_fetch_site="cross-site")
        code = await front.code()
        done = await browser.request("POST", "sign-in", headers, f"code={code}".encode())
        assert (done.status, done.headers["location"]) == (303, "./")
        signed = HandMade(front.url, done.headers["set-cookie"].partition(";")[0])
        assert await caller(signed) == "administrator"


async def test_the_form_refuses_other_sites_and_wrong_codes(front: Served) -> None:
    browser = HandMade(front.url)
    body = f"code={await front.code()}".encode()
    for changes, status in (
        ({"origin": "https://evil.example"}, 403),
        ({"origin": None}, 403),
        ({"origin": "null", "sec_fetch_dest": "iframe"}, 403),
        ({"content_type": "text/plain"}, 415),
        ({"host": "evil.example"}, 421),
    ):
        headers = browser.headers(**{"content_type": FORM, **changes})
        done = await browser.request("POST", "sign-in", headers, body)
        assert (done.status, "set-cookie" in done.headers) == (status, False), changes
    wrong = await browser.request("POST", "sign-in", browser.headers(content_type=FORM), b"code=" + b"x" * 22)
    assert (wrong.status, "set-cookie" in wrong.headers) == (403, False)
    assert b"<form" in wrong.body
    done = await browser.request("POST", "sign-in", browser.headers(content_type=FORM), body)
    assert done.status == 303


async def test_only_browsers_get_sessions(front: Served) -> None:
    code = await front.code()

    def exchange() -> None:
        with lv.Connection(front.address) as connection:
            request = access.ExchangeCodeRequest(code=code)
            connection.call("AccessService/ExchangeCode", request, access.ExchangeCodeResponse)

    with pytest.raises(PermissionDenied):
        await asyncio.to_thread(exchange)
    await HandMade(front.url).sign_in(code)


async def test_the_audit_has_who_signed_in_and_out(
    front: Served, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    secret, id_ = await token(front)
    browser = await front.signed_in(secret)
    await browser.call("CreateBrowserSession", authorization=f"Bearer {secret}")
    await browser.call("DeleteBrowserSession")
    statement = (
        "SELECT method, username, token::text, address FROM levada.audit WHERE username = 'anna' ORDER BY time, id"
    )
    assert [tuple(row) for row in await connection.fetch(statement)] == [
        (method, "anna", id_, "127.0.0.1")
        for method in ("OpenDashboard", "ExchangeCode", "CreateBrowserSession", "DeleteBrowserSession")
    ]
    await HandMade(front.url).call("ExchangeCode", access.ExchangeCodeRequest(code="x" * 22))
    async with asyncio.timeout(30):  # refusals are written a little later
        while await connection.fetchval("SELECT max(outcome) FROM levada.audit WHERE username = 'nobody'") is None:
            pass


async def test_secrets_are_in_no_log(front: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", "levada.calls")
    secret, _ = await token(front)
    code = await front.code(secret)
    browser = HandMade(front.url)
    await browser.sign_in(code)
    await browser.call("GetCaller")
    await browser.request("POST", f"{path_of('GetCaller')}?token={secret}", browser.headers(), frame(b""))
    assert "AccessService/GetCaller OK" in caplog.text
    assert not [text for text in (secret, code, browser.cookie.partition("=")[2]) if text in caplog.text]
