"""The page itself: how large it is, what it is made of, and how a session in it begins and ends."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from levada_api.v1 import access_service_pb2 as access
from tests.dashboard.conftest import dashboard
from tests.support.browser import needs_chromium, signed_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response

    import levada as lv

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "server/dashboard"
MOST_BYTES = 150_000
"""The limit of the first view, by gzip."""


@needs_chromium
def test_the_first_view_is_small(page: Page) -> None:
    files: dict[str, int] = {}

    def count(response: Response) -> None:
        if response.request.method == "GET":
            files[response.url] = len(gzip.compress(response.body()))

    page.on("response", count)
    page.reload()
    expect(page.get_by_role("link", name="lab.Quality")).to_contain_text("2 of 2")
    assert len(files) > 3
    assert sum(files.values()) < MOST_BYTES


@needs_chromium
def test_a_session_begins_with_a_token_and_ends(own_page: Page, viewer: str) -> None:
    page = own_page
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Your token").fill(viewer)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("vera")).to_be_visible()
    page.reload()
    expect(page.get_by_text("vera")).to_be_visible()
    assert page.evaluate("document.cookie + JSON.stringify([localStorage, sessionStorage])") == "[{},{}]"


@needs_chromium
def test_who_may_no_longer_call_is_asked_to_sign_in(
    browser: Browser, own_address: str, viewer: str, connection: lv.Connection
) -> None:
    with dashboard(browser, own_address, viewer) as page:
        expect(page.get_by_role("link", name="lab.Subject")).to_be_visible()
        request = access.UpdateUserRequest(name="vera", disabled=True)
        connection.call("AccessService/UpdateUser", request, access.UpdateUserResponse)
        # A call that counts rows may have come first, and have replaced the navigation by the form already.
        page.evaluate("location.hash = '#/table'")
        expect(page.get_by_role("heading", name="Sign in to Levada")).to_be_visible()


@needs_chromium
def test_a_server_that_does_not_answer_is_named_with_a_way_on(browser: Browser, server_address: str) -> None:
    with signed_in(server_address, browser=browser) as (page, _):
        expect(page.get_by_role("link", name="lab.Quality")).to_contain_text("2 of 2")
        page.route("**/levada_api.v1.*/**", lambda route: route.abort())
        page.get_by_role("link", name="Tables", exact=True).click()
        expect(page.get_by_role("heading", name="Tables")).to_be_visible()
        expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
        page.unroute_all()
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("link", name="Quality")).to_be_visible()


def test_no_source_writes_markup_from_text() -> None:
    files = [path for path in (SOURCE / "src").rglob("*") if path.suffix in (".svelte", ".ts")]
    assert files
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not [word for word in ("{@html", "innerHTML", "insertAdjacentHTML", "document.write") if word in text], (
            path
        )


def test_packages_are_named_without_addresses() -> None:
    locked: dict[str, Any] = json.loads((SOURCE / "package-lock.json").read_text(encoding="utf-8"))  # Any: JSON
    assert [name for name, package in locked["packages"].items() if "resolved" in package] == []
    assert all("integrity" in package for name, package in locked["packages"].items() if name)


def test_licences_go_with_the_page() -> None:
    licences = (ROOT / "server/levada_server/rpc/web/page/licences.txt").read_text(encoding="utf-8")
    for package in ("svelte", "@connectrpc/connect-web", "@bufbuild/protobuf", "@uwdata/flechette", "uplot", "fzstd"):
        assert f"\n{package} " in f"\n{licences}"
