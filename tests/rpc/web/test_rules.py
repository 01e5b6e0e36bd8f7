"""Requests that our own page does not make are refused: over real HTTP, on a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest
import pytest_asyncio

from levada_api.v1 import access_service_pb2, access_service_pb2_grpc
from levada_server.rpc.web.door import WebSettings
from tests.support.browser import HandMade, Served, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

EVIL = "https://evil.example"


@pytest_asyncio.fixture
async def front(database_url: str, tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(database_url, tmp_path) as served:
        yield served


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "OK"),
        ({"origin": None}, "HTTP 403"),
        ({"origin": "null"}, "HTTP 403"),
        ({"origin": EVIL}, "HTTP 403"),
        ({"sec_fetch_site": None}, "HTTP 403"),
        ({"sec_fetch_site": "cross-site"}, "HTTP 403"),
        ({"sec_fetch_site": "same-site"}, "HTTP 403"),
        ({"sec_fetch_site": "none"}, "HTTP 403"),
        ({"content_type": None}, "HTTP 415"),
        ({"content_type": "text/plain"}, "HTTP 415"),
        ({"content_type": "application/x-www-form-urlencoded"}, "HTTP 415"),
        ({"content_type": "application/grpc-web-text"}, "HTTP 415"),
        ({"host": "evil.example"}, "HTTP 421"),
        ({"host": "127.0.0.1:1"}, "HTTP 421"),
    ],
)
async def test_a_call_with_a_cookie_is_of_our_own_page(front: Served, changes: dict[str, Any], outcome: str) -> None:
    browser = await front.signed_in()
    done = await browser.call("GetCaller", **changes)
    assert done.code == outcome
    assert not [name for name in done.reply.headers if name.startswith("access-control")]


async def test_a_call_with_a_token_is_of_our_own_page_too(front: Served) -> None:
    browser = HandMade(front.url)
    for changes, outcome in (
        ({"sec_fetch_site": None}, "UNAUTHENTICATED"),  # the token is wrong
        ({"sec_fetch_site": "cross-site"}, "HTTP 403"),
        ({"origin": None}, "HTTP 403"),
        ({"origin": EVIL}, "HTTP 403"),
    ):
        assert (await browser.call("GetCaller", authorization="Bearer lev_x", **changes)).code == outcome


async def test_a_preflight_is_not_answered(front: Served) -> None:
    browser = HandMade(front.url)
    headers = {"host": f"{browser.host}:{browser.port}", "origin": EVIL, "access-control-request-method": "POST"}
    done = await browser.request("OPTIONS", "levada_api.v1.AccessService/GetCaller", headers)
    assert done.status == 405
    assert not [name for name in done.headers if name.startswith("access-control")]


async def test_grpc_reads_no_cookie(front: Served) -> None:
    browser = await front.signed_in()
    async with grpc.aio.insecure_channel(front.address) as channel:
        stub = access_service_pb2_grpc.AccessServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetCaller(access_service_pb2.GetCallerRequest(), metadata=(("cookie", browser.cookie),))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("path", ["", "sign-in", "nothing"])
async def test_every_page_has_the_headers_that_confine_it(front: Served, path: str) -> None:
    done = await HandMade(front.url).request("GET", path)
    policy = done.headers["content-security-policy"]
    for rule in (
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
    ):
        assert rule in policy
    assert "unsafe" not in policy
    assert done.headers["x-content-type-options"] == "nosniff"
    assert done.headers["referrer-policy"] == "no-referrer"
    assert done.headers["cross-origin-opener-policy"] == "same-origin"
    assert done.headers["cross-origin-resource-policy"] == "same-origin"


async def test_a_foreign_name_gets_no_page(front: Served) -> None:
    browser = HandMade(front.url)
    for host, status in (("evil.example", 421), (f"localhost:{browser.port}", 200), (f"LOCALHOST:{browser.port}", 200)):
        assert (await browser.request("GET", "", {"host": host})).status == status


async def test_a_path_names_no_file_outside_the_page(front: Served) -> None:
    browser = HandMade(front.url)
    for path in ("../__init__.py", "..%2f__init__.py", "page.py", "/etc/passwd", "assets/../../rules.py", "%00"):
        done = await browser.request("GET", path)
        assert (done.status, b"import" in done.body) == (404, False), path


async def test_a_proxy_gives_another_name_and_a_path(database_url: str, tmp_path: Path) -> None:
    """It may take the path away, as JupyterHub's does, or leave it there."""
    web = WebSettings("127.0.0.1", 0, "https://hub.example.org/user/ann/proxy/8080")
    async with serving(database_url, tmp_path, web) as served:
        assert served.url == "https://hub.example.org/user/ann/proxy/8080/"
        browser = HandMade(f"http://127.0.0.1:{served.server.web.port}/")
        browser.origin = "https://hub.example.org"
        setting = await browser.sign_in(await served.code())
        assert {"Path=/user/ann/proxy/8080/", "Secure"} < set(setting.split("; "))
        for prefix in ("", "user/ann/proxy/8080/"):
            browser.path = f"/{prefix}"
            assert (await browser.call("GetCaller", host="hub.example.org")).code == "OK"
            assert (await browser.request("GET", "sign-in")).status == 200
        browser.path = "/"
        assert (await browser.request("GET", "user/ann/proxy/8080")).headers["location"] == "/user/ann/proxy/8080/"
        assert (await browser.call("GetCaller", host="hub.example.com")).code == "HTTP 421"
        assert (await browser.call("GetCaller", origin="https://hub.example.org:444")).code == "HTTP 403"
